"""The archive: moved to exactly once, whatever dies, and open to other tools."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import deltalake
import polars as pl
import pytest

from calltrail.domain.calls import CallRequest, CallStatus
from calltrail.domain.exports import Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.services.ports import Claim
from calltrail.stores.archive.data_files import BLOCK_ROWS
from calltrail.stores.archive.reader import ArchiveReader
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.journal.outgoing import align_journal
from calltrail.stores.log_scanner import LogScanner
from calltrail.stores.migrations import upgrade
from tests.samples import NOON, a_request, an_outcome
from tests.stores.archives import open_archiver


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[CallJournal]:
    upgrade(tmp_path / "journal.db", "journal")
    journal = CallJournal(tmp_path / "journal.db", tmp_path / "run", busy_timeout_s=1)
    yield journal
    journal.close()


async def write(journal: CallJournal, starts: Sequence[datetime]) -> list[str]:
    requests = [a_request(start) for start in starts]
    for request in requests:
        await journal.finish(request, an_outcome(request), was_begun=False)
    return [request.id for request in requests]


def milliseconds(count: int) -> list[datetime]:
    return [NOON + timedelta(milliseconds=number) for number in range(count)]


def exported_ids(folder: Path, snapshot: Snapshot) -> list[str]:
    scanner, everything = LogScanner(folder / "journal.db", folder / "archive"), CallFilter()
    return [
        call_id
        for shard in scanner.plan(snapshot, everything, 50_000)
        for batch in scanner.scan(snapshot, everything, shard, ("id",), 10_000)
        for call_id in batch["id"]
    ]


def archiving_process(folder: Path, killed_at_sync: int) -> list[str]:
    return [sys.executable, "-m", "tests.stores.killed_archiver", str(folder), str(killed_at_sync)]


def killed(folder: Path, at_sync: int) -> int:
    return subprocess.run(archiving_process(folder, at_sync), check=False, timeout=60).returncode


def ids_left_in_the_journal(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        return [call_id for (call_id,) in connection.execute("SELECT id FROM calls")]


def archived(folder: Path) -> pl.DataFrame:
    return pl.read_delta(str(folder / "archive"))


async def test_final_calls_leave_the_journal_and_open_ones_stay(tmp_path: Path, journal: CallJournal) -> None:
    ids = await write(journal, milliseconds(200))
    open_call = a_request()
    await journal.begin(open_call, must_survive_power_loss=True)
    with open_archiver(tmp_path) as archiver:
        assert archiver.run() == 200
        assert archiver.run() == 0
    assert ids_left_in_the_journal(tmp_path) == [open_call.id]
    assert sorted(archived(tmp_path)["id"]) == sorted(ids)


async def test_calls_wait_for_their_age_unless_they_are_a_batch(tmp_path: Path, journal: CallJournal) -> None:
    await write(journal, [NOON])
    with open_archiver(tmp_path, age=timedelta(seconds=1)) as archiver:
        assert archiver.run_if_due() == 0
    with open_archiver(tmp_path, age=timedelta(seconds=1), batch_bytes=100) as archiver:
        assert archiver.run_if_due() == 1
    await write(journal, [NOON - timedelta(seconds=2)])
    with open_archiver(tmp_path, age=timedelta(seconds=1)) as archiver:
        assert archiver.run_if_due() == 1
        assert archiver.run_if_due() == 0


async def test_late_records_land_in_their_own_day(tmp_path: Path, journal: CallJournal) -> None:
    long_call = a_request(NOON - timedelta(days=1))
    await journal.begin(long_call, must_survive_power_loss=True)
    await write(journal, [NOON])
    with open_archiver(tmp_path) as archiver:
        archiver.run()
        await journal.finish(long_call, an_outcome(long_call, CallStatus.FAILED), was_begun=True)
        archiver.run()
    days = archived(tmp_path).sort("started_at").select(pl.col("day").cast(pl.String), "status")
    assert days.rows() == [("2026-11-02", "failed"), ("2026-11-03", "completed")]
    assert len(exported_ids(tmp_path, journal.snapshot())) == 2


async def test_the_journal_does_not_grow_with_the_number_of_calls_that_went_through(
    tmp_path: Path, journal: CallJournal
) -> None:
    sizes = []
    with open_archiver(tmp_path, batch_bytes=10**6) as archiver:
        for _ in range(6):
            await write(journal, milliseconds(300))
            archiver.run()
            with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
                sizes.append(connection.execute("PRAGMA page_count").fetchone()[0])
    assert sizes[-1] <= sizes[1]


async def test_a_killed_archiver_neither_loses_nor_doubles_a_call(tmp_path: Path, journal: CallJournal) -> None:
    ids = await write(journal, milliseconds(800))
    with open_archiver(tmp_path):
        pass  # the table is made before

    deaths = 0
    for at_sync in range(1, 13):
        deaths += killed(tmp_path, at_sync) == -signal.SIGKILL
        assert exported_ids(tmp_path, journal.snapshot()) == ids
        left = ids_left_in_the_journal(tmp_path)
        assert sorted({*left, *archived(tmp_path)["id"]}) == sorted(ids)
    assert deaths == 12
    assert killed(tmp_path, at_sync=10**6) == 0
    assert ids_left_in_the_journal(tmp_path) == []
    assert sorted(archived(tmp_path)["id"]) == sorted(ids)
    assert exported_ids(tmp_path, journal.snapshot()) == ids


async def test_a_journal_restored_from_before_the_archive_loses_no_new_call(
    tmp_path: Path, journal: CallJournal
) -> None:
    restored = tmp_path / "restored"
    restored.mkdir()
    known = await write(journal, milliseconds(3))
    with (
        closing(sqlite3.connect(tmp_path / "journal.db")) as source,
        closing(sqlite3.connect(restored / "journal.db")) as copy,
    ):
        source.backup(copy)
    known += await write(journal, milliseconds(5))
    with open_archiver(tmp_path) as archiver:
        archiver.run()
    shutil.copytree(tmp_path / "archive", restored / "archive")

    align(restored)
    with closing(CallJournal(restored / "journal.db", restored / "run", busy_timeout_s=1)) as journal_again:
        known += await write(journal_again, milliseconds(4))
        assert sorted(exported_ids(restored, journal_again.snapshot())) == sorted(known)
        with open_archiver(restored) as archiver:
            assert archiver.run() == 4
        assert sorted(exported_ids(restored, journal_again.snapshot())) == sorted(known)


async def test_a_call_that_ended_between_the_copies_of_journal_and_archive_is_there_once(
    tmp_path: Path, journal: CallJournal
) -> None:
    restored = tmp_path / "restored"
    restored.mkdir()
    calls = [a_request(client_transaction_id=f"t-{number}") for number in range(3)]
    for call in calls:
        await journal.begin(call, must_survive_power_loss=True)
    with (
        closing(sqlite3.connect(tmp_path / "journal.db")) as source,
        closing(sqlite3.connect(restored / "journal.db")) as copy,
    ):
        source.backup(copy)
    await journal.finish(calls[0], an_outcome(calls[0]), was_begun=True)
    await journal.finish(calls[1], an_outcome(calls[1], CallStatus.FAILED), was_begun=True)
    with open_archiver(tmp_path) as archiver:
        archiver.run()
    shutil.copytree(tmp_path / "archive", restored / "archive")

    align(restored)
    with closing(CallJournal(restored / "journal.db", restored / "run", busy_timeout_s=1)) as journal_again:
        assert journal_again.close_orphans("the process died", NOON) == 1
        again = [replace(call, id=a_request().id) for call in calls[:2]]
        claims = [await journal_again.begin(call, must_survive_power_loss=True) for call in again]
        assert claims == [Claim.SPENT, Claim.GRANTED]
        with open_archiver(restored) as archiver:
            assert archiver.run() == 1
    assert sorted(archived(restored)["id"]) == sorted(call.id for call in calls)
    assert archived(restored).filter(pl.col("id") == calls[0].id)["status"].to_list() == ["completed"]


def align(folder: Path) -> None:
    through = ArchiveTable(folder / "archive").archived_through()
    align_journal(folder / "journal.db", through, ArchiveReader(folder / "archive").find)


async def test_a_torn_entry_of_the_tables_log_is_taken_back(tmp_path: Path, journal: CallJournal) -> None:
    ids = await write(journal, milliseconds(10))
    with open_archiver(tmp_path):
        pass
    (tmp_path / "archive" / "_delta_log" / f"{1:020}.json").write_text('{"add":{"path"')
    with open_archiver(tmp_path) as archiver:
        assert archiver.run() == 10
    assert exported_ids(tmp_path, journal.snapshot()) == ids


async def test_an_export_that_runs_while_calls_are_archived_sees_each_once(
    tmp_path: Path, journal: CallJournal
) -> None:
    ids = await write(journal, milliseconds(2000))
    snapshot = journal.snapshot()
    journal.close()  # two copies of SQLite in one process do not see each other's locks
    with subprocess.Popen(archiving_process(tmp_path, 10**6)) as archiving:  # noqa: ASYNC220 - nothing else waits
        scans = 0
        while archiving.poll() is None:
            assert exported_ids(tmp_path, snapshot) == ids
            scans += 1
    assert archiving.returncode == 0
    assert scans > 3
    assert ids_left_in_the_journal(tmp_path) == []
    assert exported_ids(tmp_path, snapshot) == ids


async def test_a_call_is_found_by_its_id_wherever_it_is(tmp_path: Path, journal: CallJournal) -> None:
    await write(journal, milliseconds(50))
    request: CallRequest = a_request(NOON + timedelta(milliseconds=7), url="http://a.example/?q=ж")
    await journal.finish(request, an_outcome(request), was_begun=False)
    before = journal.get(request.id)
    with open_archiver(tmp_path) as archiver:
        archiver.run()
    row = ArchiveReader(tmp_path / "archive").find(request.id)
    assert before
    assert row
    assert row[0] == request.id
    assert ArchiveReader(tmp_path / "archive").find(a_request().id) is None


async def test_small_files_of_a_day_are_put_together(tmp_path: Path, journal: CallJournal) -> None:
    table = ArchiveTable(tmp_path / "archive")
    ids = []
    for number in range(9):
        ids += await write(journal, [NOON + timedelta(seconds=number), NOON - timedelta(days=1, seconds=number % 3)])
        with open_archiver(tmp_path) as archiver:
            archiver.run()
    before = archived(tmp_path).sort("id")
    assert table.compact() == 18
    assert table.compact() == 0
    assert len(deltalake.DeltaTable(str(tmp_path / "archive")).file_uris()) == 2
    assert archived(tmp_path).sort("id").equals(before)
    assert sorted(exported_ids(tmp_path, journal.snapshot())) == sorted(ids)
    assert len(await write(journal, [NOON])) == 1
    with open_archiver(tmp_path) as archiver:
        assert archiver.run() == 1


async def test_killed_while_files_are_put_together_the_table_holds_each_call_once(
    tmp_path: Path, journal: CallJournal
) -> None:
    ids = []
    for moment in milliseconds(9):
        ids += await write(journal, [moment])
        with open_archiver(tmp_path) as archiver:
            archiver.run()
    for at_sync in range(1, 7):
        was_killed = killed(tmp_path, at_sync) == -signal.SIGKILL
        assert was_killed == (at_sync <= 4)  # from then on the files are together
        assert exported_ids(tmp_path, journal.snapshot()) == ids
        assert sorted(archived(tmp_path)["id"]) == sorted(ids)
    assert ArchiveTable(tmp_path / "archive").compact() == 0


async def test_a_reader_that_began_before_compaction_reads_on(tmp_path: Path, journal: CallJournal) -> None:
    for moment in milliseconds(9):
        await write(journal, [moment])
        with open_archiver(tmp_path) as archiver:
            archiver.run()
    view = ArchiveReader(tmp_path / "archive").view()
    (stretch,) = [stretch for stretch in view.stretches(CallFilter(), BLOCK_ROWS) if not stretch.is_empty]
    table = ArchiveTable(tmp_path / "archive")
    assert table.compact() == 9
    assert stretch.calls(journal.snapshot(), ("id",)).height == 9


async def test_the_tables_log_is_put_together_and_files_out_of_use_are_deleted(
    tmp_path: Path, journal: CallJournal
) -> None:
    ids = []
    for number in range(12):
        ids += await write(journal, [NOON + timedelta(seconds=number)])
        with open_archiver(tmp_path) as archiver:
            archiver.run()
    table = ArchiveTable(tmp_path / "archive", commits_a_checkpoint=10)
    assert table.compact() == 12
    (tmp_path / "archive" / "day=2026-11-03" / "calls-left-by-a-killed-archiver.parquet").write_bytes(b"")
    table.tidy_log(timedelta(0))
    assert (tmp_path / "archive" / "_delta_log" / "_last_checkpoint").exists()
    assert len(list((tmp_path / "archive").glob("day=*/*"))) == 1
    assert exported_ids(tmp_path, journal.snapshot()) == ids
    assert table.archived_through() == ArchiveTable(tmp_path / "archive").archived_through() >= 12
    await write(journal, [NOON])
    with open_archiver(tmp_path) as archiver:
        assert archiver.run() == 1


async def archive_one_each(folder: Path, journal: CallJournal, seconds: Sequence[int]) -> None:
    for second in seconds:
        await write(journal, [NOON + timedelta(seconds=second)])
        with open_archiver(folder) as archiver:
            archiver.run()


async def test_a_reader_sees_what_came_since_its_last_look(tmp_path: Path, journal: CallJournal) -> None:
    reader = ArchiveReader(tmp_path / "archive")
    log = tmp_path / "archive" / "_delta_log"
    await archive_one_each(tmp_path, journal, [0])
    for second in (1, 2):
        assert reader.view() is reader.view()
        looked_ns = log.stat().st_mtime_ns
        await archive_one_each(tmp_path, journal, [second])
        os.utime(log, ns=(looked_ns, looked_ns))  # as if all was in one tick of the clock
        assert reader.view().files["rows"].sum() == second + 1


async def test_a_reader_sees_a_log_whose_entries_since_its_last_look_are_gone(
    tmp_path: Path, journal: CallJournal
) -> None:
    reader = ArchiveReader(tmp_path / "archive")
    log = tmp_path / "archive" / "_delta_log"
    await archive_one_each(tmp_path, journal, [0])
    assert reader.view().files["rows"].sum() == 1
    await archive_one_each(tmp_path, journal, range(1, 12))
    ArchiveTable(tmp_path / "archive", commits_a_checkpoint=10).tidy_log(timedelta(0))
    for version in range(json.loads((log / "_last_checkpoint").read_bytes())["version"]):
        (log / f"{version:020}.json").unlink(missing_ok=True)
    assert reader.view().files["rows"].sum() == 12


async def test_other_tools_read_the_table_as_it_lies(tmp_path: Path, journal: CallJournal) -> None:
    ids = await write(journal, milliseconds(30))
    with open_archiver(tmp_path) as archiver:
        archiver.run()
    table = deltalake.DeltaTable(str(tmp_path / "archive"))
    frame = table.to_pandas()
    assert sorted(frame["id"]) == sorted(ids)
    assert str(frame["started_at"].dtype) == "datetime64[us, UTC]"
    assert pl.scan_delta(str(tmp_path / "archive")).filter(pl.col("started_at") > NOON).collect().height == 29
    assert table.to_pyarrow_table(filters=[("id", "=", ids[3])]).num_rows == 1
