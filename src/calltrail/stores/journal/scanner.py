"""The scanning half of the journal: rows into frames without a Python object a cell."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import polars as pl

from calltrail.domain.calls import CallStatus, from_micros, to_micros
from calltrail.domain.exports import Shard, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.stores.journal.rows import OUTCOME_COLUMNS

_PAGE_ROWS = 65_536
_BEFORE_ALL = -(2**63)
_AFTER_ALL = 2**63 - 1

_AS_OF = {
    "status": "CASE WHEN finished_in <= :position THEN status ELSE 'processing' END",
    "has_errors": "CASE WHEN finished_in <= :position THEN has_errors ELSE 0 END",
}
"""What a column of the second half shows of a call that was open at the snapshot; NULL where it isn't named here."""


class JournalScanner:
    """The `CallScanner` of an SQLite journal; it only reads."""

    def __init__(self, path: Path) -> None:
        self._uri = f"file:{path}?mode=ro"

    def plan(self, snapshot: Snapshot, filter: CallFilter, shard_bytes: int) -> tuple[Shard, ...]:
        with closing(adbc.connect(self._uri)) as connection:
            return self._cut(connection, snapshot, filter, shard_bytes)

    def scan(
        self, snapshot: Snapshot, filter: CallFilter, shard: Shard, columns: Sequence[str], batch_bytes: int
    ) -> Iterator[pl.DataFrame]:
        within = replace(filter, since=shard.since, till=shard.till)
        shown = ", ".join(f"{_shown(column)} AS {column}" for column in columns)
        with closing(adbc.connect(self._uri)) as connection:
            for stretch in self._cut(connection, snapshot, within, batch_bytes) if shard.rows else ():
                where, values = _condition(snapshot, replace(filter, since=stretch.since, till=stretch.till))
                sql = f"SELECT {shown} FROM calls WHERE {where} ORDER BY started_at, id"  # noqa: S608 - own words only
                frame = _frame(connection, sql, values, stretch.rows)
                yield frame.select(pl.col(column).cast(LOG_SCHEMA[column]) for column in columns)

    def _cut(
        self, connection: adbc.Connection, snapshot: Snapshot, filter: CallFilter, shard_bytes: int
    ) -> tuple[Shard, ...]:
        """Cut the matching calls between start times. Reads the index only, a page at a time."""
        pieces: list[dict[str, int]] = []
        bytes_before = 0
        for moments in _pages(connection, snapshot, filter):
            cut = _pieces(moments, bytes_before, shard_bytes)
            bytes_before += sum(piece["size_bytes"] for piece in cut)
            if pieces and pieces[-1]["number"] == cut[0]["number"]:
                rest = cut.pop(0)
                pieces[-1]["rows"] += rest["rows"]
                pieces[-1]["size_bytes"] += rest["size_bytes"]
                pieces[-1]["last"] = rest["last"]
            pieces += cut
        if not pieces:
            return (Shard(snapshot.as_of, snapshot.as_of, 0, 0),)
        return tuple(_shard(piece) for piece in pieces)


def _pages(connection: adbc.Connection, snapshot: Snapshot, filter: CallFilter) -> Iterator[pl.DataFrame]:
    """Every start time of matching calls, in order, with their number and size."""
    where, values = _condition(snapshot, filter)
    sql = (
        "SELECT started_at, count(*) AS rows, sum(plain_text_bytes) AS size_bytes "  # noqa: S608 - own words only
        f"FROM calls WHERE {where} GROUP BY started_at ORDER BY started_at LIMIT {_PAGE_ROWS}"
    )
    page_is_full = True
    while page_is_full:
        page = _frame(connection, sql, values, _PAGE_ROWS)
        page_is_full = page.height == _PAGE_ROWS
        if page.height:
            yield page
            values["since"] = page["started_at"][-1] + 1


def _frame(connection: adbc.Connection, sql: str, values: dict[str, Any], most_rows: int) -> pl.DataFrame:
    # The driver takes a column's type from the rows of its first batch, so the whole answer must be one batch.
    with closing(connection.cursor(adbc_stmt_kwargs={"adbc.sqlite.query.batch_rows": str(most_rows)})) as cursor:
        cursor.execute(sql, {f":{name}": value for name, value in values.items()})
        return pl.DataFrame(cursor.fetch_arrow())


def _pieces(moments: pl.DataFrame, bytes_before: int, shard_bytes: int) -> list[dict[str, int]]:
    """Number every moment by the bytes before it, and gather those of one number."""
    size = pl.col("size_bytes")
    return (
        moments.with_columns(number=(size.cum_sum() - size + bytes_before) // shard_bytes)
        .group_by("number", maintain_order=True)
        .agg(
            first=pl.col("started_at").first(),
            last=pl.col("started_at").last(),
            rows=pl.col("rows").sum(),
            size_bytes=size.sum(),
        )
        .to_dicts()
    )


def _shard(piece: dict[str, int]) -> Shard:
    return Shard(
        since=from_micros(piece["first"]),
        till=from_micros(piece["last"]) + timedelta(microseconds=1),
        rows=piece["rows"],
        size_bytes=piece["size_bytes"],
    )


def _shown(column: str) -> str:
    if column in _AS_OF:
        return _AS_OF[column]
    return f"CASE WHEN finished_in <= :position THEN {column} END" if column in OUTCOME_COLUMNS else column


def _condition(snapshot: Snapshot, filter: CallFilter) -> tuple[str, dict[str, Any]]:
    """The filter in SQL, as of the snapshot; it means what `CallFilter.matches` means."""
    values: dict[str, Any] = {
        "position": snapshot.position,
        "since": to_micros(filter.since) if filter.since else _BEFORE_ALL,
        "till": to_micros(filter.till) if filter.till else _AFTER_ALL,
    }
    terms = ["started_at >= :since", "started_at < :till", "begun_in <= :position"]
    is_open = "(finished_in IS NULL OR finished_in > :position)"
    if filter.status is CallStatus.PROCESSING:
        terms.append(is_open)
    elif filter.status:
        terms.append("finished_in <= :position AND status = :status")
        values["status"] = filter.status.value
    if filter.has_errors is not None:
        terms.append(
            "finished_in <= :position AND has_errors" if filter.has_errors else f"({is_open} OR NOT has_errors)"
        )
    if filter.endpoint_external_id is not None:
        terms.append("endpoint_external_id = :endpoint")
        values["endpoint"] = filter.endpoint_external_id
    if filter.method_system_names:
        names = {f"method_{number}": name for number, name in enumerate(filter.method_system_names)}
        terms.append(f"method_system_name IN ({', '.join(f':{key}' for key in names)})")
        values |= names
    return " AND ".join(terms), values
