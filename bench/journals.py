"""Data folders with a journal full of made-up calls."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import polars as pl

from calltrail.bootstrap.folder import create_data_folder
from calltrail.settings import Settings
from calltrail.stores.journal.rows import OUTCOME_COLUMNS, REQUEST_COLUMNS

CALLS_PER_COMMIT = 16
"""As many as share a commit where some dozens of connections are busy."""

_WRITTEN = ("begun_in", "finished_in", "plain_text_bytes", *REQUEST_COLUMNS, *OUTCOME_COLUMNS)
_INSERT = f"INSERT INTO calls ({', '.join(_WRITTEN)}) VALUES ({', '.join('?' * len(_WRITTEN))})"
_LONG = ("url", "request_headers", "request_body", "response_headers", "response_body", "error_messages")
_ROW_OVERHEAD_BYTES = 300


def make_data_folder(data: Path, batches: Iterable[pl.DataFrame]) -> int:
    """A new data folder whose journal holds the calls, all finished; says the position of the last commit."""
    settings = Settings(data=data)
    create_data_folder(settings)
    with closing(sqlite3.connect(settings.journal_path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        position = 0
        for batch in batches:
            position = _insert(connection, batch, position)
        connection.execute("UPDATE journal_position SET position = ?", (position,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return position


def with_commits(batch: pl.DataFrame, position: int) -> pl.DataFrame:
    """The calls with the commits that wrote them, from the one after `position`, and their size as plain text."""
    commit = pl.int_range(pl.len()).cast(pl.Int64) // CALLS_PER_COMMIT + position + 1
    size = pl.sum_horizontal(pl.col(_LONG).str.len_chars()).cast(pl.Int64) + _ROW_OVERHEAD_BYTES
    return batch.with_columns(begun_in=commit, finished_in=commit, plain_text_bytes=size)


def _insert(connection: sqlite3.Connection, batch: pl.DataFrame, position: int) -> int:
    moments = pl.col("started_at", "finished_at").to_physical()
    rows = with_commits(batch, position).with_columns(moments).select(_WRITTEN)
    connection.execute("BEGIN")
    connection.executemany(_INSERT, rows.iter_rows())
    connection.execute("COMMIT")
    return int(rows["begun_in"][-1])
