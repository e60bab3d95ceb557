"""Parquet: typed columns, whole row groups at a time."""

from collections.abc import Sequence

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from calltrail.formats.columns import Column, ColumnKind
from calltrail.formats.frames import LOG_SCHEMA, shown
from calltrail.formats.outlet import Outlet

_GROUP_ROWS = 16_384
_GROUP_BYTES = 16 * 1024 * 1024

_REPEATING = (
    "method_system_name",
    "method_name",
    "endpoint_external_id",
    "integration_name",
    "error_messages",
    "status",
    "http_method",
)
"""Of other columns a dictionary would be built in vain."""


class ParquetPart:
    """A Parquet file in the making; moments are UTC microseconds, pages are compressed by zstd at its level 1."""

    cut_cells = 0

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._waiting: list[pl.DataFrame] = []
        self._outlet = Outlet()
        self._writer = pq.ParquetWriter(
            self._outlet,
            _table(self._typed(pl.DataFrame(schema=dict(LOG_SCHEMA)))).schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=_names(columns, _REPEATING),
            write_statistics=[column.name for column in columns if column.kind is not ColumnKind.BODY],
            store_schema=False,
        )

    def head(self) -> bytes:
        return self._outlet.taken()

    def rows(self, batch: pl.DataFrame) -> bytes:
        self._waiting.append(self._typed(batch))
        rows = sum(frame.height for frame in self._waiting)
        size_bytes = sum(frame.estimated_size() for frame in self._waiting)
        if rows >= _GROUP_ROWS or size_bytes >= _GROUP_BYTES:
            self._write_group()
        return self._outlet.taken()

    def tail(self) -> bytes:
        self._write_group()
        self._writer.close()
        return self._outlet.taken()

    def _typed(self, batch: pl.DataFrame) -> pl.DataFrame:
        return batch.select(shown(column) for column in self._columns)

    def _write_group(self) -> None:
        group = pl.concat(self._waiting) if self._waiting else None
        self._waiting.clear()
        if group is not None and group.height:
            self._writer.write_table(_table(group), row_group_size=group.height)


def _table(calls: pl.DataFrame) -> pa.Table:
    """The calls in Arrow as they lie in memory; nothing is copied."""
    return calls.to_arrow(compat_level=pl.CompatLevel.newest())


def _names(columns: Sequence[Column], sources: Sequence[str]) -> Sequence[str]:
    return [column.name for column in columns if column.source in sources]
