"""The archive as those who look through it see it: pages of calls, and the figures of all that match."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.stores.archive.data_files import scan_files
from calltrail.stores.archive.digests import Digests
from calltrail.stores.archive.reader import ArchiveView, condition
from calltrail.stores.pages import Page
from calltrail.stores.tallies import TALLIED, Figures

_MANY = 4
"""Where so many times as many calls may match as are wanted, times are read before all else."""

_NEAR_ROWS = 2_048
"""Calls of a file that lie no farther from each other are read at once."""

_TIMES = ("started_at", "finished_at")


Rows = Mapping[str, Sequence[int]]
"""Some calls: by the path of a file their places in it, ascending."""


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Calls that may belong to a page, those that would come first."""

    rows: Rows

    others: int | None
    """The nearness of the nearest of the others that may match, or more; None when there is no other."""

    @property
    def count(self) -> int:
        return sum(map(len, self.rows.values()))


class ArchivePages:
    """The calls of one version of the table."""

    def __init__(self, view: ArchiveView, digests: Digests) -> None:
        self._view = view
        self._digests = digests
        digests.forget_others(frozenset(view.files["path"]))

    def page(self, page: Page, columns: Sequence[str]) -> pl.DataFrame:
        """The calls of the page, with these columns of the log, which include those of its order."""
        if page.filter.device is not None or page.filter.text is not None:
            return self._searched(page, columns)
        read, wanted = tuple(dict.fromkeys((*columns, *_TIMES))), page.count
        while True:
            candidates = self._candidates(page, wanted)
            if candidates.count > _MANY * wanted:
                candidates = _nearest(candidates, page, wanted)
            calls = _read(candidates.rows, read)
            found = page.of(calls.filter(_has_its_times(page), page.is_beyond_place))
            is_full = found.height == page.count
            if candidates.others is None or (is_full and _nearness(page, found)[-1] > candidates.others):
                return found.select(columns)
            wanted *= 2

    def figures(self, filter: CallFilter) -> Iterator[Figures]:
        """Those of all matching calls, a file at a time."""
        for path in self._view.paths_within(filter):
            if filter.device is None and filter.text is None:
                yield self._digests.of(path, with_figures=True).figures_of(filter)
            else:
                took = (pl.col("finished_at") - pl.col("started_at")).to_physical().alias("took")
                matching = scan_files([path]).filter(condition(filter)).with_columns(took)
                yield Figures.of(matching.select(pl.col(name).to_physical() for name in TALLIED).collect())

    def _searched(self, page: Page, columns: Sequence[str]) -> pl.DataFrame:
        """As `page`, by reading what may have the device or the text, ever more at once."""
        found = pl.DataFrame(schema={column: LOG_SCHEMA[column] for column in columns})
        for stretch in self._view.stretches_from_end(page.within, newest_first=page.is_newest):
            if not stretch.is_empty:
                found = page.of(pl.concat([found, stretch.page(page, columns)]))
            if found.height == page.count:
                break
        return found

    def _candidates(self, page: Page, wanted: int) -> _Candidates:
        """At least so many, unless there are fewer. All of them start in the window."""
        rows: dict[str, Sequence[int]] = {}
        count, others = 0, []
        near_end = "last" if page.is_newest else "first"
        files = self._view.files_within(page.within).sort(near_end, descending=page.is_newest)
        for path, nearness in files.select("path", _nearness_of(page, near_end)).iter_rows():
            if count >= wanted:
                others.append(nearness)
                break
            digest = self._digests.of(path)
            runs = digest.runs_of(page.within)
            while runs.height and count < wanted:
                near, runs = _split(runs, page, wanted - count)
                numbers = _numbers(near)
                if not digest.is_within(page.within):
                    numbers = _in_window(path, numbers, page)
                rows[path] = [*numbers, *rows.get(path, ())] if page.is_newest else [*rows.get(path, ()), *numbers]
                count += len(numbers)
            farther = digest.blocks.filter(pl.col("block").is_in(runs["block"].implode()))
            others += farther.select(_nearness_of(page, near_end).max()).to_series().drop_nulls().to_list()
        return _Candidates(rows, max(others, default=None))


def _nearness_of(page: Page, column: str = "started_at") -> pl.Expr:
    """The greater, the earlier in the page a call comes that starts then."""
    micros = pl.col(column).to_physical()
    return micros if page.is_newest else -micros


def _nearness(page: Page, calls: pl.DataFrame) -> pl.Series:
    return calls.select(_nearness_of(page)).to_series()


def _has_its_times(page: Page) -> pl.Expr:
    """Of calls that may match: whether they do, by their start and their duration."""
    asked = page.within
    return condition(
        CallFilter(asked.since, asked.till, least_duration=asked.least_duration, most_duration=asked.most_duration)
    )


def _split(runs: pl.DataFrame, page: Page, wanted: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those of the blocks that come first and together have as many calls as are wanted; the others."""
    block, rows = runs["block"], runs["rows"].cast(pl.Int64)
    if rows.sum() <= wanted:
        return runs, runs.clear()
    reached = block.filter(rows.cum_sum(reverse=page.is_newest) - rows < wanted)
    is_near = block >= reached[0] if page.is_newest else block <= reached[-1]
    return runs.filter(is_near), runs.filter(~is_near)


def _in_window(path: str, numbers: Sequence[int], page: Page) -> Sequence[int]:
    """Those of the rows of a file that start in the window."""
    window = condition(CallFilter(page.within.since, page.within.till))
    return pl.Series(numbers).filter(_read({path: numbers}, ("started_at",)).select(window).to_series()).to_list()


def _numbers(runs: pl.DataFrame) -> Sequence[int]:
    return [
        number
        for row, rows in zip(runs["row"].to_list(), runs["rows"].to_list(), strict=True)
        for number in range(row, row + rows)
    ]


def _nearest(candidates: _Candidates, page: Page, wanted: int) -> _Candidates:
    """Those of the candidates that start nearest, so many or some more."""
    paths = [*candidates.rows]
    file = [number for number, path in enumerate(paths) for _ in candidates.rows[path]]
    row = [number for numbers in candidates.rows.values() for number in numbers]
    known = _read(candidates.rows, _TIMES).with_columns(
        _nearness_of(page).alias("nearness"), pl.Series("file", file), pl.Series("row", row)
    )
    matching = known.filter(_has_its_times(page)).sort("nearness", descending=True)
    if matching.is_empty():
        return _Candidates({}, candidates.others)
    edge = matching["nearness"].head(wanted)[-1]
    near, farther = matching.filter(pl.col("nearness") >= edge), matching.filter(pl.col("nearness") < edge)
    rows = {paths[file]: sorted(near["row"].filter(near["file"] == file)) for file in near["file"].unique()}
    others = [*farther["nearness"].head(1), *([] if candidates.others is None else [candidates.others])]
    return _Candidates(rows, max(others, default=None))


def _read(rows: Rows, columns: Sequence[str]) -> pl.DataFrame:
    """These columns of the calls, in the order of the rows."""
    pieces = [(path, piece) for path, numbers in rows.items() for piece in _pieces(numbers)]
    scans = [scan_files([path]).slice(piece[0], piece[-1] - piece[0] + 1).select(columns) for path, piece in pieces]
    frames = pl.collect_all(scans)
    calls = [
        frame if frame.height == len(piece) else frame[[row - piece[0] for row in piece]]
        for frame, (_, piece) in zip(frames, pieces, strict=True)
    ]
    return pl.concat([pl.DataFrame(schema={column: LOG_SCHEMA[column] for column in columns}), *calls])


def _pieces(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    """The rows, cut where they lie far from each other."""
    cuts = [number for number in range(1, len(rows)) if rows[number] - rows[number - 1] > _NEAR_ROWS]
    for start, end in pairwise([0, *cuts, len(rows)] if rows else ()):
        yield rows[start:end]
