"""The Delta table: its columns, and how whole batches get into it, each once."""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import deltalake
import polars as pl
from deltalake.transaction import AddAction, CommitProperties, PostCommitHookProperties, RemoveAction, Transaction

from calltrail.stores.archive.schema import ARCHIVE_SCHEMA, DAY, DELTA_TYPES
from calltrail.stores.durable import make_folder, sync_file, sync_folder

_SOURCE = "calltrail-journal"
"""The application whose transactions say up to which commit of the journal the table holds every final call."""

BLOCK_ROWS = 32_768
"""Calls that lie between two moments, ordered by API method and endpoint among themselves: what a query for few of them
needs is together, and what a scan in order of time must hold at once is bounded."""
_ROW_GROUP_ROWS = 2_048

_FILES_TOGETHER = 8
_ENTRIES_A_STEP = 2
"""The library's vacuum writes an entry at its start and one at its end."""

_BOUNDED_COLUMNS = ("started_at", "finished_in", "id")
"""Columns whose least and greatest values of a file are in the log of the table."""


class ArchiveTable:
    """The table as its only writer at a time sees it."""

    def __init__(self, folder: Path, commits_a_checkpoint: int = 100) -> None:
        self._folder = folder
        self._commits_a_checkpoint = commits_a_checkpoint
        self._log_folder = folder / "_delta_log"
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
        """Take back newest entries of the table's log that a loss of power has torn.

        They were not durable yet, so that all their calls are still in the journal.
        """
        for entry in self._newest_entries():
            if not _is_whole(entry):
                entry.unlink()
                sync_folder(self._log_folder)

    def archived_through(self) -> int:
        """The last commit of the journal whose final calls are all here; 0 before any."""
        return archived_through(self._open())

    def append(self, calls: pl.DataFrame, through: int) -> None:
        """Add calls, and say that every final call up to that commit of the journal is here. Durable on return.

        `calls` has the columns of `ARCHIVE_SCHEMA`. Killed anywhere, all of them are here, or none.
        """
        assert self.archived_through() < through
        added = [
            action
            for (day,), of_day in calls.with_columns(pl.col("started_at").dt.date().alias(DAY)).group_by(DAY)
            for action in self._write_files(str(day), of_day.drop(DAY))
        ]
        self._commit(added, Transaction(_SOURCE, through))

    def compact(self) -> int:
        """Put small files of a day together, and say how many there were. The table holds the same calls throughout."""
        files = pl.DataFrame(self._open().get_add_actions(flatten=True))
        if files.is_empty():
            return 0
        small = files.filter(pl.col("num_records") < BLOCK_ROWS // 2).sort("min.started_at")
        compacted = 0
        for (day,), of_day in small.group_by(f"partition.{DAY}"):
            for together in _worthwhile(of_day):
                self._replace(str(day), together)
                compacted += together.height
        return compacted

    def tidy_log(self, kept_for: timedelta) -> None:
        """Put the table's log together in a checkpoint once it has grown, and delete files out of use for so long."""
        table = self._open()
        last = self._log_folder / "_last_checkpoint"
        checkpoint = json.loads(last.read_bytes())["version"] if last.exists() else 0
        if table.version() < checkpoint + self._commits_a_checkpoint:
            return
        hours = int(kept_for / timedelta(hours=1))
        table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        self._sync_log()
        table.create_checkpoint()
        for path in sorted(self._log_folder.glob("*.checkpoint*.parquet")):
            sync_file(path)
        sync_file(last)
        sync_folder(self._log_folder)
        table.cleanup_metadata()

    def _replace(self, day: str, files: pl.DataFrame) -> None:
        paths = [str(self._folder / path) for path in files["path"]]
        calls = pl.scan_parquet(paths, schema=dict(ARCHIVE_SCHEMA)).collect()
        now = time.time_ns() // 1_000_000
        removed = [
            RemoveAction(path, data_change=False, deletion_timestamp=now, size=size, partition_values={DAY: day})
            for path, size in files.select("path", "size_bytes").iter_rows()
        ]
        self._commit([*removed, *self._write_files(day, calls, is_new=False)])

    def _commit(self, actions: Sequence[AddAction | RemoveAction], *transactions: Transaction) -> None:
        """Durable on return. The files that it adds are durable already."""
        sync_folder(self._folder)
        table = self._open()
        table.create_write_transaction(
            list(actions),
            "append",
            table.schema(),
            partition_by=[DAY],
            commit_properties=CommitProperties(app_transactions=list(transactions), max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
        )
        self._sync_log()

    def _open(self) -> deltalake.DeltaTable:
        if self._table is None:
            self._table = deltalake.DeltaTable(str(self._folder))
        else:
            self._table.update_incremental()
        return self._table

    def _write_files(self, day: str, calls: pl.DataFrame, *, is_new: bool = True) -> Iterator[AddAction]:
        """Files of one day, a block each, durable but not yet part of the table."""
        folder = self._folder / f"{DAY}={day}"
        make_folder(folder)
        for block in calls.sort("started_at", "id").iter_slices(BLOCK_ROWS):
            path = folder / f"calls-{secrets.token_hex(16)}.parquet"
            block.sort("method_system_name", "endpoint_external_id", "started_at", "id").write_parquet(
                path, compression="zstd", compression_level=1, statistics=True, row_group_size=_ROW_GROUP_ROWS
            )
            sync_file(path)
            status = path.stat()
            yield AddAction(
                path=f"{folder.name}/{path.name}",
                size=status.st_size,
                partition_values={DAY: day},
                modification_time=status.st_mtime_ns // 1_000_000,
                data_change=is_new,
                stats=_stats(block),
            )
        sync_folder(folder)

    def _sync_log(self) -> None:
        """Make the newest entry of the table's log, and what else was written there, survive power loss."""
        for entry in self._newest_entries():
            sync_file(entry)
        sync_folder(self._log_folder)
        sync_folder(self._folder)

    def _newest_entries(self) -> list[Path]:
        """Newest first; all that one step here may have written."""
        return sorted(self._log_folder.glob("*.json"), reverse=True)[:_ENTRIES_A_STEP]


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


def _worthwhile(files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Runs of small files that follow each other in time, each enough to be put together."""
    run = (pl.col("num_records").cum_sum() - pl.col("num_records")) // (2 * BLOCK_ROWS)
    for _, together in files.group_by(run, maintain_order=True):
        if together.height >= _FILES_TOGETHER:
            yield together


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
