"""What the HTTP application of a process stands on."""

from collections.abc import Callable
from dataclasses import dataclass

from calltrail.console.system import SystemState
from calltrail.services.access.passes import Passes
from calltrail.services.access.people import People
from calltrail.services.access.ports import StaffStore
from calltrail.services.access.rights import Access
from calltrail.services.catalog.desk import CatalogDesk
from calltrail.services.looking import CallPages
from calltrail.services.ports import AuditJournal, CallLog, CatalogStore, ExportFiles, ExportJobs, HoldStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The places."""

    log: CallLog

    pages: Callable[[], CallPages]
    """The log for who looks through it; opened when somebody does."""

    catalog: CatalogStore
    audit: AuditJournal
    jobs: ExportJobs
    files: ExportFiles
    staff: StaffStore
    holds: HoldStore

    state: Callable[[], SystemState]
    """The places seen from outside; to be asked in a thread of the event loop's."""


@dataclass(frozen=True, slots=True)
class Staffing:
    """Services of people and of the catalog, which commands have too."""

    access: Access
    people: People
    passes: Passes
    desk: CatalogDesk
