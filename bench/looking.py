"""The archive looked through: pages of calls, calls by id, and a day of a table that grew tenfold."""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from bench.archives import make_archive
from bench.calls import make_calls, moved
from bench.contestants import Ours
from bench.processes import printed_by
from bench.questions import DAY, DAYS, Question
from bench.results import Result, Screen, at_most, median_of
from bench.sizes import Sizes

_TIMES_AS_MANY = 10
_PAGE = 50
_MOST_SHOWN_MS = 150
_MOST_PAGE_MS = 60
_MOST_CALL_MS = 30
_MOST_GROWTH = 1.1


def measure_looking(folder: Path, sizes: Sizes, screen: Screen) -> Iterator[Result]:
    """Everything about looking; what it makes is in `folder`."""
    tables = []
    for times in (1, _TIMES_AS_MANY):
        for _ in screen.turns("made-up calls", [f"{times * sizes.looked_through:,} archived"]):
            data = folder / str(times)
            tables.append(Ours(data, make_archive(data, _repeated(sizes.looked_through, times))))
    few, many = tables
    for _ in screen.turns("looking", [f"newest {_PAGE}, overviews, one by id"]):
        of_few = printed_by("bench.look", few.data, "100")
        of_many = printed_by("bench.look", many.data, "30")
    yield from _pages(of_few, f"{sizes.looked_through:,} calls", _MOST_SHOWN_MS)
    yield from _pages(of_many, f"{_TIMES_AS_MANY * sizes.looked_through:,} calls")
    yield from _looks(of_many, f"{_TIMES_AS_MANY * sizes.looked_through:,} calls")
    yield from _growth(few, many, sizes, screen)


def _repeated(count: int, times: int) -> Iterator[pl.DataFrame]:
    """As many calls in as many days, again and again, each time after the days before."""
    for number in range(times):
        for batch in make_calls(count, days=DAYS, seed=number + 1):
            yield moved(batch, number * timedelta(days=DAYS), seed=number)


def _pages(printed: Mapping[str, Any], calls: str, goal: float | None = None) -> Iterator[Result]:
    for window in ("an hour", "a day", "all"):
        figures = printed[window]
        title = f"newest {_PAGE} and overview, {window} of {calls}"
        yield Result(f"{title}, p50", "ms", figures["p50"])
        met = None if goal is None else at_most(goal, figures["p95"], "ms")
        yield Result(f"{title}, p95", "ms", figures["p95"], goal=met)


def _looks(printed: Mapping[str, Any], calls: str) -> Iterator[Result]:
    kinds = (
        (f"newest {_PAGE} of {calls}, any filter", "newest", _MOST_PAGE_MS),
        (f"newest {_PAGE} of {calls}, of a device", "device", None),
        (f"one of {calls} by id", "by id", _MOST_CALL_MS),
    )
    for title, kind, goal in kinds:
        figures = printed[kind]
        yield Result(f"{title}, p50", "ms", figures["p50"])
        met = None if goal is None else at_most(goal, figures["p99"], "ms")
        yield Result(f"{title}, p99", "ms", figures["p99"], goal=met)
    yield Result(f"first look into all files of {calls}", "ms", printed["first look"])


def _growth(few: Ours, many: Ours, sizes: Sizes, screen: Screen) -> Iterator[Result]:
    question = Question(DAY, "CSV.gz")
    seconds: dict[str, list[float]] = {"few": [], "many": []}
    for name in screen.turns("a day of few and of many days", seconds, sizes.rounds):
        os.sync()
        seconds[name].append(float((few if name == "few" else many).answer(question)["seconds"]))
    before, after = (median_of(seconds[name], float) for name in ("few", "many"))
    goal = at_most(_MOST_GROWTH, after / before, "x")
    title = f"export of a day, CSV.gz, {_TIMES_AS_MANY * DAYS} days in the table"
    yield Result(title, "s", after, f"with {DAYS} days in it", before, goal)
