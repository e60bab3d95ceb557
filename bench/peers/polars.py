"""polars on the plain Parquet files, which are in order of time, so that nothing is sorted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from bench.peers.program import run
from bench.questions import Question
from calltrail.domain.filters import CallFilter
from calltrail.formats.columns import CONTRACT_COLUMNS
from calltrail.formats.frames import shown
from calltrail.stores.archive.reader import condition


class Polars:
    """A `Peer`."""

    def __init__(self, rows: Path) -> None:
        self._rows = rows

    def load(self) -> None:
        """The plain files are its store."""

    def write(self, question: Question, file: Path) -> None:
        calls = self._matching(question.filter).select(shown(column) for column in CONTRACT_COLUMNS)
        match question.kind:
            case "CSV":
                calls.sink_csv(file)
            case "CSV.gz":
                calls.sink_csv(file, compression="gzip", compression_level=1)
            case "NDJSON.zst":
                calls.sink_ndjson(file, compression="zstd", compression_level=1)
            case "Parquet":
                calls.sink_parquet(file, compression="zstd", compression_level=1)

    def count(self, filter: CallFilter) -> int:
        return int(self._matching(filter).select(pl.len()).collect().item())

    def _matching(self, filter: CallFilter) -> pl.LazyFrame:
        return pl.scan_parquet(self._rows / "*.parquet").filter(condition(filter))


@contextmanager
def opened(_store: Path, rows: Path) -> Iterator[Polars]:
    yield Polars(rows)


if __name__ == "__main__":
    run(opened)
