"""The archive as those who look through it see it: pages of calls, and the figures of all that match."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import polars as pl

from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.stores.archive.data_files import scan_files
from calltrail.stores.archive.digests import Digests
from calltrail.stores.archive.reader import ArchiveView, condition
from calltrail.stores.asked_page import AskedPage
from calltrail.stores.tallies import TALLIED, Figures

_MANY = 4
"""Where so many times as many calls may match as are wanted, times are read before all else."""

_NEAR_ROWS = 2_048
"""Calls of a file that lie no farther from each other are read at once."""

_TIMES = ("started_at", "finished_at")


@dataclass(frozen=True, slots=True)
class _Rows:
    """Some calls of a file."""

    calls: pl.LazyFrame
    """Of the whole file."""

    numbers: Sequence[int]
    """Their places in it, ascending."""


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Calls that may belong to a page, those that would come first."""

    rows: Sequence[_Rows]

    others: int | None
    """The nearness of the nearest of the others that may match, or more; None when there is no other."""

    @property
    def count(self) -> int:
        return sum(len(rows.numbers) for rows in self.rows)


class ArchivePages:
    """The calls of one version of the table."""

    def __init__(self, view: ArchiveView, digests: Digests) -> None:
        self._view = view
        self._digests = digests
        digests.forget_others(frozenset(view.files["path"]))

    def page(self, page: AskedPage, columns: Sequence[str]) -> pl.DataFrame:
        """The calls of the page, with these columns of the log, which include those of its order."""
        if not _is_short(page.filter):
            return _searched(self._view, page, columns)
        has_room = pl.col("last").to_physical() > self._digests.full_through()
        known, others = (replace(self._view, files=self._view.files.filter(some)) for some in (has_room, ~has_room))
        found = self._looked_up(known, page, columns)
        if others.files.is_empty():
            return found
        return page.of(pl.concat([found, _searched(others, page.beside(found), columns)]))

    def figures(self, filter: CallFilter) -> Iterator[Figures]:
        """Those of all matching calls, a file at a time."""
        files = self._view.files_within(filter).sort("last", descending=True)
        for path, last in files.select("path", pl.col("last").to_physical()).iter_rows():
            if _is_short(filter) and last > self._digests.full_through(with_figures=True):
                yield self._digests.of(path, with_figures=True).figures_of(filter)
            else:
                took = (pl.col("finished_at") - pl.col("started_at")).to_physical().alias("took")
                matching = scan_files([path]).filter(condition(filter)).with_columns(took)
                yield Figures.of(matching.select(pl.col(name).to_physical() for name in TALLIED).collect())

    def _looked_up(self, view: ArchiveView, page: AskedPage, columns: Sequence[str]) -> pl.DataFrame:
        """The calls of the page, by digests."""
        read, wanted = tuple(dict.fromkeys((*columns, *_TIMES))), page.count
        while True:
            candidates = self._candidates(view, page, wanted)
            if candidates.count > _MANY * wanted:
                candidates = _nearest(candidates, page, wanted)
            calls = _read(candidates.rows, read)
            found = page.of(calls.filter(_has_its_times(page), page.is_beyond_place))
            is_full = found.height == page.count
            if candidates.others is None or (is_full and _nearness(page, found)[-1] > candidates.others):
                return found.select(columns)
            wanted *= 2

    def _candidates(self, view: ArchiveView, page: AskedPage, wanted: int) -> _Candidates:
        """At least so many, unless there are fewer. All of them start in the window."""
        found: list[_Rows] = []
        count, others = 0, []
        near_end = "last" if page.is_newest else "first"
        files = view.files_within(page.within).sort(near_end, descending=page.is_newest)
        for path, nearness in files.select("path", _nearness_of(page, near_end)).iter_rows():
            if count >= wanted:
                others.append(nearness)
                break
            digest = self._digests.of(path)
            runs = digest.runs_of(page.within)
            numbers: list[int] = []
            while runs.height and count + len(numbers) < wanted:
                near, runs = _split(runs, page, wanted - count - len(numbers))
                rows = _Rows(digest.calls, _numbers(near))
                numbers += rows.numbers if digest.is_within(page.within) else _in_window(rows, page)
            if numbers:
                found.append(_Rows(digest.calls, sorted(numbers)))
                count += len(numbers)
            if runs.height:
                farther = digest.blocks.filter(pl.col("block").is_in(runs["block"].implode()))
                others.append(farther.select(_nearness_of(page, near_end).max()).item())
        return _Candidates(found, max(others, default=None))


def _is_short(filter: CallFilter) -> bool:
    """Whether all that it asks for is in digests."""
    return filter.device is None and filter.text is None


def _searched(view: ArchiveView, page: AskedPage, columns: Sequence[str]) -> pl.DataFrame:
    """The calls of the page, by reading what may be in it, ever more at once."""
    found = pl.DataFrame(schema={column: LOG_SCHEMA[column] for column in columns})
    for stretch in view.stretches_from_end(page.within, newest_first=page.is_newest):
        if not stretch.is_empty:
            found = page.of(pl.concat([found, stretch.page(page, columns)]))
        if found.height == page.count:
            break
    return found


def _nearness_of(page: AskedPage, column: str = "started_at") -> pl.Expr:
    """The greater, the earlier in the page a call comes that starts then."""
    micros = pl.col(column).to_physical()
    return micros if page.is_newest else -micros


def _nearness(page: AskedPage, calls: pl.DataFrame) -> pl.Series:
    return calls.select(_nearness_of(page)).to_series()


def _has_its_times(page: AskedPage) -> pl.Expr:
    """Of calls that may match: whether they do, by their start and their duration."""
    asked = page.within
    return condition(
        CallFilter(asked.since, asked.till, least_duration=asked.least_duration, most_duration=asked.most_duration)
    )


def _split(runs: pl.DataFrame, page: AskedPage, wanted: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those of the blocks that come first and together have as many calls as are wanted; the others."""
    block, rows = runs["block"], runs["rows"].cast(pl.Int64)
    if rows.sum() <= wanted:
        return runs, runs.clear()
    reached = block.filter(rows.cum_sum(reverse=page.is_newest) - rows < wanted)
    is_near = block >= reached[0] if page.is_newest else block <= reached[-1]
    return runs.filter(is_near), runs.filter(~is_near)


def _numbers(runs: pl.DataFrame) -> Sequence[int]:
    return [
        number
        for row, rows in zip(runs["row"].to_list(), runs["rows"].to_list(), strict=True)
        for number in range(row, row + rows)
    ]


def _in_window(rows: _Rows, page: AskedPage) -> Sequence[int]:
    """Those of the rows that start in the window."""
    is_in_window = condition(CallFilter(page.within.since, page.within.till))
    return pl.Series(rows.numbers).filter(_read([rows], ("started_at",)).select(is_in_window).to_series()).to_list()


def _nearest(candidates: _Candidates, page: AskedPage, wanted: int) -> _Candidates:
    """Those of the candidates that start nearest, so many or some more."""
    places = pl.DataFrame(
        {
            "file": [number for number, rows in enumerate(candidates.rows) for _ in rows.numbers],
            "row": [row for rows in candidates.rows for row in rows.numbers],
        }
    )
    known = _read(candidates.rows, _TIMES).with_columns(_nearness_of(page).alias("nearness"), *places)
    matching = known.filter(_has_its_times(page)).sort("nearness", descending=True)
    if matching.is_empty():
        return _Candidates((), candidates.others)
    is_near = matching["nearness"] >= matching["nearness"].head(wanted)[-1]
    rows = [
        _Rows(candidates.rows[file].calls, sorted(of_file["row"]))
        for (file,), of_file in matching.filter(is_near).group_by("file", maintain_order=True)
    ]
    others = [*matching["nearness"].filter(~is_near).head(1), candidates.others]
    return _Candidates(rows, max((other for other in others if other is not None), default=None))


def _read(some: Sequence[_Rows], columns: Sequence[str]) -> pl.DataFrame:
    """These columns of the calls, in the order of the rows."""
    pieces = [(rows.calls, piece) for rows in some for piece in _pieces(rows.numbers)]
    frames = pl.collect_all(
        [calls.slice(piece[0], piece[-1] - piece[0] + 1).select(columns) for calls, piece in pieces]
    )
    found = [
        frame if frame.height == len(piece) else frame[[row - piece[0] for row in piece]]
        for frame, (_, piece) in zip(frames, pieces, strict=True)
    ]
    return pl.concat([pl.DataFrame(schema={column: LOG_SCHEMA[column] for column in columns}), *found])


def _pieces(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    """The rows, cut where they lie far from each other."""
    cuts = [number for number in range(1, len(rows)) if rows[number] - rows[number - 1] > _NEAR_ROWS]
    for start, end in pairwise([0, *cuts, len(rows)] if rows else ()):
        yield rows[start:end]
