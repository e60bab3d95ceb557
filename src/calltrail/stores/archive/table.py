"""The Delta table: its columns, and how whole batches get into it, each once."""

import json
import secrets
from datetime import date
from pathlib import Path

import deltalake
import polars as pl
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction

from calltrail.stores.archive.schema import ARCHIVE_SCHEMA, DAY, DELTA_TYPES
from calltrail.stores.durable import make_folder, sync_file, sync_folder

_SOURCE = "calltrail-journal"
"""The application whose transactions say up to which commit of the journal the table holds every final call."""

BLOCK_ROWS = 32_768
"""Calls that lie between two moments, ordered by API method and endpoint among themselves: what a query for few of them
needs is together, and what a scan in order of time must hold at once is bounded."""
_ROW_GROUP_ROWS = 2_048

_BOUNDED_COLUMNS = ("started_at", "finished_in", "id")
"""Columns whose least and greatest values of a file are in the log of the table."""


class ArchiveTable:
    """The table as its only writer at a time sees it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._table: deltalake.DeltaTable | None = None

    def create(self) -> None:
        """Make the table where there is none yet. Durable on return."""
        if deltalake.DeltaTable.is_deltatable(str(self._folder)):
            return
        make_folder(self._folder)
        deltalake.DeltaTable.create(
            str(self._folder),
            _delta_schema(),
            mode="ignore",
            partition_by=[DAY],
            name="calltrail",
            description="Calls of API methods, one row a call.",
        )
        self._sync_log()

    def mend(self) -> None:
        """Take back a newest entry of the table's log that a loss of power has torn.

        It was not durable yet, so that all its calls are still in the journal.
        """
        newest = self._newest_entry()
        if newest and not _is_whole(newest):
            newest.unlink()
            sync_folder(newest.parent)

    def archived_through(self) -> int:
        """The last commit of the journal whose final calls are all here; 0 before any."""
        return archived_through(self._open())

    def append(self, calls: pl.DataFrame, through: int) -> None:
        """Add calls, and say that every final call up to that commit of the journal is here. Durable on return.

        `calls` has the columns of `ARCHIVE_SCHEMA`. Killed anywhere, all of them are here, or none.
        """
        table = self._open()
        assert archived_through(table) < through
        added: list[AddAction | RemoveAction] = [
            self._write_file(day, of_day.drop(DAY))
            for (day,), of_day in calls.with_columns(pl.col("started_at").dt.date().alias(DAY)).group_by(DAY)
            if isinstance(day, date)
        ]
        sync_folder(self._folder)
        table.create_write_transaction(
            added,
            "append",
            table.schema(),
            partition_by=[DAY],
            commit_properties=CommitProperties(app_transactions=[Transaction(_SOURCE, through)], max_commit_retries=0),
        )
        self._sync_log()

    def _open(self) -> deltalake.DeltaTable:
        if self._table is None:
            self._table = deltalake.DeltaTable(str(self._folder))
        else:
            self._table.update_incremental()
        return self._table

    def _write_file(self, day: date, calls: pl.DataFrame) -> AddAction:
        """A file of one day, durable but not yet part of the table."""
        folder = self._folder / f"{DAY}={day}"
        make_folder(folder)
        path = folder / f"calls-{secrets.token_hex(16)}.parquet"
        _in_blocks(calls).write_parquet(
            path, compression="zstd", compression_level=1, statistics=True, row_group_size=_ROW_GROUP_ROWS
        )
        sync_file(path)
        sync_folder(folder)
        status = path.stat()
        return AddAction(
            path=f"{folder.name}/{path.name}",
            size=status.st_size,
            partition_values={DAY: str(day)},
            modification_time=status.st_mtime_ns // 1_000_000,
            data_change=True,
            stats=_stats(calls),
        )

    def _sync_log(self) -> None:
        """Make the newest entry of the table's log, and what else was written there, survive power loss."""
        newest = self._newest_entry()
        assert newest
        sync_file(newest)
        sync_folder(newest.parent)
        sync_folder(self._folder)

    def _newest_entry(self) -> Path | None:
        return max((self._folder / "_delta_log").glob("*.json"), default=None)


def _is_whole(entry: Path) -> bool:
    """Whether every line of an entry of the table's log is JSON, and there is one."""
    lines = entry.read_bytes().splitlines()
    try:
        return bool([json.loads(line) for line in lines])
    except ValueError:
        return False


def _delta_schema() -> deltalake.Schema:
    columns = {**ARCHIVE_SCHEMA, DAY: pl.Date()}
    types = {name: deltalake.schema.PrimitiveType(DELTA_TYPES[dtype.base_type()]) for name, dtype in columns.items()}
    return deltalake.Schema([deltalake.Field(name, type_) for name, type_ in types.items()])


def archived_through(table: deltalake.DeltaTable) -> int:
    """The last commit of the journal whose final calls are all in this version of the table; 0 before any."""
    return table.transaction_version(_SOURCE) or 0


def _in_blocks(calls: pl.DataFrame) -> pl.DataFrame:
    by_time = calls.sort("started_at", "id")
    block = pl.int_range(pl.len()) // BLOCK_ROWS
    return by_time.sort(block, "method_system_name", "endpoint_external_id", "started_at", "id")


def _stats(calls: pl.DataFrame) -> str:
    """What the table's log says of a file, so that readers leave out what they don't need."""
    shown = calls.select(_BOUNDED_COLUMNS).with_columns(pl.col("started_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    return json.dumps(
        {
            "numRecords": calls.height,
            "minValues": shown.select(pl.all().min()).row(0, named=True),
            "maxValues": shown.select(pl.all().max()).row(0, named=True),
            "nullCount": dict.fromkeys(_BOUNDED_COLUMNS, 0),
        }
    )
