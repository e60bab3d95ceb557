"""Parquet: typed columns, whole row groups at a time."""

from collections.abc import Sequence

import polars as pl
import pyarrow.parquet as pq

from calltrail.formats.columns import Column, ColumnKind
from calltrail.formats.frames import LOG_SCHEMA, shown
from calltrail.formats.outlet import Outlet

_GROUP_ROWS = 16_384
_GROUP_BYTES = 16 * 1024 * 1024


class ParquetPart:
    """A Parquet file in the making; moments are UTC microseconds, pages are compressed by zstd at its level 1."""

    cut_cells = 0

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._waiting: list[pl.DataFrame] = []
        self._outlet = Outlet()
        self._writer = pq.ParquetWriter(
            self._outlet,
            self._typed(pl.DataFrame(schema=dict(LOG_SCHEMA))).to_arrow().schema,
            compression="zstd",
            compression_level=1,
            # Bodies and ids hardly repeat: a dictionary of them would be built in vain.
            use_dictionary=[
                column.name for column in columns if column.kind is ColumnKind.TEXT and column.source != "id"
            ],
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
            self._writer.write_table(group.to_arrow(), row_group_size=group.height)
