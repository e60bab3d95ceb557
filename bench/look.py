"""Looks through an archive: `python -m bench.look DATA`. Prints how long that took, in milliseconds, as JSON.

Every question is another one; the first few, which load libraries, are not counted.
"""

import json
import random
import sys
import time
from collections.abc import Callable
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

_QUESTIONS = 400
_NOT_COUNTED = 10

Answer = TypeVar("Answer")


def main() -> None:
    settings = Settings(data=Path(sys.argv[1]))
    pages = LogPages(settings.journal_path, settings.archive_folder)
    archive = ArchiveReader(settings.archive_folder)
    chance = random.Random(1)
    took: dict[str, list[float]] = {"a filter of 50 or more": [], "a filter of fewer": [], "by id": []}
    for number in range(_QUESTIONS):
        calls_filter = _some_filter(chance, archive)
        page, ms = _timed(lambda asked=calls_filter: pages.newest(asked, _COLUMNS, _PAGE))  # type: ignore[misc]
        if number >= _NOT_COUNTED:
            took["a filter of 50 or more" if page.height == _PAGE else "a filter of fewer"].append(ms)
    for number, call_id in enumerate(_some_ids(chance, archive)):
        found, ms = _timed(lambda asked=call_id: archive.find(asked))  # type: ignore[misc]
        assert found
        if number >= _NOT_COUNTED:
            took["by id"].append(ms)
    print(json.dumps({name: _figures(times) for name, times in took.items()}))


def _some_filter(chance: random.Random, archive: ArchiveReader) -> CallFilter:
    """Each criterion in half of the filters; frequent names more often, as people ask for what there is."""
    first, last = archive.view().files.select(pl.col("first").min(), pl.col("last").max()).row(0)
    return CallFilter(
        till=first + (last - first) * chance.random() if chance.random() < 0.5 else None,
        status=chance.choice([CallStatus.COMPLETED, CallStatus.FAILED]) if chance.random() < 0.2 else None,
        has_errors=chance.random() < 0.7 if chance.random() < 0.5 else None,
        endpoint_external_id=_one_of(chance, ENDPOINTS) if chance.random() < 0.5 else None,
        method_system_names=(_one_of(chance, METHODS),) if chance.random() < 0.5 else (),
    )


def _one_of(chance: random.Random, names: tuple[str, ...]) -> str:
    return chance.choices(names, [1 / place for place in range(1, len(names) + 1)])[0]


def _some_ids(chance: random.Random, archive: ArchiveReader) -> list[str]:
    paths = archive.view().files["path"].to_list()
    few = chance.sample(paths, min(20, len(paths)))
    ids = [pl.read_parquet(path, columns=["id"])["id"].to_list() for path in few]
    return [call_id for of_file in ids for call_id in chance.sample(of_file, min(20, len(of_file)))]


def _timed(ask: Callable[[], Answer]) -> tuple[Answer, float]:
    began = time.perf_counter()
    answer = ask()
    return answer, (time.perf_counter() - began) * 1000


def _figures(times: list[float]) -> dict[str, float]:
    """NaN where nothing of the kind was asked."""
    cuts = quantiles(times, n=100) if len(times) > 1 else [float("nan")] * 99
    return {"p50": cuts[49], "p99": cuts[98], "questions": len(times)}


if __name__ == "__main__":
    main()
