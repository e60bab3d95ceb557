"""A process that makes exports."""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

from calltrail.bootstrap.clock import now
from calltrail.bootstrap.registry import open_registry
from calltrail.services.exports.making import ExportLimits, ExportRunner
from calltrail.settings import Settings
from calltrail.stores.files import LocalExportFiles
from calltrail.stores.liveness import EXPORT_WORKER, LivenessMark
from calltrail.stores.log_scanner import LogScanner
from calltrail.worker import Worker


@contextmanager
def open_worker(settings: Settings) -> Iterator[Worker]:
    """A worker that makes exports."""
    files = LocalExportFiles(settings.data)
    limits = ExportLimits(
        batch_bytes=settings.export_batch_bytes,
        shards_at_a_time=settings.export_shards_at_a_time or len(os.sched_getaffinity(0)),
        lease_s=settings.export_lease_s,
        most_attempts=settings.export_attempts,
        files_kept_for=timedelta(days=settings.export_kept_days),
    )
    scanner = LogScanner(settings.journal_path, settings.archive_folder)
    scanner.look()
    with open_registry(settings) as registry, closing(LivenessMark(settings.run_folder, EXPORT_WORKER)):
        runner = ExportRunner(
            worker=f"{os.getpid()}-{secrets.token_hex(4)}",
            jobs=registry.jobs,
            files=files,
            scanner=scanner,
            limits=limits,
            now=now,
        )
        yield Worker(
            runner=runner,
            jobs=registry.jobs,
            files=files,
            audit=registry.audit,
            exports_at_a_time=settings.exports_at_a_time,
            interval_s=settings.worker_interval_s,
            now=now,
        )
