"""Data folders with an archive full of made-up calls, and the same calls as plain Parquet files."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import deltalake
import polars as pl

from bench.journals import with_commits
from calltrail.bootstrap.folder import create_data_folder
from calltrail.settings import Settings
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA
from calltrail.stores.archive.table import ArchiveTable

_DAY = pl.col("started_at").dt.date()


def make_archive(data: Path, batches: Iterable[pl.DataFrame], plain: Path | None = None) -> int:
    """A new data folder whose archive holds the calls, all finished; says the position of the last commit.

    The batches become entries of the archive one by one, then small files are put together, and so is the table's log.
    `plain` gets a Parquet file a day with all columns of the log in order of time, compressed by zstd at its level 1.
    """
    settings = Settings(data=data)
    create_data_folder(settings)
    table = ArchiveTable(settings.archive_folder)
    table.create()
    for day in _by_day(_archived(table, batches)):
        if plain:
            name = f"{day['started_at'][0]:%Y-%m-%d}.parquet"
            day.write_parquet(plain / name, compression="zstd", compression_level=1)
    table.compact()
    table.tidy_log(timedelta(days=1))
    position = table.archived_through()
    with closing(sqlite3.connect(settings.journal_path, isolation_level=None)) as connection:
        connection.execute("UPDATE journal_position SET position = ?", (position,))
    return position


def archive_bytes(data: Path) -> int:
    """Of the files that the archive's newest version consists of."""
    return int(_files(data)["size_bytes"].sum())


def archive_paths(data: Path) -> list[Path]:
    """Of the same files."""
    folder = Settings(data=data).archive_folder
    return [folder / path for path in sorted(_files(data)["path"])]


def _files(data: Path) -> pl.DataFrame:
    table = deltalake.DeltaTable(str(Settings(data=data).archive_folder))
    return pl.DataFrame(table.get_add_actions(flatten=True))


def _archived(table: ArchiveTable, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The batches, each once it is in the archive."""
    position = 0
    for batch in batches:
        calls = with_commits(batch, position).select(*ARCHIVE_SCHEMA)
        position = int(calls["finished_in"][-1])
        table.append(calls, position)
        yield batch


def _by_day(batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The calls of one day after the other; they come in order of time."""
    open_day = pl.DataFrame()
    for batch in batches:
        calls = pl.concat([open_day, batch]) if open_day.height else batch
        *whole_days, open_day = (day for _, day in calls.group_by(_DAY, maintain_order=True))
        yield from whole_days
    yield open_day
