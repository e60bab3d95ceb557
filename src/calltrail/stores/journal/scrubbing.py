"""What was deleted from the journal, made unreadable in its files too."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

from calltrail.stores.journal.writer import connect

_A_TRY_S = 0.2
"""So long a try may hold up those who write; they wait for longer than that."""


def scrub(path: Path, *, busy_timeout_s: float, patience_s: float) -> bool:
    """Build the database anew from what it holds, and cut the write-ahead log; others may read and write meanwhile.

    SQLite leaves the bytes of deleted rows on free pages, in gaps of others, and in the write-ahead log. Whoever reads
    the journal needs the log as it is: False when that took longer than `patience_s`.
    """
    with closing(connect(path, busy_timeout_s)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("VACUUM")
        connection.execute(f"PRAGMA busy_timeout = {round(_A_TRY_S * 1000)}")
        return _succeeds(lambda: _cut_wal(connection), patience_s)


def _cut_wal(connection: sqlite3.Connection) -> bool:
    """Whether all of the write-ahead log could be copied into the database, and the log be cut to nothing."""
    try:
        (was_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:  # somebody else makes a checkpoint just now
        return False
    return not was_busy


def _succeeds(attempt: Callable[[], bool], patience_s: float) -> bool:
    end = monotonic() + patience_s
    while not attempt():
        if monotonic() > end:
            return False
        sleep(_A_TRY_S)  # for those whose writes waited meanwhile
    return True
