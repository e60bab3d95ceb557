"""JSON: a document of one array, or a line a call (NDJSON)."""

from collections.abc import Sequence

import polars as pl

from calltrail.formats.cells import ISO_8601_MOMENT, as_text
from calltrail.formats.columns import Column, ColumnKind
from calltrail.formats.frames import shown
from calltrail.formats.outlet import Outlet


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
        return _json_lines(batch.select(_value(column) for column in self._columns))

    def tail(self) -> bytes:
        return b"\n" if self._is_empty else b""


class JsonPart:
    """A JSON file in the making: `{"operationLogs":[...]}`, a line a call."""

    cut_cells = 0

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._array = JsonArray()

    def head(self) -> bytes:
        return b'{"operationLogs":[\n'

    def rows(self, batch: pl.DataFrame) -> bytes:
        return self._array.items(batch.select(_value(column) for column in self._columns))

    def tail(self) -> bytes:
        return b"]}\n"


class JsonArray:
    """The inside of an array in the making, an object a line."""

    def __init__(self) -> None:
        self._comma = b""

    def items(self, objects: pl.DataFrame) -> bytes:
        """The rows as further objects; a column is a property."""
        if objects.is_empty():
            return b""
        # A line feed within a text is escaped, so that those found here end rows; the last one gets no comma.
        lines = self._comma + _json_lines(objects).replace(b"\n", b",\n", objects.height - 1)
        self._comma = b","
        return lines


def _json_lines(objects: pl.DataFrame) -> bytes:
    outlet = Outlet()
    objects.lazy().sink_ndjson(outlet.file)  # a quarter faster than `write_ndjson`
    return outlet.taken()


def _value(column: Column) -> pl.Expr:
    # polars would write moments with an offset, `+00:00`.
    return as_text(column, ISO_8601_MOMENT) if column.kind is ColumnKind.MOMENT else shown(column)
