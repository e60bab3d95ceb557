"""Which processes of a data folder are alive, told by file locks, which die with their holder."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RECEIVER = "receiver"
EXPORT_WORKER = "export worker"
ARCHIVER = "archiver"


class LivenessMark:
    """This process's sign of life: a locked file in `run/`. The lock goes when the process does, however it ends."""

    def __init__(self, run_folder: Path, kind: str = RECEIVER) -> None:
        run_folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        self.owner = name if kind == RECEIVER else f"{kind.replace(' ', '_')}-{name}"
        self._path = _mark_path(run_folder, self.owner)
        self._file = self._path.open("wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def close(self) -> None:
        """Say that this process is done."""
        self._path.unlink(missing_ok=True)
        self._file.close()


class Lock:
    """A right that one process of a data folder has at a time, and loses when it ends, however it does."""

    def __init__(self, run_folder: Path, name: str) -> None:
        run_folder.mkdir(parents=True, exist_ok=True)
        self._file = (run_folder / f"{name}.lock").open("ab")

    def take(self) -> bool:
        """Take it if it is free; whether this process has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        self._file.close()


def is_alive(run_folder: Path, owner: str) -> bool:
    """Whether the process that made the mark still runs; the mark of a dead one is removed."""
    path = _mark_path(run_folder, owner)
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    path.unlink(missing_ok=True)
    return False


@dataclass(frozen=True, slots=True)
class Living:
    """A process with a mark."""

    kind: str
    pid: int
    started_at: datetime


def living(run_folder: Path) -> Iterator[Living]:
    """The processes of the data folder that live, by kind and age."""
    found = []
    for path in run_folder.glob("*.alive"):
        *kind, pid, _ = path.stem.split("-")
        began_s = path.stat().st_mtime
        if is_alive(run_folder, path.stem):
            started_at = datetime.fromtimestamp(began_s, UTC)
            found.append(Living(kind[0].replace("_", " ") if kind else RECEIVER, int(pid), started_at))
    yield from sorted(found, key=lambda process: (process.kind, process.started_at))


def _mark_path(run_folder: Path, owner: str) -> Path:
    return run_folder / f"{owner}.alive"
