"""The log as those who look through it see it: journal and archive as one, as they stand."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from calltrail.domain.calls import from_micros, to_micros
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.services.looking import CallPlace, Overview
from calltrail.stores.archive.digests import Digests
from calltrail.stores.archive.pages import ArchivePages
from calltrail.stores.archive.reader import ArchiveReader, ArchiveView, though_files_go
from calltrail.stores.asked_page import KEYS, AskedPage
from calltrail.stores.journal import statements
from calltrail.stores.journal.conditions import condition, shown
from calltrail.stores.tallies import TALLIED, Figures, Tally

_NOW = 2**63 - 1
"""A commit that comes after all: calls are shown as they stand."""

_COUNTED_ROWS = 20_000
"""Calls of the journal that are counted at once."""

_AS_KEPT = {name: pl.Int64() if dtype in (pl.Datetime, pl.Boolean) else dtype for name, dtype in LOG_SCHEMA.items()}

_COUNTED = (
    f"SELECT method_system_name, {shown('has_errors')}, started_at, {shown('finished_at')} - started_at, "  # noqa: S608 - constants
    "plain_text_bytes FROM calls"
)
"""The columns of `TALLIED`."""


class LogPages:
    """The `CallPages` over both stores. By Python's own SQLite: a process that writes the journal may use it too."""

    def __init__(self, journal: Path, archive: Path, most_kept_bytes: int = 128 * 2**20) -> None:
        """`most_kept_bytes` is how much memory may be taken by what is known of files of the archive."""
        self._uri = f"file:{journal}?mode=ro"
        self._archive = ArchiveReader(archive)
        self._digests = Digests(most_kept_bytes)

    @property
    def kept_bytes(self) -> int:
        """How much memory that takes."""
        return self._digests.kept_bytes

    def newest(
        self, filter: CallFilter, columns: Sequence[str], count: int, before: CallPlace | None = None
    ) -> pl.DataFrame:
        page = AskedPage(filter, count, is_newest=True, place=before)
        return though_files_go(lambda: self._found(page, columns))

    def next_after(self, filter: CallFilter, columns: Sequence[str], count: int, after: CallPlace) -> pl.DataFrame:
        page = AskedPage(filter, count, is_newest=False, place=after)
        return though_files_go(lambda: self._found(page, columns))

    def overview(self, filter: CallFilter, bucket: timedelta) -> Overview:
        return though_files_go(lambda: self._counted(filter, bucket))

    def _counted(self, filter: CallFilter, bucket: timedelta) -> Overview:
        tally = Tally(bucket)
        with self._both() as (journal, view):
            for figures in _recent_figures(journal, filter, view.through):
                tally.add(figures)
        for figures in ArchivePages(view, self._digests).figures(filter):
            tally.add(figures)
        return tally.overview()

    def extent(self) -> tuple[datetime, datetime] | None:
        with self._both() as (journal, view):
            where, values = condition(_NOW, CallFilter(), view.through)
            sql = f"SELECT min(started_at), max(started_at) FROM calls WHERE {where}"  # noqa: S608 - own words
            recent = [from_micros(start) for start in journal.execute(sql, values).fetchone() if start is not None]
        starts = [*recent, *view.files["first"], *view.files["last"]]
        return (min(starts), max(starts)) if starts else None

    def _found(self, page: AskedPage, columns: Sequence[str]) -> pl.DataFrame:
        read = tuple(dict.fromkeys((*columns, *KEYS)))
        with self._both() as (journal, view):
            recent = _recent(journal, page, view.through, read)
        archived = ArchivePages(view, self._digests).page(page.beside(recent), read)
        return page.of(pl.concat([recent, archived])).select(columns)

    @contextmanager
    def _both(self) -> Iterator[tuple[sqlite3.Connection, ArchiveView]]:
        """Both at one moment: what had left the journal by then is in the view of the archive."""
        with closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as journal:
            journal.execute("BEGIN")
            journal.execute(statements.POSITION).fetchone()  # from here on the journal stands still
            yield journal, self._archive.view()


def _recent(journal: sqlite3.Connection, page: AskedPage, archived: int, columns: Sequence[str]) -> pl.DataFrame:
    """Those of the page that the journal has."""
    where, values = condition(_NOW, page.within, archived)
    values["count"] = page.count
    if page.place:
        where += f" AND (started_at, id) {'<' if page.is_newest else '>'} (:place_at, :place_id)"
        values |= {"place_at": to_micros(page.place.started_at), "place_id": page.place.id}
    cells, order = ", ".join(f"{shown(column)} AS {column}" for column in columns), "DESC" if page.is_newest else "ASC"
    sql = f"SELECT {cells} FROM calls WHERE {where} ORDER BY started_at {order}, id {order} LIMIT :count"  # noqa: S608 - own words
    rows = journal.execute(sql, values).fetchall()
    frame = pl.DataFrame(rows, {column: _AS_KEPT[column] for column in columns}, orient="row")
    return frame.select(pl.col(column).cast(LOG_SCHEMA[column]) for column in columns)


def _recent_figures(journal: sqlite3.Connection, filter: CallFilter, archived: int) -> Iterator[Figures]:
    """Those of the matching calls that the journal has."""
    where, values = condition(_NOW, filter, archived)
    rows = journal.execute(f"{_COUNTED} WHERE {where}", values)
    as_kept = {name: pl.Int64() if dtype == pl.Boolean else dtype for name, dtype in TALLIED.items()}
    while some := rows.fetchmany(_COUNTED_ROWS):
        yield Figures.of(pl.DataFrame(some, as_kept, orient="row").with_columns(pl.col("has_errors").cast(pl.Boolean)))
