"""Recording measured while calls move to the archive, beside the same where none does."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import deltalake

from bench.calls import make_request_bodies
from bench.load import Load, Measured, flat_out
from bench.processes import ServerCommand, free_port, serving
from bench.results import Result, Screen, at_least, median_of
from bench.sites import ACCEPTED, Site, make_site
from bench.sizes import Sizes
from calltrail.settings import Settings

_CONNECTIONS = 32
_BODY_BYTES = 1200
_BODIES = 512
_LEAST_RATIO = 0.9

_ARCHIVING, _NOT_ARCHIVING = "archiving", "archiving nothing"
_SETTINGS = {
    _ARCHIVING: (("CALLTRAIL_ARCHIVE_AFTER_S", "1"),),
    _NOT_ARCHIVING: (("CALLTRAIL_ARCHIVE_AFTER_S", str(10**9)), ("CALLTRAIL_ARCHIVE_BATCH_BYTES", str(2**50))),
}
"""Neither age nor number of the calls moves them in the second case."""


@dataclass(frozen=True, slots=True)
class _Turn:
    load: Measured
    moved: int
    """Calls that were in the archive when the load ended."""


def measure_archiving(folder: Path, sizes: Sizes, screen: Screen) -> Iterator[Result]:
    """Each turn has a server and a data folder of its own, so that nobody has to move what another recorded."""
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(make_request_bodies(_BODIES, about_bytes=_BODY_BYTES)) + b"\n")
    turns: dict[str, list[_Turn]] = {name: [] for name in _SETTINGS}
    for number, name in enumerate(screen.turns("flat out, archive", turns, sizes.rounds)):
        turns[name].append(_turn(folder / str(number), bodies, name, sizes.archiving_seconds))
    with_moves, without = (
        median_of(turns[name], lambda turn: turn.load.calls_a_second) for name in (_ARCHIVING, _NOT_ARCHIVING)
    )
    moved = median_of(turns[_ARCHIVING], lambda turn: turn.moved / turn.load.calls)
    what = f"recorded calls, validate + accept, while {moved:.0%} of them are archived"
    goal = at_least(_LEAST_RATIO, with_moves, without)
    yield Result(what, "calls/s", with_moves, "the same, archiving nothing", without, goal)


def _turn(folder: Path, bodies: Path, name: str, seconds: float) -> _Turn:
    folder.mkdir()
    port = free_port()
    site = make_site(folder / "data", free_port())
    arguments = ("serve", "--data", str(site.data), "--port", str(port), "--no-export-worker")
    with serving([ServerCommand("calltrail", arguments, port, folder / "log", _SETTINGS[name])]):
        load = flat_out(Load(port, Site.target(ACCEPTED), site.key, bodies, _CONNECTIONS, seconds))
        return _Turn(load, _archived(site.data))


def _archived(data: Path) -> int:
    folder = str(Settings(data=data).archive_folder)
    return deltalake.DeltaTable(folder).count() if deltalake.DeltaTable.is_deltatable(folder) else 0
