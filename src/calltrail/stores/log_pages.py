"""The log as those who look through it see it: journal and archive as one, newest calls first."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from calltrail.domain.calls import to_micros
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.services.ports import CallPlace
from calltrail.stores.archive.reader import ArchiveReader
from calltrail.stores.journal import statements
from calltrail.stores.journal.conditions import condition, shown

_NOW = 2**63 - 1
"""A commit that comes after all: calls are shown as they stand."""

_AS_KEPT = {name: pl.Int64() if dtype in (pl.Datetime, pl.Boolean) else dtype for name, dtype in LOG_SCHEMA.items()}


class LogPages:
    """The `CallPages` over both stores. By Python's own SQLite: a process that writes the journal may use it too."""

    def __init__(self, journal: Path, archive: Path) -> None:
        self._uri = f"file:{journal}?mode=ro"
        self._archive = ArchiveReader(archive)

    def newest(
        self, filter: CallFilter, columns: Sequence[str], count: int, before: CallPlace | None = None
    ) -> pl.DataFrame:
        place = ("started_at", "id")
        read = (*columns, *(column for column in place if column not in columns))
        found = pl.DataFrame(schema={column: LOG_SCHEMA[column] for column in read})
        with closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as journal:
            journal.execute("BEGIN")
            journal.execute(statements.POSITION).fetchone()  # from here on the journal stands still
            view = self._archive.view()
            for stretch in view.newest_stretches(_until(filter, before)):
                recent = _recent(journal, _condition(stretch.filter, view.through, before), read, count)
                both = [recent] if stretch.is_empty else [recent, stretch.newest(read, count, before)]
                found = pl.concat([found, pl.concat(both).sort(place, descending=True)])
                if found.height >= count:
                    break
        return found.head(count).select(columns)


def _until(filter: CallFilter, before: CallPlace | None) -> CallFilter:
    """The filter, without what starts after the place."""
    if before is None:
        return filter
    end = before.started_at + timedelta(microseconds=1)
    return replace(filter, till=min(filter.till, end) if filter.till else end)


def _condition(filter: CallFilter, archived: int, before: CallPlace | None) -> tuple[str, dict[str, Any]]:
    where, values = condition(_NOW, filter, archived)
    if before is None:
        return where, values
    return (
        f"{where} AND (started_at, id) < (:place_at, :place_id)",
        values | {"place_at": to_micros(before.started_at), "place_id": before.id},
    )


def _recent(
    journal: sqlite3.Connection, condition: tuple[str, dict[str, Any]], columns: Sequence[str], count: int
) -> pl.DataFrame:
    where, values = condition
    sql = (
        f"SELECT {', '.join(f'{shown(column)} AS {column}' for column in columns)} FROM calls "  # noqa: S608 - own words
        f"WHERE {where} ORDER BY started_at DESC, id DESC LIMIT :count"
    )
    rows = journal.execute(sql, values | {"count": count}).fetchall()
    frame = pl.DataFrame(rows, {column: _AS_KEPT[column] for column in columns}, orient="row")
    return frame.select(pl.col(column).cast(LOG_SCHEMA[column]) for column in columns)
