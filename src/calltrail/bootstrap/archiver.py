"""A process that moves final calls to the archive, and takes away what is due there."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from time import monotonic

from calltrail.bootstrap.keeping import KEPT_FOR_READERS, open_keeping
from calltrail.services.archiving import Archiver
from calltrail.services.upkeep import Upkeep
from calltrail.settings import Settings
from calltrail.stores.liveness import ARCHIVER, LivenessMark, Lock

_INTERVAL_S = 1.0
_RETENTION_INTERVAL_S = 3600.0
_RETENTION_SLICE_S = 20.0
"""After so long, and the day that is being worked on, calls that wait in the journal go first."""


@contextmanager
def open_archiver(settings: Settings) -> Iterator[Archiver]:
    """An archiver at work for as long as the block runs, whenever no other process of the data folder is at it."""
    with (
        open_keeping(settings) as keeping,
        closing(Lock(settings.run_folder, "archiver")) as lock,
        closing(LivenessMark(settings.run_folder, ARCHIVER)),
    ):
        is_ready = False
        retire_at_s = monotonic()

        def archive() -> None:
            if keeping.archiver.run_if_due():
                keeping.table.compact()
                keeping.table.tidy_log(KEPT_FOR_READERS)

        def retire() -> None:
            nonlocal retire_at_s
            if monotonic() < retire_at_s:
                return
            end_s = monotonic() + _RETENTION_SLICE_S
            keeping.retiring.run("calltrail", lambda: keeping.archiver.is_stopping.is_set() or monotonic() > end_s)
            if monotonic() <= end_s:
                keeping.table.delete_unused(KEPT_FOR_READERS)
                retire_at_s = monotonic() + _RETENTION_INTERVAL_S

        def work_alone(chore: Callable[[], None]) -> None:
            nonlocal is_ready
            if not lock.take():
                return
            try:
                if not is_ready:
                    keeping.make_ready()
                    is_ready = True
                chore()
            finally:
                lock.release()

        with Upkeep(_INTERVAL_S, lambda: work_alone(archive), lambda: work_alone(retire)):
            yield keeping.archiver
