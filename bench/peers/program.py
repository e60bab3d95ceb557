"""What the programs of all peers have in common.

`python -m bench.peers.<peer> load STORE ROWS` takes in the Parquet files of a folder; `... write STORE ROWS QUESTION
FILE` answers a question, in a process of its own as every export of ours, and prints its measurements as JSON. Only the
statement is timed: not the start, not the opening of the store, nor is the file synced to the disk, as ours is.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bench.process_tree import peak_memory_kib
from bench.questions import Question, parse_question
from calltrail.domain.filters import CallFilter


class Peer(Protocol):
    """A store that is open."""

    def load(self) -> None:
        """Take in the plain rows."""

    def write(self, question: Question, file: Path) -> None:
        """Answer the question with a file."""

    def count(self, filter: CallFilter) -> int:
        """How many calls match."""


def run(opened: Callable[[Path, Path], AbstractContextManager[Peer]]) -> None:
    """The program of a peer, given how to open its store beside the folder of plain rows."""
    command, store, rows, *asked = sys.argv[1:]
    with opened(Path(store), Path(rows)) as peer:
        if command == "load":
            peer.load()
            print("{}")
        else:
            text, file = asked
            print(json.dumps(_measured(peer, parse_question(text), Path(file))))


def _measured(peer: Peer, question: Question, file: Path) -> dict[str, float]:
    started = time.perf_counter()
    peer.write(question, file)
    seconds = time.perf_counter() - started
    peak_kib = peak_memory_kib()
    rows = peer.count(question.filter)
    return {"seconds": seconds, "bytes": file.stat().st_size, "rows": rows, "peak_kib": peak_kib}
