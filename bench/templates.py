"""Texts with places for the values of columns."""

import re

import polars as pl

_PLACE = re.compile(r"<(\w+)>")


def filled(template: str) -> pl.Expr:
    """`template` with each `<column>` in it replaced by the value that stands there, row by row; null as nothing."""
    pieces = _PLACE.split(template)
    values = [pl.col(piece) if number % 2 else pl.lit(piece) for number, piece in enumerate(pieces)]
    return pl.concat_str(values, ignore_nulls=True)
