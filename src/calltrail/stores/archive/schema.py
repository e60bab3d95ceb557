"""The columns of the archive."""

from collections.abc import Mapping

import polars as pl

from calltrail.formats.frames import LOG_SCHEMA

ARCHIVE_SCHEMA: Mapping[str, pl.DataType] = {
    **LOG_SCHEMA,
    "begun_in": pl.Int64(),
    "finished_in": pl.Int64(),
    "plain_text_bytes": pl.Int64(),
}
"""Columns of the files: those of the log, the commits of the journal that began and closed the call, and about how much
room the call takes as plain text. The table has one more, the partition `day`: the UTC day of the start."""

DAY = "day"

DELTA_TYPES = {pl.String: "string", pl.Int64: "long", pl.Boolean: "boolean", pl.Datetime: "timestamp", pl.Date: "date"}
"""What Delta calls the types of these columns; its timestamps are microseconds of UTC."""
