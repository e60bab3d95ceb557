"""Making exports, over memory stores."""

import asyncio
import hashlib
import io
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import polars as pl
import pytest

from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.exports import (
    Compression,
    ExportFormat,
    ExportJob,
    ExportOptions,
    ExportOrder,
    ExportStatus,
    Shard,
    Snapshot,
)
from calltrail.domain.filters import CallFilter
from calltrail.services.exports.making import ExportLimits, ExportRunner
from calltrail.stores.memory import MemoryExportFiles, MemoryExportJobs
from calltrail.stores.memory_log import MemoryCallLog
from tests.samples import NOON, a_request, an_outcome

SOMEBODY = Principal(PrincipalKind.ENDPOINT_KEY, "demo.Website/1")
SMALL_PARTS = ExportOptions(part_bytes=5_000)


class Bench:
    """A log of 200 calls, and a worker that exports it."""

    def __init__(self) -> None:
        self.now = NOON
        self.log = MemoryCallLog()
        self.jobs = MemoryExportJobs()
        self.files = MemoryExportFiles()
        asyncio.run(self._fill())

    async def _fill(self) -> None:
        for number in range(200):
            request = a_request(NOON + timedelta(milliseconds=number))
            await self.log.finish(request, an_outcome(request), was_begun=False)

    def runner(
        self, worker: str = "worker", *, attempts: int = 3, scanner: MemoryCallLog | None = None
    ) -> ExportRunner:
        limits = ExportLimits(
            batch_bytes=2_000, shards_at_a_time=3, lease_s=60, most_attempts=attempts, files_kept_for=timedelta(days=7)
        )
        return ExportRunner(
            worker=worker,
            jobs=self.jobs,
            files=self.files,
            scanner=scanner or self.log,
            limits=limits,
            now=lambda: self.now,
        )

    def start(self, options: ExportOptions = SMALL_PARTS, filter: CallFilter | None = None) -> ExportJob:
        order = ExportOrder("demo.Website", "Exports.Logs", filter or CallFilter(), options)
        job, _ = self.jobs.start(order, SOMEBODY, self.log.snapshot(), self.now)
        return job

    def claim(self, worker: str = "worker") -> ExportJob:
        job = self.jobs.claim(worker, self.now, 60, 10)
        assert job
        return job

    def job(self, job: ExportJob) -> ExportJob:
        found = self.jobs.get(job.id)
        assert found
        return found

    def content(self, job: ExportJob, name: str) -> bytes:
        stored = self.files.open(job.id, name)
        assert stored
        return stored.content.read()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("format", ExportFormat)
def test_an_export_has_every_row_once_with_true_sums(
    bench: Bench, format: ExportFormat, compression: Compression
) -> None:
    job = bench.start(ExportOptions(format=format, compression=compression, part_bytes=20_000))
    bench.runner().run(bench.claim())
    done = bench.job(job)
    assert done.status is ExportStatus.READY
    assert done.percent == 100
    assert done.expires_at == NOON + timedelta(days=7)
    assert len(done.files) > 3
    assert done.rows_done == done.rows_expected == 200
    for number, file in enumerate(done.files, start=1):
        data = bench.content(job, file.name)
        assert (file.number, file.size_bytes, file.sha256) == (number, len(data), hashlib.sha256(data).hexdigest())


def test_the_manifest_tells_what_the_parts_are(bench: Bench) -> None:
    job = bench.start(filter=CallFilter(since=NOON, till=NOON + timedelta(milliseconds=150)))
    bench.runner().run(bench.claim())
    done = bench.job(job)
    manifest = json.loads(bench.content(job, "manifest.json"))
    assert manifest["export_id"] == str(job.id)
    assert manifest["rows"] == 150
    assert manifest["filter"]["since"] == "2026-11-03T12:00:00Z"
    assert manifest["as_of"].endswith("Z")
    assert [part["sha256"] for part in manifest["parts"]] == [file.sha256 for file in done.files]
    assert manifest["columns"][0] == "OperationLogTransactionId"
    assert len(manifest["columns"]) == 18


def test_an_export_of_nothing_is_one_part_with_a_header(bench: Bench) -> None:
    job = bench.start(filter=CallFilter(since=NOON + timedelta(days=1)))
    bench.runner().run(bench.claim())
    (file,) = bench.job(job).files
    assert file.rows == 0
    assert bench.content(job, file.name).decode("utf-8-sig").startswith("OperationLogTransactionId;")


def test_another_worker_goes_on_after_the_parts_that_are_finished(bench: Bench) -> None:
    job = bench.start()
    stopped = bench.runner("first", scanner=_DiesInPart(bench.log, 3))
    with pytest.raises(_Death):
        stopped.run(bench.claim("first"))
    finished = bench.job(job).files
    assert len(finished) == 2
    bench.now += timedelta(seconds=61)
    again = _CountsScans(bench.log)
    bench.runner("second", scanner=again).run(bench.claim("second"))
    done = bench.job(job)
    assert done.status is ExportStatus.READY
    assert done.files[:2] == finished
    assert again.scans == len(done.files) - 2
    rows = [bench.content(job, file.name).decode("utf-8-sig").count("\r\n") - 1 for file in done.files]
    assert sum(rows) == 200


def test_a_cancelled_export_stays_cancelled_and_leaves_no_file(bench: Bench) -> None:
    job = bench.start()
    cancels = _CancelsInPart(bench, job.id, 3)
    bench.runner(scanner=cancels).run(bench.claim())
    cancelled = bench.job(job)
    assert (cancelled.status, cancelled.reason) == (ExportStatus.CANCELLED, "not needed")
    assert cancelled.shards
    for number in range(1, len(cancelled.shards) + 1):
        assert bench.files.open(job.id, f"calltrail-{job.id}-part-{number:05d}.csv") is None


def test_a_worker_that_lost_its_lease_leaves_the_job_to_the_other(bench: Bench) -> None:
    job = bench.start()
    slow = bench.claim("slow")
    bench.now += timedelta(seconds=61)
    quick = bench.claim("quick")
    bench.runner("slow").run(slow)
    assert bench.job(job).status is ExportStatus.RUNNING
    bench.runner("quick").run(quick)
    assert bench.job(job).status is ExportStatus.READY


def test_an_error_inside_makes_the_export_failed_with_its_reason(bench: Bench) -> None:
    job = bench.start()
    bench.runner(scanner=_Breaks(bench.log)).run(bench.claim())
    failed = bench.job(job)
    assert (failed.status, failed.reason) == (ExportStatus.FAILED, "OSError: no space left")


def test_an_export_whose_workers_die_again_and_again_is_given_up(bench: Bench) -> None:
    job = bench.start()
    for _ in range(2):
        with pytest.raises(_Death):
            bench.runner(attempts=2, scanner=_DiesInPart(bench.log, 1)).run(bench.claim())
        bench.now += timedelta(seconds=61)
    bench.runner(attempts=2).run(bench.claim())
    failed = bench.job(job)
    assert (failed.status, failed.reason) == (ExportStatus.FAILED, "2 workers died while making it")


def test_a_worker_that_is_told_to_stop_hands_its_job_back_at_once(bench: Bench) -> None:
    job = bench.start()
    stopping = bench.runner("first")
    stopping.is_stopping.set()
    stopping.run(bench.claim("first"))
    assert bench.job(job).status is ExportStatus.RUNNING
    bench.runner("second").run(bench.claim("second"))
    assert bench.job(job).status is ExportStatus.READY


def test_cells_are_cut_only_when_asked_and_the_cut_is_counted(bench: Bench) -> None:
    job = bench.start(ExportOptions(max_field_chars=5))
    bench.runner().run(bench.claim())
    (file,) = bench.job(job).files
    assert file.cut_cells == 400
    assert json.loads(bench.content(job, "manifest.json"))["cut_cells"] == 400
    frame = pl.read_csv(io.BytesIO(bench.content(job, file.name)), separator=";")
    assert frame["OperationLogRequestBody"].unique().to_list() == ['{"ord']


class _Death(BaseException):
    """Ends a worker as a signal would: nothing of it tidies up."""


class _Scanner(MemoryCallLog):
    """A log that notices which parts are scanned."""

    def __init__(self, log: MemoryCallLog) -> None:
        self.__dict__.update(log.__dict__)
        self.scans = 0
        self._log = log

    def before_scan(self, part: int) -> None:
        """What happens before the scan for that part, counted from 1."""

    def scan(
        self, snapshot: Snapshot, filter: CallFilter, shard: Shard, columns: Sequence[str], batch_bytes: int
    ) -> Iterator[pl.DataFrame]:
        self.scans += 1
        self.before_scan(self._log.plan(snapshot, filter, SMALL_PARTS.part_bytes).index(shard) + 1)
        yield from super().scan(snapshot, filter, shard, columns, batch_bytes)


class _CountsScans(_Scanner):
    pass


class _DiesInPart(_Scanner):
    def __init__(self, log: MemoryCallLog, number: int) -> None:
        super().__init__(log)
        self._number = number

    def before_scan(self, part: int) -> None:
        if part == self._number:
            raise _Death


class _CancelsInPart(_Scanner):
    def __init__(self, bench: Bench, job_id: int, number: int) -> None:
        super().__init__(bench.log)
        self._bench = bench
        self._job_id = job_id
        self._number = number

    def before_scan(self, part: int) -> None:
        if part == self._number:
            assert self._bench.jobs.cancel(self._job_id, "not needed", NOON)


class _Breaks(_Scanner):
    def before_scan(self, part: int) -> None:
        raise OSError("no space left")


def test_no_thread_is_left_behind(bench: Bench) -> None:
    bench.start()
    bench.runner(scanner=_Breaks(bench.log)).run(bench.claim())
    assert {thread.name for thread in threading.enumerate()} & {"prefetch", "heartbeat-1"} == set()


class _LosesCalls(_Scanner):
    """As after retention or an erasure between plan and scan."""

    def scan(
        self, snapshot: Snapshot, filter: CallFilter, shard: Shard, columns: Sequence[str], batch_bytes: int
    ) -> Iterator[pl.DataFrame]:
        for batch in super().scan(snapshot, filter, shard, columns, batch_bytes):
            yield batch.head(-1)


def test_an_export_whose_calls_are_taken_away_meanwhile_fails_and_says_what_to_do(bench: Bench) -> None:
    job = bench.start()
    bench.runner(scanner=_LosesCalls(bench.log)).run(bench.claim())
    failed = bench.job(job)
    assert failed.status is ExportStatus.FAILED
    assert failed.reason
    assert "took some away meanwhile: start the export again" in failed.reason
    assert not failed.files
