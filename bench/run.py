"""`make bench`: Calltrail measured beside its peers, on loopback and the local disk, all in one run.

`python -m bench.run [--quick] [--json FILE]`
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from bench.exporting import measure_exports
from bench.load import generator_name
from bench.processes import PROJECT
from bench.recording import measure_recording
from bench.results import Result, Screen, write_json
from bench.sizes import FULL, QUICK, Sizes

OUT = PROJECT / "bench" / "out"


def measure(sizes: Sizes, screen: Screen) -> Sequence[Result]:
    """All measurements. Nothing of them stays: no process, no file."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT) as folder, screen.watching():
        recording = Path(folder, "recording")
        recording.mkdir()
        return (*measure_recording(recording, sizes, screen), *measure_exports(Path(folder), sizes, screen))


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _stop)
    console = Console()
    screen = Screen(console)
    results = measure(QUICK if arguments.quick else FULL, screen)
    screen.show(results)
    console.print(f"Load was made by {generator_name()}.")
    if arguments.json:
        write_json(arguments.json, results, generator_name())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, about two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    return parser.parse_args()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)


if __name__ == "__main__":
    main()
