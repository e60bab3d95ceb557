"""`make bench`: Calltrail measured beside its peers, on loopback and the local disk, all in one run.

`python -m bench.run [--only GROUP] [--quick] [--json FILE]`
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol

from rich.console import Console

from bench.archive_exports import measure_archive_exports
from bench.archiving import measure_archiving
from bench.exporting import measure_exports
from bench.load import generator_name
from bench.looking import measure_looking
from bench.pages import measure_pages
from bench.processes import PROJECT
from bench.recording import measure_recording
from bench.results import Result, Screen, write_json
from bench.sizes import FULL, QUICK, Sizes

OUT = PROJECT / "bench" / "out"


class Measurement(Protocol):
    """Measures one thing; what it makes is in the folder, which is its own."""

    def __call__(self, folder: Path, sizes: Sizes, screen: Screen) -> Iterator[Result]: ...


GROUPS: Mapping[str, Sequence[Measurement]] = {
    "recording": (measure_recording,),
    "exports": (measure_exports,),
    "archive": (measure_archive_exports, measure_archiving),
    "looking": (measure_looking,),
    "pages": (measure_pages,),
}


def measure(sizes: Sizes, screen: Screen, groups: Sequence[str] = tuple(GROUPS)) -> Sequence[Result]:
    """All measurements of these groups. Nothing of them stays: no process, no file."""
    OUT.mkdir(exist_ok=True)
    results: list[Result] = []
    with screen.watching():
        for measurement in (measurement for group in groups for measurement in GROUPS[group]):
            with tempfile.TemporaryDirectory(dir=OUT) as folder:
                results += measurement(Path(folder), sizes, screen)
    return results


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    console = Console()
    screen = Screen(console)
    groups = [arguments.only] if arguments.only else tuple(GROUPS)
    results = measure(QUICK if arguments.quick else FULL, screen, groups)
    screen.show(results)
    console.print(f"Load was made by {generator_name()}.")
    if arguments.json:
        write_json(arguments.json, results, generator_name())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--only", choices=GROUPS, help="one group of measurements; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, some minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    return parser.parse_args()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)


if __name__ == "__main__":
    main()
