"""A verification of what is whole finds nothing, and of what is broken what is broken."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import deltalake
import pytest
from deltalake.transaction import CommitProperties, Transaction

from calltrail.domain.call_ids import new_call_id
from calltrail.domain.calls import CallStatus, LoggedBody
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.verification import Verification, verify
from tests.samples import NOON, a_request, an_outcome
from tests.stores.archives import a_call, append, make_table, open_archiver

DAY = timedelta(days=1)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """Two days in the archive; in the journal copies of those, a final call and an open one."""
    table = make_table(tmp_path)
    with (
        closing(CallJournal(tmp_path / "journal.db", tmp_path / "run", busy_timeout_s=1)) as journal,
        closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as connection,
    ):
        for number in range(30):
            request = a_request(NOON - number % 2 * DAY, body=LoggedBody(f"{number}" * 500, 1000))
            await journal.finish(request, an_outcome(request), was_begun=False)
        connection.execute("CREATE TEMP TABLE copies AS SELECT * FROM calls WHERE finished_in > 25")
        with open_archiver(tmp_path) as archiver:
            archiver.run()
        connection.execute("INSERT INTO calls SELECT * FROM copies")
        late = a_request(NOON)
        await journal.finish(late, an_outcome(late, CallStatus.FAILED), was_begun=False)
        await journal.begin(a_request(NOON), must_survive_power_loss=True)
    table.compact()
    return tmp_path


def found_in(data: Path) -> Verification:
    return verify(data / "journal.db", data / "archive")


def the_problem(data: Path) -> str:
    (problem,) = found_in(data).problems
    return problem


def table_of(data: Path) -> ArchiveTable:
    return ArchiveTable(data / "archive")


def a_file(data: Path) -> Path:
    return data / "archive" / str(table_of(data).files().sort("path")["path"][0])


def in_journal(data: Path, sql: str) -> None:
    with closing(sqlite3.connect(data / "journal.db", isolation_level=None)) as connection:
        assert connection.execute(sql).rowcount > 0


def test_nothing_is_wrong_with_a_whole_archive_and_its_journal(data: Path) -> None:
    told: list[tuple[int, int]] = []
    found = verify(data / "journal.db", data / "archive", lambda done, of: told.append((done, of)))
    assert found == replace(found, files=2, calls=30, journal_calls=7, problems=(), replaced_files=0)
    assert found.unused_files > 0
    assert told[-1] == (found.size_bytes, found.size_bytes)


def test_nothing_is_wrong_with_what_is_not_there_yet(tmp_path: Path) -> None:
    make_table(tmp_path)
    assert found_in(tmp_path).problems == ()
    assert verify(tmp_path / "journal.db", tmp_path / "nowhere").problems == ()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_a_flipped_byte_is_found(data: Path, share: float) -> None:
    path = a_file(data)
    content = bytearray(path.read_bytes())
    content[round(len(content) * share)] ^= 0xFF
    path.write_bytes(content)
    assert path.name in found_in(data).problems[0]


def test_a_missing_file_is_found(data: Path) -> None:
    path = a_file(data)
    path.unlink()
    problems = found_in(data).problems
    assert problems[0] == f"{path.parent.name}/{path.name} is missing"
    assert "in the journal as archived, but not in the archive" in problems[1]


def test_a_file_of_another_length_is_found(data: Path) -> None:
    path = a_file(data)
    path.write_bytes(path.read_bytes() + b"x")
    assert "bytes, and should have" in found_in(data).problems[0]


def test_a_call_that_the_journal_says_is_archived_and_is_not_is_found(data: Path) -> None:
    in_journal(data, f"UPDATE calls SET id = '{new_call_id(NOON)}' WHERE finished_in = 26")
    assert "1 calls of 2026-11-02 are in the journal as archived, but not in the archive" in the_problem(data)


def test_a_call_that_is_archived_and_open_in_the_journal_is_found(data: Path) -> None:
    in_journal(data, "UPDATE calls SET finished_in = NULL WHERE finished_in = 27")
    assert "1 calls of 2026-11-03 are in the archive, and not as final in the journal" in the_problem(data)


def test_a_call_that_is_archived_twice_is_found(data: Path) -> None:
    twice = a_call(NOON + timedelta(seconds=1))
    append(table_of(data), [twice])
    append(table_of(data), [twice])
    in_journal(data, "UPDATE calls SET finished_in = 99 WHERE finished_in > 30")
    assert "2 calls of 2026-11-03 are there more than once" in the_problem(data)


def test_books_that_are_forged_are_found(data: Path) -> None:
    table = deltalake.DeltaTable(str(data / "archive"))
    table.create_write_transaction(
        [],
        "append",
        table.schema(),
        commit_properties=CommitProperties(app_transactions=[Transaction("calltrail-removed", 2)]),
    )
    assert the_problem(data) == "the files of the table have 30 calls, and by its books 28"


def test_calls_that_the_table_does_not_say_to_have_are_found(data: Path) -> None:
    table = deltalake.DeltaTable(str(data / "archive"))
    table.create_write_transaction(
        [],
        "append",
        table.schema(),
        commit_properties=CommitProperties(app_transactions=[Transaction("calltrail-journal", 20)]),
    )
    assert any("5 calls that the table does not say to have" in problem for problem in found_in(data).problems)


def test_a_call_whose_id_tells_another_time_is_found(tmp_path: Path) -> None:
    append(make_table(tmp_path), [a_call(NOON, id=new_call_id(NOON + timedelta(milliseconds=1)))])
    assert "1 calls whose id tells another time than their start" in the_problem(tmp_path)


def test_a_file_in_the_folder_of_another_day_is_found(data: Path) -> None:
    log = sorted((data / "archive" / "_delta_log").glob("*.json"))
    path = a_file(data)
    other = path.parent.parent / "day=2026-11-07"
    other.mkdir()
    path.rename(other / path.name)
    for entry in log:
        entry.write_text(entry.read_text().replace(f"{path.parent.name}/{path.name}", f"day=2026-11-07/{path.name}"))
    _move_partition(log, path.name)
    assert any("15 calls of another day" in problem for problem in found_in(data).problems)


def _move_partition(log: list[Path], name: str) -> None:
    for entry in log:
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        for action in actions:
            if name in action.get("add", {}).get("path", ""):
                action["add"]["partitionValues"]["day"] = "2026-11-07"
        entry.write_text("\n".join(map(json.dumps, actions)) + "\n")


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("numRecords", 14, "has 15 calls, and should have 14"),
        ("minValues", {"started_at": "2026-11-02T11:00:00.000000Z"}, "has values of started_at beyond or within"),
        ("maxValues", {"finished_in": 7}, "has values of finished_in beyond or within"),
        ("maxValues", {"id": "f"}, "has values of id beyond or within"),
    ],
)
def test_an_entry_of_the_tables_log_that_tells_something_else_is_found(
    data: Path, key: str, value: object, problem: str
) -> None:
    name = a_file(data).name
    for entry in sorted((data / "archive" / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        for action in actions:
            if name in action.get("add", {}).get("path", ""):
                stats = json.loads(action["add"]["stats"])
                stats[key] = {**stats[key], **value} if isinstance(value, dict) else value
                action["add"]["stats"] = json.dumps(stats)
        entry.write_text("\n".join(map(json.dumps, actions)) + "\n")
    assert any(problem in found for found in found_in(data).problems)


def test_statistics_that_mislead_readers_are_found(data: Path) -> None:
    path = a_file(data)
    footer = path.read_bytes()
    assert b"demo.Website" in footer[-6000:]
    at = footer.rindex(b"demo.Website")
    path.write_bytes(footer[:at] + b"demo.Webshop" + footer[at + 12 :])
    assert "has wrong statistics of url" in the_problem(data)


def test_blocks_that_begin_at_other_times_than_a_file_says_are_found(data: Path) -> None:
    path = a_file(data)
    content = path.read_bytes()
    at = content.rindex(b"calltrail.blocks")
    start = content.index(b"[[", at) + 2
    path.write_bytes(content[:start] + b"2" + content[start + 1 :])
    assert "has blocks that begin at other times than it says" in the_problem(data)


def test_a_table_log_that_cannot_be_read_is_found(data: Path) -> None:
    (data / "archive" / "_delta_log" / f"{0:020}.json").write_text("{")
    assert any("the table's log can't be read" in problem for problem in found_in(data).problems)


def test_what_does_not_belong_into_the_archive_is_found(data: Path) -> None:
    (data / "archive" / "notes.txt").write_text("")
    (a_file(data).parent / "part-0001.parquet").write_text("")
    problems = found_in(data).problems
    assert len(problems) == 2
    assert all("does not belong into the archive" in problem for problem in problems)


def test_a_broken_journal_is_found(data: Path) -> None:
    with closing(sqlite3.connect(data / "journal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'method_name TEXT', 'method_name TEXT NOT NULL')"
        )
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'device TEXT', 'device TEXT NOT NULL')")
        connection.commit()
    assert any(problem.startswith("the journal is broken") for problem in found_in(data).problems)
