"""The table as readers see it: what it held at one moment, cut into stretches of time."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import deltalake
import polars as pl

from calltrail.domain.call_ids import window_of_call_id
from calltrail.domain.calls import CallStatus
from calltrail.domain.exports import Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA, MOMENT
from calltrail.stores.archive.books import Books
from calltrail.stores.archive.data_files import FILE_ROWS, KnownFiles, block_starts, scan_files
from calltrail.stores.archive.schema import require_known_schema
from calltrail.stores.asked_page import AskedPage
from calltrail.stores.journal.rows import OUTCOME_COLUMNS, REQUEST_COLUMNS, SEARCHED_COLUMNS, Row

Seen = TypeVar("Seen")

Scan = Callable[[Sequence[str]], pl.LazyFrame]
"""Makes one frame of files."""

_MICROSECOND = timedelta(microseconds=1)

_FILES_SCHEMA = {"rows": pl.Int64(), "path": pl.String(), "first": MOMENT, "last": MOMENT, "last_finish": pl.Int64()}


def though_files_go(look: Callable[[], Seen]) -> Seen:
    """What a look at the newest version of the table gives, taken again when its files were deleted under it.

    Only erasure deletes files that readers may be at. By then the table has a newer version, without them.
    """
    try:
        return look()
    except FileNotFoundError:
        return look()


class ArchiveReader:
    """Reads the newest version of the table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "_delta_log"
        self._log_changed_ns = 0
        self._table: deltalake.DeltaTable | None = None
        self._view = ArchiveView(0, pl.DataFrame(schema=_FILES_SCHEMA))
        self._lock = threading.Lock()

    def view(self) -> "ArchiveView":
        """The table as it is now. Empty while there is no table."""
        with self._lock:
            if self._table is None and not deltalake.DeltaTable.is_deltatable(str(self._folder)):
                return self._view
            changed_ns = self._log.stat().st_mtime_ns
            if self._table is None:
                self._table = deltalake.DeltaTable(str(self._folder))
                require_known_schema(self._table)
            elif changed_ns != self._log_changed_ns or self._next_version(self._table).exists():
                self._table.update_incremental()
            else:
                return self._view
            self._view = view_of(self._table, self._folder)
            self._log_changed_ns = changed_ns
            return self._view

    def _next_version(self, table: deltalake.DeltaTable) -> Path:
        """Its entry in the log. It may be gone again, put together with later ones; then the log's folder has changed.

        To read the log takes milliseconds, to look for a file none; the folder's clock is too coarse to tell alone.
        """
        return self._log / f"{table.version() + 1:020}.json"

    def find(self, call_id: str) -> Row | None:
        """`REQUEST_COLUMNS`, then `OUTCOME_COLUMNS`, of a call, as the journal would give them; None when not here."""
        window = window_of_call_id(call_id)
        if not window:
            return None
        since, till = window
        return though_files_go(lambda: self._found(call_id, since, till))

    def _found(self, call_id: str, since: datetime, till: datetime) -> Row | None:
        columns = REQUEST_COLUMNS + OUTCOME_COLUMNS
        shown = [pl.col(name).to_physical() if LOG_SCHEMA[name] == MOMENT else pl.col(name) for name in columns]
        paths = self.view().paths_within(CallFilter(since=since, till=till))
        if not paths:
            return None
        is_it = pl.col("started_at").is_between(since, till, closed="left") & (pl.col("id") == call_id)
        found = scan_files(paths).filter(is_it).select(shown).collect()
        return found.row(0) if found.height else None


def view_of(table: deltalake.DeltaTable, folder: Path) -> "ArchiveView":
    """What a version of the table holds."""
    through, files = Books.of(table).through, pl.DataFrame(table.get_add_actions(flatten=True))
    if files.is_empty():
        return ArchiveView(through, pl.DataFrame(schema=_FILES_SCHEMA))
    return ArchiveView(
        through,
        files.select(
            rows=pl.col("num_records").cast(pl.Int64),
            path=pl.lit(f"{folder}/") + pl.col("path"),
            first=pl.col("min.started_at").cast(MOMENT),
            last=pl.col("max.started_at").cast(MOMENT),
            last_finish=pl.col("max.finished_in").cast(pl.Int64),
        ).sort("first"),
    )


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """One version of the table."""

    through: int
    """The last commit of the journal whose final calls are all in it."""

    files: pl.DataFrame
    """Rows, path, first and last start time, and last commit of the journal that closed a call, of each file."""

    def paths_within(self, filter: CallFilter) -> list[str]:
        """Of the files that may have calls of the window."""
        return self.files_within(filter)["path"].to_list()

    def rows_within(self, filter: CallFilter) -> int:
        """About how many calls start in the window, whatever else the filter asks."""
        files = self.files_within(filter)
        first, last = pl.col("first"), pl.col("last") + _MICROSECOND
        from_ = pl.max_horizontal(first, pl.lit(filter.since, MOMENT)) if filter.since else first
        till = pl.min_horizontal(last, pl.lit(filter.till, MOMENT)) if filter.till else last
        share = (till - from_).to_physical() / (last - first).to_physical()
        return int(files.select((pl.col("rows") * share).sum()).item())

    def stretches(self, filter: CallFilter, rows: int) -> "Iterator[Stretch]":
        """The window of the filter, cut in order of time; each stretch has about so many calls, of one file or several.

        Stretches without calls of the archive are there too, so that the whole window is covered.
        """
        files = self.files_within(filter)
        pieces = files.select("first", "rows") if rows >= FILE_ROWS else _blocks(files["path"])
        number = (pl.col("rows").cum_sum() - pl.col("rows")) // rows
        starts = pieces.sort("first").group_by(number, maintain_order=True).agg(pl.col("first").min())["first"]
        scan = scan_files if rows >= FILE_ROWS else KnownFiles().scan
        for window in _windows(files, filter, starts):
            yield _stretch(files, window, scan)

    def stretches_from_end(self, filter: CallFilter, *, newest_first: bool) -> "Iterator[Stretch]":
        """The window of the filter, cut from its end or its beginning on: first a block, then ever more, then files."""
        files = self.files_within(filter).sort("last" if newest_first else "first", descending=newest_first)
        nearest, *others = files.select("first", "path").iter_rows() if files.height else [(None, None)]
        blocks = block_starts(nearest[1]) if nearest[1] else ()
        starts = sorted({*(first for first, _ in others), *(start for start, _ in blocks)}, reverse=newest_first)
        doubled = [starts[2**n - 1] for n in range(not newest_first, len(starts).bit_length())]
        windows = _windows(files, filter, doubled)
        for window in reversed(windows) if newest_first else windows:
            yield _stretch(files, window)

    def files_within(self, filter: CallFilter) -> pl.DataFrame:
        """Those that may have calls of the window."""
        return self.files.filter(*overlaps(filter))


def overlaps(filter: CallFilter) -> Iterator[pl.Expr]:
    """What is true of files that may have calls of the window."""
    yield pl.lit(value=True)
    if filter.since:
        yield pl.col("last") >= filter.since
    if filter.till:
        yield pl.col("first") < filter.till


def _blocks(paths: Iterable[str]) -> pl.DataFrame:
    starts = [start for path in paths for start in block_starts(path)]
    return pl.DataFrame(starts, {"first": MOMENT, "rows": pl.Int64()}, orient="row")


def _windows(files: pl.DataFrame, filter: CallFilter, starts: Iterable[datetime]) -> list[CallFilter]:
    """The filter, with its window cut at these times and at the end of the last file."""
    ends = {*starts, *([max(files["last"]) + _MICROSECOND] if files.height else [])}
    cuts = [
        cut
        for cut in sorted(ends)
        if (not filter.since or filter.since < cut) and (not filter.till or cut < filter.till)
    ]
    return [
        replace(filter, since=since, till=till)
        for since, till in zip([filter.since, *cuts], [*cuts, filter.till], strict=True)
    ]


def _stretch(files: pl.DataFrame, filter: CallFilter, scan: Scan = scan_files) -> "Stretch":
    holding = files.filter(*overlaps(filter))
    return Stretch(filter, tuple(holding["path"]), max(holding["last_finish"], default=0), scan)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a filter's window that these files have calls of."""

    filter: CallFilter
    paths: tuple[str, ...]
    last_finish: int
    """The last commit of the journal that closed a call of theirs."""

    scan: Scan

    @property
    def is_empty(self) -> bool:
        """Whether the archive has no calls of it."""
        return not self.paths

    def moments(self, snapshot: Snapshot) -> pl.DataFrame:
        """The start time, number and size of each matching call, in no order."""
        start, size = pl.col("started_at").to_physical(), pl.col("plain_text_bytes")
        return self._matching(snapshot).select(start, rows=pl.lit(1, pl.Int64), size_bytes=size).collect()

    def calls(self, snapshot: Snapshot, columns: Sequence[str]) -> pl.DataFrame:
        """The matching calls, in no order."""
        return self._matching(snapshot).select(columns).collect()

    def page(self, page: AskedPage, columns: Sequence[str]) -> pl.DataFrame:
        """The calls of the page, perhaps some more, in no order."""
        start = pl.col("started_at")
        matching = self.log().filter(condition(self.filter), page.is_beyond_place)
        nearest = start.top_k(page.count).min() if page.is_newest else start.bottom_k(page.count).max()
        # Where they begin is found first, so that other columns are read of few calls.
        edge = matching.select(nearest).collect().item()
        is_near = pl.lit(value=False) if edge is None else start >= edge if page.is_newest else start <= edge
        return matching.filter(is_near).select(columns).collect()

    def log(self) -> pl.LazyFrame:
        """The calls of its files, whichever they are."""
        return self.scan(self.paths)

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
    if filter.device is not None:
        terms.append(pl.col("device") == filter.device)
    if filter.text is not None:
        occurs = [pl.col(column).str.contains(filter.text, literal=True) for column in SEARCHED_COLUMNS]
        terms.append(pl.any_horizontal(occurs).fill_null(value=False))
    return pl.all_horizontal(*terms, *_of_answers(filter))


def _of_answers(filter: CallFilter) -> Iterator[pl.Expr]:
    """Terms that no call meets while it is processing."""
    took = pl.col("finished_at") - pl.col("started_at")
    if filter.http_status_class is not None:
        yield pl.col("http_status_code") // 100 == filter.http_status_class
    if filter.least_duration is not None:
        yield took >= filter.least_duration
    if filter.most_duration is not None:
        yield took <= filter.most_duration
