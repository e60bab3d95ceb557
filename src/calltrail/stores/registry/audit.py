"""The audit journal in the registry."""

from collections.abc import Iterator

from sqlalchemy import Column, ColumnElement, func, insert, select

from calltrail.domain.audit import AuditAction, AuditEntry, AuditFilter, NumberedEntry
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import audit_entries

_ENTRIES = select(
    audit_entries.c.at,
    audit_entries.c.action,
    audit_entries.c.principal,
    audit_entries.c.subject,
    audit_entries.c.details,
)


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
            return tuple(AuditEntry(*row) for row in connection.execute(wanted.order_by(audit_entries.c.id)))

    def newest(self, filter: AuditFilter, count: int, before: int | None = None) -> tuple[NumberedEntry, ...]:
        wanted = _ENTRIES.add_columns(audit_entries.c.id).where(*_criteria(filter))
        if before is not None:
            wanted = wanted.where(audit_entries.c.id < before)
        with self._registry.reading() as connection:
            rows = connection.execute(wanted.order_by(audit_entries.c.id.desc()).limit(count)).all()
            return tuple(NumberedEntry(number, AuditEntry(*facts)) for *facts, number in rows)


def _criteria(filter: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if filter.since is not None:
        yield audit_entries.c.at >= filter.since
    if filter.till is not None:
        yield audit_entries.c.at < filter.till
    if filter.action is not None:
        yield audit_entries.c.action == filter.action
    if filter.principal:
        yield _contains(audit_entries.c.principal, filter.principal)
    if filter.subject:
        yield _contains(audit_entries.c.subject, filter.subject)


def _contains(column: Column[str], part: str) -> ColumnElement[bool]:
    """Not LIKE: to it some characters stand for others, and a text ends at its first zero byte."""
    return func.instr(func.lower(column), func.lower(part)) > 0
