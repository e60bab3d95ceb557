"""One export made by a worker: plan, then part after part, then the manifest."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import polars as pl
import structlog

from calltrail.domain.exports import Compression, ExportFile, ExportJob, ExportStatus, Shard
from calltrail.formats.columns import exported_columns, source_columns
from calltrail.formats.compression import compressor
from calltrail.formats.manifest import MANIFEST_NAME, manifest
from calltrail.formats.names import file_name_suffix
from calltrail.formats.parts import PartEncoder, part_encoder
from calltrail.services.exports.parallel import in_parallel
from calltrail.services.exports.prefetch import prefetched
from calltrail.services.ports import CallScanner, ExportFiles, ExportJobs, FileWriter

_log = structlog.get_logger()


class LeaseLost(Exception):
    """The job is no longer this worker's: it was cancelled, or another worker has taken it up."""


class CallsTakenAway(Exception):
    """The log has fewer calls of the snapshot than when the export was planned."""


class WorkerStopping(Exception):
    """This worker was told to stop; its job goes back at once."""


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """What a worker may take for one export."""

    batch_bytes: int
    """Approximate plain text size of the batches that are read at a time."""

    shards_at_a_time: int
    """Parts that are made at once, of all exports of the worker."""

    lease_s: float
    most_attempts: int
    files_kept_for: timedelta


class ExportRunner:
    """Makes exports, one a thread. Its steps are the methods of `_Run`, in their order."""

    def __init__(
        self,
        *,
        worker: str,
        jobs: ExportJobs,
        files: ExportFiles,
        scanner: CallScanner,
        limits: ExportLimits,
        now: Callable[[], datetime],
    ) -> None:
        self.worker = worker
        self.jobs = jobs
        self.files = files
        self.scanner = scanner
        self.limits = limits
        self.now = now
        self.is_stopping = threading.Event()
        self.room = threading.Semaphore(limits.shards_at_a_time)

    def run(self, job: ExportJob) -> None:
        """Make a job that this worker has claimed; its end, whatever it is, is in the registry."""
        log = _log.bind(export=job.id, attempt=job.attempts)
        if job.attempts > self.limits.most_attempts:
            self._finish(job, ExportStatus.FAILED, reason=f"{job.attempts - 1} workers died while making it")
            return
        log.info("export-taken-up")
        try:
            with _Heartbeat(self, job) as heartbeat:
                _Run(self, job, heartbeat).make()
        except LeaseLost:
            log.info("export-let-go")
            self._discard_if_over(job.id)
        except WorkerStopping:
            log.info("export-handed-back")
            self.jobs.renew(job.id, self.worker, self.now(), lease_s=0)
        except Exception as error:
            log.exception("export-failed")
            self._finish(job, ExportStatus.FAILED, reason=f"{type(error).__name__}: {error}")
        else:
            self._finish(job, ExportStatus.READY, expires_at=self.now() + self.limits.files_kept_for)
            log.info("export-ready")

    def _finish(
        self, job: ExportJob, status: ExportStatus, *, reason: str | None = None, expires_at: datetime | None = None
    ) -> None:
        self.jobs.finish(job.id, self.worker, status, self.now(), reason=reason, expires_at=expires_at)
        self._discard_if_over(job.id)

    def _discard_if_over(self, job_id: int) -> None:
        """Delete the files of a job that nobody will make any more."""
        job = self.jobs.get(job_id)
        if job and job.status in (ExportStatus.CANCELLED, ExportStatus.FAILED):
            self.files.delete(job_id)


class _Run:
    """The making of one job by one worker."""

    def __init__(self, runner: ExportRunner, job: ExportJob, heartbeat: "_Heartbeat") -> None:
        self._runner = runner
        self._job = job
        self._heartbeat = heartbeat
        self._options = job.order.options
        self._columns = exported_columns(self._options)

    def make(self) -> None:
        shards = self._plan()
        files = self._job.files
        missing = list(enumerate(shards, start=1))[len(files) :]
        for file in in_parallel(self._part, missing, self._runner.limits.shards_at_a_time):
            _require(self._runner.jobs.add_file(self._job.id, self._runner.worker, file))
            files = (*files, file)
        self._publish_manifest(files)

    def _plan(self) -> tuple[Shard, ...]:
        if self._job.shards is not None:
            return self._job.shards
        shards = self._runner.scanner.plan(self._job.snapshot, self._job.order.filter, self._options.part_bytes)
        _require(self._runner.jobs.save_plan(self._job.id, self._runner.worker, shards))
        return shards

    def _part(self, numbered: tuple[int, Shard], check: Callable[[], None]) -> ExportFile:
        number, shard = numbered
        with self._runner.room:
            return self._made_part(number, shard, check)

    def _made_part(self, number: int, shard: Shard, check: Callable[[], None]) -> ExportFile:
        encoder = part_encoder(self._options)
        name = f"calltrail-{self._job.id}-part-{number:05d}{file_name_suffix(self._options)}"
        with _PartFile(self._runner.files.create(self._job.id, name), self._options.compression) as part:
            rows = 0
            for plain, rows in prefetched(self._encoded(encoder, shard)):  # noqa: B007 - the last count is the part's
                check()
                self._heartbeat.check()
                part.write(plain)
            if rows != shard.rows:
                raise CallsTakenAway(
                    f"part {number} was planned with {shard.rows} calls and has {rows}; retention or an erasure took "
                    "some away meanwhile: start the export again"
                )
            part.publish()
        return ExportFile(number, name, rows, part.size_bytes, part.sha256, encoder.cut_cells)

    def _encoded(self, encoder: PartEncoder, shard: Shard) -> Iterator[tuple[bytes, int]]:
        """Pieces of the part, each with the number of rows up to its end."""
        rows = 0
        yield encoder.head(), rows
        for batch in prefetched(self._scan(shard)):
            rows += batch.height
            yield encoder.rows(batch), rows
        yield encoder.tail(), rows

    def _scan(self, shard: Shard) -> Iterator[pl.DataFrame]:
        return self._runner.scanner.scan(
            self._job.snapshot,
            self._job.order.filter,
            shard,
            source_columns(self._columns),
            self._runner.limits.batch_bytes,
        )

    def _publish_manifest(self, files: tuple[ExportFile, ...]) -> None:
        with _PartFile(self._runner.files.create(self._job.id, MANIFEST_NAME), Compression.NONE) as file:
            file.write(manifest(self._job, files, self._runner.now()))
            file.publish()


class _PartFile:
    """A file in the making: compressed, measured and summed as it is written; forgotten unless published."""

    def __init__(self, writer: FileWriter, compression: Compression) -> None:
        self._writer = writer
        self._compressor = compressor(compression)
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.discard()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, plain: bytes) -> None:
        self._keep(self._compressor.compress(plain))

    def publish(self) -> None:
        self._keep(self._compressor.flush())
        self._writer.publish()

    def _keep(self, data: bytes) -> None:
        self._digest.update(data)
        self._writer.write(data)
        self.size_bytes += len(data)


class _Heartbeat:
    """Renews the lease of a job while it is made, in a thread, and knows when it is lost."""

    def __init__(self, runner: ExportRunner, job: ExportJob) -> None:
        self._runner = runner
        self._job = job
        self._is_over = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._renew, name=f"heartbeat-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def check(self) -> None:
        """Raises LeaseLost, or WorkerStopping when this worker was told to stop."""
        if self._is_lost:
            raise LeaseLost
        if self._runner.is_stopping.is_set():
            raise WorkerStopping

    def _renew(self) -> None:
        lease_s = self._runner.limits.lease_s
        while not self._is_over.wait(lease_s / 3):
            try:
                is_ours = self._runner.jobs.renew(self._job.id, self._runner.worker, self._runner.now(), lease_s)
            except Exception as error:  # noqa: BLE001 - the next beat may succeed; if none does, the lease runs out
                _log.warning("lease-not-renewed", export=self._job.id, error=str(error))
                continue
            if not is_ours:
                self._is_lost = True
                return


def _require(is_still_ours: bool) -> None:
    if not is_still_ours:
        raise LeaseLost
