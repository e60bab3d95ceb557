"""What every log of calls must do: the ports `CallLog` and `CallScanner`."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from calltrail.domain.calls import BodyEncoding, CallOutcome, CallRecord, CallStatus, LoggedBody
from calltrail.domain.filters import CallFilter
from calltrail.services.ports import Claim, LogUnavailable
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.journal.scanner import JournalReader
from calltrail.stores.log_pages import LogPages
from calltrail.stores.log_scanner import LogScanner
from calltrail.stores.migrations import upgrade
from tests.samples import NOON, a_request, an_outcome
from tests.stores.logs import EVERYTHING, LOGS, Log, fill, filters, open_log


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    with open_log(request.param, tmp_path) as log:
        yield log


async def test_a_whole_record_comes_back_as_it_was_written(log: Log) -> None:
    request = a_request(
        device="d-1",
        client_transaction_id="c2b7f9d0-0000-4000-8000-000000000001",
        client_address="203.0.113.9",
        body=LoggedBody("AAH/", 900, BodyEncoding.BASE64, "gzip", is_truncated=True),
    )
    outcome = an_outcome(
        request, CallStatus.FAILED, error_messages="/order: \0 is \r\n hostile", http_status_code=503, masked="body"
    )
    await log.calls.finish(request, outcome, was_begun=False)
    assert log.get(request.id) == CallRecord(request, outcome)
    assert log.get(a_request().id) is None
    assert log.get("no id") is None


async def test_a_begun_call_is_processing_until_it_is_finished(log: Log) -> None:
    request = a_request()
    assert await log.calls.begin(request, must_survive_power_loss=False) is Claim.GRANTED
    assert log.get(request.id) == CallRecord(request)
    await log.calls.finish(request, an_outcome(request), was_begun=True)
    assert log.get(request.id) == CallRecord(request, an_outcome(request))
    assert log.ids() == [request.id]


async def test_a_snapshot_shows_an_open_call_as_processing_whatever_becomes_of_it(log: Log) -> None:
    request = a_request()
    await log.calls.begin(request, must_survive_power_loss=True)
    before = log.calls.snapshot()
    await log.calls.finish(request, an_outcome(request, CallStatus.FAILED), was_begun=True)
    (shown,) = log.rows(before).to_dicts()
    assert (shown["status"], shown["has_errors"], shown["http_status_code"]) == ("processing", False, None)
    assert shown["finished_at"] is shown["response_body"] is shown["response_headers"] is None
    assert log.rows(before, CallFilter(status=CallStatus.FAILED)).is_empty()
    assert log.rows(before, CallFilter(has_errors=True)).is_empty()
    assert log.rows(before, CallFilter(has_errors=False)).height == 1
    assert log.rows(log.calls.snapshot(), CallFilter(status=CallStatus.PROCESSING)).is_empty()


async def test_a_snapshot_does_not_see_calls_that_come_after_it(log: Log) -> None:
    await log.write(a_request())
    before = log.calls.snapshot()
    await log.write(a_request(NOON - timedelta(hours=1)))
    assert log.rows(before).height == 1
    assert log.rows(log.calls.snapshot()).height == 2


async def test_a_snapshot_before_a_call_sees_all_that_was_written_by_then_and_not_the_call(log: Log) -> None:
    earlier, call = a_request(), a_request(NOON + timedelta(seconds=1))
    await log.write(earlier)
    await log.calls.begin(call, must_survive_power_loss=False)
    await log.write(a_request(NOON + timedelta(seconds=2)))
    assert log.rows(log.calls.snapshot_before(call.id))["id"].to_list() == [earlier.id]
    with pytest.raises(LookupError):
        log.calls.snapshot_before(a_request().id)


async def test_rows_come_by_start_time_in_every_shard(log: Log) -> None:
    moments = [NOON + timedelta(milliseconds=997 * number % 100) for number in range(300)]
    for moment in moments:
        await log.write(a_request(moment))
    rows = log.rows(log.calls.snapshot(), shard_bytes=5000)
    assert rows["started_at"].to_list() == sorted(moments)
    assert rows["id"].n_unique() == 300
    assert len(log.scanner.plan(log.calls.snapshot(), EVERYTHING, 5000)) > 20


async def test_calls_of_one_microsecond_stay_in_one_shard(log: Log) -> None:
    for _ in range(50):
        await log.write(a_request())
    (shard,) = log.scanner.plan(log.calls.snapshot(), EVERYTHING, 1000)
    assert shard.rows == 50


async def test_no_match_gives_one_shard_of_no_rows(log: Log) -> None:
    snapshot = log.calls.snapshot()
    (shard,) = log.scanner.plan(snapshot, EVERYTHING, 1000)
    assert (shard.rows, shard.size_bytes) == (0, 0)
    assert list(log.scanner.scan(snapshot, EVERYTHING, shard, ("id",), 1000)) == []


async def test_a_transaction_id_is_claimed_once_at_an_endpoint(log: Log) -> None:
    first = a_request(client_transaction_id="t-1")
    repeat = a_request(client_transaction_id="t-1")
    elsewhere = a_request(client_transaction_id="t-1", endpoint_external_id="demo.App")
    assert await log.calls.begin(first, must_survive_power_loss=True) is Claim.GRANTED
    assert await log.calls.begin(repeat, must_survive_power_loss=True) is Claim.HELD
    assert await log.calls.begin(elsewhere, must_survive_power_loss=True) is Claim.GRANTED
    await log.calls.finish(first, an_outcome(first), was_begun=True)
    assert await log.calls.begin(repeat, must_survive_power_loss=True) is Claim.SPENT
    assert log.get(repeat.id) is None


async def test_a_failed_call_frees_its_transaction_id(log: Log) -> None:
    first = a_request(client_transaction_id="t-1")
    await log.calls.begin(first, must_survive_power_loss=True)
    await log.calls.finish(first, an_outcome(first, CallStatus.FAILED), was_begun=True)
    again = a_request(client_transaction_id="t-1")
    assert await log.calls.begin(again, must_survive_power_loss=True) is Claim.GRANTED


async def test_of_equal_transaction_ids_at_once_one_is_granted(log: Log) -> None:
    requests = [a_request(client_transaction_id="t-1") for _ in range(20)]
    claims = await asyncio.gather(*(log.calls.begin(each, must_survive_power_loss=True) for each in requests))
    assert sorted(claims) == [Claim.GRANTED, *[Claim.HELD] * 19]


async def test_a_repeat_that_is_recorded_does_not_touch_the_claim(log: Log) -> None:
    first = a_request(client_transaction_id="t-1")
    await log.calls.begin(first, must_survive_power_loss=True)
    repeat = a_request(client_transaction_id="t-1")
    await log.calls.finish(repeat, an_outcome(repeat, CallStatus.FAILED), was_begun=False)
    assert await log.calls.begin(a_request(client_transaction_id="t-1"), must_survive_power_loss=True) is Claim.HELD


async def test_many_calls_at_once_are_each_written_once(log: Log) -> None:
    requests = [a_request(NOON + timedelta(microseconds=number)) for number in range(1500)]
    await asyncio.gather(*(log.write(request) for request in requests))
    assert log.ids() == [request.id for request in requests]


@given(filters)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_scan_gives_what_the_filter_matches(mixed_log: tuple[Log, list[CallRecord]], filter: CallFilter) -> None:
    log, records = mixed_log
    expected = sorted(record.request.id for record in records if filter.matches(record))
    assert sorted(log.ids(filter)) == expected


@pytest.fixture
async def mixed_log(log: Log) -> tuple[Log, list[CallRecord]]:
    return log, await fill(log)


class TestJournal:
    """What only the journal of a real machine can show."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        upgrade(tmp_path / "journal.db", "journal")
        return tmp_path / "journal.db"

    def open(self, path: Path, busy_timeout_s: float = 0.2) -> CallJournal:
        return CallJournal(path, path.parent / "run", busy_timeout_s=busy_timeout_s)

    async def test_a_locked_database_refuses_the_write_and_recovers(self, path: Path) -> None:
        journal = self.open(path, busy_timeout_s=0.05)
        locker = sqlite3.connect(path, isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable, match="locked"):
            await journal.begin(a_request(), must_survive_power_loss=True)
        with pytest.raises(LogUnavailable, match="locked"):
            await journal.probe()
        locker.execute("ROLLBACK")
        locker.close()
        assert await journal.begin(a_request(), must_survive_power_loss=True) is Claim.GRANTED
        journal.close()

    async def test_a_record_that_cannot_be_written_does_not_take_others_with_it(self, path: Path) -> None:
        journal = self.open(path)
        good, bad = a_request(), a_request(url="\ud800")
        results = await asyncio.gather(
            journal.begin(good, must_survive_power_loss=True),
            journal.begin(bad, must_survive_power_loss=True),
            return_exceptions=True,
        )
        assert results[0] is Claim.GRANTED
        assert isinstance(results[1], LogUnavailable)
        journal.close()

    async def test_open_calls_of_a_dead_process_are_closed_and_those_of_a_living_one_left(self, path: Path) -> None:
        dead, living = self.open(path), self.open(path)
        lost, running = a_request(client_transaction_id="t-1"), a_request()
        await dead.begin(lost, must_survive_power_loss=False)
        await living.begin(running, must_survive_power_loss=False)
        dead.close()
        assert living.close_orphans("the process died", NOON + timedelta(minutes=1)) == 1
        record = living.get(lost.id)
        assert record
        assert record.outcome
        assert record.status is CallStatus.FAILED
        assert record.outcome == CallOutcome(NOON + timedelta(minutes=1), CallStatus.FAILED, True, "the process died")
        assert living.get(running.id) == CallRecord(running)
        again = a_request(client_transaction_id="t-1")
        assert await living.begin(again, must_survive_power_loss=True) is Claim.GRANTED
        living.close()

    async def test_spent_claims_are_forgotten_after_their_window(self, path: Path) -> None:
        journal = self.open(path)
        first = a_request(client_transaction_id="t-1")
        await journal.begin(first, must_survive_power_loss=True)
        await journal.finish(first, an_outcome(first), was_begun=True)
        assert journal.forget_transactions(NOON) == 0
        assert journal.forget_transactions(NOON + timedelta(seconds=1)) == 1
        assert await journal.begin(replace(first, id=a_request().id), must_survive_power_loss=True) is Claim.GRANTED
        journal.close()

    async def test_two_processes_write_side_by_side(self, path: Path) -> None:
        journals = [self.open(path, busy_timeout_s=10) for _ in range(2)]
        requests = [a_request(NOON + timedelta(microseconds=number)) for number in range(400)]
        await asyncio.gather(
            *(
                journals[number % 2].finish(request, an_outcome(request), was_begun=False)
                for number, request in enumerate(requests)
            )
        )
        snapshot = journals[0].snapshot()
        for journal in journals:
            journal.close()
        archive = path.parent / "archive"
        log = Log(journals[0], LogScanner(path, archive), LogPages(path, archive))
        assert log.rows(snapshot)["id"].to_list() == [each.id for each in requests]

    def test_readers_that_open_and_close_a_journal_at_once_wait_for_each_other(self, path: Path) -> None:
        def look_again_and_again(reader: JournalReader) -> None:
            for _ in range(100):
                with reader.view():
                    pass

        with ThreadPoolExecutor(4) as pool:
            for looking in [pool.submit(look_again_and_again, JournalReader(path)) for _ in range(4)]:
                looking.result()

    async def test_the_write_ahead_log_stays_small_under_load(self, path: Path) -> None:
        journal = self.open(path)
        body = LoggedBody("x" * 400_000, 400_000)
        for _ in range(300):
            await journal.finish(request := a_request(body=body), an_outcome(request), was_begun=False)
        assert _size(path.with_name("journal.db-wal")) < 100 * 1024 * 1024
        assert _size(path) > 20 * 1024 * 1024
        journal.close()


def _size(path: Path) -> int:
    return path.stat().st_size
