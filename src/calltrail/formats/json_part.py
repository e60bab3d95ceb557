"""JSON: a document of one array, or a line a call (NDJSON)."""

import io
from collections.abc import Sequence

import polars as pl

from calltrail.formats.cells import ISO_8601_MOMENT, as_text
from calltrail.formats.columns import Column, ColumnKind
from calltrail.formats.frames import shown


class NdjsonPart:
    """An NDJSON file in the making. Without calls it is one empty line, as no published file has 0 bytes."""

    cut_cells = 0

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._is_empty = True

    def head(self) -> bytes:
        return b""

    def rows(self, batch: pl.DataFrame) -> bytes:
        self._is_empty &= batch.is_empty()
        return _json_lines(batch, self._columns)

    def tail(self) -> bytes:
        return b"\n" if self._is_empty else b""


class JsonPart:
    """A JSON file in the making: `{"operationLogs":[...]}`, a line a call."""

    cut_cells = 0

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._comma = b""

    def head(self) -> bytes:
        return b'{"operationLogs":[\n'

    def rows(self, batch: pl.DataFrame) -> bytes:
        if batch.is_empty():
            return b""
        lines = _json_lines(batch, self._columns, start=self._comma)
        self._comma = b","
        # A line feed within a text is escaped, so that those found here end rows; the last one gets no comma.
        return lines.replace(b"\n", b",\n", batch.height - 1)

    def tail(self) -> bytes:
        return b"]}\n"


def _json_lines(batch: pl.DataFrame, columns: Sequence[Column], start: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    buffer.write(start)
    batch.select(_value(column) for column in columns).write_ndjson(buffer)
    return buffer.getvalue()


def _value(column: Column) -> pl.Expr:
    # polars would write moments with an offset, `+00:00`.
    return as_text(column, ISO_8601_MOMENT) if column.kind is ColumnKind.MOMENT else shown(column)
