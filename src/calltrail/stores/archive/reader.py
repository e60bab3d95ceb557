"""The table as readers see it: what it held at one moment, cut into stretches of time."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import deltalake
import polars as pl

from calltrail.domain.call_ids import window_of_call_id
from calltrail.domain.calls import CallStatus
from calltrail.domain.exports import Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA, MOMENT
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA, DAY
from calltrail.stores.archive.table import BLOCK_ROWS, archived_through
from calltrail.stores.journal.rows import OUTCOME_COLUMNS, REQUEST_COLUMNS, Row

_MICROSECOND = timedelta(microseconds=1)


class ArchiveReader:
    """Reads the newest version of the table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._table: deltalake.DeltaTable | None = None
        self._lock = threading.Lock()

    def view(self) -> "ArchiveView":
        """The table as it is now. Empty while there is no table."""
        with self._lock:
            if self._table is None:
                if not deltalake.DeltaTable.is_deltatable(str(self._folder)):
                    return ArchiveView(0, pl.DataFrame(schema=_FILES_SCHEMA))
                self._table = deltalake.DeltaTable(str(self._folder))
            else:
                self._table.update_incremental()
            files = pl.DataFrame(self._table.get_add_actions(flatten=True))
            through = archived_through(self._table)
        if files.is_empty():
            return ArchiveView(through, pl.DataFrame(schema=_FILES_SCHEMA))
        return ArchiveView(
            through,
            files.select(
                rows=pl.col("num_records").cast(pl.Int64),
                path=pl.lit(f"{self._folder}/") + pl.col("path"),
                first=pl.col("min.started_at").cast(MOMENT),
                last=pl.col("max.started_at").cast(MOMENT),
                last_finish=pl.col("max.finished_in").cast(pl.Int64),
            ),
        )

    def find(self, call_id: str) -> Row | None:
        """`REQUEST_COLUMNS`, then `OUTCOME_COLUMNS`, of a call, as the journal would give them; None when not here."""
        window = window_of_call_id(call_id)
        if not window:
            return None
        since, till = window
        columns = REQUEST_COLUMNS + OUTCOME_COLUMNS
        shown = [pl.col(name).to_physical() if LOG_SCHEMA[name] == MOMENT else pl.col(name) for name in columns]
        for stretch in self.view().stretches(CallFilter(since=since, till=till)):
            if not stretch.is_empty:
                found = stretch.log().filter(condition(stretch.filter), pl.col("id") == call_id).select(shown).collect()
                if found.height:
                    return found.row(0)
        return None


_FILES_SCHEMA = {"rows": pl.Int64(), "path": pl.String(), "first": MOMENT, "last": MOMENT, "last_finish": pl.Int64()}


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """One version of the table."""

    through: int
    """The last commit of the journal whose final calls are all in it."""

    files: pl.DataFrame
    """Rows, path, first and last start time, and last commit of the journal that closed a call, of each file."""

    def stretches(self, filter: CallFilter) -> "Iterator[Stretch]":
        """The window of the filter, cut in order of time so that little is read of each file but in one stretch."""
        within = [pl.lit(value=True)]
        if filter.since:
            within.append(pl.col("last") >= filter.since)
        if filter.till:
            within.append(pl.col("first") < filter.till)
        files = self.files.filter(*within).sort("first").with_columns(pl.col("first").dt.date().alias(DAY))
        since = filter.since
        for of_day in files.partition_by(DAY, maintain_order=True):
            # Small files that follow each other are read together.
            number = (pl.col("rows").cum_sum() - pl.col("rows")) // BLOCK_ROWS
            firsts = of_day.group_by(number).agg(pl.col("first").min())["first"].unique().sort()
            ends = [*firsts, max(of_day["last"]) + _MICROSECOND]
            for end in ends:
                till = min(end, filter.till) if filter.till else end
                if since is None or since < till:
                    yield _stretch(of_day, replace(filter, since=since, till=till))
                    since = till
        if since is None or filter.till is None or since < filter.till:
            yield Stretch(replace(filter, since=since), (), 0)


def _stretch(files: pl.DataFrame, filter: CallFilter) -> "Stretch":
    holding = files.filter(pl.col("first") < filter.till, pl.col("last") >= (filter.since or pl.col("first")))
    return Stretch(filter, tuple(holding["path"]), max(holding["last_finish"], default=0))


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a filter's window that these files have calls of."""

    filter: CallFilter
    paths: tuple[str, ...]
    last_finish: int
    """The last commit of the journal that closed a call of theirs."""

    @property
    def is_empty(self) -> bool:
        """Whether the archive has no calls of it."""
        return not self.paths

    def moments(self, snapshot: Snapshot) -> pl.DataFrame:
        """Every start time of matching calls, in order, with the number and size of the calls."""
        return (
            self._matching(snapshot)
            .group_by(pl.col("started_at").to_physical().alias("started_at"))
            .agg(rows=pl.len().cast(pl.Int64), size_bytes=pl.col("plain_text_bytes").sum())
            .sort("started_at")
            .collect()
        )

    def calls(self, snapshot: Snapshot, columns: Sequence[str]) -> pl.DataFrame:
        """The matching calls, in no order."""
        return self._matching(snapshot).select(columns).collect()

    def log(self) -> pl.LazyFrame:
        """The calls of its files, whichever they are."""
        return pl.scan_parquet(list(self.paths), schema=dict(ARCHIVE_SCHEMA))

    def _matching(self, snapshot: Snapshot) -> pl.LazyFrame:
        log = self.log()
        if self.last_finish > snapshot.position:
            log = log.filter(pl.col("begun_in") <= snapshot.position).with_columns(_as_of(snapshot))
        return log.filter(condition(self.filter))


def _as_of(snapshot: Snapshot) -> list[pl.Expr]:
    """Columns of the second half as the snapshot shows them of calls that were open then."""
    shown_open: dict[str, Any] = {"status": CallStatus.PROCESSING.value, "has_errors": False}
    return [
        pl.when(pl.col("finished_in") <= snapshot.position)
        .then(pl.col(column))
        .otherwise(pl.lit(shown_open.get(column), dtype=LOG_SCHEMA[column]))
        .alias(column)
        for column in OUTCOME_COLUMNS
    ]


def condition(filter: CallFilter) -> pl.Expr:
    """The filter over a frame of the log; it means what `CallFilter.matches` means."""
    terms = [pl.lit(value=True)]
    if filter.since:
        terms.append(pl.col("started_at") >= filter.since)
    if filter.till:
        terms.append(pl.col("started_at") < filter.till)
    if filter.status:
        terms.append(pl.col("status") == filter.status.value)
    if filter.has_errors is not None:
        terms.append(pl.col("has_errors") == filter.has_errors)
    if filter.endpoint_external_id is not None:
        terms.append(pl.col("endpoint_external_id") == filter.endpoint_external_id)
    if filter.method_system_names:
        terms.append(pl.col("method_system_name").is_in(filter.method_system_names))
    return pl.all_horizontal(terms)
