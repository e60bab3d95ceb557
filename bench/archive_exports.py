"""Exports of an archive measured beside its peers: speed, memory, processor time, bytes at rest."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from bench.archives import archive_bytes, make_archive
from bench.calls import make_calls
from bench.contestants import PEERS, Contestant, Ours, Peer, stores
from bench.processes import printed_by
from bench.questions import ALL, DAY, DAYS, KINDS, RARE, Question
from bench.results import Goal, Result, Screen, at_least, at_most, median_of
from bench.sizes import Sizes

_LEAST_RATIO = 1.0
_LEAST_DUCKDB_RATIO = 5.0
_MOST_RARE_S = 0.25
_MOST_MEMORY_MIB = 600
_FLAT_RATIO = 1.1
_LEAST_USED_WELL = 0.8
"""Processor time that the steps of an export need by themselves, by what it takes."""

Line = Mapping[str, Any]
Measured = Mapping[str, Sequence[Line]]
"""What each contestant has printed, a round each."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A question, and all that was measured of it."""

    question: Question
    measured: Measured

    @property
    def rows(self) -> int:
        return int(self.measured["ours"][0]["rows"])

    @property
    def title(self) -> str:
        return f"export of {_WINDOWS[self.question.filter]}, {self.rows:,} archived calls, {self.question.kind}"

    def seconds(self, name: str) -> float:
        return median_of(self.measured[name], lambda line: float(line["seconds"]))

    def rows_a_second(self, name: str) -> float:
        return self.rows / self.seconds(name)

    def ours(self, figure: str) -> float:
        return median_of(self.measured["ours"], lambda line: float(line[figure]))

    @property
    def peers(self) -> Sequence[str]:
        """Of those measured, the fastest first."""
        return sorted((name for name in self.measured if name != "ours"), key=self.seconds)


_WINDOWS = {ALL: "all days", DAY: "a day", RARE: "rare calls"}


def measure_archive_exports(
    folder: Path, sizes: Sizes, screen: Screen, known: Sequence[Peer] = PEERS
) -> Iterator[Result]:
    """Everything about exports of the archive; what it makes is in `folder`."""
    data, rows, peer_stores = (folder / name for name in ("archived", "plain", "stores"))
    rows.mkdir()
    peer_stores.mkdir()
    for _ in screen.turns("made-up calls", [f"{sizes.archived:,} archived"]):
        position = make_archive(data, make_calls(sizes.archived, days=DAYS), rows)
    wanted = [peer for peer in known if peer.name.startswith(sizes.peers)]
    with stores([peer for peer in wanted if peer.is_installed], peer_stores, rows) as peers:
        by_name = {peer.name: peer for peer in peers}
        for name in screen.turns("loading", by_name):
            by_name[name].load()
        cases = _cases([Ours(data, position), *peers], sizes, screen)
    missing = [peer for peer in wanted if not peer.is_installed]
    for case in cases:
        yield from _rare(case, missing) if case.question.filter == RARE else _speeds(case, missing)
    yield from _memory(cases)
    yield from _processor_time(data, [case for case in cases if case.question.filter == ALL], sizes, screen)
    yield _at_rest(data, rows, sizes.archived)


def _cases(contestants: Sequence[Contestant], sizes: Sizes, screen: Screen) -> Sequence[_Case]:
    bulk = [(Question(window, kind), window) for window in (DAY, ALL) for kind in sizes.archived_files]
    rounds = {DAY: sizes.rounds, ALL: sizes.rounds_of_all, RARE: sizes.rounds}
    return [
        _Case(question, _take_turns(question, contestants, rounds[window], screen))
        for question, window in (*bulk, (Question(RARE, "CSV"), RARE))
    ]


def _take_turns(question: Question, contestants: Sequence[Contestant], rounds: int, screen: Screen) -> Measured:
    taking_part = {contestant.name: contestant for contestant in contestants if contestant.answers(question)}
    measured: dict[str, list[Line]] = {name: [] for name in taking_part}
    for name in screen.turns(f"{_WINDOWS[question.filter]}, {question.kind}", taking_part, rounds):
        os.sync()  # nobody pays for what another left to write
        measured[name].append(taking_part[name].answer(question))
    counts = {name: lines[0]["rows"] for name, lines in measured.items()}
    if len(set(counts.values())) > 1:
        raise RuntimeError(f"not everybody has the same calls: {counts}")
    return measured


def _speeds(case: _Case, missing: Sequence[Peer]) -> Iterator[Result]:
    ours = case.rows_a_second("ours")
    for number, name in enumerate(case.peers):
        theirs = case.rows_a_second(name)
        goal = at_least(_LEAST_RATIO, ours, theirs) if number == 0 else None
        if name == "DuckDB" and case.question.kind == "CSV.gz":
            goal = at_least(_LEAST_DUCKDB_RATIO, ours, theirs)
        yield Result(case.title, "rows/s", ours, _ranked(name, number), theirs, goal)
    yield from _missing(case, "rows/s", ours, missing)


def _rare(case: _Case, missing: Sequence[Peer]) -> Iterator[Result]:
    ours = case.seconds("ours")
    yield Result(case.title, "s", ours, goal=at_most(_MOST_RARE_S, ours, "s"))
    for number, name in enumerate(case.peers):
        theirs = case.seconds(name)
        goal = None if number else Goal("≤ 1 x", ours <= theirs)
        yield Result(case.title, "s", ours, _ranked(name, number), theirs, goal)
    yield from _missing(case, "s", ours, missing)


def _ranked(name: str, number: int) -> str:
    return name if number else f"{name}, the fastest"


def _missing(case: _Case, unit: str, ours: float, peers: Sequence[Peer]) -> Iterator[Result]:
    for peer in peers:
        if peer.answers(case.question):
            yield Result(case.title, unit, ours, f"{peer.name} is not installed")


def _memory(cases: Sequence[_Case]) -> Iterator[Result]:
    peaks = {case.question: case.ours("peak_kib") / 1024 for case in cases if case.question.filter != RARE}
    for case in cases:
        if case.question in peaks:
            peak = peaks[case.question]
            goal = at_most(_MOST_MEMORY_MIB, peak, "MiB")
            yield Result(f"peak memory of the worker, {case.title}", "MiB", peak, goal=goal)
    for kind in dict.fromkeys(question.kind for question in peaks):
        day, every = (peaks[Question(window, kind)] for window in (DAY, ALL))
        goal = Goal(f"flat: ≤ {_FLAT_RATIO:g} x", every <= day * _FLAT_RATIO)
        yield Result(f"growth of memory from a day to all days, archived, {kind}", "MiB", every, "a day", day, goal)


def _processor_time(data: Path, cases: Sequence[_Case], sizes: Sizes, screen: Screen) -> Iterator[Result]:
    """How much of it goes into what can't be left out."""
    by_kind = {case.question.kind: case for case in cases}
    measured: dict[str, list[Line]] = {kind: [] for kind in by_kind}
    for kind in screen.turns("steps alone", measured, sizes.rounds_of_all):
        options = KINDS[kind]
        measured[kind].append(printed_by("bench.export_steps", data, options.format, options.compression))
    for kind, case in by_kind.items():
        steps = {step: median_of(measured[kind], itemgetter(step)) for step in measured[kind][0]}
        told = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in steps.items())
        ours, alone = case.rows / case.ours("processor_s"), case.rows / sum(steps.values())
        goal = at_least(_LEAST_USED_WELL, ours, alone)
        yield Result(f"processor time, {case.title}", "rows/cpu s", ours, f"its steps alone: {told}", alone, goal)


def _at_rest(data: Path, rows: Path, calls: int) -> Result:
    plain = sum(path.stat().st_size for path in rows.iterdir())
    peer = "Parquet of the log's columns in order of time, zstd level 1"
    return Result("bytes at rest in the archive", "bytes/call", archive_bytes(data) / calls, peer, plain / calls)
