"""What stands on the registry; also all that most commands need."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from calltrail.bootstrap.clock import now
from calltrail.bootstrap.folder import require_data_folder
from calltrail.services.access.key_uses import KeyUses
from calltrail.services.access.passes import Passes
from calltrail.services.access.people import People
from calltrail.services.access.rights import Access
from calltrail.services.catalog.desk import CatalogDesk
from calltrail.settings import Settings
from calltrail.stores.registry.audit import RegistryAuditJournal
from calltrail.stores.registry.catalog import RegistryCatalogStore
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.holds import RegistryHoldStore
from calltrail.stores.registry.jobs import RegistryExportJobs
from calltrail.stores.registry.staff import RegistryStaffStore
from calltrail.stores.registry.staff_tokens import RegistryStaffTokens

_REGISTRY_BUSY_TIMEOUT_S = 2.0
"""Well below the shortest time-out of clients."""
_CATALOG_RECHECK_S = 0.001


@dataclass(frozen=True, slots=True)
class RegistryServices:
    """They share one connection pool."""

    catalog: RegistryCatalogStore
    staff: RegistryStaffStore
    tokens: RegistryStaffTokens
    audit: RegistryAuditJournal
    jobs: RegistryExportJobs
    holds: RegistryHoldStore
    access: Access
    desk: CatalogDesk
    people: People
    passes: Passes
    key_uses: KeyUses


@contextmanager
def open_registry(settings: Settings) -> Iterator[RegistryServices]:
    """The services of the registry, for as long as the block runs. Raises CannotStart when there is none."""
    require_data_folder(settings)
    registry = Registry(settings.registry_path, _REGISTRY_BUSY_TIMEOUT_S)
    try:
        yield _services(registry)
    finally:
        registry.close()


def _services(registry: Registry) -> RegistryServices:
    catalog = RegistryCatalogStore(registry, _CATALOG_RECHECK_S)
    staff, tokens = RegistryStaffStore(registry), RegistryStaffTokens(registry)
    audit = RegistryAuditJournal(registry)
    key_uses = KeyUses(catalog)
    access = Access(staff=staff, catalog=catalog, audit=audit, now=now, key_uses=key_uses)
    return RegistryServices(
        catalog=catalog,
        staff=staff,
        tokens=tokens,
        audit=audit,
        jobs=RegistryExportJobs(registry),
        holds=RegistryHoldStore(registry),
        access=access,
        desk=CatalogDesk(catalog=catalog, access=access, audit=audit, now=now),
        people=People(staff=staff, tokens=tokens, access=access, audit=audit, now=now),
        passes=Passes(tokens=tokens, staff=staff, audit=audit, now=now),
        key_uses=key_uses,
    )
