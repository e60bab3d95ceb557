"""The log as those who look through it see it: journal and archive as one, as they stand."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from calltrail.domain.calls import from_micros, to_micros
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.services.looking import CallPlace, Overview
from calltrail.stores.archive.reader import ArchiveReader, ArchiveView, scan_files
from calltrail.stores.archive.reader import condition as archived_condition
from calltrail.stores.journal import statements
from calltrail.stores.journal.conditions import condition, shown
from calltrail.stores.tallies import TALLIED, Figures, Tally

_NOW = 2**63 - 1
"""A commit that comes after all: calls are shown as they stand."""

_TALLIED_ROWS = 20_000
"""Calls of the journal that are counted at once."""

_MICROSECOND = timedelta(microseconds=1)

_AS_KEPT = {name: pl.Int64() if dtype in (pl.Datetime, pl.Boolean) else dtype for name, dtype in LOG_SCHEMA.items()}


class LogPages:
    """The `CallPages` over both stores. By Python's own SQLite: a process that writes the journal may use it too."""

    def __init__(self, journal: Path, archive: Path) -> None:
        self._uri = f"file:{journal}?mode=ro"
        self._archive = ArchiveReader(archive)

    def newest(
        self, filter: CallFilter, columns: Sequence[str], count: int, before: CallPlace | None = None
    ) -> pl.DataFrame:
        return self._page(filter, columns, count, before, descending=True)

    def next_after(self, filter: CallFilter, columns: Sequence[str], count: int, after: CallPlace) -> pl.DataFrame:
        return self._page(filter, columns, count, after, descending=False)

    def overview(self, filter: CallFilter, bucket: timedelta) -> Overview:
        tally = Tally(bucket)
        with self._both() as (journal, view):
            for calls in _counted(journal, condition(_NOW, filter, view.through)):
                tally.add(Figures.of(calls))
            for path in view.paths_within(filter):
                took = (pl.col("finished_at") - pl.col("started_at")).to_physical().alias("took")
                matching = scan_files([path]).filter(archived_condition(filter)).with_columns(took)
                tally.add(Figures.of(matching.select(pl.col(name).to_physical() for name in TALLIED).collect()))
        return tally.overview()

    def extent(self) -> tuple[datetime, datetime] | None:
        with self._both() as (journal, view):
            where, values = condition(_NOW, CallFilter(), view.through)
            sql = f"SELECT min(started_at), max(started_at) FROM calls WHERE {where}"  # noqa: S608 - own words
            recent = [from_micros(start) for start in journal.execute(sql, values).fetchone() if start is not None]
            archived = (
                view.files.select(pl.col("first").min(), pl.col("last").max()).row(0) if view.files.height else ()
            )
        starts = [*recent, *archived]
        return (min(starts), max(starts)) if starts else None

    def _page(
        self, filter: CallFilter, columns: Sequence[str], count: int, place: CallPlace | None, *, descending: bool
    ) -> pl.DataFrame:
        keys = ("started_at", "id")
        read = (*columns, *(column for column in keys if column not in columns))
        found = pl.DataFrame(schema={column: LOG_SCHEMA[column] for column in read})
        with self._both() as (journal, view):
            for stretch in view.stretches_from_end(_beyond(filter, place, descending), newest_first=descending):
                recent = _recent(journal, stretch.filter, view.through, place, read, count, descending)
                both = [recent]
                if not stretch.is_empty:
                    both.append(stretch.page(read, count, place, descending=descending))
                found = pl.concat([found, pl.concat(both).sort(keys, descending=descending)])
                if found.height >= count:
                    break
        return found.head(count).select(columns)

    @contextmanager
    def _both(self) -> Iterator[tuple[sqlite3.Connection, ArchiveView]]:
        """Both at one moment: what had left the journal by then is in the view of the archive."""
        with closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as journal:
            journal.execute("BEGIN")
            journal.execute(statements.POSITION).fetchone()  # from here on the journal stands still
            yield journal, self._archive.view()


def _beyond(filter: CallFilter, place: CallPlace | None, descending: bool) -> CallFilter:
    """The filter, without what starts on the other side of the place."""
    if place is None:
        return filter
    if descending:
        end = place.started_at + _MICROSECOND
        return replace(filter, till=min(filter.till, end) if filter.till else end)
    return replace(filter, since=max(filter.since, place.started_at) if filter.since else place.started_at)


def _recent(
    journal: sqlite3.Connection,
    filter: CallFilter,
    archived: int,
    place: CallPlace | None,
    columns: Sequence[str],
    count: int,
    descending: bool,
) -> pl.DataFrame:
    where, values = condition(_NOW, filter, archived)
    values["count"] = count
    if place:
        where = f"{where} AND (started_at, id) {'<' if descending else '>'} (:place_at, :place_id)"
        values |= {"place_at": to_micros(place.started_at), "place_id": place.id}
    cells, order = ", ".join(f"{shown(column)} AS {column}" for column in columns), "DESC" if descending else "ASC"
    sql = (
        f"SELECT {cells} FROM calls WHERE {where} "  # noqa: S608 - own words
        f"ORDER BY started_at {order}, id {order} LIMIT :count"
    )
    frame = pl.DataFrame(
        journal.execute(sql, values).fetchall(), {column: _AS_KEPT[column] for column in columns}, orient="row"
    )
    return frame.select(pl.col(column).cast(LOG_SCHEMA[column]) for column in columns)


def _counted(journal: sqlite3.Connection, condition: tuple[str, dict[str, Any]]) -> Iterator[pl.DataFrame]:
    """Matching calls with the columns of `TALLIED`, some at a time."""
    where, values = condition
    cells = (
        f"method_system_name, {shown('has_errors')}, started_at, {shown('finished_at')} - started_at, plain_text_bytes"
    )
    rows = journal.execute(f"SELECT {cells} FROM calls WHERE {where}", values)  # noqa: S608 - own words
    as_kept = {name: pl.Int64() if dtype == pl.Boolean else dtype for name, dtype in TALLIED.items()}
    while some := rows.fetchmany(_TALLIED_ROWS):
        yield pl.DataFrame(some, as_kept, orient="row").with_columns(pl.col("has_errors").cast(pl.Boolean))
