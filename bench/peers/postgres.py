"""PostgreSQL: a table with an index by time, COPY through gzip. The store is the folder of the server's socket."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from bench.peers.postgres_server import OWNER, program
from bench.peers.program import run
from bench.questions import Question, condition, select
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA

_UTC = "+00"
_TYPES = {pl.String: "text", pl.Int64: "bigint", pl.Boolean: "boolean", pl.Datetime: "timestamptz"}


class Postgres:
    """A `Peer`."""

    def __init__(self, socket_folder: Path, rows: Path) -> None:
        self._psql = [program("psql"), f"--host={socket_folder}", f"--username={OWNER}", "--dbname=postgres"]
        self._psql += ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        self._rows = rows

    def load(self) -> None:
        columns = ", ".join(f"{name} {_TYPES[dtype.base_type()]}" for name, dtype in LOG_SCHEMA.items())
        self._query(f"CREATE TABLE calls ({columns})")
        for path in sorted(self._rows.glob("*.parquet")):
            self._query("COPY calls FROM STDIN (FORMAT csv)", pl.read_parquet(path).write_csv(include_header=False))
        self._query("CREATE INDEX ON calls (started_at, id)")
        self._query("VACUUM ANALYZE calls")

    def write(self, question: Question, file: Path) -> None:
        assert question.kind == "CSV.gz"
        copy = f"COPY ({select('calls', question.filter, _UTC)}) TO STDOUT (FORMAT csv, HEADER)"
        with (
            file.open("wb") as out,
            subprocess.Popen([*self._psql, f"--command={copy}"], stdout=subprocess.PIPE) as copying,
            subprocess.Popen([gzip_program(), "-1"], stdin=copying.stdout, stdout=out) as compressing,
        ):
            if compressing.wait() or copying.wait():
                raise RuntimeError("COPY failed")

    def count(self, filter: CallFilter) -> int:
        return int(self._query(f"SELECT count(*) FROM calls WHERE {condition(filter, _UTC)}"))

    def _query(self, statement: str, rows: str = "") -> str:
        command = [*self._psql, f"--command={statement}"]
        return subprocess.run(command, input=rows, text=True, stdout=subprocess.PIPE, check=True).stdout


def gzip_program() -> str:
    """The faster one of those that are installed."""
    return "pigz" if shutil.which("pigz") else "gzip"


@contextmanager
def opened(store: Path, rows: Path) -> Iterator[Postgres]:
    yield Postgres(store, rows)


if __name__ == "__main__":
    run(opened)
