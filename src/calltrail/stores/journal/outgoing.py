"""The calls that leave the journal for the archive."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from calltrail.domain.calls import CallStatus, from_micros
from calltrail.services.ports import Outgoing, Waiting
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA
from calltrail.stores.journal.rows import Row, record
from calltrail.stores.journal.writer import connect

_FORGOTTEN_AT_A_TIME = 256
"""Few enough that no call waits long for the journal."""

_MOST_ROWS = 65_536

_FIRST = f"""
SELECT finished_in, finished_at, plain_text_bytes FROM calls
WHERE finished_in > :after ORDER BY finished_in LIMIT {_MOST_ROWS}
"""  # noqa: S608 - own words only
"""Reads an index only, and no more of it than one batch may have."""

_WAITING = f"SELECT sum(plain_text_bytes), min(finished_at) FROM ({_FIRST})"  # noqa: S608
_THROUGH = f"""
SELECT max(finished_in) FROM (
    SELECT finished_in,
           sum(plain_text_bytes) OVER (ORDER BY finished_in ROWS UNBOUNDED PRECEDING) - plain_text_bytes AS bytes_before
    FROM ({_FIRST})
) WHERE bytes_before < :most_bytes
"""  # noqa: S608
_OUTGOING = f"SELECT {', '.join(ARCHIVE_SCHEMA)} FROM calls WHERE finished_in > ? AND finished_in <= ?"  # noqa: S608
_FORGET = "DELETE FROM calls WHERE rowid IN (SELECT rowid FROM calls WHERE finished_in <= ? LIMIT ?)"

_AS_KEPT = {name: pl.Int64() if dtype in (pl.Datetime, pl.Boolean) else dtype for name, dtype in ARCHIVE_SCHEMA.items()}


class OutgoingCalls:
    """The `FinalCalls` of the journal. It belongs to the process that writes the archive."""

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self._connection = connect(path, busy_timeout_s)
        # What is deleted once more after a loss of power is in the archive already.
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        self._connection.close()

    def waiting(self, after: int) -> Waiting | None:
        size_bytes, oldest = self._one(_WAITING, {"after": after})
        return None if oldest is None else Waiting(size_bytes, from_micros(oldest))

    def next(self, after: int, most_bytes: int) -> Outgoing | None:
        (through,) = self._one(_THROUGH, {"after": after, "most_bytes": most_bytes})
        if through is None:
            return None
        rows = self._connection.execute(_OUTGOING, (after, through)).fetchall()
        columns = dict(zip(_AS_KEPT, zip(*rows, strict=True), strict=True))  # by the row it takes twice as long
        calls = pl.DataFrame(columns, _AS_KEPT)
        return Outgoing(calls.select(pl.col(name).cast(dtype) for name, dtype in ARCHIVE_SCHEMA.items()), through)

    def forget(self, through: int) -> int:
        forgotten = 0
        while found := self._connection.execute(_FORGET, (through, _FORGOTTEN_AT_A_TIME)).rowcount:
            forgotten += found
        return forgotten

    def _one(self, sql: str, values: dict[str, int]) -> tuple[Any, ...]:
        with closing(self._connection.execute(sql, values)) as found:
            row: tuple[Any, ...] = found.fetchone()
        return row


def align_journal(path: Path, through: int, find_archived: Callable[[str], Row | None]) -> None:
    """Bring a journal that was restored from a backup older than its archive, or copied before it, in line with it.

    The next commit of the journal comes after `through`, or new commits would pass for such that are archived. Calls
    that were open in the journal's copy and are final in the archive leave the journal, or they would be closed as
    failed and archived once more.
    """
    with closing(connect(path, busy_timeout_s=30)) as connection:
        connection.execute("UPDATE journal_position SET position = ? WHERE position < ?", (through, through))
        open_calls = connection.execute("SELECT id FROM calls WHERE finished_in IS NULL").fetchall()
        for (call_id,) in open_calls:
            if row := find_archived(call_id):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_SETTLE[record(row).status], (call_id,))
                connection.execute("DELETE FROM calls WHERE id = ? AND finished_in IS NULL", (call_id,))
                connection.execute("COMMIT")


_SETTLE = {
    CallStatus.COMPLETED: "UPDATE transactions SET is_spent = 1 WHERE call_id = ?",
    CallStatus.FAILED: "DELETE FROM transactions WHERE call_id = ?",
}
"""What becomes of the transaction id that a call held."""
