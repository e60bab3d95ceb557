"""The Delta table, as its only writer at a time sees it: how whole batches get into it, each once."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import deltalake
import polars as pl
from deltalake.transaction import AddAction, CommitProperties, PostCommitHookProperties, RemoveAction

from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import MOMENT
from calltrail.stores.archive.books import Books
from calltrail.stores.archive.data_files import BLOCK_ROWS, FILE_ROWS, scan_files, write_files
from calltrail.stores.archive.reader import condition, view_of
from calltrail.stores.archive.schema import DAY, TABLE_PROPERTIES, delta_schema, require_known_schema
from calltrail.stores.durable import make_folder, sync_file, sync_folder

_FILES_TOGETHER = 8
"""So many small files of a day that still grows are put together; of a day that is over, two."""

_ENTRIES_A_STEP = 2
"""The library's vacuum writes an entry at its start and one at its end."""

_FILES_SCHEMA = {
    DAY: pl.Date(),
    "path": pl.String(),
    "size_bytes": pl.Int64(),
    "rows": pl.Int64(),
    "first": MOMENT,
    "last": MOMENT,
}


class ArchiveTable:
    """The table as its only writer at a time sees it."""

    def __init__(self, folder: Path, commits_a_checkpoint: int = 100) -> None:
        self.folder = folder
        self._commits_a_checkpoint = commits_a_checkpoint
        self._log_folder = folder / "_delta_log"
        self._table: deltalake.DeltaTable | None = None

    def create(self) -> None:
        """Make the table where there is none yet. Durable on return."""
        if deltalake.DeltaTable.is_deltatable(str(self.folder)):
            return
        make_folder(self.folder)
        deltalake.DeltaTable.create(
            str(self.folder),
            delta_schema(),
            mode="ignore",
            partition_by=[DAY],
            name="calltrail",
            description="Calls of API methods, one row a call.",
            configuration=TABLE_PROPERTIES,
            raise_if_key_not_exists=False,
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

    def books(self) -> Books:
        """What the table says of itself."""
        return Books.of(self._open())

    def archived_through(self) -> int:
        """The last commit of the journal whose final calls are all here; 0 before any."""
        return self.books().through

    def append(self, calls: pl.DataFrame, through: int) -> None:
        """Add calls, and say that every final call up to that commit of the journal is here. Durable on return.

        `calls` has the columns of `ARCHIVE_SCHEMA`. Killed anywhere, all of them are here, or none.
        """
        books = self.books()
        assert books.through < through
        added = [
            action
            for (day,), of_day in calls.group_by(pl.col("started_at").dt.date())
            for action in write_files(self.folder, str(day), [of_day.sort("started_at", "id")])
        ]
        self._commit(added, replace(books, through=through, archived=books.archived + calls.height))

    def compact(self, tell: Callable[[int, int], None] = lambda _done, _of: None) -> int:
        """Put small files of a day together, and say how many there were. The table holds the same calls throughout.

        `tell` is called with how many of how many files are together, again and again.
        """
        runs = self.small_runs()
        of, compacted = sum(files.height for files in runs), 0
        for files in runs:
            tell(compacted, of)
            self.rewrite(files, lambda calls: calls)
            compacted += files.height
        tell(compacted, of)
        return compacted

    def small_runs(self) -> list[pl.DataFrame]:
        """Small files that are worthwhile to put together, as they would go into one."""
        small = self.files().filter(pl.col("rows") < FILE_ROWS // 2).sort("first")
        return [
            files
            for (day,), of_day in small.group_by(DAY, maintain_order=True)
            for files in _runs(of_day, _FILES_TOGETHER if day >= _newest_day_that_is_over() else 2)
        ]

    def is_there(self) -> bool:
        """Whether it was ever made."""
        return deltalake.DeltaTable.is_deltatable(str(self.folder))

    def version(self) -> int:
        """The number of its last commit."""
        return self._open().version()

    def files(self) -> pl.DataFrame:
        """Day, path within the table, bytes, rows, first and last start time of each file; none without a table."""
        if not self.is_there():
            return pl.DataFrame(schema=_FILES_SCHEMA)
        files = pl.DataFrame(self._open().get_add_actions(flatten=True))
        if files.is_empty():
            return pl.DataFrame(schema=_FILES_SCHEMA)
        return files.select(
            pl.col(f"partition.{DAY}").cast(pl.Date).alias(DAY),
            "path",
            size_bytes=pl.col("size_bytes").cast(pl.Int64),
            rows=pl.col("num_records").cast(pl.Int64),
            first=pl.col("min.started_at").cast(MOMENT),
            last=pl.col("max.started_at").cast(MOMENT),
        )

    def log(self, files: pl.DataFrame) -> pl.LazyFrame:
        """The calls of some of its files."""
        return scan_files(f"{self.folder}/" + files["path"])

    def rewrite(
        self, files: pl.DataFrame, change: Callable[[pl.DataFrame], pl.DataFrame], *, is_change: bool = False
    ) -> int:
        """Put what `change` makes of the calls of files of one day in their place; say how many calls that are less.

        `change` gets a block or so of calls at a time, in order of time. Durable on return; killed anywhere, all is
        changed or nothing is. The files that were replaced lie there until `delete_unused` or `purge`. `is_change`
        tells those who follow the table whether its calls are others now.
        """
        (day,) = files[DAY].unique()
        kept = 0

        def changed() -> Iterator[pl.DataFrame]:
            nonlocal kept
            for calls in self._in_order(files):
                kept += (some := change(calls)).height
                yield some

        added = list(write_files(self.folder, str(day), changed(), is_new=is_change))
        books, less = self.books(), int(files["rows"].sum()) - kept
        assert is_change or not less
        self._commit([*_removals(files, is_change=is_change), *added], replace(books, removed=books.removed + less))
        return less

    def remove(self, files: pl.DataFrame) -> int:
        """Take files away with all their calls, as one; say how many calls those were. Durable on return."""
        books, less = self.books(), int(files["rows"].sum())
        self._commit([*_removals(files, is_change=True)], replace(books, removed=books.removed + less))
        return less

    def _in_order(self, files: pl.DataFrame) -> Iterator[pl.DataFrame]:
        everything = CallFilter()
        view = view_of(self._open(), self.folder)
        view = replace(
            view, files=view.files.filter(pl.col("path").is_in((f"{self.folder}/" + files["path"]).implode()))
        )
        for stretch in view.stretches(everything, BLOCK_ROWS):
            if not stretch.is_empty:
                yield stretch.log().filter(condition(stretch.filter)).collect().sort("started_at", "id")

    def tidy_log(self, kept_for: timedelta) -> None:
        """Put the table's log together in a checkpoint once it has grown, and delete files out of use for so long."""
        table = self._open()
        last = self._log_folder / "_last_checkpoint"
        checkpoint = json.loads(last.read_bytes())["version"] if last.exists() else 0
        if table.version() < checkpoint + self._commits_a_checkpoint:
            return
        self.delete_unused(kept_for)
        table = self._open()
        table.create_checkpoint()
        for path in sorted(self._log_folder.glob("*.checkpoint*.parquet")):
            sync_file(path)
        sync_file(last)
        sync_folder(self._log_folder)
        table.cleanup_metadata()

    def delete_unused(self, kept_for: timedelta) -> int:
        """Delete files that are out of use for so long, whole hours; say how many. Readers that began before need them.

        Not durable on return: after a loss of power some may be there again, and are found by the next run.
        """
        hours = int(kept_for / timedelta(hours=1))
        deleted = self._open().vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        self._sync_log()
        return len(deleted)

    def purge(self) -> int:
        """Delete every file that is out of use, at once; say how many. Durable on return.

        Also those that a killed writer left, or that a loss of power brought back.
        """
        unused = self.unused_files()
        for path in unused:
            path.unlink()
        for folder in self.folder.glob(f"{DAY}=*"):  # the names that went earlier too, see `delete_unused`
            sync_folder(folder)
        return len(unused)

    def unused_files(self) -> list[Path]:
        """Files of calls in its folders that are not part of it, any more or yet."""
        in_use = {self.folder / path for path in self.files()["path"]}
        return [path for path in sorted(self.folder.glob(f"{DAY}=*/calls-*.parquet")) if path not in in_use]

    def _commit(self, actions: Sequence[AddAction | RemoveAction], books: Books) -> None:
        """Durable on return. The files that it adds are durable already."""
        sync_folder(self.folder)
        table = self._open()
        table.create_write_transaction(
            list(actions),
            "append",
            table.schema(),
            partition_by=[DAY],
            commit_properties=CommitProperties(app_transactions=list(books.entries()), max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False),
        )
        self._sync_log()

    def _open(self) -> deltalake.DeltaTable:
        if self._table is None:
            self._table = deltalake.DeltaTable(str(self.folder))
            require_known_schema(self._table)
        else:
            self._table.update_incremental()
        return self._table

    def _sync_log(self) -> None:
        """Make the newest entry of the table's log, and what else was written there, survive power loss."""
        for entry in self._newest_entries():
            sync_file(entry)
        sync_folder(self._log_folder)
        sync_folder(self.folder)

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


def _newest_day_that_is_over() -> date:
    return (datetime.now(UTC) - timedelta(hours=25)).date()


def _runs(files: pl.DataFrame, fewest: int) -> Iterator[pl.DataFrame]:
    """Files that follow each other in time, together as large as a file may be; no fewer than so many."""
    number = (pl.col("rows").cum_sum() - 1) // FILE_ROWS
    for _, together in files.group_by(number, maintain_order=True):
        if together.height >= fewest:
            yield together


def _removals(files: pl.DataFrame, *, is_change: bool) -> Iterator[RemoveAction]:
    now = time.time_ns() // 1_000_000
    for day, path, size_bytes in files.select(pl.col(DAY).cast(pl.String), "path", "size_bytes").iter_rows():
        yield RemoveAction(
            path, data_change=is_change, deletion_timestamp=now, size=size_bytes, partition_values={DAY: day}
        )
