"""What stands on the registry; also all that most commands need."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from calltrail.bootstrap.clock import now
from calltrail.bootstrap.folder import require_data_folder
from calltrail.services.access.rights import Access
from calltrail.services.catalog.desk import CatalogDesk
from calltrail.settings import Settings
from calltrail.stores.registry.audit import RegistryAuditJournal
from calltrail.stores.registry.catalog import RegistryCatalogStore
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.holds import RegistryHoldStore
from calltrail.stores.registry.jobs import RegistryExportJobs
from calltrail.stores.registry.staff import RegistryStaffStore

_REGISTRY_BUSY_TIMEOUT_S = 2.0
"""Well below the shortest time-out of clients."""
_CATALOG_RECHECK_S = 0.001


@dataclass(frozen=True, slots=True)
class RegistryServices:
    """They share one connection pool."""

    catalog: RegistryCatalogStore
    staff: RegistryStaffStore
    audit: RegistryAuditJournal
    jobs: RegistryExportJobs
    holds: RegistryHoldStore
    access: Access
    desk: CatalogDesk


@contextmanager
def open_registry(settings: Settings) -> Iterator[RegistryServices]:
    """The services of the registry, for as long as the block runs. Raises CannotStart when there is none."""
    require_data_folder(settings)
    registry = Registry(settings.registry_path, _REGISTRY_BUSY_TIMEOUT_S)
    try:
        catalog = RegistryCatalogStore(registry, _CATALOG_RECHECK_S)
        staff = RegistryStaffStore(registry)
        audit = RegistryAuditJournal(registry)
        access = Access(staff=staff, catalog=catalog, audit=audit, now=now)
        desk = CatalogDesk(catalog=catalog, access=access, audit=audit, now=now)
        jobs, holds = RegistryExportJobs(registry), RegistryHoldStore(registry)
        yield RegistryServices(catalog, staff, audit, jobs, holds, access, desk)
    finally:
        registry.close()
