"""Exports measured: rows a second of the whole job, and the memory of the worker."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.calls import make_calls
from bench.journals import make_data_folder
from bench.processes import printed_by
from bench.results import Goal, Result, Screen, at_least, at_most, median_of
from bench.sizes import Sizes

_LEAST_RATIO = 5.0
_MOST_MEMORY_MIB = 400
_FLAT_RATIO = 1.25
"""Peak memory of the largest export by that of the smallest, at which it still counts as flat."""

_PLAIN, _GZIP = "sqlite3 + csv", "sqlite3 + csv + gzip (level 6)"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A file that both sides make."""

    name: str
    format: str
    compression: str

    peer: str
    has_goal: bool
    """Whether the peer's file is of the same kind; else its CSV stands in."""


_KINDS = (
    _Kind("CSV", "csv", "none", _PLAIN, has_goal=True),
    _Kind("CSV.gz", "csv", "gzip", _GZIP, has_goal=True),
    _Kind("NDJSON.zst", "ndjson", "zstd", _PLAIN, has_goal=False),
    _Kind("XML", "xml", "none", _PLAIN, has_goal=False),
)

Measured = Mapping[str, Sequence[Mapping[str, Any]]]
"""What was printed for each kind and each peer, a round each."""


def measure_exports(folder: Path, sizes: Sizes, screen: Screen) -> Iterator[Result]:
    """Everything about exports; what it makes is in `folder`, and is gone at the end."""
    kinds = [kind for kind in _KINDS if kind.name in sizes.files]
    by_calls = {}
    for calls in sizes.exports:
        rounds = sizes.rounds if calls == sizes.exports[0] else 1
        by_calls[calls] = _take_turns(folder / str(calls), kinds, calls, rounds, screen)
    for calls, measured in by_calls.items():
        yield from (_speed(kind, calls, measured) for kind in kinds)
    for kind in kinds:
        yield from _memory(kind, by_calls)


def _take_turns(data: Path, kinds: Sequence[_Kind], calls: int, rounds: int, screen: Screen) -> Measured:
    for _ in screen.turns("made-up calls", [f"{calls:,}"]):
        position = make_data_folder(data, make_calls(calls))
    contestants = {kind.name: partial(_export, data, position, kind) for kind in kinds}
    contestants |= {_PLAIN: partial(_csv_peer, data), _GZIP: partial(_csv_peer, data, "gzip")}
    measured: dict[str, list[Mapping[str, Any]]] = {name: [] for name in contestants}
    for name in screen.turns(f"exports of {calls:,} calls", contestants, rounds):
        os.sync()  # nobody pays for what another left to write
        measured[name].append(contestants[name]())
    shutil.rmtree(data)
    return measured


def _export(data: Path, position: int, kind: _Kind) -> Mapping[str, Any]:
    printed = printed_by("bench.export_job", data, str(position), kind.format, kind.compression)
    shutil.rmtree(data / "exports")
    return printed


def _csv_peer(data: Path, *options: str) -> Mapping[str, Any]:
    file = data / "peer"
    printed = printed_by("bench.csv_peer", data / "journal.db", file, *options)
    file.unlink()
    return printed


def _speed(kind: _Kind, calls: int, measured: Measured) -> Result:
    ours, peer = (calls / median_of(measured[name], _seconds) for name in (kind.name, kind.peer))
    goal = at_least(_LEAST_RATIO, ours, peer) if kind.has_goal else None
    return Result(f"export of {calls:,} calls, {kind.name}", "rows/s", ours, kind.peer, peer, goal)


def _memory(kind: _Kind, by_calls: Mapping[int, Measured]) -> Iterator[Result]:
    peaks = {calls: median_of(measured[kind.name], _peak_mib) for calls, measured in by_calls.items()}
    for calls, peak in peaks.items():
        what = f"peak memory of the worker, {calls:,} calls, {kind.name}"
        yield Result(what, "MiB", peak, goal=at_most(_MOST_MEMORY_MIB, peak, "MiB"))
    (fewest, least), (most, largest) = min(peaks.items()), max(peaks.items())
    goal = Goal(f"flat: ≤ {_FLAT_RATIO:g} x", largest <= least * _FLAT_RATIO)
    what = f"growth of memory from {fewest:,} to {most:,} calls, {kind.name}"
    yield Result(what, "MiB", largest, f"at {fewest:,} calls", least, goal)


def _seconds(line: Mapping[str, Any]) -> float:
    return float(line["seconds"])


def _peak_mib(line: Mapping[str, Any]) -> float:
    return float(line["peak_kib"]) / 1024
