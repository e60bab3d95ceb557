"""The columns of the archive, and the version of what they mean."""

from collections.abc import Mapping

import deltalake
import polars as pl

from calltrail.formats.columns import COLUMNS
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.services.ports import StoreUnavailable

SCHEMA_VERSION = 1
"""Counts up with every change. A change may only add columns, at the end and nullable; files that were written before
have null there. No column is ever renamed, moved, retyped or given another meaning."""

_VERSION_PROPERTY = "calltrail.schemaVersion"

ARCHIVE_SCHEMA: Mapping[str, pl.DataType] = {
    **LOG_SCHEMA,
    "begun_in": pl.Int64(),
    "finished_in": pl.Int64(),
    "plain_text_bytes": pl.Int64(),
}
"""Columns of the files: those of the log and some of the archive's own. The table has one more, the partition `day`."""

DAY = "day"

_OWN_MEANINGS = {
    "begun_in": "Commit of the journal that began the record.",
    "finished_in": "Commit of the journal that closed it; calls came here in this order.",
    "plain_text_bytes": "About how much room the call takes as plain text.",
    DAY: "UTC day of the start; the partition.",
}

MEANINGS: Mapping[str, str] = {
    **{column.source: column.meaning for column in COLUMNS.values() if column.source},
    **_OWN_MEANINGS,
}

DELTA_TYPES: Mapping[str, str] = {
    name: {pl.String: "string", pl.Int64: "long", pl.Boolean: "boolean", pl.Datetime: "timestamp", pl.Date: "date"}[
        dtype.base_type()
    ]
    for name, dtype in {**ARCHIVE_SCHEMA, DAY: pl.Date()}.items()
}
"""What Delta calls the types; its timestamps are microseconds of UTC."""


class ArchiveTooNew(StoreUnavailable):
    """The archive was written by a later version of Calltrail, whose columns this one does not know."""


def delta_schema() -> deltalake.Schema:
    """The schema of a new table; each column says what it means."""
    return deltalake.Schema(
        [
            deltalake.Field(name, deltalake.schema.PrimitiveType(type_), metadata={"comment": MEANINGS[name]})
            for name, type_ in DELTA_TYPES.items()
        ]
    )


TABLE_PROPERTIES = {_VERSION_PROPERTY: str(SCHEMA_VERSION)}


def require_known_schema(table: deltalake.DeltaTable) -> None:
    """Raises ArchiveTooNew."""
    version = int(table.metadata().configuration.get(_VERSION_PROPERTY, SCHEMA_VERSION))
    if version > SCHEMA_VERSION:
        raise ArchiveTooNew(
            f"the archive has schema version {version}, this Calltrail knows versions up to {SCHEMA_VERSION}"
        )
