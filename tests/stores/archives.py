"""A journal and its archive in one folder, as tests use them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from calltrail.domain.calls import CallOutcome, CallRequest, CallStatus
from calltrail.formats.frames import MOMENT
from calltrail.services.archiving import Archiver
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.outgoing import OutgoingCalls
from calltrail.stores.journal.rows import OUTCOME_COLUMNS, REQUEST_COLUMNS, outcome_row, plain_text_bytes, request_row
from calltrail.stores.migrations import upgrade
from tests.samples import NOON, a_request, an_outcome

Call = tuple[CallRequest, CallOutcome]


@contextmanager
def open_archiver(folder: Path, age: timedelta = timedelta(0), batch_bytes: int = 20_000) -> Iterator[Archiver]:
    """An archiver that moves what is there, and holds that it is noon."""
    table = ArchiveTable(folder / "archive")
    table.mend()
    table.create()
    with closing(OutgoingCalls(folder / "journal.db", busy_timeout_s=5)) as final_calls:
        yield Archiver(final_calls=final_calls, archive=table, age=age, batch_bytes=batch_bytes, now=lambda: NOON)


def make_table(folder: Path) -> ArchiveTable:
    """An empty archive and an empty journal."""
    upgrade(folder / "journal.db", "journal")
    table = ArchiveTable(folder / "archive")
    table.create()
    return table


def append(table: ArchiveTable, calls: Sequence[Call]) -> None:
    """Bring final calls into the archive as one entry, without a journal."""
    first = table.archived_through() + 1
    rows = [
        (
            *request_row(request),
            *outcome_row(outcome),
            first + number,
            first + number,
            plain_text_bytes(request, outcome),
        )
        for number, (request, outcome) in enumerate(calls)
    ]
    names = (*REQUEST_COLUMNS, *OUTCOME_COLUMNS, "begun_in", "finished_in", "plain_text_bytes")
    as_kept = {name: pl.Int64() if ARCHIVE_SCHEMA[name] == MOMENT else ARCHIVE_SCHEMA[name] for name in names}
    frame = pl.DataFrame(rows, as_kept, orient="row")
    table.append(
        frame.select(pl.col(name).cast(dtype) for name, dtype in ARCHIVE_SCHEMA.items()), first + len(rows) - 1
    )
    with closing(sqlite3.connect(table.folder.parent / "journal.db", isolation_level=None)) as journal:
        journal.execute("UPDATE journal_position SET position = ?", (first + len(rows) - 1,))


def a_call(started_at: datetime, status: CallStatus = CallStatus.COMPLETED, **changes: Any) -> Call:
    """A final call; changes are those of its request."""
    request = a_request(started_at, **changes)
    return request, an_outcome(request, status)
