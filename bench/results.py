"""Measured figures beside their peers and goals."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure must be: the text tells it, the flag whether it is."""

    text: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the report. Figures are medians over the rounds."""

    what: str
    unit: str
    ours: float
    peer_name: str = ""
    peer: float | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None


def at_least(goal: float, ours: float, peer: float) -> Goal:
    """Ours must be `goal` times the peer's, or more."""
    return Goal(f"≥ {goal:g} x", ours >= goal * peer)


def at_most(goal: float, ours: float, unit: str) -> Goal:
    return Goal(f"≤ {goal:g} {unit}", ours <= goal)


def median_of(items: Iterable[Item], figure: Callable[[Item], float]) -> float:
    return float(median(map(figure, items)))


class Screen:
    """What the person who measures sees: how far it is, then the table."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )

    @contextmanager
    def watching(self) -> Iterator[None]:
        with self._progress:
            yield

    def turns(self, title: str, names: Iterable[str], rounds: int = 1) -> Iterator[str]:
        """The names in turn, as many times as there are rounds, with a bar that tells how far it is."""
        turns = [*names] * rounds
        task = self._progress.add_task(title, total=len(turns))
        for name in turns:
            self._progress.update(task, description=f"{title}: {name}")
            yield name
            self._progress.advance(task)
        self._progress.update(task, description=title)

    def show(self, results: Sequence[Result]) -> None:
        table = Table("what", "unit", title="Calltrail beside its peers (medians)")
        for heading in ("ours", "peer", "ratio"):
            table.add_column(heading, justify="right")
        table.add_column("the peer")
        table.add_column("goal", no_wrap=True)
        table.add_column("met")
        for result in results:
            table.add_row(*_cells(result))
        self._console.print(table)


def write_json(file: Path, results: Sequence[Result], load_generator: str) -> None:
    lines: list[dict[str, Any]] = [asdict(result) | {"ratio": result.ratio} for result in results]
    report = {"machine": machine(), "load_generator": load_generator, "results": lines}
    file.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def machine() -> dict[str, Any]:
    """Where and when it was measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": len(os.sched_getaffinity(0)),
        "model": _processor_model(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }


def _processor_model() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.what,
        result.unit,
        _figure(result.ours),
        "" if result.peer is None else _figure(result.peer),
        "" if result.ratio is None else f"{result.ratio:.2f}",
        result.peer_name,
        result.goal.text if result.goal else "",
        "" if result.goal is None else "[green]yes" if result.goal.is_met else "[red]no",
    )


def _figure(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.2f}"
