"""Proof that a file of the table is whole, and is what the table's log says of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from calltrail.formats.frames import MOMENT
from calltrail.stores.archive.data_files import block_starts
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA

KEYS = {"id": pl.String(), "started_at": MOMENT, "finished_in": pl.Int64()}
"""Columns that are looked into; the others need only be readable."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What the table's log says of a file."""

    path: Path
    day: date
    size_bytes: int
    rows: int
    bounds: dict[str, tuple[Any, Any]]
    """Least and greatest value of `KEYS`."""


class FileProof:
    """A file read to its last byte. `problems` has what is wrong with it, a sentence each."""

    def __init__(self, entry: FileEntry, through: int, tell: Callable[[float], None]) -> None:
        """`through` is the last commit of the journal that the table has. `tell` gets the share that is read.

        FileNotFoundError when it is not there.
        """
        self._entry = entry
        self.problems: list[str] = []
        self.keys = pl.DataFrame(schema=KEYS)
        """`KEYS` of its calls, in their order; as far as it could be read."""
        size_bytes = entry.path.stat().st_size
        if size_bytes != entry.size_bytes:
            self._note(f"has {size_bytes} bytes, and should have {entry.size_bytes}")
        if self._read(tell):
            self._compare(through)

    def _note(self, problem: str) -> None:
        self.problems.append(f"{self._entry.path.parent.name}/{self._entry.path.name} {problem}")

    def _read(self, tell: Callable[[float], None]) -> bool:
        """Decode every page; whether that went well."""
        groups = [self.keys]
        try:
            with pq.ParquetFile(self._entry.path, page_checksum_verification=True) as file:
                for number in range(file.num_row_groups):
                    calls = file.read_row_group(number)
                    calls.validate(full=True)
                    self._check_statistics(file.metadata.row_group(number), calls)
                    groups.append(
                        pl.DataFrame(calls.select(list(KEYS))).select(pl.col(k).cast(t) for k, t in KEYS.items())
                    )
                    tell((number + 1) / file.num_row_groups)
                if missing := set(ARCHIVE_SCHEMA) - set(file.schema_arrow.names):
                    self._note(f"lacks the columns {', '.join(sorted(missing))}")
            self.keys = pl.concat(groups)
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            self._note(f"can't be read: {error}")
            return False
        return True

    def _check_statistics(self, group: pq.RowGroupMetaData, calls: pa.Table) -> None:
        """What readers go by when they leave a group of rows out."""
        for number in range(group.num_columns):
            column = group.column(number)
            statistics = column.statistics
            if statistics is None or not statistics.has_min_max:
                continue
            bounds = pc.min_max(calls[column.path_in_schema]).as_py()
            if (bounds["min"], bounds["max"]) != (statistics.min, statistics.max):
                self._note(f"has wrong statistics of {column.path_in_schema}")

    def _compare(self, through: int) -> None:
        """What is read with what the log says."""
        keys, entry = self.keys, self._entry
        if keys.height != entry.rows:
            self._note(f"has {keys.height} calls, and should have {entry.rows}")
        for name, bounds in entry.bounds.items():
            if (keys[name].min(), keys[name].max()) != bounds:
                self._note(f"has values of {name} beyond or within what the log says")
        for problem, is_wrong in _WRONG.items():
            wrong = keys.filter(is_wrong(entry.day, through))
            if wrong.height:
                self._note(f"has {wrong.height} calls {problem}, such as {wrong['id'][0]}")
        if not self._blocks_are_right():
            self._note("has blocks that begin at other times than it says")

    def _blocks_are_right(self) -> bool:
        start = 0
        for first, rows in block_starts(str(self._entry.path)):
            if self.keys["started_at"][start : start + rows].min() != first:
                return False
            start += rows
        return start == self.keys.height


_MILLISECOND_OF_ID = pl.col("id").str.replace("-", "", literal=True).str.head(12).str.to_integer(base=16, strict=False)

_WRONG: dict[str, Callable[[date, int], pl.Expr]] = {
    "of another day": lambda day, _: pl.col("started_at").dt.date() != day,
    "whose id tells another time than their start": lambda _, __: (
        ~_MILLISECOND_OF_ID.eq_missing(pl.col("started_at").dt.timestamp("ms"))
    ),
    "that the table does not say to have": lambda _, through: pl.col("finished_in") > through,
}
