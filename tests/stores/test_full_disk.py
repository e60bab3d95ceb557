"""A disk that is full while calls are archived, put together or taken away: an error, and not a call less or more."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.migrations import upgrade
from calltrail.stores.verification import verify
from tests.samples import NOON, a_request, an_outcome
from tests.stores.archives import a_call, append, make_table, open_archiver
from tests.stores.filled_disk import carry_out

LIMITS = (1, 300, 4_000, 20_000, 33_000)
"""Too few bytes for anything; for an entry of the table's log; for a file of the archive; for the journal."""


class FullDisk:
    """Processes in which the disk is full."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ends_with(self, folder: Path, task: str, most_bytes: int) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{folder} {task} {most_bytes}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def full_disk() -> Iterator[FullDisk]:
    command = [sys.executable, "-m", "tests.stores.filled_disk"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield FullDisk(process)


def archived_ids(folder: Path) -> list[str]:
    table = ArchiveTable(folder / "archive")
    return sorted(table.log(table.files()).select("id").collect()["id"]) if table.files().height else []


async def write(folder: Path, count: int) -> list[str]:
    upgrade(folder / "journal.db", "journal")
    journal = CallJournal(folder / "journal.db", folder / "run", busy_timeout_s=1)
    requests = [a_request(NOON + timedelta(milliseconds=number)) for number in range(count)]
    for request in requests:
        await journal.finish(request, an_outcome(request), was_begun=False)
    journal.close()
    return sorted(request.id for request in requests)


async def test_calls_that_find_no_room_in_the_archive_stay_in_the_journal(tmp_path: Path, full_disk: FullDisk) -> None:
    ids = await write(tmp_path, 100)
    with open_archiver(tmp_path):
        pass  # the table is made before
    failed = 0
    for most_bytes in LIMITS:
        failed += full_disk.ends_with(tmp_path, "archive", most_bytes) == 3
        assert verify(tmp_path / "journal.db", tmp_path / "archive").problems == ()
    assert failed >= 3
    carry_out(tmp_path, "archive")
    proof = verify(tmp_path / "journal.db", tmp_path / "archive")
    assert (proof.calls, proof.journal_calls, proof.problems) == (100, 0, ())
    assert archived_ids(tmp_path) == ids


@pytest.mark.parametrize("task", ["compact", "retire", "erase"])
def test_what_finds_no_room_changes_nothing_and_can_be_done_later(
    tmp_path: Path, full_disk: FullDisk, task: str
) -> None:
    table = make_table(tmp_path)
    calls = [a_call(NOON + timedelta(seconds=number), method_system_name=("Short", "Long")[number % 2])
             for number in range(40)]  # fmt: skip
    for first in range(0, 40, 4):
        append(table, calls[first : first + 4])
    before, failed = archived_ids(tmp_path), 0
    for most_bytes in LIMITS[:3]:
        if full_disk.ends_with(tmp_path, task, most_bytes) == 3:
            failed += 1
            assert archived_ids(tmp_path) == before
        assert verify(tmp_path / "journal.db", tmp_path / "archive").problems == ()
    assert failed >= 2
    carry_out(tmp_path, task)
    assert verify(tmp_path / "journal.db", tmp_path / "archive").problems == ()
    left = pl.read_delta(str(tmp_path / "archive"))
    assert left.height == (40 if task == "compact" else 20)
    assert len(ArchiveTable(tmp_path / "archive").files()) == 1
