"""The scanning half of the journal: rows into frames without a Python object a cell."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import polars as pl

from calltrail.domain.exports import Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.stores.journal.conditions import condition, shown

_PAGE_ROWS = 65_536
_BUSY_TIMEOUT_MS = 10_000


class JournalReader:
    """The journal of another process; it only reads."""

    def __init__(self, path: Path) -> None:
        self._uri = f"file:{path}?mode=ro"

    @contextmanager
    def view(self) -> "Iterator[JournalView]":
        """The journal as it is now, for as long as the block runs."""
        with closing(adbc.connect(self._uri)) as connection:
            _wait_for_others(connection)
            # The first read begins the transaction that all others share.
            _frame(connection, "SELECT position FROM journal_position", {}, 1)
            yield JournalView(connection)


class JournalView:
    """The journal at one moment. Calls that were final by the commit `archived` are left out."""

    def __init__(self, connection: adbc.Connection) -> None:
        self._connection = connection

    def has_calls(self, snapshot: Snapshot, filter: CallFilter, archived: int) -> bool:
        """Whether any call matches."""
        where, values = condition(snapshot.position, filter, archived)
        sql = f"SELECT EXISTS (SELECT 1 FROM calls WHERE {where}) AS has_calls"  # noqa: S608 - own words only
        return bool(_frame(self._connection, sql, values, 1).item())

    def moments(self, snapshot: Snapshot, filter: CallFilter, archived: int) -> Iterator[pl.DataFrame]:
        """Every start time of matching calls, in order, with the number and size of the calls.

        Reads the index only, a page at a time.
        """
        where, values = condition(snapshot.position, filter, archived)
        sql = (
            "SELECT started_at, count(*) AS rows, sum(plain_text_bytes) AS size_bytes "  # noqa: S608 - own words only
            f"FROM calls WHERE {where} GROUP BY started_at ORDER BY started_at LIMIT {_PAGE_ROWS}"
        )
        page_is_full = True
        while page_is_full:
            page = _frame(self._connection, sql, values, _PAGE_ROWS)
            page_is_full = page.height == _PAGE_ROWS
            if page.height:
                yield page
                values["since"] = page["started_at"][-1] + 1

    def calls(
        self, snapshot: Snapshot, filter: CallFilter, archived: int, columns: Sequence[str], most_rows: int
    ) -> pl.DataFrame:
        """The matching calls, which are no more than `most_rows`, by (start time, id)."""
        cells = ", ".join(f"{shown(column)} AS {column}" for column in columns)
        where, values = condition(snapshot.position, filter, archived)
        sql = f"SELECT {cells} FROM calls WHERE {where} ORDER BY started_at, id"  # noqa: S608 - own words only
        frame = _frame(self._connection, sql, values, most_rows)
        return frame.select(pl.col(column).cast(LOG_SCHEMA[column]) for column in columns)


def _wait_for_others(connection: adbc.Connection) -> None:
    """Whoever opens the journal first or closes it last has it alone for a moment."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")


def _frame(connection: adbc.Connection, sql: str, values: dict[str, Any], most_rows: int) -> pl.DataFrame:
    # The driver takes a column's type from the rows of its first batch, so the whole answer must be one batch.
    with closing(connection.cursor(adbc_stmt_kwargs={"adbc.sqlite.query.batch_rows": str(most_rows)})) as cursor:
        cursor.execute(sql, {f":{name}": value for name, value in values.items()})
        return pl.DataFrame(cursor.fetch_arrow())
