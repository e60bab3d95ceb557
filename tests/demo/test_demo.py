"""The demo, run as `make demo` runs it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo.run", "--folder", folder],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo-data"


@pytest.fixture(scope="module")
def shown(folder: Path) -> str:
    """What the demo printed."""
    finished = run_demo(folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert not finished.stderr
    return finished.stdout


def test_every_promise_is_shown_as_kept(shown: str) -> None:
    kept = re.findall(r"^✓ (\w+)", shown, re.MULTILINE)
    assert kept == ["catalog", "upstream", "server", "calls", "exports", "rows", "checksums", "secrets"]


def test_the_summary_counts_what_the_files_hold(shown: str, folder: Path) -> None:
    sent = int(re.search(r"(\d+) sent and answered", shown)[1])  # type: ignore[index]
    manifest = json.loads((folder / "files" / "Exports.OperationLogs" / "manifest.json").read_bytes())
    assert sent >= 400
    assert manifest["rows"] == sent + 1, "the one that is still processing"
    assert len(manifest["parts"]) > 1


def test_the_first_rows_are_shown_with_how_they_ended(shown: str) -> None:
    assert re.search(r"start \(UTC\) +API method +endpoint +status +http +errors", shown)
    assert re.search(r"Website\.ReserveStock +Website +processing", shown)
    assert "make serve" in shown


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("dear")
    finished = run_demo(tmp_path)
    assert finished.returncode == 1
    assert "left alone" in finished.stdout
    assert letter.read_text() == "dear"
