"""Recording measured: calls a second, and the latency that it adds."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.calls import make_request_bodies
from bench.load import Load, Measured, at_rate, flat_out
from bench.processes import ServerCommand, free_port, printed_by, serving
from bench.results import Result, Screen, at_least, at_most, median_of
from bench.sites import ACCEPTED, FORWARDED, Site, make_site
from bench.sizes import Sizes

_CONNECTIONS = 32
_BODY_BYTES = 1200
_BODIES = 512
_GROUPS = ("16", "1")
"""Rows of a commit of the raw inserts."""

_LEAST_RATIO = 0.7
_MOST_ADDED_MS = 5.0

RECORDED, UNRECORDED, BARE = "recorded", "recording off", "recording and masking off"

Rounds = Mapping[str, Sequence[Measured]]
"""What was measured on each server, a round each."""


@dataclass(frozen=True, slots=True)
class _Servers:
    """The same application thrice, side by side; who is not called costs nothing."""

    site: Site
    bodies: Path
    ports: Mapping[str, int]

    def load(self, name: str, method: str, seconds: float) -> Load:
        return Load(self.ports[name], Site.target(method), self.site.key, self.bodies, _CONNECTIONS, seconds)


def measure_recording(folder: Path, sizes: Sizes, screen: Screen) -> Iterator[Result]:
    """Everything about recording; what it makes is in `folder`."""
    with _servers(folder) as servers:
        accepted = _flat_out(servers, ACCEPTED, sizes, screen)
        raw = _raw_inserts(servers.site, folder, sizes, screen)
        forwarded = _flat_out(servers, FORWARDED, sizes, screen)
        latencies = _at_rate(servers, sizes, screen)
    yield from _rates("validate + accept", accepted, has_goal=True)
    for per_commit, rows_a_second in raw.items():
        ours = median_of(accepted[RECORDED], _rate)
        peer = f"raw sqlite3 inserts of the same rows, {per_commit} a commit"
        yield Result("recorded calls, validate + accept", "calls/s", ours, peer, rows_a_second)
    yield from _rates("validate + forward (begin + finish)", forwarded, has_goal=False)
    yield from _added(latencies, sizes.calls_a_second)


@contextmanager
def _servers(folder: Path) -> Iterator[_Servers]:
    ports = {name: free_port() for name in (RECORDED, UNRECORDED, BARE, "upstream")}
    site = make_site(folder / "data", ports["upstream"])
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(make_request_bodies(_BODIES, about_bytes=_BODY_BYTES)) + b"\n")
    data = str(site.data)
    programs = {
        RECORDED: ("calltrail", "serve", "--data", data, "--port", str(ports[RECORDED]), "--no-export-worker"),
        UNRECORDED: ("bench.unrecorded_server", data, str(ports[UNRECORDED])),
        BARE: ("bench.unrecorded_server", data, str(ports[BARE]), "bare"),
        "upstream": ("bench.upstream", str(ports["upstream"])),
    }
    commands = [
        ServerCommand(module, tuple(arguments), ports[name], folder / f"{name}.log")
        for name, (module, *arguments) in programs.items()
    ]
    with serving(commands):
        yield _Servers(site, bodies, ports)


def _flat_out(servers: _Servers, method: str, sizes: Sizes, screen: Screen) -> Rounds:
    measured: dict[str, list[Measured]] = {RECORDED: [], UNRECORDED: [], BARE: []}
    for name in screen.turns(f"flat out, {method}", measured, sizes.rounds):
        measured[name].append(flat_out(servers.load(name, method, sizes.load_seconds)))
    return measured


def _at_rate(servers: _Servers, sizes: Sizes, screen: Screen) -> Rounds:
    measured: dict[str, list[Measured]] = {RECORDED: [], UNRECORDED: []}
    for name in screen.turns(f"{sizes.calls_a_second:g} calls/s, {ACCEPTED}", measured, sizes.rounds):
        measured[name].append(at_rate(servers.load(name, ACCEPTED, sizes.latency_seconds), sizes.calls_a_second))
    return measured


def _raw_inserts(site: Site, folder: Path, sizes: Sizes, screen: Screen) -> Mapping[str, float]:
    """Rows a second of Python's sqlite3 by rows of a commit, with the rows that the server has just written."""
    measured: dict[str, list[float]] = {group: [] for group in _GROUPS}
    for group in screen.turns("raw inserts, rows a commit", measured, sizes.rounds):
        file = folder / "raw.db"
        line = printed_by("bench.sqlite_peer", site.data / "journal.db", str(sizes.raw_rows), group, file)
        measured[group].append(line["rows"] / line["seconds"])
        for left in folder.glob("raw.db*"):
            left.unlink()
    return {group: median_of(rates, float) for group, rates in measured.items()}


def _rate(measured: Measured) -> float:
    return measured.calls_a_second


def _rates(steps: str, rounds: Rounds, *, has_goal: bool) -> Iterator[Result]:
    ours, off, bare = (median_of(rounds[name], _rate) for name in (RECORDED, UNRECORDED, BARE))
    what = f"recorded calls, {steps}"
    goal = at_least(_LEAST_RATIO, ours, off) if has_goal else None
    yield Result(what, "calls/s", ours, f"the same application, {UNRECORDED}", off, goal)
    yield Result(what, "calls/s", ours, f"the same application, {BARE}", bare)


def _added(rounds: Rounds, calls_a_second: float) -> Iterator[Result]:
    what = f"latency at {calls_a_second:g} calls/s"
    peer = f"the same application, {UNRECORDED}"
    for name, figure in (("p50", _p50), ("p99", _p99), ("p99.9", _p999)):
        ours, off = (median_of(rounds[server], figure) for server in (RECORDED, UNRECORDED))
        yield Result(f"{what}, {name}", "ms", ours, peer, off)
    pairs = zip(rounds[RECORDED], rounds[UNRECORDED], strict=True)
    added = median_of(pairs, lambda pair: pair[0].p99_ms - pair[1].p99_ms)
    goal = at_most(_MOST_ADDED_MS, added, "ms")
    yield Result(f"{what}, added at p99", "ms", added, "the difference, round by round", goal=goal)


def _p50(measured: Measured) -> float:
    return measured.p50_ms


def _p99(measured: Measured) -> float:
    return measured.p99_ms


def _p999(measured: Measured) -> float:
    return measured.p999_ms
