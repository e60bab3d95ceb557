"""The README's first call in a minute, run as it stands."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

README = Path(__file__).parents[2] / "README.md"
PORT_IN_README = "8080"
ANYTHING = "…"
LIMIT_S = 100


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str


def test_the_commands_of_the_readme_print_what_it_shows(tmp_path: Path) -> None:
    port = str(_free_port())
    blocks = [Block(each.language, each.text.replace(PORT_IN_README, port)) for each in _blocks("The first call")]
    catalog, *steps = blocks
    (tmp_path / catalog.text.split()[1]).write_text(catalog.text, "utf-8")

    _run([block.text for block in steps if block.language == "sh"], tmp_path)

    number = -1
    for block in steps:
        if block.language == "sh":
            number += 1
        else:
            _compare((tmp_path / f"printed-{number}").read_text("utf-8"), block)
    assert number > 0


def _blocks(heading: str) -> list[Block]:
    """The fenced blocks of the section whose heading begins so."""
    sections = re.split(r"^## ", README.read_text("utf-8"), flags=re.MULTILINE)
    (section,) = [each for each in sections if each.startswith(heading)]
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```", section, re.DOTALL | re.MULTILINE)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _run(commands: list[str], folder: Path) -> None:
    """Run all in one shell, as a reader would; what each block prints goes to a file of its own."""
    script = "".join(f"{{\n{text}}} > printed-{number}\n" for number, text in enumerate(commands))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLTRAIL_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    shell = subprocess.Popen(["bash", "-eu", "-c", script], cwd=folder, env=environment, start_new_session=True)
    try:
        exit_code = shell.wait(LIMIT_S)
    finally:
        _end_session(shell)
    assert exit_code == 0, (folder / "serve.log").read_text("utf-8")


def _end_session(shell: "subprocess.Popen[bytes]") -> None:
    """End whatever the shell left behind when a command of it failed."""
    try:
        os.killpg(shell.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    shell.wait()


def _compare(printed: str, shown: Block) -> None:
    if shown.language == "json":
        _compare_json(json.loads(printed), json.loads(shown.text))
    else:
        assert re.fullmatch(_pattern(shown.text), printed), f"{printed}\ndiffers from what the README shows"


def _compare_json(printed: Any, shown: Any) -> None:
    """The same names and texts; numbers may be others."""
    assert type(printed) is type(shown)
    if isinstance(shown, dict):
        assert list(printed) == list(shown)
        for name, value in shown.items():
            _compare_json(printed[name], value)
    elif isinstance(shown, list):
        assert len(printed) == len(shown)
        for inner, value in zip(printed, shown, strict=True):
            _compare_json(inner, value)
    elif isinstance(shown, str):
        assert re.fullmatch(_pattern(shown), printed), f"{printed} differs from {shown}"


def _pattern(text: str) -> str:
    return ".*".join(map(re.escape, text.split(ANYTHING)))
