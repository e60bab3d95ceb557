"""Cells as the text formats write them."""

import polars as pl

from calltrail.formats.columns import Column, ColumnKind
from calltrail.formats.frames import shown

SPACED_MOMENT = "%Y-%m-%d %H:%M:%S%.6f"
"""`2026-07-01 09:05:00.000000`, UTC without saying so."""

ISO_8601_MOMENT = "%Y-%m-%dT%H:%M:%S%.6fZ"
"""`2026-07-01T09:05:00.000000Z`"""


def is_text(column: Column) -> bool:
    """Whether its cells are texts that callers or upstreams chose, and may hold anything."""
    return column.kind in (ColumnKind.TEXT, ColumnKind.BODY)


def as_text(column: Column, moment_format: str) -> pl.Expr:
    """The column's values as strings, under its name on the wire; null stays null."""
    match column.kind:
        case ColumnKind.MOMENT:
            return shown(column).dt.strftime(moment_format)
        case ColumnKind.FLAG | ColumnKind.NUMBER:
            return shown(column).cast(pl.String)
        case ColumnKind.TEXT | ColumnKind.BODY:
            return shown(column)
