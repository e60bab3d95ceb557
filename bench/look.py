"""Looks through an archive: `python -m bench.look DATA PAGES`. Prints how long that took, in milliseconds, as JSON.

Every question is another one; the first few, which load libraries and remember what files have, are not counted.
`PAGES` is of how many filters the newest calls and an overview are asked for, for each length of window.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles

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

_WINDOWS = {"an hour": timedelta(hours=1), "a day": timedelta(days=1), "all": None}

_QUESTIONS = 400
_NOT_COUNTED = 10

_NOBODY = CallFilter(method_system_names=("No such method",))
"""To answer it every file is looked into."""

Question = Callable[[], object]


def main() -> None:
    settings, pages_of_each = Settings(data=Path(sys.argv[1])), int(sys.argv[2])
    pages = LogPages(settings.journal_path, settings.archive_folder, settings.look_bytes)
    archive = ArchiveReader(settings.archive_folder)
    first_look_ms = _ms(partial(_newest, pages, _NOBODY))
    questions = _questions(random.Random(1), pages, archive, pages_of_each)
    took = {kind: _figures([_ms(question) for question in asked]) for kind, asked in questions}
    print(json.dumps({"first look": first_look_ms, **took}))


def _questions(
    chance: random.Random, pages: LogPages, archive: ArchiveReader, pages_of_each: int
) -> Iterator[tuple[str, list[Question]]]:
    yield "newest", [partial(_newest, pages, some) for some in _filters(chance, archive, _QUESTIONS)]
    for window, back in _WINDOWS.items():
        asked = _filters(chance, archive, pages_of_each + _NOT_COUNTED, till_share=1 if back else 0)
        yield window, [partial(_show, pages, _back(some, back)) for some in asked]
    devices = _some(chance, archive, "device", 3)
    yield "device", [partial(_newest, pages, CallFilter(device=device)) for device in devices]
    yield "by id", [partial(archive.find, call_id) for call_id in _some(chance, archive, "id", 20)]


def _newest(pages: LogPages, some: CallFilter) -> object:
    return pages.newest(some, _COLUMNS, _PAGE)


def _show(pages: LogPages, some: CallFilter) -> object:
    """What a page of calls shows."""
    extent = pages.extent()
    assert extent
    since, till = some.since or extent[0], some.till or extent[1]
    bucket = timedelta(seconds=1 + (till - since) // timedelta(seconds=_BARS))
    return pages.newest(some, _COLUMNS, _PAGE), pages.overview(some, bucket)


def _filters(
    chance: random.Random, archive: ArchiveReader, count: int, till_share: float = 0.5
) -> Iterator[CallFilter]:
    """Each criterion in half of the filters; frequent names more often, as people ask for what there is."""
    first, last = archive.view().files.select(pl.col("first").min(), pl.col("last").max()).row(0)
    for _ in range(count):
        yield CallFilter(
            till=first + (last - first) * chance.random() if chance.random() < till_share else None,
            status=chance.choice([CallStatus.COMPLETED, CallStatus.FAILED]) if chance.random() < 0.2 else None,
            has_errors=chance.random() < 0.7 if chance.random() < 0.5 else None,
            endpoint_external_id=_one_of(chance, ENDPOINTS) if chance.random() < 0.5 else None,
            method_system_names=(_one_of(chance, METHODS),) if chance.random() < 0.5 else (),
        )


def _back(some: CallFilter, back: timedelta | None) -> CallFilter:
    """The filter, of a window that is so long."""
    return replace(some, since=some.till - back) if back and some.till else some


def _one_of(chance: random.Random, names: tuple[str, ...]) -> str:
    return chance.choices(names, [1 / place for place in range(1, len(names) + 1)])[0]


def _some(chance: random.Random, archive: ArchiveReader, column: str, of_each: int) -> list[str]:
    """Values of a column, of some files."""
    paths = archive.view().files["path"].to_list()
    few = chance.sample(paths, min(20, len(paths)))
    values = [pl.read_parquet(path, columns=[column])[column].drop_nulls().to_list() for path in few]
    return [value for of_file in values for value in chance.sample(of_file, min(of_each, len(of_file)))]


def _ms(question: Question) -> float:
    began = time.perf_counter()
    answer = question()
    took = (time.perf_counter() - began) * 1000
    assert answer is not None
    return took


def _figures(times: list[float]) -> dict[str, float]:
    """Of all but the first few. NaN where too little was asked."""
    counted = times[_NOT_COUNTED:]
    cuts = quantiles(counted, n=100) if len(counted) > 1 else [float("nan")] * 99
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "questions": len(counted)}


if __name__ == "__main__":
    main()
