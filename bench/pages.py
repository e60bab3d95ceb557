"""Pages of the console as a browser gets them, from a real server on an archive full of calls."""

import http.client
import random
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

import polars as pl

from bench.archives import make_archive
from bench.calls import ENDPOINTS, METHODS, make_calls
from bench.processes import ServerCommand, free_port, serving
from bench.questions import DAYS
from bench.results import Result, Screen, at_most
from bench.sizes import Sizes
from calltrail.bootstrap.registry import open_registry
from calltrail.domain.access import OWNERS, Principal, PrincipalKind
from calltrail.settings import Settings
from calltrail.stores.archive.reader import ArchiveReader

_PERSON = "bench@example.com"
_NOT_COUNTED = 10
"""The first pages load libraries."""

_MOST_MS = 150
_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=DAYS))


def measure_pages(folder: Path, sizes: Sizes, screen: Screen) -> Iterator[Result]:
    """The page of calls by filters and windows at random, and the page of one call, asked for one after the other."""
    data = folder / "data"
    for _ in screen.turns("made-up calls", [f"{sizes.archived:,} archived"]):
        make_archive(data, make_calls(sizes.archived, days=DAYS))
    settings, port = Settings(data=data), free_port()
    arguments = ("serve", "--data", str(data), "--port", str(port), "--no-export-worker")
    with serving([ServerCommand("calltrail", arguments, port, folder / "log")]):
        browser = _Browser(port, _token(settings))
        for _ in screen.turns("pages", [f"{2 * sizes.pages} asked for"]):
            calls = [browser.ms(f"/calls?{query}") for query in _queries(settings, sizes.pages)][_NOT_COUNTED:]
            one = [browser.ms(f"/calls/{call_id}") for call_id in _ids(settings, sizes.pages)][_NOT_COUNTED:]
    for title, times in (("the page of calls", calls), ("the page of one call", one)):
        cuts = quantiles(times, n=100)
        what = f"{title}, {sizes.archived:,} archived"
        yield Result(f"{what}, p50", "ms", cuts[49])
        yield Result(f"{what}, p95", "ms", cuts[94], goal=at_most(_MOST_MS, cuts[94], "ms"))


def _token(settings: Settings) -> str:
    """An API token of an Owner."""
    by = Principal(PrincipalKind.OPERATOR, "bench")
    with open_registry(settings) as registry:
        registry.access.add_staff(_PERSON, "a password for the bench", [OWNERS], by)
        return registry.passes.create_token(_PERSON, "bench", None, by)[1]


class _Browser:
    """One visitor."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "text/html"}

    def ms(self, path: str) -> float:
        """How long the page took, to its last byte."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            began = time.perf_counter()
            connection.request("GET", path, headers=self._headers)
            answer = connection.getresponse()
            body = answer.read()
            took = (time.perf_counter() - began) * 1000
        assert answer.status == 200, body[:500]
        return took


def _queries(settings: Settings, count: int) -> Iterator[str]:
    """Windows and criteria at random, frequent names more often; the same in each run."""
    chance = random.Random(1)
    first, last = ArchiveReader(settings.archive_folder).view().files.select(pl.min("first"), pl.max("last")).row(0)
    for _ in range(count):
        words = {}
        if chance.random() < 0.5:
            words["endpoint"] = _one_of(chance, ENDPOINTS)
        if chance.random() < 0.5:
            words["method"] = _one_of(chance, METHODS)
        if chance.random() < 0.4:
            words["errors"] = "true"
        if chance.random() < 0.2:
            words["least_ms"] = "50"
        yield urlencode({**_window(chance, first, last), **words})


def _window(chance: random.Random, first: datetime, last: datetime) -> dict[str, str]:
    length = chance.choice(_WINDOWS)
    since = first + (last - first) * chance.random() if length < last - first else first
    return {"since": f"{since:%Y-%m-%dT%H:%M:%S}", "till": f"{since + length:%Y-%m-%dT%H:%M:%S}"}


def _one_of(chance: random.Random, names: tuple[str, ...]) -> str:
    return chance.choices(names, [1 / place for place in range(1, len(names) + 1)])[0]


def _ids(settings: Settings, count: int) -> Iterator[str]:
    paths = ArchiveReader(settings.archive_folder).view().files["path"].to_list()
    for path in paths:
        ids = pl.read_parquet(path, columns=["id"])["id"]
        yield from ids.sample(min(len(ids), count // len(paths) + 1), seed=1)
