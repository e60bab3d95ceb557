"""DuckDB: its own file, or the plain Parquet files where it is faster on these."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from bench.peers.program import run
from bench.questions import Question, condition, select
from calltrail.domain.filters import CallFilter

_UTC = "+00"
_FASTER_ON_PLAIN_ROWS = frozenset({"NDJSON.zst", "Parquet"})
_FILES = {
    "CSV": "FORMAT csv, HEADER",
    "CSV.gz": "FORMAT csv, HEADER, COMPRESSION gzip",
    "NDJSON.zst": "FORMAT json, COMPRESSION zstd",
    "Parquet": "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1",
}
"""Levels other than Parquet's can't be chosen."""


class Duckdb:
    """A `Peer`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, rows: Path) -> None:
        self._connection = connection
        self._plain_rows = f"read_parquet('{rows}/*.parquet')"

    def load(self) -> None:
        self._connection.execute(f"CREATE TABLE calls AS SELECT * FROM {self._plain_rows} ORDER BY started_at, id")
        self._connection.execute("CHECKPOINT")

    def write(self, question: Question, file: Path) -> None:
        source = self._plain_rows if question.kind in _FASTER_ON_PLAIN_ROWS else "calls"
        rows = select(source, question.filter, _UTC)
        self._connection.execute(f"COPY ({rows}) TO '{file}' ({_FILES[question.kind]})")

    def count(self, filter: CallFilter) -> int:
        counted = self._connection.execute(f"SELECT count(*) FROM calls WHERE {condition(filter, _UTC)}").fetchone()
        assert counted
        return int(counted[0])


@contextmanager
def opened(store: Path, rows: Path) -> Iterator[Duckdb]:
    with closing(duckdb.connect(str(store))) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield Duckdb(connection, rows)


if __name__ == "__main__":
    run(opened)
