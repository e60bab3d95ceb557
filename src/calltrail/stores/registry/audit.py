"""The audit journal in the registry."""

from sqlalchemy import insert, select

from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import audit_entries

_ENTRIES = select(
    audit_entries.c.at,
    audit_entries.c.action,
    audit_entries.c.principal,
    audit_entries.c.subject,
    audit_entries.c.details,
).order_by(audit_entries.c.id)


class RegistryAuditJournal:
    """An AuditJournal whose table refuses, by its triggers, to change or lose an entry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def add(self, entry: AuditEntry) -> None:
        with self._registry.writing() as connection:
            connection.execute(
                insert(audit_entries).values(
                    at=entry.at,
                    action=entry.action,
                    principal=entry.principal,
                    subject=entry.subject,
                    details=entry.details,
                )
            )

    def entries(self, action: AuditAction | None = None) -> tuple[AuditEntry, ...]:
        wanted = _ENTRIES if action is None else _ENTRIES.where(audit_entries.c.action == action)
        with self._registry.reading() as connection:
            return tuple(AuditEntry(*row) for row in connection.execute(wanted))
