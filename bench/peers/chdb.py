"""Embedded ClickHouse: a MergeTree in one of two orders, by the name of the store."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from chdb.session import Session

from bench.peers.program import run
from bench.questions import Question, condition, select
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA

BY_START, BY_METHOD = "by-start", "by-method"
_ORDERS = {BY_START: "started_at, id", BY_METHOD: "method_system_name, endpoint_external_id, started_at"}

_TYPES = {pl.String: "String", pl.Int64: "Int64", pl.Boolean: "Bool", pl.Datetime: "DateTime64(6, 'UTC')"}
_FEW_VALUES = frozenset({"method_system_name", "endpoint_external_id"})
_ALWAYS_SET = frozenset({"id", "started_at", "has_errors", "status", "http_method", "url"})

_FILES = {
    "CSV": "COMPRESSION 'none' FORMAT CSVWithNames",
    "CSV.gz": "COMPRESSION 'gzip' LEVEL 1 FORMAT CSVWithNames",
    "NDJSON.zst": "COMPRESSION 'zstd' LEVEL 1 FORMAT JSONEachRow",
    "Parquet": "COMPRESSION 'none' FORMAT Parquet SETTINGS output_format_parquet_compression_method = 'zstd', "
    "output_format_compression_level = 1",
}


class Chdb:
    """A `Peer`."""

    def __init__(self, session: Any, order: str, rows: Path) -> None:
        self._session = session
        self._order = order
        self._rows = rows

    def load(self) -> None:
        columns = ", ".join(f"{name} {_column_type(name)}" for name in LOG_SCHEMA)
        self._session.query(f"CREATE TABLE calls ({columns}) ENGINE = MergeTree ORDER BY ({self._order})")
        self._session.query(f"INSERT INTO calls SELECT * FROM file('{self._rows}/*.parquet', Parquet)")

    def write(self, question: Question, file: Path) -> None:
        rows = select("calls", question.filter, utc_suffix="")
        self._session.query(f"{rows} INTO OUTFILE '{file}' {_FILES[question.kind]}")

    def count(self, filter: CallFilter) -> int:
        return int(str(self._session.query(f"SELECT count() FROM calls WHERE {condition(filter, '')}", "TSV")))


def _column_type(name: str) -> str:
    type_ = _TYPES[LOG_SCHEMA[name].base_type()]
    if name in _FEW_VALUES:
        return f"LowCardinality({type_})"
    return type_ if name in _ALWAYS_SET else f"Nullable({type_})"


@contextmanager
def opened(store: Path, rows: Path) -> Iterator[Chdb]:
    with closing(Session(str(store))) as session:
        yield Chdb(session, _ORDERS[store.name], rows)


if __name__ == "__main__":
    run(opened)
