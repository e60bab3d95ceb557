"""A process that moves final calls to the archive."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

from calltrail.bootstrap.clock import now
from calltrail.services.archiving import Archiver
from calltrail.services.upkeep import Upkeep
from calltrail.settings import Settings
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.outgoing import OutgoingCalls
from calltrail.stores.liveness import Lock

_INTERVAL_S = 1.0
_BUSY_TIMEOUT_S = 30.0
_KEPT_FOR_READERS = timedelta(days=1)
"""Whoever reads the table as it was before small files were put together has so long."""


@contextmanager
def open_archiver(settings: Settings) -> Iterator[Archiver]:
    """An archiver at work for as long as the block runs, whenever no other process of the data folder is at it."""
    table = ArchiveTable(settings.archive_folder)
    with (
        closing(Lock(settings.run_folder, "archiver")) as lock,
        closing(OutgoingCalls(settings.journal_path, busy_timeout_s=_BUSY_TIMEOUT_S)) as final_calls,
    ):
        archiver = Archiver(
            final_calls=final_calls,
            archive=table,
            age=timedelta(seconds=settings.archive_after_s),
            batch_bytes=settings.archive_batch_bytes,
            now=now,
        )
        has_begun = False

        def archive() -> None:
            nonlocal has_begun
            if not lock.take():
                return
            try:
                if not has_begun:
                    table.mend()
                    table.create()
                    has_begun = True
                if archiver.run_if_due():
                    table.compact()
                    table.tidy_log(_KEPT_FOR_READERS)
            finally:
                lock.release()

        with Upkeep(_INTERVAL_S, archive):
            yield archiver
