"""The commands on the archive, beside a server that works."""

import fcntl
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from csv import DictReader
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from calltrail.stores.archive.table import ArchiveTable
from tests.e2e.server import CALLTRAIL, CATALOG, Calltrail, calltrail
from tests.samples import NOON
from tests.stores.archives import a_call, append

OLD = NOON - timedelta(days=100)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Calltrail]:
    with calltrail(tmp_path / "data", CATALOG) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Calltrail:
    """A data folder that nobody works on, with an empty archive."""
    folder = Calltrail(tmp_path / "data")
    folder.prepare(CATALOG)
    ArchiveTable(folder.data / "archive").create()
    return folder


def archive(server: Calltrail, *arguments: str) -> Any:
    return json.loads(server.run("archive", *arguments, "--json").stdout)


def orders(server: Calltrail, mail: str, count: int) -> list[str]:
    answers = [server.call("Website.CreateOrder", {"order": {"mail": mail, "number": n}}) for n in range(count)]
    return [answer.headers["calltrail-call-id"] for answer in answers]


def exported_ids(server: Calltrail) -> list[str]:
    _, parts = server.export(body={"operations": [{"ids": {"systemName": "Website.CreateOrder"}}]})
    rows = [row for part in parts for row in DictReader(StringIO(part.decode("utf-8-sig"), newline=""), delimiter=";")]
    return [row["OperationLogTransactionId"] for row in rows]


def files_with(folder: Path, text: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def test_calls_are_erased_to_the_last_byte_while_the_server_goes_on(server: Calltrail) -> None:
    gone, stay = orders(server, "ann@example.com", 20), orders(server, "bob@example.com", 20)
    counted = archive(server, "erase", "--text", "ann@example.com", "--count")
    assert (counted["calls"], counted["held"]) == (20, 0)
    with ThreadPoolExecutor(1) as pool:
        calls = pool.submit(orders, server, "eve@example.com", 40)
        erased = archive(server, "erase", "--text", "ann@example.com", "--yes")
        stay += calls.result()
    assert (erased["erased"], erased["journal_is_clean"], erased["processing"]) == (20, True, [])
    assert exported_ids(server) == stay
    assert not set(gone) & set(stay)
    assert archive(server, "verify")["problems"] == []
    assert files_with(server.data, b"bob@example.com") or archive(server, "status")["archived_calls"] >= 80
    assert files_with(server.data, b"ann@example.com") == []


def test_erasure_asks_for_the_number_of_calls_and_takes_no_other_answer(folder: Calltrail) -> None:
    append(ArchiveTable(folder.data / "archive"), [a_call(OLD), a_call(OLD), a_call(NOON - timedelta(days=50))])
    erase = [*CALLTRAIL, "archive", "erase", "--till", "2026-09-01", "--data", str(folder.data)]
    refused = subprocess.run(erase, input="3\n", capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "2 calls match" in refused.stdout
    assert "Nothing was erased." in refused.stderr
    agreed = subprocess.run(erase, input="2\n", capture_output=True, text=True, timeout=60, check=False)
    assert agreed.returncode == 0, agreed.stderr
    assert "Erased 2 calls." in agreed.stdout
    assert archive(folder, "status")["archived_calls"] == 1


def test_calls_to_erase_are_told_by_what_they_were_answered_and_how_long_they_took(folder: Calltrail) -> None:
    append(ArchiveTable(folder.data / "archive"), [a_call(OLD), a_call(OLD)])  # status 200, after 12 ms
    matching = [
        archive(folder, "erase", *criteria, "--count")["calls"]
        for criteria in (["--http", "2xx"], ["--http", "4xx"], ["--least-ms", "12.5"], ["--most-ms", "11.9"])
    ]
    assert matching == [2, 0, 0, 0]
    erased = archive(folder, "erase", "--http", "2xx", "--least-ms", "12", "--most-ms", "12", "--yes")
    assert erased["erased"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["erase", "--yes"], "there must be one criterion at least"),
        (["erase", "--since", "yesterday", "--yes"], '--since: "yesterday" is no time'),
        (["erase", "--endpoint", "e", "--json"], "--json asks nothing"),
        (["erase", "--least-ms", "1e300", "--yes"], "--least-ms: this is no number of milliseconds"),
        (["hold", "place", "--since", "2026-01-02", "--till", "2026-01-01", "--reason", "x"], "--till: a window ends"),
        (["hold", "release", "7"], "there is no hold 7"),
    ],
)
def test_a_wrong_input_is_told_and_changes_nothing(folder: Calltrail, arguments: list[str], message: str) -> None:
    ended = folder.run("archive", *arguments, check=False)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_a_hold_keeps_its_calls_from_erasure_and_retention(folder: Calltrail) -> None:
    append(ArchiveTable(folder.data / "archive"), [a_call(OLD), a_call(OLD + timedelta(days=1))])
    window = ("--since", f"{OLD:%F}", "--till", f"{OLD:%F}T23:59:59")
    hold = archive(folder, "hold", "place", *window, "--reason", "case 12/26")
    folder.environment["CALLTRAIL_KEEP_DAYS"] = "30"
    assert archive(folder, "retain", "--dry-run")["calls"] == {"by default: 30 days": 1}
    assert archive(folder, "retain")["calls"] == {"by default: 30 days": 1}
    erased = archive(folder, "erase", "--endpoint", "demo.Website", "--yes")
    assert (erased["erased"], erased["held"]) == (0, 1)
    assert [each["id"] for each in archive(folder, "status")["holds"]] == [hold["id"]]
    archive(folder, "hold", "release", str(hold["id"]))
    assert archive(folder, "retain")["calls"] == {"by default: 30 days": 1}
    assert archive(folder, "hold", "list")[0]["released_by"].startswith("operator:")
    assert archive(folder, "status")["archived_calls"] == 0


def test_the_archiver_gives_way_to_calls(server: Calltrail) -> None:
    niceness = os.getpriority(os.PRIO_PROCESS, server.pid)
    of_children = ["ps", "--ppid", str(server.pid), "-o", "ni="]
    found: list[int] = []
    while niceness + 10 not in found:  # once it is up
        found = [int(word) for word in subprocess.run(of_children, capture_output=True, check=True).stdout.split()]
    assert set(found) == {niceness, niceness + 10}


def test_the_archiver_retires_by_itself(folder: Calltrail) -> None:
    append(ArchiveTable(folder.data / "archive"), [a_call(OLD), a_call(datetime.now(UTC) - timedelta(days=40))])
    folder.environment |= {"CALLTRAIL_KEEP_DAYS": "60", "CALLTRAIL_KEEP_BODIES_DAYS": "30"}
    folder.start()
    try:
        entry = None
        with closing(sqlite3.connect(folder.data / "registry.db")) as registry:
            while entry is None:
                sql = "SELECT principal, details FROM audit_entries WHERE action = 'calls-retired'"
                entry = registry.execute(sql).fetchone()
    finally:
        folder.close()
    assert entry[0] == "calltrail"
    assert json.loads(entry[1]) == {"calls": {"by default: 60 days": 1}, "bodies": {"by default: 30 days": 1}}
    shown = folder.run("archive", "status").stdout
    assert "60 days (CALLTRAIL_KEEP_DAYS, environment)" in shown
    assert folder.run("archive", "verify").stdout.endswith("All is well.\n")


def test_a_command_waits_for_whoever_is_at_work_on_the_archive_and_gives_up_in_time(folder: Calltrail) -> None:
    (folder.data / "run").mkdir(exist_ok=True)
    with (folder.data / "run" / "archiver.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = folder.run("archive", "compact", "--wait", "0.2", check=False)
        assert folder.run("archive", "status", "--json").returncode == 0
    assert ended.returncode == 2
    assert "Waiting for another process" in ended.stderr
    assert "nothing was changed" in ended.stderr


def test_verify_ends_with_1_and_tells_what_is_broken(folder: Calltrail) -> None:
    append(ArchiveTable(folder.data / "archive"), [a_call(OLD)])
    (path,) = (folder.data / "archive").glob("day=*/*")
    path.unlink()
    ended = folder.run("archive", "verify", check=False)
    assert ended.returncode == 1
    assert f"{path.parent.name}/{path.name} is missing" in ended.stdout


def test_small_files_are_put_together_on_demand(folder: Calltrail) -> None:
    table = ArchiveTable(folder.data / "archive")
    for number in range(3):
        append(table, [a_call(OLD + timedelta(seconds=number))])
    assert archive(folder, "status")["small_files"] == 3
    assert archive(folder, "compact") == {"files": 3}
    assert "Nothing to put together." in folder.run("archive", "compact").stdout


def test_two_servers_on_one_data_folder_record_and_archive_every_call_once(server: Calltrail) -> None:
    other = Calltrail(server.data, server.environment, server.key)
    other.start()
    try:
        with ThreadPoolExecutor(2) as pool:
            calls = [pool.submit(orders, each, "ann@example.com", 60) for each in (server, other)]
            ids = [call_id for each in calls for call_id in each.result()]
        assert sorted(exported_ids(server)) == sorted(exported_ids(other)) == sorted(ids)
        while archive(server, "status")["waiting_calls"]:
            pass
        assert sorted(exported_ids(other)) == sorted(ids)
        assert archive(server, "verify")["problems"] == []
        assert other.stop() == 0
        assert orders(server, "bob@example.com", 1)
    finally:
        other.close()
