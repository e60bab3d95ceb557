"""What moves calls to the archive and takes them away there; for the archiver, and for commands."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep

from calltrail.bootstrap.clock import now
from calltrail.bootstrap.folder import CannotStart
from calltrail.bootstrap.registry import RegistryServices, open_registry
from calltrail.services.archiving import Archiver
from calltrail.services.keeping.erasing import Erasing
from calltrail.services.keeping.holding import Holding
from calltrail.services.keeping.retiring import Retiring
from calltrail.settings import Settings
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.inventory import Inventory, take_inventory
from calltrail.stores.journal.outgoing import OutgoingCalls
from calltrail.stores.kept_calls import KeptCallsOfLog
from calltrail.stores.liveness import Lock
from calltrail.stores.verification import Verification, verify

KEPT_FOR_READERS = timedelta(days=1)
"""Whoever reads the table as it was before files were replaced has so long."""

_BUSY_TIMEOUT_S = 30.0
_SCRUBBING_PATIENCE_S = 60.0
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Keeping:
    """They share a connection to the journal and one to the registry."""

    settings: Settings
    registry: RegistryServices
    table: ArchiveTable
    archiver: Archiver
    retiring: Retiring
    erasing: Erasing
    holding: Holding

    def make_ready(self) -> None:
        """Whoever changes the archive does this first, alone at it."""
        self.table.mend()
        self.table.create()

    @contextmanager
    def alone(self, wait_s: float, tell: Callable[[], None]) -> Iterator[None]:
        """The only one at work on the archive, which is ready. `tell` is called when that has to be waited for.

        Raises CannotStart when another process is at it for longer than that.
        """
        with closing(Lock(self.settings.run_folder, "archiver")) as lock:
            _take(lock, wait_s, tell)
            self.make_ready()
            yield

    def inventory(self) -> Inventory:
        return take_inventory(self.settings.journal_path, self.table)

    def verify(self, tell: Callable[[int, int], None]) -> Verification:
        """See `calltrail.stores.verification.verify`."""
        return verify(self.settings.journal_path, self.settings.archive_folder, tell)


def _take(lock: Lock, wait_s: float, tell: Callable[[], None]) -> None:
    end = monotonic() + wait_s
    if lock.take():
        return
    tell()
    while not lock.take():
        if monotonic() > end:
            raise CannotStart(f"another process has been at work on the archive for {wait_s:g} s; nothing was changed")
        sleep(_LOOK_AGAIN_S)


@contextmanager
def open_keeping(settings: Settings) -> Iterator[Keeping]:
    """All of it, for as long as the block runs. Raises CannotStart when there is no data folder."""
    table = ArchiveTable(settings.archive_folder)
    with (
        open_registry(settings) as registry,
        closing(OutgoingCalls(settings.journal_path, busy_timeout_s=_BUSY_TIMEOUT_S)) as final_calls,
    ):
        archiver = Archiver(
            final_calls=final_calls,
            archive=table,
            age=timedelta(seconds=settings.archive_after_s),
            batch_bytes=settings.archive_batch_bytes,
            now=now,
        )
        kept = KeptCallsOfLog(
            settings.journal_path, table, busy_timeout_s=_BUSY_TIMEOUT_S, patience_s=_SCRUBBING_PATIENCE_S
        )
        retiring = Retiring(
            kept=kept,
            final_calls=final_calls,
            archive=table,
            catalog=registry.catalog,
            holds=registry.holds,
            audit=registry.audit,
            keep_days=settings.keep_days,
            keep_bodies_days=settings.keep_bodies_days,
            now=now,
        )
        erasing = Erasing(
            kept=kept, archiver=archiver, holds=registry.holds, jobs=registry.jobs, audit=registry.audit, now=now
        )
        holding = Holding(holds=registry.holds, audit=registry.audit, now=now)
        yield Keeping(settings, registry, table, archiver, retiring, erasing, holding)
