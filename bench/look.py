"""Looks through an archive: `python -m bench.look DATA`. Prints how long that took, in milliseconds, as JSON.

Every question is another one; the first few, which load libraries, are not counted.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import TypeVar

import polars as pl

from bench.calls import ENDPOINTS, METHODS
from calltrail.domain.calls import CallStatus
from calltrail.domain.filters import CallFilter
from calltrail.settings import Settings
from calltrail.stores.archive.reader import ArchiveReader
from calltrail.stores.log_pages import LogPages

_PAGE = 50
_COLUMNS = ("id", "started_at", "finished_at", "method_system_name", "endpoint_external_id", "integration_name",
            "status", "has_errors", "error_messages", "http_method", "http_status_code", "url")  # fmt: skip
"""What a table of calls shows."""

_BARS = 120
"""Of a timeline."""

_ALL = timedelta(days=36_500)
_WINDOWS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "all": _ALL}

_QUESTIONS = 400
_NOT_COUNTED = 10

Answer = TypeVar("Answer")


def main() -> None:
    settings = Settings(data=Path(sys.argv[1]))
    pages = LogPages(settings.journal_path, settings.archive_folder)
    archive = ArchiveReader(settings.archive_folder)
    chance = random.Random(1)
    took: dict[str, list[float]] = {}

    def ask(kind: str, questions: Iterable[Callable[[], Answer]]) -> None:
        for number, question in enumerate(questions):
            answer, ms = _timed(question)
            assert answer is not None
            if number >= _NOT_COUNTED:
                took.setdefault(kind, []).append(ms)

    ask("newest", (_newest(pages, some) for some in _filters(chance, archive, _QUESTIONS)))
    for window, back in _WINDOWS.items():
        ask(window, (_shown(pages, some) for some in _filters(chance, archive, _QUESTIONS // 4, back)))
    ask("device", (_newest(pages, CallFilter(device=device)) for device in _some(chance, archive, "device", 2)))
    ask("by id", (partial(archive.find, call_id) for call_id in _some(chance, archive, "id", 20)))
    print(json.dumps({kind: _figures(times) for kind, times in took.items()}))


def _newest(pages: LogPages, some: CallFilter) -> Callable[[], object]:
    return lambda: pages.newest(some, _COLUMNS, _PAGE)


def _shown(pages: LogPages, some: CallFilter) -> Callable[[], object]:
    """All that a page of the console shows."""

    def show() -> object:
        page, extent = pages.newest(some, _COLUMNS, _PAGE), pages.extent()
        assert extent
        since, till = some.since or extent[0], some.till or extent[1]
        bucket = timedelta(seconds=1 + (till - since) // timedelta(seconds=_BARS))
        return page, pages.overview(some, bucket)

    return show


def _filters(
    chance: random.Random, archive: ArchiveReader, count: int, back: timedelta | None = None
) -> Iterator[CallFilter]:
    """Each criterion in half of the filters; frequent names more often, as people ask for what there is.

    `back` is how long their windows are, which end anywhere.
    """
    first, last = archive.view().files.select(pl.col("first").min(), pl.col("last").max()).row(0)
    for _ in range(count):
        end = first + (last - first) * chance.random() if back or chance.random() < 0.5 else None
        yield CallFilter(
            since=end - back if end and back else None,
            till=None if back == _ALL else end,
            status=chance.choice([CallStatus.COMPLETED, CallStatus.FAILED]) if chance.random() < 0.2 else None,
            has_errors=chance.random() < 0.7 if chance.random() < 0.5 else None,
            endpoint_external_id=_one_of(chance, ENDPOINTS) if chance.random() < 0.5 else None,
            method_system_names=(_one_of(chance, METHODS),) if chance.random() < 0.5 else (),
        )


def _one_of(chance: random.Random, names: tuple[str, ...]) -> str:
    return chance.choices(names, [1 / place for place in range(1, len(names) + 1)])[0]


def _some(chance: random.Random, archive: ArchiveReader, column: str, of_each: int) -> list[str]:
    """Values of a column, of some files."""
    paths = archive.view().files["path"].to_list()
    few = chance.sample(paths, min(20, len(paths)))
    values = [pl.read_parquet(path, columns=[column])[column].drop_nulls().to_list() for path in few]
    return [value for of_file in values for value in chance.sample(of_file, min(of_each, len(of_file)))]


def _timed(ask: Callable[[], Answer]) -> tuple[Answer, float]:
    began = time.perf_counter()
    answer = ask()
    return answer, (time.perf_counter() - began) * 1000


def _figures(times: list[float]) -> dict[str, float]:
    """NaN where nothing of the kind was asked."""
    cuts = quantiles(times, n=100) if len(times) > 1 else [float("nan")] * 99
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "questions": len(times)}


if __name__ == "__main__":
    main()
