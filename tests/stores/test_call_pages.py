"""What every log must do for those who look through it: the port `CallPages`."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calltrail.domain.calls import EPOCH, CallRecord
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.services.ports import CallPlace, Overview
from calltrail.stores.journal.rows import plain_text_bytes
from tests.samples import NOON, a_request, an_outcome
from tests.stores.logs import EVERYTHING, LOGS, Log, fill, filters, open_log

SECOND = timedelta(seconds=1)
BEFORE_ALL = CallPlace(datetime(1, 1, 1, tzinfo=UTC), "")


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    with open_log(request.param, tmp_path) as log:
        yield log


@pytest.fixture
async def mixed_log(log: Log) -> tuple[Log, list[CallRecord]]:
    return log, await fill(log)


def in_order(records: Sequence[CallRecord]) -> list[CallPlace]:
    places = sorted((record.request.started_at, record.request.id) for record in records)
    return [CallPlace(*place) for place in places]


@given(filters, st.integers(1, 70))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_pages_give_what_the_filter_matches_newest_first(
    mixed_log: tuple[Log, list[CallRecord]], filter: CallFilter, count: int
) -> None:
    log, records = mixed_log
    matching = in_order([record for record in records if filter.matches(record)])
    assert log.newest_ids(filter, count) == [place.id for place in matching[::-1]]


@given(filters, st.integers(1, 70), st.integers(0, 59))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_pages_after_a_place_give_what_the_filter_matches_oldest_first(
    mixed_log: tuple[Log, list[CallRecord]], filter: CallFilter, count: int, number: int
) -> None:
    log, records = mixed_log
    place = in_order(records)[number]
    later = in_order(records)[number + 1 :]
    matching = in_order([record for record in records if filter.matches(record)])
    assert log.next_ids(filter, count, place) == [place.id for place in matching if place in later]


@given(filters, st.sampled_from([SECOND, 7 * SECOND, timedelta(microseconds=7), timedelta(days=7)]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_overview_counts_what_the_filter_matches(
    mixed_log: tuple[Log, list[CallRecord]], filter: CallFilter, bucket: timedelta
) -> None:
    log, records = mixed_log
    log.archive()
    matching = [record for record in records if filter.matches(record)]
    overview = log.pages.overview(filter, bucket)
    starts = [record.request.started_at for record in matching]
    assert (overview.calls, overview.errors) == (len(matching), sum(record.has_errors for record in matching))
    assert overview.size_bytes == sum(plain_text_bytes(record.request, record.outcome) for record in matching)
    assert (overview.first, overview.last) == (min(starts, default=None), max(starts, default=None))
    assert overview.buckets.rows() == naive_buckets(matching, bucket)
    methods = overview.methods.drop("p50_ms", "p95_ms").rows()
    assert methods == [(name, *figures) for name, figures in naive_methods(matching).items()]


def naive_buckets(records: Sequence[CallRecord], bucket: timedelta) -> list[tuple[datetime, int, int]]:
    starts = {record.request.started_at - (record.request.started_at - EPOCH) % bucket for record in records}
    inside = {
        start: [record for record in records if start <= record.request.started_at < start + bucket] for start in starts
    }
    return [(start, len(inside[start]), sum(each.has_errors for each in inside[start])) for start in sorted(starts)]


def naive_methods(records: Sequence[CallRecord]) -> dict[str, tuple[int, int, datetime]]:
    figures = {}
    for name in sorted({record.request.method_system_name for record in records}):
        of_it = [record for record in records if record.request.method_system_name == name]
        last = max(record.request.started_at for record in of_it)
        figures[name] = (len(of_it), sum(record.has_errors for record in of_it), last)
    return dict(sorted(figures.items(), key=lambda item: -item[1][0]))


@given(st.lists(st.integers(0, 10**10) | st.integers(0, 50), min_size=1, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
def test_half_and_nineteen_of_twenty_calls_took_no_longer_than_an_overview_says(
    tmp_path_factory: pytest.TempPathFactory, durations: Sequence[int]
) -> None:
    for kind in ("memory", "archive"):
        with open_log(kind, tmp_path_factory.mktemp("log")) as log:
            overview = asyncio.run(overview_of(log, durations))
        _, calls, errors, p50, p95, last = overview.methods.row(0)
        assert (calls, errors, last) == (len(durations) + 1, 0, NOON)
        for shown, percent in ((p50, 50), (p95, 95)):
            exact = sorted(durations)[-(-len(durations) * percent // 100) - 1]
            assert shown * 1000 == pytest.approx(exact, rel=0.01001, abs=1.01)


async def overview_of(log: Log, durations: Sequence[int]) -> Overview:
    """Of calls that took so many microseconds, and one that is open."""
    await log.calls.begin(a_request(), must_survive_power_loss=False)
    for micros in durations:
        request = a_request()
        outcome = an_outcome(request, finished_at=NOON + timedelta(microseconds=micros))
        await log.calls.finish(request, outcome, was_begun=False)
    log.archive()
    return log.pages.overview(EVERYTHING, SECOND)


async def test_durations_of_calls_that_are_all_processing_are_unknown(log: Log) -> None:
    await log.calls.begin(a_request(), must_survive_power_loss=False)
    log.archive()
    assert log.pages.overview(EVERYTHING, SECOND).methods.rows() == [("Website.CreateOrder", 1, 0, None, None, NOON)]


def test_an_empty_log_has_no_extent_and_an_overview_of_nothing(log: Log) -> None:
    log.archive()
    overview = log.pages.overview(EVERYTHING, SECOND)
    assert log.pages.extent() is None
    assert (overview.calls, overview.errors, overview.size_bytes, overview.first, overview.last) == (
        0,
        0,
        0,
        None,
        None,
    )
    assert overview.buckets.columns == ["start", "calls", "errors"]
    assert overview.methods.columns == ["method_system_name", "calls", "errors", "p50_ms", "p95_ms", "last_started_at"]
    assert overview.buckets.is_empty()
    assert overview.methods.is_empty()


async def test_the_extent_of_a_log_is_from_its_oldest_call_to_its_newest(log: Log) -> None:
    newest, oldest = a_request(NOON + timedelta(days=3)), a_request(NOON - timedelta(days=400))
    await log.write(newest)
    await log.write(a_request())
    log.archive()
    await log.calls.begin(oldest, must_survive_power_loss=False)
    assert log.pages.extent() == (oldest.started_at, newest.started_at)
    await log.calls.finish(oldest, an_outcome(oldest), was_begun=True)
    log.archive()
    assert log.pages.extent() == (oldest.started_at, newest.started_at)


async def test_pages_neither_repeat_nor_miss_calls_of_one_microsecond(log: Log) -> None:
    requests = [a_request() for _ in range(25)]
    await asyncio.gather(*(log.write(request) for request in requests[:12]))
    log.archive()
    await asyncio.gather(*(log.write(request) for request in requests[12:]))
    ascending = sorted(request.id for request in requests)
    assert log.newest_ids(EVERYTHING, 3) == ascending[::-1]
    assert log.next_ids(EVERYTHING, 3, BEFORE_ALL) == ascending
    assert log.next_ids(EVERYTHING, 3, CallPlace(NOON, ascending[7])) == ascending[8:]


async def test_a_page_goes_on_where_the_last_one_ended_whatever_arrives_meanwhile(log: Log) -> None:
    requests = [a_request(NOON + number * SECOND) for number in range(6)]
    await asyncio.gather(*(log.write(request) for request in requests))
    first = log.pages.newest(EVERYTHING, ("id",), 2)
    await log.write(a_request(NOON + 9 * SECOND))
    log.archive()
    second = log.pages.newest(EVERYTHING, ("id", "started_at"), 3, CallPlace(requests[4].started_at, requests[4].id))
    assert first["id"].to_list() == [requests[5].id, requests[4].id]
    assert second["id"].to_list() == [requests[3].id, requests[2].id, requests[1].id]


async def test_a_page_has_every_column_that_is_asked_for(mixed_log: tuple[Log, list[CallRecord]]) -> None:
    log, records = mixed_log
    log.archive()
    newest = log.pages.newest(EVERYTHING, tuple(LOG_SCHEMA), 100)
    assert dict(newest.schema) == dict(LOG_SCHEMA)
    assert newest.height == len(records)
    shown: dict[str, Any] = {row["id"]: row for row in newest.to_dicts()}
    for record in records:
        row = shown[record.request.id]
        assert (row["url"], row["request_body"]) == (record.request.url, record.request.body.text)
        assert row["error_messages"] == (record.outcome.error_messages if record.outcome else None)
    assert log.pages.next_after(EVERYTHING, tuple(LOG_SCHEMA), 100, BEFORE_ALL).equals(newest.reverse())
