"""The archive as those who look through it see it: pages of calls, and the figures of all that match."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import polars as pl

from calltrail.domain.calls import to_micros
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.stores.archive.data_files import scan_files
from calltrail.stores.archive.digests import Digest, Digests
from calltrail.stores.archive.reader import ArchiveView, condition
from calltrail.stores.asked_page import AskedPage
from calltrail.stores.tallies import TALLIED, Figures

_MANY = 4
"""Where so many times as many calls may match as are wanted, times are read before all else. Where too few match, so
many times as many are looked for."""

_NEAR_ROWS = 2_048
"""Calls of a file that lie no farther from each other are read at once."""

_TIMES = ("started_at", "finished_at")

_PLACES_SCHEMA: Mapping[str, pl.DataType] = {"file": pl.Int64(), "row": pl.Int64(), "nearness": pl.Int64()}

Micros = TypeVar("Micros", int, pl.Expr)

_Way = Callable[[ArchiveView, AskedPage, Sequence[str]], pl.DataFrame]
"""Finds the calls of a page in files."""


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
        found = pl.DataFrame(schema={column: LOG_SCHEMA[column] for column in columns})
        for find, files in self._ways(page.filter):
            if files.height:
                more = find(replace(self._view, files=files), page.beside(found), columns)
                found = page.of(pl.concat([found, more]))
        return found

    def _ways(self, filter: CallFilter) -> Iterator[tuple[_Way, pl.DataFrame]]:
        """How the calls of a page are found, and in which files; there is most room for the latest."""
        files, last = self._view.files, pl.col("last").to_physical()
        if _is_short(filter):
            if _asks_for_durations(filter):
                has_room = last > self._digests.full_through(with_figures=True)
                yield self._counted, files.filter(has_room)
                files = files.filter(~has_room)
            has_room = last > self._digests.full_through()
            yield self._looked_up, files.filter(has_room)
            files = files.filter(~has_room)
        yield _searched, files

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

    def _counted(self, view: ArchiveView, page: AskedPage, columns: Sequence[str]) -> pl.DataFrame:
        """The calls of the page, by figures, which tell just which calls match."""
        digests: list[Digest] = []
        places = pl.DataFrame(schema=_PLACES_SCHEMA)
        for path, nearness in _from_near_end(view, page):
            if places.height >= _wanted(places, page) and places["nearness"][-1] > nearness:
                break
            digest = self._digests.of(path, with_figures=True)
            matching = digest.figures_of(page.within).calls
            file = pl.lit(len(digests), pl.Int64).alias("file")
            of_file = matching.select(file, pl.col("row").cast(pl.Int64), _nearness_of(page).alias("nearness"))
            digests.append(digest)
            places, _ = _first(pl.concat([places, of_file]), page)
        rows = _rows([digest.calls for digest in digests], places)
        return page.of(_read(rows, columns).filter(page.is_beyond_place))

    def _looked_up(self, view: ArchiveView, page: AskedPage, columns: Sequence[str]) -> pl.DataFrame:
        """The calls of the page, by digests."""
        read, wanted = tuple(dict.fromkeys((*columns, *_TIMES))), page.count
        while True:
            candidates = self._candidates(view, page, wanted)
            if _asks_for_durations(page.filter) or candidates.count > _MANY * wanted:
                candidates = _nearest(candidates, page)
            if candidates.others is None or candidates.count >= page.count:
                calls = _read(candidates.rows, read)
                found = page.of(calls.filter(_has_its_times(page), page.is_beyond_place))
                is_full = found.height == page.count
                if candidates.others is None or (is_full and _nearness(page, found)[-1] > candidates.others):
                    return found.select(columns)
            wanted *= _MANY

    def _candidates(self, view: ArchiveView, page: AskedPage, wanted: int) -> _Candidates:
        """At least so many, unless there are fewer. All of them start in the window."""
        found: list[_Rows] = []
        count, others = 0, []
        for path, nearness in _from_near_end(view, page):
            if count >= wanted:
                others.append(nearness)
                break
            digest = self._digests.of(path)
            runs = digest.runs_of(page.within)
            numbers: list[int] = []
            while runs.height and count + len(numbers) < wanted:
                near, runs = _split(runs, page, wanted - count - len(numbers))
                inner = digest.runs_within(near, page.within)
                numbers += _numbers(inner)
                if inner.height < near.height:
                    outer = near.join(inner, "row", "anti")
                    numbers += _in_window(_Rows(digest.calls, _numbers(outer)), page)
            if numbers:
                found.append(_Rows(digest.calls, sorted(numbers)))
                count += len(numbers)
            if runs.height:
                farther = digest.blocks.filter(pl.col("block").is_in(runs["block"].implode()))
                others.append(farther.select(_nearness_of(page, _near_end(page)).max()).item())
        return _Candidates(found, max(others, default=None))


def _is_short(filter: CallFilter) -> bool:
    """Whether all that it asks for is in digests."""
    return filter.device is None and filter.text is None


def _asks_for_durations(filter: CallFilter) -> bool:
    """Whether many calls that may match by their digests do not."""
    return filter.least_duration is not None or filter.most_duration is not None


def _near_end(page: AskedPage) -> str:
    """The column that says where files or blocks begin, as the page goes."""
    return "last" if page.is_newest else "first"


def _from_near_end(view: ArchiveView, page: AskedPage) -> Iterator[tuple[str, int]]:
    """Files that may have calls of the page, and how near the nearest call of each is, the nearest file first."""
    end = _near_end(page)
    files = view.files_within(page.within).sort(end, descending=page.is_newest)
    return files.select("path", _nearness_of(page, end)).iter_rows()


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
    return _signed(pl.col(column).to_physical(), page)


def _signed(micros: Micros, page: AskedPage) -> Micros:
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


def _nearest(candidates: _Candidates, page: AskedPage) -> _Candidates:
    """Those of the candidates that have the times asked for and start nearest, a page of them or some more."""
    places = pl.DataFrame(
        {
            "file": [number for number, rows in enumerate(candidates.rows) for _ in rows.numbers],
            "row": [row for rows in candidates.rows for row in rows.numbers],
        }
    )
    known = _read(candidates.rows, _TIMES).with_columns(_nearness_of(page).alias("nearness"), *places)
    matching = known.filter(_has_its_times(page))
    first, farther = _first(matching, page)
    others = [other for other in (farther, candidates.others) if other is not None]
    return _Candidates(_rows([rows.calls for rows in candidates.rows], first), max(others, default=None))


def _first(places: pl.DataFrame, page: AskedPage) -> tuple[pl.DataFrame, int | None]:
    """Of calls that match those that come first, a page of them or some more; the nearness of the next one."""
    ordered = places.sort("nearness", descending=True)
    wanted = _wanted(ordered, page)
    if ordered.height <= wanted:
        return ordered, None
    nearness = ordered["nearness"]
    count = int((nearness >= nearness[wanted - 1]).sum())
    return ordered.head(count), nearness[count] if count < ordered.height else None


def _wanted(places: pl.DataFrame, page: AskedPage) -> int:
    """How many of them a page needs: where it begins, only the ids tell which calls are beyond its place."""
    if page.place is None:
        return page.count
    return page.count + int((places["nearness"] == _signed(to_micros(page.place.started_at), page)).sum())


def _rows(files: Sequence[pl.LazyFrame], places: pl.DataFrame) -> Sequence[_Rows]:
    """The places, file by file."""
    return [
        _Rows(files[file], sorted(of_file["row"])) for (file,), of_file in places.group_by("file", maintain_order=True)
    ]


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
