"""A journal and its archive in one folder, as tests use them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from calltrail.services.archiving import Archiver
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.outgoing import OutgoingCalls
from tests.samples import NOON


@contextmanager
def open_archiver(folder: Path, age: timedelta = timedelta(0), batch_bytes: int = 20_000) -> Iterator[Archiver]:
    """An archiver that moves what is there, and holds that it is noon."""
    table = ArchiveTable(folder / "archive")
    table.mend()
    table.create()
    with closing(OutgoingCalls(folder / "journal.db", busy_timeout_s=5)) as final_calls:
        yield Archiver(final_calls=final_calls, archive=table, age=age, batch_bytes=batch_bytes, now=lambda: NOON)
