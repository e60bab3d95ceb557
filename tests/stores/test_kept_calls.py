"""What retention and erasure take away, and what they leave: on a real journal and a real archive."""

import itertools
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calltrail.domain.calls import BodyEncoding, CallRecord, CallStatus, LoggedBody
from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import Hold, KeepingTime, Matching, Retention
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.journal.rows import OUTCOME_COLUMNS, REQUEST_COLUMNS, record
from calltrail.stores.kept_calls import KeptCallsOfLog
from calltrail.stores.migrations import upgrade
from calltrail.stores.verification import verify
from tests.samples import NOON, a_request, an_outcome
from tests.stores.archives import Call, a_call, append, make_table, open_archiver
from tests.stores.killed_keeper import carry_out

DAY = timedelta(days=1)
NOW = NOON + 10 * DAY
EVERYTHING_TILL_NOW = CallFilter(till=NOW)


def open_kept(folder: Path) -> KeptCallsOfLog:
    return KeptCallsOfLog(folder / "journal.db", ArchiveTable(folder / "archive"), busy_timeout_s=5, patience_s=0.5)


def a_hold(since: datetime, till: datetime) -> Hold:
    return Hold(1, since, till, "case 12/26", "operator:ann", NOON)


def archived(folder: Path) -> dict[str, CallRecord]:
    table = ArchiveTable(folder / "archive")
    columns = REQUEST_COLUMNS + OUTCOME_COLUMNS
    moments = pl.col("started_at", "finished_at").to_physical()
    frame = table.log(table.files()).with_columns(moments).select(columns).collect() if table.files().height else None
    rows = [] if frame is None else frame.rows()
    return {row[0]: record(row) for row in rows}


def ids(calls: Iterable[Call]) -> set[str]:
    return {request.id for request, _ in calls}


def total(counts: Iterable[dict[str, int]]) -> int:
    return sum(sum(each.values()) for each in counts)


def retire(folder: Path, retention: Retention, *holds: Hold, now: datetime = NOW) -> tuple[int, int]:
    """How many calls and how many bodies went."""
    retired = list(open_kept(folder).retire(retention, now, holds))
    return total(dict(each.calls) for each in retired), total(dict(each.bodies) for each in retired)


def files_on_disk(folder: Path) -> set[str]:
    return {path.name for path in (folder / "archive").glob("day=*/*")}


def test_a_day_is_due_once_all_of_it_is_older_than_the_days_it_is_kept(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    midnight = NOON.replace(hour=0)
    last_of_day = a_call(midnight + DAY - timedelta(microseconds=1))
    append(table, [a_call(midnight), last_of_day, a_call(midnight + DAY)])
    week = Retention(KeepingTime(7))
    assert retire(tmp_path, week, now=midnight + 8 * DAY - timedelta(microseconds=1)) == (0, 0)
    assert retire(tmp_path, week, now=midnight + 8 * DAY) == (2, 0)
    assert len(archived(tmp_path)) == 1
    assert table.books().removed == 2


def test_what_a_method_says_goes_before_the_default(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    calls = [a_call(NOON, method_system_name=name) for name in ("Short", "Long", "Unknown")]
    append(table, calls)
    assert retire(tmp_path, Retention(KeepingTime(None, {"Short": 3, "Long": 30}))) == (1, 0)
    assert retire(tmp_path, Retention(KeepingTime(5, {"Short": 3, "Long": 30}))) == (1, 0)
    assert set(archived(tmp_path)) == {calls[1][0].id}


def test_a_call_of_a_held_window_stays_and_the_window_is_half_open(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    moments = [NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)]
    calls = [a_call(moment) for moment in moments]
    append(table, calls)
    hold = a_hold(moments[1], moments[2])
    due = Retention(KeepingTime(1), KeepingTime(1))
    assert open_kept(tmp_path).matching(EVERYTHING_TILL_NOW, [hold]).held == 1
    assert retire(tmp_path, due, hold) == (2, 0)
    assert archived(tmp_path) == {calls[1][0].id: CallRecord(*calls[1])}
    assert retire(tmp_path, due) == (1, 0)


def test_a_body_that_is_due_is_gone_and_said_to_be_and_its_size_stays(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    request, outcome = a_call(NOON)
    binary = replace(outcome, response_body=LoggedBody("AAH/", 900, BodyEncoding.BASE64, "gzip"))
    silent = replace(a_request(NOON), body=LoggedBody())
    append(table, [(request, binary), (silent, replace(outcome, response_body=None))])
    assert retire(tmp_path, Retention(bodies=KeepingTime(1))) == (0, 1)
    kept = archived(tmp_path)
    assert kept[request.id].request.body == replace(request.body, text="", is_truncated=True)
    assert kept[request.id].outcome == replace(
        binary, response_body=LoggedBody("", 900, BodyEncoding.BASE64, "gzip", is_truncated=True)
    )
    assert kept[silent.id] == CallRecord(silent, replace(outcome, response_body=None))
    sizes = table.log(table.files()).select(pl.col("plain_text_bytes").sum()).collect().item()
    empty_sizes = 600 + len(request.url) * 2 + len(request.headers) * 2 + len(outcome.response_headers or "") * 2
    assert sizes == empty_sizes


def test_whole_days_go_without_being_read_and_files_without_due_calls_stay_as_they_are(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    append(table, [a_call(NOON, method_system_name="Short")])
    append(table, [a_call(NOON, method_system_name="Long")])
    append(table, [a_call(NOON - DAY, method_system_name="Short")])
    before = files_on_disk(tmp_path)
    retire(tmp_path, Retention(KeepingTime(None, {"Short": 3}), KeepingTime(None, {"Short": 2})))
    assert files_on_disk(tmp_path) == before
    assert table.files().height == 1


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    append(table, [a_call(NOON, method_system_name=name) for name in ("Short", "Long")])
    kept, retention = open_kept(tmp_path), Retention(bodies=KeepingTime(None, {"Short": 3}))
    assert total(dict(each.bodies) for each in kept.retire(retention, NOW, ())) == 1
    version = table.version()
    for again in (kept, kept, open_kept(tmp_path)):
        assert total(dict(each.bodies) for each in again.retire(retention, NOW, ())) == 0
    assert table.version() == version
    assert total(dict(each.bodies) for each in kept.retire(Retention(bodies=KeepingTime(3)), NOW, ())) == 1


def test_a_rehearsal_tells_the_same_and_changes_nothing(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    append(table, [a_call(NOON, method_system_name=name) for name in ("Short", "Short", "Long")])
    retention = Retention(KeepingTime(None, {"Short": 3}), KeepingTime(2))
    version = table.version()
    rehearsed = list(open_kept(tmp_path).retire(retention, NOW, (), only_tell=True))
    assert table.version() == version
    assert rehearsed == list(open_kept(tmp_path).retire(retention, NOW, ()))


async def test_matching_calls_are_counted_wherever_they_are(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    append(table, [a_call(NOON), a_call(NOON - DAY), a_call(NOON, CallStatus.FAILED)])
    with closing(CallJournal(tmp_path / "journal.db", tmp_path / "run", busy_timeout_s=1)) as journal:
        late, open_call = a_request(NOON + DAY), a_request(NOON + DAY)
        await journal.finish(late, an_outcome(late), was_begun=False)
        await journal.begin(open_call, must_survive_power_loss=True)
    completed = CallFilter(status=CallStatus.COMPLETED)
    found = open_kept(tmp_path).matching(completed, [a_hold(NOON - DAY, NOON)])
    assert found == replace(found, calls=2, first=NOON, last=NOON + DAY, held=1, processing=())
    assert found.size_bytes > 1000
    found = open_kept(tmp_path).matching(CallFilter(since=NOON), [a_hold(NOON + DAY, NOON + 2 * DAY)])
    assert (found.calls, found.held, found.processing) == (2, 1, (open_call.id,))
    assert open_kept(tmp_path).matching(CallFilter(device="nobody"), ()) == Matching()


def test_nothing_matches_where_there_is_no_archive_yet(tmp_path: Path) -> None:
    upgrade(tmp_path / "journal.db", "journal")
    assert open_kept(tmp_path).matching(EVERYTHING_TILL_NOW, ()) == Matching()


def test_erased_calls_are_gone_from_the_table_and_from_the_disk(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    stays = a_call(NOON)
    append(table, [a_call(NOON, url="/?mail=ann@example.com", device="d1"), stays])
    append(table, [a_call(NOON - DAY, body=LoggedBody('{"mail":"ann@example.com"}', 26))])
    append(table, [a_call(NOON - DAY, device="d1"), a_call(NOON - 2 * DAY)])
    table.compact()
    kept = open_kept(tmp_path)
    assert kept.erase(CallFilter(text="ann@example.com"), ()) == 2
    assert kept.erase(CallFilter(text="ann@example.com"), ()) == 0
    assert len(archived(tmp_path)) == 3
    assert kept.erase(CallFilter(device="d1"), ()) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"ann@example" in path.read_bytes()]
    assert files_on_disk(tmp_path) == {Path(path).name for path in table.files()["path"]}
    assert verify(tmp_path / "journal.db", tmp_path / "archive").problems == ()


def test_a_held_call_is_not_erased(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    calls = [a_call(NOON), a_call(NOON + DAY)]
    append(table, calls)
    assert open_kept(tmp_path).erase(EVERYTHING_TILL_NOW, [a_hold(NOON, NOON + DAY)]) == 1
    assert set(archived(tmp_path)) == {calls[0][0].id}


async def test_bytes_of_calls_that_left_the_journal_are_gone_from_its_files(tmp_path: Path) -> None:
    make_table(tmp_path)
    with (
        closing(CallJournal(tmp_path / "journal.db", tmp_path / "run", busy_timeout_s=1)) as journal,
        closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as reader,
        open_archiver(tmp_path) as archiver,
    ):
        for number in range(40):
            request = a_request(NOON, body=LoggedBody(f"{number:06}-very-private" * 900, 20))
            await journal.finish(request, an_outcome(request), was_begun=False)
        open_call = a_request(NOON + DAY)
        await journal.begin(open_call, must_survive_power_loss=True)
        archiver.run()
        assert is_in_journal_files(tmp_path, b"very-private")

        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM calls").fetchone()
        assert not open_kept(tmp_path).scrub_journal()  # somebody reads the journal as it was
        await journal.finish(open_call, an_outcome(open_call), was_begun=True)
        reader.execute("COMMIT")

        assert open_kept(tmp_path).scrub_journal()
        assert not is_in_journal_files(tmp_path, b"very-private")
        assert journal.get(open_call.id)
        assert archiver.run() == 1


def is_in_journal_files(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.glob("journal.db*"))


METHODS = ("A", "B", "C")
START = datetime(2026, 11, 1, tzinfo=NOON.tzinfo)

bodies = st.sampled_from(["", "secret", "Ж" * 40]).map(lambda text: LoggedBody(text, len(text.encode())))
moments = st.integers(0, 4 * 86_400 - 1).map(lambda second: START + timedelta(seconds=second))
keeping_times = st.builds(
    KeepingTime, st.none() | st.integers(1, 6), st.dictionaries(st.sampled_from(METHODS), st.integers(1, 6))
)
windows = st.tuples(moments, moments).map(sorted)
filters = st.builds(
    CallFilter,
    since=st.none() | moments,
    till=st.none() | moments,
    has_errors=st.none() | st.booleans(),
    method_system_names=st.lists(st.sampled_from(METHODS), unique=True, max_size=2).map(lambda n: tuple(sorted(n))),
    device=st.none() | st.just("d1"),
    text=st.none() | st.just("secret"),
    http_status_class=st.none() | st.sampled_from([2, 4]),
    least_duration=st.none() | st.sampled_from([12, 13]).map(lambda ms: timedelta(milliseconds=ms)),
)


@st.composite
def final_calls(draw: st.DrawFn) -> Call:
    request, outcome = a_call(
        draw(moments),
        draw(st.sampled_from([CallStatus.COMPLETED, CallStatus.FAILED])),
        method_system_name=draw(st.sampled_from(METHODS)),
        device=draw(st.none() | st.just("d1")),
        body=draw(bodies),
    )
    return request, replace(outcome, response_body=draw(st.none() | bodies))


@settings(max_examples=40)
@given(
    entries=st.lists(st.lists(final_calls(), min_size=1, max_size=6), min_size=1, max_size=4),
    retention=st.builds(Retention, keeping_times, keeping_times),
    held=st.lists(windows, max_size=2),
    filter=filters,
)
def test_exactly_the_calls_and_bodies_that_must_stay_stay(
    entries: Sequence[Sequence[Call]], retention: Retention, held: Sequence[list[datetime]], filter: CallFilter
) -> None:
    now = START + 6 * DAY
    holds = [a_hold(*window) for window in held]
    with tempfile.TemporaryDirectory() as folder:
        table = make_table(Path(folder))
        for calls in entries:
            append(table, calls)
        records = {request.id: CallRecord(request, outcome) for request, outcome in itertools.chain(*entries)}

        retire(Path(folder), retention, *holds, now=now)
        stay = {
            call_id: _as_kept(each, retention, holds, now)
            for call_id, each in records.items()
            if _is_held(each, holds) or not _is_due(each, retention.calls, now)
        }
        assert archived(Path(folder)) == stay

        found = open_kept(Path(folder)).matching(filter, holds)
        erased = open_kept(Path(folder)).erase(filter, holds)
        left = {call_id: each for call_id, each in stay.items() if _is_held(each, holds) or not filter.matches(each)}
        assert archived(Path(folder)) == left
        assert found.calls == erased == len(stay) - len(left)
        assert table.books().calls == len(left)
        assert verify(Path(folder, "journal.db"), Path(folder, "archive")).problems == ()


def _is_held(record: CallRecord, holds: Sequence[Hold]) -> bool:
    return any(hold.since <= record.request.started_at < hold.till for hold in holds)


def _is_due(record: CallRecord, time: KeepingTime, now: datetime) -> bool:
    days = time.of_methods.get(record.request.method_system_name, time.days)
    end_of_day = record.request.started_at.replace(hour=0, minute=0, second=0) + DAY
    return days is not None and end_of_day + days * DAY <= now


def _as_kept(record: CallRecord, retention: Retention, holds: Sequence[Hold], now: datetime) -> CallRecord:
    if _is_held(record, holds) or not _is_due(record, retention.bodies, now):
        return record
    assert record.outcome
    answer = record.outcome.response_body
    return CallRecord(
        replace(record.request, body=_stripped(record.request.body)),
        replace(record.outcome, response_body=answer and _stripped(answer)),
    )


def _stripped(body: LoggedBody) -> LoggedBody:
    return replace(body, text="", is_truncated=True) if body.text else body


@pytest.fixture
def killed() -> Iterator[Callable[[Path, str, int], int]]:
    """Carries out a task on a data folder until its nth sync, and says how that ended."""
    process = [sys.executable, "-m", "tests.stores.killed_keeper"]
    with subprocess.Popen(process, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdin
        assert keeper.stdout
        requests, answers = keeper.stdin, keeper.stdout

        def carry_out_until(folder: Path, task: str, at_sync: int) -> int:
            requests.write(f"{folder} {task} {at_sync}\n")
            requests.flush()
            return int(answers.readline())

        yield carry_out_until
        requests.close()


@pytest.mark.parametrize("task", ["retire", "erase"])
def test_killed_while_calls_are_taken_away_the_books_hold_and_the_next_run_finishes(
    tmp_path: Path, task: str, killed: Callable[[Path, str, int], int]
) -> None:
    table = make_table(tmp_path)
    goes = [a_call(NOON - day * DAY, method_system_name="Short") for day in range(3)]
    stays = [a_call(NOON - day * DAY, method_system_name="Long") for day in range(2)]
    append(table, [*goes[:2], *stays])
    append(table, goes[2:])
    for at_sync in itertools.count(1):
        folder = Path(shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-{at_sync}")))
        ended = killed(folder, task, at_sync)
        assert verify(folder / "journal.db", folder / "archive").problems == ()
        assert ids(stays) <= set(archived(folder)) <= ids(stays) | ids(goes)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        carry_out(folder, task)
        assert set(archived(folder)) == ids(stays)
        assert verify(folder / "journal.db", folder / "archive").problems == ()
        in_use = {Path(path).name for path in ArchiveTable(folder / "archive").files()["path"]}
        assert files_on_disk(folder) == in_use or task == "retire"
    assert at_sync > 12
