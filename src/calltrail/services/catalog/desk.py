"""Changes of the catalog and its keys, by whom they may be made, and their trace in the audit journal."""

from collections.abc import Callable
from datetime import datetime

from calltrail.domain.access import Permission, Principal
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.catalog import Catalog, EndpointKey, ExportStep, KeyKind
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.access.rights import Access, hash_key, new_key
from calltrail.services.catalog.editing import Change
from calltrail.services.catalog.file import catalog_changes
from calltrail.services.ports import AuditJournal, CatalogStore

LIVE_KEYS_OF_A_KIND = 2
"""The one in use and the one that takes its place."""

LONGEST_LABEL_CHARS = 100


class CatalogDesk:
    """Where the catalog is changed, whoever changes it and by whichever means."""

    def __init__(
        self, *, catalog: CatalogStore, access: Access, audit: AuditJournal, now: Callable[[], datetime]
    ) -> None:
        self._catalog = catalog
        self._access = access
        self._audit = audit
        self._now = now

    def changes(self, catalog: Catalog) -> tuple[str, ...]:
        """What applying it would change, a sentence each."""
        return catalog_changes(self._catalog.current(), catalog)

    def apply(self, catalog: Catalog, by: Principal) -> tuple[str, ...]:
        """Put it in place and say what changed. Raises InvalidInput when `by` may not add the export steps in it."""
        return self.change(lambda _: catalog, by)

    def change(self, change: Change, by: Principal) -> tuple[str, ...]:
        """Apply what is made of the catalog as it stands. Raises as `apply` and the change do.

        When another process is faster, it is made once more, of what that one left.
        """
        while True:
            known = self._catalog.current()
            catalog = change(known)
            changes = catalog_changes(known, catalog)
            self._require_export_permission(known, catalog, by)
            if not changes:
                return ()
            if self._catalog.save(catalog, instead_of=known):
                self._note(AuditAction.CATALOG_APPLIED, by, "catalog", changes=changes)
                return changes

    def create_key(
        self, endpoint_external_id: str, kind: KeyKind, by: Principal, label: str = ""
    ) -> tuple[EndpointKey, str]:
        """A new key and its secret, which is not kept and can't be shown again. Raises InvalidInput."""
        label = label.strip()
        if len(label) > LONGEST_LABEL_CHARS or not label.isprintable():
            raise InvalidInput([Problem(f"a label is one line of at most {LONGEST_LABEL_CHARS} characters")])
        if endpoint_external_id not in self._catalog.current().endpoints:
            raise InvalidInput([Problem(f"there is no integration endpoint {endpoint_external_id}")])
        live = [key for key in self._catalog.live_keys(endpoint_external_id) if key.kind is kind]
        if len(live) >= LIVE_KEYS_OF_A_KIND:
            ids = " and ".join(str(key.id) for key in live)
            raise InvalidInput([Problem(f"{endpoint_external_id} has {kind} keys {ids} already; revoke one first")])
        secret = new_key()
        key = self._catalog.add_key(endpoint_external_id, kind, hash_key(secret), self._now(), label)
        subject = f"endpoint {endpoint_external_id}"
        self._note(AuditAction.KEY_CREATED, by, subject, key=key.id, kind=kind, label=label)
        return key, secret

    def revoke_key(self, endpoint_external_id: str, key_id: int, by: Principal) -> EndpointKey:
        """Revoke a key of the endpoint; from then on it opens nothing. Raises InvalidInput when it has no such key."""
        if key_id not in {key.id for key in self._catalog.keys(endpoint_external_id)}:
            raise InvalidInput([Problem(f"{endpoint_external_id} has no key {key_id}")])
        key = self._catalog.revoke_key(key_id, self._now())
        assert key
        self._note(AuditAction.KEY_REVOKED, by, f"endpoint {endpoint_external_id}", key=key_id)
        return key

    def _require_export_permission(self, known: Catalog, catalog: Catalog, by: Principal) -> None:
        added = [
            name
            for name, method in catalog.methods.items()
            if _exports(method.steps) and not (name in known.methods and _exports(known.methods[name].steps))
        ]
        if added and not self._access.holds(by, Permission.INTEGRATION_LOGS_EXPORT):
            raise InvalidInput(
                Problem(f"adding an export step to {name} needs the permission {Permission.INTEGRATION_LOGS_EXPORT}")
                for name in added
            )

    def _note(self, action: AuditAction, by: Principal, subject: str, **details: object) -> None:
        self._audit.add(AuditEntry(self._now(), action, str(by), subject, details))


def _exports(steps: tuple[object, ...]) -> bool:
    return any(isinstance(step, ExportStep) for step in steps)
