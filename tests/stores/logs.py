"""Logs of calls as tests use them: the reference in memory and the real one, with calls of all kinds."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from calltrail.domain.calls import CallOutcome, CallRecord, CallRequest, CallStatus, LoggedBody
from calltrail.domain.exports import Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.services.ports import CallLog, CallPages, CallPlace, CallScanner
from calltrail.stores.archive.reader import ArchiveReader
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.log_pages import LogPages
from calltrail.stores.log_scanner import LogScanner
from calltrail.stores.memory_log import MemoryCallLog
from calltrail.stores.migrations import upgrade
from tests.samples import NOON, a_request, an_outcome
from tests.stores.archives import open_archiver

LOGS = ("memory", "journal", "archive", "journal, then archive")
EVERYTHING = CallFilter()


@dataclass
class Log:
    """A log as both of its processes see it."""

    calls: CallLog
    scanner: CallScanner
    pages: CallPages
    archive: Callable[[], int] = lambda: 0
    """Moves what is final to the archive; whenever it is done, it must change nothing that is seen."""
    archives_before_plan: bool = False

    def get(self, call_id: str) -> CallRecord | None:
        self.archive()
        return self.calls.get(call_id)

    async def write(self, request: CallRequest, status: CallStatus = CallStatus.COMPLETED) -> None:
        await self.calls.finish(request, an_outcome(request, status), was_begun=False)

    def rows(self, snapshot: Snapshot, filter: CallFilter = EVERYTHING, shard_bytes: int = 10**6) -> pl.DataFrame:
        if self.archives_before_plan:
            self.archive()
        batches = [pl.DataFrame(schema=LOG_SCHEMA)]
        for shard in self.scanner.plan(snapshot, filter, shard_bytes):
            self.archive()
            parts = list(self.scanner.scan(snapshot, filter, shard, tuple(LOG_SCHEMA), shard_bytes // 3 + 1))
            assert sum(part.height for part in parts) == shard.rows
            batches += parts
        return pl.concat(batches)

    def newest_ids(self, filter: CallFilter, count: int) -> list[str]:
        """All matching calls, page by page."""
        self.archive()
        found: list[str] = []
        place = None
        while (page := self.pages.newest(filter, ("id", "started_at", "request_body"), count, place)).height:
            found += page["id"].to_list()
            place = CallPlace(page["started_at"][-1], page["id"][-1])
        return found

    def next_ids(self, filter: CallFilter, count: int, after: CallPlace) -> list[str]:
        """All matching calls after the place, page by page."""
        self.archive()
        found: list[str] = []
        while (page := self.pages.next_after(filter, ("id", "started_at"), count, after)).height:
            found += page["id"].to_list()
            after = CallPlace(page["started_at"][-1], page["id"][-1])
        return found

    def ids(self, filter: CallFilter = EVERYTHING) -> list[str]:
        return self.rows(self.calls.snapshot(), filter)["id"].to_list()


@contextmanager
def open_log(kind: str, folder: Path) -> Iterator[Log]:
    """One of `LOGS`, empty."""
    if kind == "memory":
        memory = MemoryCallLog()
        yield Log(memory, memory, memory)
        return
    path = folder / "journal.db"
    upgrade(path, "journal")
    find = ArchiveReader(folder / "archive").find
    with closing(CallJournal(path, folder / "run", busy_timeout_s=0.2, find_archived=find)) as journal:
        scanner, pages = LogScanner(path, folder / "archive"), LogPages(path, folder / "archive")
        if kind == "journal":
            yield Log(journal, scanner, pages)
        else:
            with open_archiver(folder) as archiver:
                yield Log(journal, scanner, pages, archiver.run, kind == "archive")


filters = st.builds(
    CallFilter,
    since=st.none() | st.integers(0, 9).map(lambda number: NOON + timedelta(seconds=number)),
    till=st.none() | st.integers(0, 9).map(lambda number: NOON + timedelta(seconds=number)),
    status=st.none() | st.sampled_from(CallStatus),
    has_errors=st.none() | st.booleans(),
    endpoint_external_id=st.none() | st.sampled_from(["a", "b", "'; DROP TABLE calls"]),
    method_system_names=st.sets(st.sampled_from(["X", "Y", "Z"])).map(lambda names: tuple(sorted(names))),
    device=st.none() | st.sampled_from(["d-1", "d-2"]),
    text=st.none() | st.sampled_from(["number-1", "number-59", "Ж%_", "is wrong", "nowhere"]),
    http_status_class=st.none() | st.sampled_from([2, 4, 5]),
    least_duration=st.none() | st.sampled_from([0, 999, 1000, 7001]).map(lambda ms: timedelta(milliseconds=ms)),
    most_duration=st.none() | st.sampled_from([0, 12_000, 12_001]).map(lambda ms: timedelta(milliseconds=ms)),
)


async def fill(log: Log) -> list[CallRecord]:
    """Sixty calls, some of them open."""
    records = []
    for number in range(60):
        request = a_request(
            NOON + timedelta(milliseconds=151 * number),
            endpoint_external_id="ab"[number % 2],
            method_system_name="XYZ"[number % 3],
            device=("d-1", "d-2", None)[number % 3],
            url=f"https://a.example/?q={'Ж%_' if number % 4 else ''}",
            body=LoggedBody(f"number-{number}", 9),
        )
        await log.calls.begin(request, must_survive_power_loss=False)
        outcome: CallOutcome | None = None
        if number % 5:
            status = CallStatus.FAILED if number % 7 == 0 else CallStatus.COMPLETED
            has_errors = number % 7 == 0 or number % 11 == 0
            errors = "/: is wrong" if has_errors else None
            outcome = an_outcome(
                request,
                status,
                finished_at=request.started_at + timedelta(seconds=number % 13),
                has_errors=has_errors,
                error_messages=errors,
                http_status_code=(400, 503, None)[number % 3] if has_errors else 200,
            )
            await log.calls.finish(request, outcome, was_begun=True)
        records.append(CallRecord(request, outcome))
    return records
