"""Processes that a measurement starts and always stops."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]

_READY_WITHIN_S = 30.0
_STOPPED_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """`python -m module arguments`, which answers `/readyz` at the port once it is up."""

    module: str
    arguments: tuple[str, ...]
    port: int
    log: Path
    """Where all that it prints goes."""

    settings: tuple[tuple[str, str], ...] = ()
    """Variables of its environment, such as `CALLTRAIL_ARCHIVE_AFTER_S`."""


@contextmanager
def serving(commands: Iterable[ServerCommand]) -> Iterator[None]:
    """All of them, ready from the start of the block and gone after it."""
    with ExitStack() as started:
        processes = {command: started.enter_context(_started(command)) for command in commands}
        try:
            for command, process in processes.items():
                _wait_until_ready(command, process)
            yield
        finally:
            for process in processes.values():
                process.terminate()


@contextmanager
def _started(command: ServerCommand) -> Iterator[subprocess.Popen[bytes]]:
    program = [sys.executable, "-m", command.module, *command.arguments]
    variables = {**environment(), **dict(command.settings)}
    with command.log.open("wb") as output:
        process = subprocess.Popen(program, cwd=PROJECT, env=variables, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def printed_by(module: str, *arguments: str | Path) -> Mapping[str, Any]:
    """The JSON object that `python -m module arguments` prints in its last line."""
    return printed_by_command([sys.executable, "-m", module, *map(str, arguments)])


def printed_by_command(command: Sequence[str]) -> Mapping[str, Any]:
    """The JSON object that the command prints in its last line. RuntimeError when it fails."""
    run = subprocess.run(command, cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ... failed:\n{run.stderr}")
    printed: Mapping[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return printed


def environment() -> Mapping[str, str]:
    """This process's, without settings of another Calltrail."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CALLTRAIL_")}


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def _wait_until_ready(command: ServerCommand, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while not _is_ready(command.port):
        if process.poll() is not None or time.monotonic() > deadline:
            last_words = command.log.read_text("utf-8", "replace").splitlines()[-10:]
            raise RuntimeError("\n".join([f"{command.module} was not ready:", *last_words]))
        time.sleep(_LOOK_EVERY_S)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
