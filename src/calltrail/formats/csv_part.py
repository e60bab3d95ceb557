"""CSV by RFC 4180, such that Python's csv, pandas, polars and spreadsheets read back what was logged."""

import codecs
from collections.abc import Sequence

import polars as pl

from calltrail.domain.exports import ExportOptions
from calltrail.formats.cells import SPACED_MOMENT, as_text, is_text
from calltrail.formats.columns import Column, ColumnKind
from calltrail.formats.frames import shown
from calltrail.formats.outlet import Outlet

LINE_END = "\r\n"
"""RFC 4180's; every reader named above takes it, and spreadsheets of every age do."""

FORMULA_START = "\\A([=+\\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20])"
"""What may make a spreadsheet calculate a cell: the characters of OWASP ASVS 1.2.10, and to be safe every line end and
the signs in full width."""


_IN_TYPED_CELLS = frozenset("0123456789-: .truefals")
"""The characters of moments, numbers and flags."""


class CsvPart:
    """A CSV file in the making.

    A null is an empty cell, an empty text a cell of two quotes; a reader may tell them apart, and most do not.
    A file of a single column has quotes around every cell, as readers skip lines that look empty.
    """

    def __init__(self, columns: Sequence[Column], options: ExportOptions) -> None:
        self._columns = columns
        self._options = options
        self.cut_cells = 0

    def head(self) -> bytes:
        names = pl.DataFrame(schema={column.name: pl.String for column in self._columns})
        return (codecs.BOM_UTF8 if self._options.bom else b"") + self._csv(names, include_header=True)

    def rows(self, batch: pl.DataFrame) -> bytes:
        cells = batch.select(self._cell(column) for column in self._columns)
        return self._csv(self._cut(cells) if self._options.max_field_chars else cells)

    def tail(self) -> bytes:
        return b""

    def _cell(self, column: Column) -> pl.Expr:
        if not is_text(column):
            # polars quotes a text that holds the delimiter, but no moment, number or flag that does.
            may_need_quotes = self._options.delimiter in _IN_TYPED_CELLS
            return as_text(column, SPACED_MOMENT) if may_need_quotes else shown(column)
        if self._options.spreadsheet_safe:
            return shown(column).str.replace(FORMULA_START, "'${1}")
        return shown(column)

    def _cut(self, cells: pl.DataFrame) -> pl.DataFrame:
        """The cells with bodies of at most `max_field_chars`, and the flags of those that had more."""
        limit = self._options.max_field_chars
        changes = []
        for column in self._columns:
            if column.kind is not ColumnKind.BODY:
                continue
            is_long = cells[column.name].str.len_chars() > limit
            self.cut_cells += int(is_long.sum())
            changes.append(pl.col(column.name).str.head(limit))
            flag = f"{column.name}Truncated"
            if flag in cells.columns:
                changes.append(pl.when(is_long).then(pl.lit("true")).otherwise(pl.col(flag)).alias(flag))
        return cells.with_columns(changes)

    def _csv(self, cells: pl.DataFrame, *, include_header: bool = False) -> bytes:
        outlet = Outlet()
        cells.write_csv(
            outlet.file,
            include_header=include_header,
            separator=self._options.delimiter,
            line_terminator=LINE_END,
            datetime_format=SPACED_MOMENT,
            quote_style="always" if len(self._columns) == 1 else "necessary",
        )
        return outlet.taken()
