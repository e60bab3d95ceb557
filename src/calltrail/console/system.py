"""The state of the system: is it well, how much is where, and by which settings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from calltrail.console.paths import method_path
from calltrail.console.routes import ConsoleAddress
from calltrail.console.visits import Answer, Page, Visit
from calltrail.domain.access import Permission
from calltrail.domain.exports import ExportJob, ExportStatus
from calltrail.domain.keeping import Hold
from calltrail.services.ports import CatalogStore, ExportJobs, HoldStore

LONGEST_WAIT_S = 3600
"""A call that waits for the archive for longer is a sign that nobody moves it."""


@dataclass(frozen=True, slots=True)
class LivingProcess:
    """A process of the data folder."""

    kind: str
    pid: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class SystemState:
    """What can be read of a data folder at one moment."""

    version: str
    trouble: str | None
    """Why no call could be recorded now; None when one could."""

    journal_bytes: int
    processing_calls: int
    waiting_calls: int
    """Final calls in the journal, not yet in the archive."""

    oldest_waiting: datetime | None
    archive_version: int | None
    """None while there is no archive."""

    archived_calls: int
    archived_bytes: int
    files: int
    small_files: int
    unused_files: int
    first_day: date | None
    last_day: date | None
    disk_bytes: int
    disk_free_bytes: int
    processes: Sequence[LivingProcess]
    settings: Sequence[Mapping[str, str]]
    """Each with variable, value, source and meaning."""

    libraries: Mapping[str, str]
    """Versions, by name."""


@dataclass(frozen=True, slots=True)
class SystemView:
    state: SystemState
    warnings: Sequence[str]
    """What somebody should look after."""

    queued_exports: int
    running_exports: int
    kept_days: Mapping[str, tuple[int | None, int | None]]
    """API methods that say themselves how many days their calls, and the bodies of these, are kept."""

    holds: Sequence[Hold]
    """Legal holds that live."""


class SystemDesk:
    """`/system`"""

    def __init__(
        self, *, state: Callable[[], SystemState], jobs: ExportJobs, holds: HoldStore, catalog: CatalogStore
    ) -> None:
        self._state = state
        self._jobs = jobs
        self._holds = holds
        self._catalog = catalog

    def show(self, visit: Visit) -> Answer:
        state, jobs = self._state(), self._jobs.with_files()
        view = SystemView(
            state=state,
            warnings=tuple(_warnings(state, visit.now)),
            queued_exports=_number(jobs, ExportStatus.QUEUED),
            running_exports=_number(jobs, ExportStatus.RUNNING),
            kept_days={
                name: (method.keep_days, method.keep_bodies_days)
                for name, method in self._catalog.current().methods.items()
                if method.keep_days is not None or method.keep_bodies_days is not None
            },
            holds=self._holds.live(),
        )
        return Page("system", view, more={"method_path": method_path})


def system_table(desk: SystemDesk) -> Iterator[ConsoleAddress]:
    yield ConsoleAddress("GET", "/system", desk.show, (Permission.AUDIT_VIEW,))


def _number(jobs: Sequence[ExportJob], status: ExportStatus) -> int:
    return sum(job.status is status for job in jobs)


def _warnings(state: SystemState, now: datetime) -> Iterator[str]:
    if state.trouble:
        yield f"No call can be recorded now: {state.trouble}."
    if state.disk_free_bytes < state.disk_bytes / 20:
        yield "Less than a twentieth of the disk is free."
    if state.oldest_waiting and (now - state.oldest_waiting).total_seconds() > LONGEST_WAIT_S:
        yield "Calls have waited for the archive for more than an hour: see whether an archiver runs, and its log."
    for kind in ("export worker", "archiver"):
        if not any(process.kind == kind for process in state.processes):
            yield f"No {kind} runs on this data folder."
