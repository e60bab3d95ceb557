"""What is asked of calls most, file by file and in memory: which of them a filter may mean, and their figures."""

import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from operator import and_
from typing import TypeVar

import polars as pl

from calltrail.domain.calls import CallStatus, to_micros
from calltrail.domain.filters import CallFilter
from calltrail.stores.archive.data_files import block_starts, footer_bytes, scan_one
from calltrail.stores.tallies import NUMBER_OF_METHOD, Figures, numbered, step_of, steps_within

_MICROSECOND = timedelta(microseconds=1)

_STATUSES: Mapping[CallStatus, int] = {CallStatus.COMPLETED: 1, CallStatus.FAILED: 2, CallStatus.PROCESSING: 3}

Column = TypeVar("Column", pl.Expr, pl.Series)

_NEVER = -(2**63)

_NAME_BYTES = 150
"""What a name takes beside its letters."""

_MOST_HTTP_STATUS = 8000
"""An outcome has 16 bits; what is above belongs to nobody's class."""


@dataclass(frozen=True, slots=True, eq=False)
class Digest:
    """What is known of the calls of a file."""

    calls: pl.LazyFrame
    """They themselves, see `scan_one`."""

    footer_bytes: int

    first: int
    """The first start time in it, in microseconds."""

    last: int
    """The last one."""

    methods: Mapping[str, int]
    """Numbers of the API methods that occur in it, by their names."""

    endpoints: Mapping[str, int]
    """Likewise, of integration endpoints by their external ids."""

    blocks: pl.DataFrame
    """`block`, its number, and the `first` and `last` start time in it."""

    runs: pl.DataFrame
    """Calls that lie beside each other in a block and have their `method`, `endpoint` and `outcome` in common: `row`,
    the place of the first in the file; how many `rows`; the `block`; the least and the greatest step of a duration."""

    figures: Figures | None = None
    """With `row`, `endpoint`, `outcome` and `took` of each call; None where there is no room for them."""

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        names = sum(_NAME_BYTES + len(name) for names in (self.methods, self.endpoints) for name in names)
        frames = [self.blocks, self.runs, *([self.figures.calls] if self.figures else ())]
        return names + self.footer_bytes * 5 // 4 + sum(int(frame.estimated_size()) for frame in frames)

    def is_within(self, filter: CallFilter) -> bool:
        """Whether all its calls start in the window."""
        since, till = _bounds(filter)
        return since <= self.first and self.last < till

    def runs_of(self, filter: CallFilter) -> pl.DataFrame:
        """Runs that may have calls which match, whatever device or text is asked for."""
        if not self._knows(filter):
            return self.runs.clear()
        terms = list(self._terms_of_runs(filter))
        if not terms:
            return self.runs
        is_match = reduce(and_, terms)
        # Told at once, as most files have no call of a rare filter.
        return self.runs.filter(is_match) if is_match.any() else self.runs.clear()

    def runs_within(self, runs: pl.DataFrame, filter: CallFilter) -> pl.DataFrame:
        """Those of these runs whose block is in the window, with all its calls."""
        if self.is_within(filter):
            return runs
        since, till = _bounds(filter)
        blocks = self.blocks.filter(pl.col("first") >= since, pl.col("last") < till)["block"]
        return runs.filter(pl.col("block").is_in(blocks.implode()))

    def figures_of(self, filter: CallFilter) -> Figures:
        """Those of the calls that match, whatever device or text is asked for."""
        assert self.figures
        if not self._knows(filter):
            return self.figures.of_some([pl.lit(value=False)])
        terms = list(self._terms(filter, NUMBER_OF_METHOD, pl.col("endpoint"), pl.col("outcome")))
        since, till = _bounds(filter)
        if not self.is_within(filter):
            terms.append(pl.col("started_at").is_between(since, till, closed="left"))
        if filter.least_duration is not None:
            terms.append(pl.col("took") >= filter.least_duration // _MICROSECOND)
        if filter.most_duration is not None:
            terms.append(pl.col("took") <= filter.most_duration // _MICROSECOND)
        return self.figures.of_some(terms) if terms else self.figures

    def _terms_of_runs(self, filter: CallFilter) -> Iterator[pl.Series]:
        since, till = _bounds(filter)
        if not self.is_within(filter):
            blocks = self.blocks.filter(pl.col("last") >= since, pl.col("first") < till)["block"]
            yield self.runs["block"].is_in(blocks.implode())
        yield from self._terms(filter, self.runs["method"], self.runs["endpoint"], self.runs["outcome"])
        if filter.least_duration is not None or filter.most_duration is not None:
            least, most = steps_within(filter.least_duration, filter.most_duration)
            yield self.runs["most_step"] >= least
            yield self.runs["least_step"] <= most

    def _terms(self, filter: CallFilter, method: Column, endpoint: Column, outcome: Column) -> Iterator[Column]:
        """The criteria that hold of all calls of a run or of none."""
        if filter.method_system_names:
            numbers = [self.methods[name] for name in filter.method_system_names if name in self.methods]
            yield method == numbers[0] if len(numbers) == 1 else method.is_in(numbers)
        if filter.endpoint_external_id is not None:
            yield endpoint == self.endpoints[filter.endpoint_external_id]
        if filter.status:
            yield outcome // 2 % 4 == _STATUSES[filter.status]
        if filter.has_errors is not None:
            yield outcome % 2 == int(filter.has_errors)
        if filter.http_status_class is not None:
            yield outcome // 800 == filter.http_status_class

    def _knows(self, filter: CallFilter) -> bool:
        """Whether the names that are asked for occur."""
        methods, endpoint = filter.method_system_names, filter.endpoint_external_id
        is_method_known = not methods or any(name in self.methods for name in methods)
        return is_method_known and (endpoint is None or endpoint in self.endpoints)


def _bounds(filter: CallFilter) -> tuple[int, int]:
    since = to_micros(filter.since) if filter.since else _NEVER
    return since, to_micros(filter.till) if filter.till else 2**63 - 1


class Digests:
    """Digests of the files of a table, made when they are asked for and kept while there is room.

    Files never change. Where room is short, figures of the oldest files go first, then what else is known of them.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[str, Digest] = {}
        self._kept_bytes = 0
        self._full_through = {True: _NEVER, False: _NEVER}
        """Of files whose last call starts by then figures (True), or anything (False), found no room."""
        self._lock = threading.Lock()

    @property
    def kept_bytes(self) -> int:
        """About how much memory they take."""
        return self._kept_bytes

    def full_through(self, *, with_figures: bool = False) -> int:
        """There is no room for files whose last call starts by then, or for their figures."""
        return self._full_through[with_figures]

    def of(self, path: str, *, with_figures: bool = False) -> Digest:
        """The digest of a file; its figures are there when they are asked for."""
        with self._lock:
            known = self._kept.get(path)
        if known is None or (with_figures and not known.figures):
            known = _digest(path, known, with_figures=with_figures)
            self._keep(path, known)
        return known

    def forget_others(self, paths: Collection[str]) -> None:
        """Forget all files but these."""
        with self._lock:
            for path in self._kept.keys() - paths:
                self._put(path, None)
            if self._kept_bytes < self._most_bytes * 3 // 4:
                self._full_through = {True: _NEVER, False: _NEVER}

    def _keep(self, path: str, digest: Digest) -> None:
        with self._lock:
            self._put(path, digest)
            while self._kept_bytes > self._most_bytes:
                with_figures = {path: kept for path, kept in self._kept.items() if kept.figures}
                oldest, known = min((with_figures or self._kept).items(), key=lambda item: item[1].last)
                self._put(oldest, replace(known, figures=None) if with_figures else None)
                self._full_through[bool(with_figures)] = max(self._full_through[bool(with_figures)], known.last)

    def _put(self, path: str, digest: Digest | None) -> None:
        before = self._kept.pop(path, None)
        self._kept_bytes -= before.size_bytes if before else 0
        if digest:
            self._kept[path] = digest
            self._kept_bytes += digest.size_bytes


def _digest(path: str, known: Digest | None, *, with_figures: bool) -> Digest:
    """That of a file, read from it as far as it is not known."""
    lazy = known.calls if known else scan_one(path)
    calls = _read(lazy)
    digest = known or _without_figures(path, lazy, calls)
    if not with_figures:
        return digest
    columns = (
        "row",
        "method_system_name",
        "has_errors",
        "started_at",
        "took",
        "plain_text_bytes",
        "endpoint",
        "outcome",
    )
    return replace(digest, figures=Figures.of(calls.with_row_index("row").select(columns)))


def _read(file: pl.LazyFrame) -> pl.DataFrame:
    """The calls in the order in which they lie, with small numbers in the place of much."""
    start, end = (pl.col(name).to_physical() for name in ("started_at", "finished_at"))
    http_status = pl.col("http_status_code").fill_null(0).clip(0, _MOST_HTTP_STATUS)
    status = pl.col("status").replace_strict({s.value: number for s, number in _STATUSES.items()}, default=0)
    has_errors = pl.col("has_errors").fill_null(value=False)
    calls = file.select(
        "method_system_name",
        "endpoint_external_id",
        has_errors,
        (http_status * 8 + status * 2 + has_errors).cast(pl.UInt16).alias("outcome"),
        start,
        (end - start).alias("took"),
        "plain_text_bytes",
    ).collect()
    return calls.with_columns(
        numbered(calls["endpoint_external_id"])[1].alias("endpoint"),
        calls["took"].shrink_dtype(),
        calls["plain_text_bytes"].shrink_dtype(),
    )


def _without_figures(path: str, file: pl.LazyFrame, calls: pl.DataFrame) -> Digest:
    methods, method = numbered(calls["method_system_name"])
    sizes = pl.Series([rows for _, rows in block_starts(path)])
    blocks = sizes.cum_sum().search_sorted(pl.int_range(calls.height, eager=True), side="right")
    frame = calls.select("endpoint", "outcome", "started_at", step=step_of(pl.col("took")).cast(pl.Int16)).with_columns(
        method.alias("method"), blocks.cast(pl.UInt16).alias("block")
    )
    alike = pl.struct("block", "method", "endpoint", "outcome").rle_id().alias("run")
    runs = (
        frame.with_columns(alike)
        .with_row_index("row")
        .group_by(pl.col("run").set_sorted())
        .agg(
            pl.col("row").first(),
            pl.len().alias("rows"),
            pl.col("block", "method", "endpoint", "outcome").first(),
            pl.col("step").min().alias("least_step"),
            pl.col("step").max().alias("most_step"),
        )
        .sort("row")
        .drop("run")
    )
    start = pl.col("started_at")
    by_block = frame.group_by("block").agg(start.min().alias("first"), start.max().alias("last")).sort("block")
    first, last = by_block.select(pl.col("first").min(), pl.col("last").max()).row(0)
    return Digest(
        calls=file,
        footer_bytes=footer_bytes(path),
        first=first,
        last=last,
        methods={name: number for number, name in enumerate(methods)},
        endpoints={name: number for number, name in enumerate(numbered(calls["endpoint_external_id"])[0])},
        blocks=by_block,
        runs=runs.with_columns(runs["rows"].shrink_dtype(), runs["block"].shrink_dtype()),
    )
