"""Looking through an archive of many blocks, whatever of it is remembered, and whatever becomes of its files."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl
import pytest
from bench.archives import make_archive
from bench.calls import ENDPOINTS, FIRST_DAY, METHODS, make_calls

from calltrail.domain.calls import CallStatus
from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import KeepingTime, Retention
from calltrail.services.ports import CallPlace
from calltrail.stores.archive.reader import ArchiveReader, condition
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.kept_calls import KeptCallsOfLog
from calltrail.stores.log_pages import LogPages
from tests.samples import NOON, a_request, an_outcome
from tests.stores.archives import Call, a_call, append, make_table, open_archiver

T = TypeVar("T")

COLUMNS = ("id", "started_at", "finished_at", "method_system_name", "error_messages")
HOUR = timedelta(hours=1)
EVERYTHING = CallFilter()
ROOM = {"room for all": 10**9, "room for some figures": 1_200_000, "room for some files": 300_000, "no room": 0}


@dataclass(frozen=True)
class Site:
    """An archive of 45,000 calls of two days, whose larger files have three blocks."""

    data: Path
    calls: pl.DataFrame

    def pages(self, room: str) -> LogPages:
        return LogPages(self.data / "journal.db", self.data / "archive", ROOM[room])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    data = tmp_path_factory.mktemp("site") / "data"
    batches = list(make_calls(45_000, days=2))
    make_archive(data, batches)
    return Site(data, pl.concat(batches))


def some_filters(count: int, seed: int) -> Iterator[CallFilter]:
    chance = random.Random(seed)

    def maybe(value: Callable[[], T], share: float = 0.3) -> T | None:
        return value() if chance.random() < share else None

    for _ in range(count):
        yield CallFilter(
            since=maybe(lambda: FIRST_DAY + chance.random() * 48 * HOUR),
            till=maybe(lambda: FIRST_DAY + chance.random() * 48 * HOUR),
            status=maybe(lambda: chance.choice(list(CallStatus)), 0.2),
            has_errors=maybe(lambda: chance.random() < 0.7),
            endpoint_external_id=maybe(lambda: chance.choice(ENDPOINTS[:4])),
            method_system_names=maybe(lambda: tuple(sorted(set(chance.sample(METHODS[:9], 2))))) or (),
            http_status_class=maybe(lambda: chance.choice([2, 4, 5]), 0.2),
            least_duration=maybe(lambda: timedelta(milliseconds=chance.choice([5, 50, 200])), 0.2),
            most_duration=maybe(lambda: timedelta(milliseconds=chance.choice([8, 100])), 0.2),
            device=maybe(lambda: "10000000-0000-4000-8000-000000000000", 0.05),
        )


@pytest.mark.parametrize("room", ROOM)
def test_pages_of_many_blocks_have_what_the_filter_matches(site: Site, room: str) -> None:
    pages, chance = site.pages(room), random.Random(7)
    for asked in some_filters(60, seed=len(room)):
        matching = site.calls.filter(condition(asked)).sort("started_at", "id").select(COLUMNS)
        count, number = chance.choice([1, 50, 700]), chance.randrange(site.calls.height)
        place = CallPlace(*site.calls.select("started_at", "id").row(number))
        start, is_same = pl.col("started_at"), pl.col("started_at") == place.started_at
        earlier = matching.filter((start < place.started_at) | (is_same & (pl.col("id") < place.id)))
        later = matching.filter((start > place.started_at) | (is_same & (pl.col("id") > place.id)))
        assert pages.newest(asked, COLUMNS, count).equals(matching.reverse().head(count))
        assert pages.newest(asked, COLUMNS, count, place).equals(earlier.reverse().head(count))
        assert pages.next_after(asked, COLUMNS, count, place).equals(later.head(count))


@pytest.mark.parametrize("room", ROOM)
def test_overviews_of_many_blocks_count_what_the_filter_matches(site: Site, room: str) -> None:
    pages = site.pages(room)
    for asked in [EVERYTHING, *some_filters(40, seed=3)]:
        matching = site.calls.filter(condition(asked))
        overview = pages.overview(asked, HOUR)
        assert (overview.calls, overview.errors) == (matching.height, matching["has_errors"].sum())
        assert (overview.first, overview.last) == (matching["started_at"].min(), matching["started_at"].max())
        buckets = matching.group_by(start=pl.col("started_at").dt.truncate("1h")).agg(calls=pl.len()).sort("start")
        assert overview.buckets.select("start", "calls").rows() == buckets.rows()
        took = (pl.col("finished_at") - pl.col("started_at")).dt.total_microseconds() / 1000
        methods = matching.group_by("method_system_name").agg(
            calls=pl.len(), p50=took.quantile(0.5, "higher"), p95=took.quantile(0.95, "higher")
        )
        both = overview.methods.join(methods, "method_system_name", "full")
        assert both["calls"].to_list() == both["calls_right"].to_list()


def test_durations_of_an_overview_are_right_to_a_hundredth(site: Site) -> None:
    overview = site.pages("room for all").overview(EVERYTHING, HOUR)
    took = ((pl.col("finished_at") - pl.col("started_at")).dt.total_microseconds() / 1000).sort()
    calls = site.calls.group_by("method_system_name").agg(took.alias("took"))
    for name, took_ms in calls.iter_rows():
        (shown,) = overview.methods.filter(pl.col("method_system_name") == name).rows(named=True)
        for percent in (50, 95):
            exact = took_ms[-(-len(took_ms) * percent // 100) - 1]
            assert shown[f"p{percent}_ms"] == pytest.approx(exact, rel=0.0101)


@pytest.mark.parametrize("room", ROOM)
def test_what_is_remembered_takes_no_more_room_than_there_is(site: Site, room: str) -> None:
    pages = site.pages(room)
    pages.overview(EVERYTHING, HOUR)
    pages.newest(CallFilter(method_system_names=("none",)), COLUMNS, 50)
    assert pages.kept_bytes <= ROOM[room]
    assert (pages.kept_bytes > 0) == (room != "no room")


def test_many_may_look_at_once(site: Site) -> None:
    pages = site.pages("room for some files")
    asked = list(some_filters(12, seed=5)) * 2
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda some: pages.newest(some, ("id",), 50)["id"].to_list(), asked))
        counted = list(pool.map(lambda some: pages.overview(some, HOUR).calls, asked))
    assert found[:12] == found[12:]
    assert counted == [site.calls.filter(condition(some)).height for some in asked]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_table(tmp_path)
    return tmp_path


def shown_ids(pages: LogPages, filter: CallFilter = EVERYTHING) -> list[str]:
    """By a page, after an overview that says the same."""
    ids = pages.newest(filter, ("id",), 1000)["id"].to_list()
    assert pages.overview(filter, HOUR).calls == len(ids)
    return ids


def ids_of(calls: list[Call]) -> list[str]:
    return [request.id for request, _ in sorted(calls, key=lambda call: call[0].started_at, reverse=True)]


def some_calls(*hours: int, status: CallStatus = CallStatus.COMPLETED) -> list[Call]:
    return [a_call(NOON + hour * HOUR, status, method_system_name=f"M{hour % 3}") for hour in hours]


def test_calls_that_came_to_the_archive_since_are_seen(folder: Path) -> None:
    pages, first, second = open_pages(folder), some_calls(1, 3, 5), some_calls(2, 4)
    append(ArchiveTable(folder / "archive"), first)
    assert shown_ids(pages) == ids_of(first)
    append(ArchiveTable(folder / "archive"), second)
    assert shown_ids(pages) == ids_of(first + second)
    assert shown_ids(pages, CallFilter(method_system_names=("M1",))) == ids_of(some_of(first + second, "M1"))


def test_files_that_were_put_together_are_forgotten_and_show_the_same_calls(folder: Path) -> None:
    pages, table = open_pages(folder), ArchiveTable(folder / "archive")
    calls = [call for hour in range(9) for call in some_calls(hour)]
    for call in calls:
        append(table, [call])
    assert shown_ids(pages) == ids_of(calls)
    before = pages.kept_bytes
    assert table.compact() == 9
    assert shown_ids(pages) == ids_of(calls)
    assert 0 < pages.kept_bytes < before


def test_erased_calls_are_seen_no_more(folder: Path) -> None:
    pages, calls = open_pages(folder), some_calls(*range(9))
    append(ArchiveTable(folder / "archive"), calls)
    assert shown_ids(pages) == ids_of(calls)
    kept = KeptCallsOfLog(folder / "journal.db", ArchiveTable(folder / "archive"), busy_timeout_s=5, patience_s=0.5)
    assert kept.erase(CallFilter(method_system_names=("M1",)), ()) == 3
    assert shown_ids(pages) == ids_of(some_of(calls, "M0", "M2"))
    assert shown_ids(pages, CallFilter(method_system_names=("M1",))) == []
    assert kept.erase(EVERYTHING, ()) == 6
    assert shown_ids(pages) == []
    assert pages.extent() is None
    assert pages.kept_bytes == 0


@pytest.mark.parametrize("filter", [EVERYTHING, CallFilter(text="a"), CallFilter(least_duration=timedelta(0))])
def test_files_that_are_erased_while_a_page_is_made_do_not_break_it(
    folder: Path, filter: CallFilter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = some_calls(*range(9))
    append(ArchiveTable(folder / "archive"), calls)
    before, newest = ArchiveReader(folder / "archive").view(), ArchiveReader.view
    kept = KeptCallsOfLog(folder / "journal.db", ArchiveTable(folder / "archive"), busy_timeout_s=5, patience_s=0.5)
    kept.erase(CallFilter(method_system_names=("M1",)), ())
    views = [before]
    monkeypatch.setattr(ArchiveReader, "view", lambda reader: views.pop() if views else newest(reader))
    stay = some_of(calls, "M0", "M2")
    assert shown_ids(open_pages(folder), filter) == ids_of(stay)
    views.append(before)
    assert open_pages(folder).overview(filter, HOUR).calls == len(stay)
    views.append(before)
    row = ArchiveReader(folder / "archive").find(stay[0][0].id)
    assert row
    assert row[0] == stay[0][0].id
    assert not views


def test_calls_and_bodies_that_were_due_are_seen_no_more(folder: Path) -> None:
    pages, calls = open_pages(folder), some_calls(0, 1, 24, 25)
    append(ArchiveTable(folder / "archive"), calls)
    assert shown_ids(pages) == ids_of(calls)
    kept = KeptCallsOfLog(folder / "journal.db", ArchiveTable(folder / "archive"), busy_timeout_s=5, patience_s=0.5)
    list(kept.retire(Retention(KeepingTime(2), KeepingTime(1)), NOON.replace(hour=0) + 72 * HOUR, ()))
    assert shown_ids(pages) == ids_of(calls[2:])
    assert pages.newest(EVERYTHING, ("request_body",), 9)["request_body"].to_list() == ["", ""]
    assert pages.extent() == (calls[2][0].started_at, calls[3][0].started_at)


async def test_a_late_call_of_an_old_day_stands_among_its_neighbours(folder: Path) -> None:
    pages, table = open_pages(folder), ArchiveTable(folder / "archive")
    calls = some_calls(-30, -20, -10, 0, 1, 2)
    append(table, calls)
    late = a_request(NOON - 15 * HOUR)
    with closing(CallJournal(folder / "journal.db", folder / "run", busy_timeout_s=1)) as journal:
        await journal.begin(late, must_survive_power_loss=True)
        outcome = replace(an_outcome(late), finished_at=NOON + 5 * HOUR)
        expected = ids_of([*calls, (late, outcome)])
        assert shown_ids(pages) == expected
        await journal.finish(late, outcome, was_begun=True)
        assert shown_ids(pages) == expected
        with open_archiver(folder) as archiver:
            archiver.run()
    for count in (1, 3, 4, 7):
        assert pages.newest(EVERYTHING, ("id",), count)["id"].to_list() == expected[:count]
    assert shown_ids(pages, CallFilter(least_duration=10 * HOUR)) == [late.id]


def open_pages(folder: Path) -> LogPages:
    return LogPages(folder / "journal.db", folder / "archive")


def some_of(calls: list[Call], *methods: str) -> list[Call]:
    return [call for call in calls if call[0].method_system_name in methods]
