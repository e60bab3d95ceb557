"""What is in journal and archive, by their own books; nothing is read of the calls."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from calltrail.domain.calls import from_micros
from calltrail.stores.archive.books import Books
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal import statements

_WAITING = (
    "SELECT count(*), sum(plain_text_bytes), min(finished_at) FROM calls WHERE finished_in IS NOT NULL "
    "AND finished_in > ?"
)
_PROCESSING = "SELECT count(*) FROM calls WHERE finished_in IS NULL"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Journal and archive at one moment."""

    version: int | None
    """Commits of the table; None when there is no archive yet."""

    books: Books
    archived_calls: int
    archived_bytes: int
    """Of the files in use."""

    files: int
    small_files: int
    """Those that are worthwhile to put together now."""

    unused_files: int
    """Those that are out of use and not deleted yet."""

    first_day: date | None
    last_day: date | None

    waiting_calls: int
    """Final calls in the journal."""

    waiting_bytes: int
    """About as much as they are as plain text."""

    oldest_waiting: datetime | None
    """When the one that waits longest finished."""

    processing_calls: int
    journal_bytes: int
    """Of its files."""


def take_inventory(journal: Path, table: ArchiveTable) -> Inventory:
    """Needs nobody to stand still; what moves meanwhile is counted once."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute(statements.POSITION).fetchone()  # from here on the journal stands still
        is_there = table.is_there()
        books = table.books() if is_there else Books()
        waiting, waiting_bytes, oldest = connection.execute(_WAITING, (books.through,)).fetchone()
        (processing,) = connection.execute(_PROCESSING).fetchone()
    files = table.files()
    days = files["day"]
    return Inventory(
        version=table.version() if is_there else None,
        books=books,
        archived_calls=int(files["rows"].sum()),
        archived_bytes=int(files["size_bytes"].sum()),
        files=files.height,
        small_files=sum(run.height for run in table.small_runs()),
        unused_files=len(table.unused_files()),
        first_day=min(days, default=None),
        last_day=max(days, default=None),
        waiting_calls=waiting,
        waiting_bytes=waiting_bytes or 0,
        oldest_waiting=None if oldest is None else from_micros(oldest),
        processing_calls=processing,
        journal_bytes=sum(
            path.stat().st_size for path in (journal, journal.with_name(f"{journal.name}-wal")) if path.exists()
        ),
    )
