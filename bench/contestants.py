"""Who answers questions about an archived log: the product, and its peers."""

import importlib.util
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from bench.peers import postgres_server
from bench.processes import printed_by
from bench.questions import KINDS, Question
from calltrail.domain.filters import CallFilter
from calltrail.formats.names import file_name_suffix

POSTGRES = "PostgreSQL"


class Contestant(Protocol):
    """One who is measured."""

    @property
    def name(self) -> str: ...

    def answers(self, question: Question) -> bool:
        """Whether it takes part in this question."""

    def answer(self, question: Question) -> Mapping[str, Any]:
        """What its process has printed: `seconds`, `bytes`, `rows`, `peak_kib`. The file is gone again."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The real worker on a data folder, from the order to Ready. It prints `processor_s`, too."""

    data: Path
    position: int
    name: str = "ours"

    def answers(self, question: Question) -> bool:
        return question.kind in KINDS

    def answer(self, question: Question) -> Mapping[str, Any]:
        options = KINDS[question.kind]
        chosen = TypeAdapter(CallFilter).dump_json(question.filter).decode()
        job = (str(self.position), options.format, options.compression, chosen)
        printed = printed_by("bench.export_job", self.data, *job)
        shutil.rmtree(self.data / "exports")
        return printed


@dataclass(frozen=True, slots=True)
class Peer:
    """A program of `bench.peers`."""

    name: str
    library: str
    """The program, and what must be installed for it."""

    store_name: str
    kinds: Sequence[str] = tuple(KINDS)

    @property
    def is_installed(self) -> bool:
        return postgres_server.is_installed() if self.name == POSTGRES else bool(importlib.util.find_spec(self.library))

    def answers(self, question: Question) -> bool:
        return question.kind in self.kinds


PEERS = (
    Peer("chDB", "chdb", "by-start"),
    Peer("chDB, ordered by API method", "chdb", "by-method", kinds=("CSV",)),
    Peer("DuckDB", "duckdb", "duck.db"),
    Peer("polars", "polars", "none"),
    Peer(POSTGRES, "postgres", "none", kinds=("CSV.gz",)),
)


@dataclass(frozen=True, slots=True)
class LoadedPeer:
    """A peer with its store, beside the plain rows that it was loaded from."""

    peer: Peer
    store: Path
    rows: Path

    @property
    def name(self) -> str:
        return self.peer.name

    def answers(self, question: Question) -> bool:
        return self.peer.answers(question)

    def load(self) -> None:
        printed_by(self._program, "load", self.store, self.rows)

    def answer(self, question: Question) -> Mapping[str, Any]:
        file = self.rows.parent / f"{self.peer.library}{file_name_suffix(KINDS[question.kind])}"
        printed = printed_by(self._program, "write", self.store, self.rows, question.as_json(), file)
        file.unlink()
        return printed

    @property
    def _program(self) -> str:
        return f"bench.peers.{self.peer.library}"


@contextmanager
def stores(peers: Sequence[Peer], folder: Path, rows: Path) -> Iterator[Sequence[LoadedPeer]]:
    """Stores of these peers in a folder, still empty. PostgreSQL's server runs for as long as the block does."""
    places = {peer: folder / peer.store_name for peer in peers}
    asked_for_server = [peer for peer in peers if peer.name == POSTGRES]
    if not asked_for_server:
        yield [LoadedPeer(peer, store, rows) for peer, store in places.items()]
        return
    with postgres_server.running() as socket_folder:
        places[asked_for_server[0]] = socket_folder
        yield [LoadedPeer(peer, store, rows) for peer, store in places.items()]
