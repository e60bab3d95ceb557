"""The page of calls: filters in its address, pages that stay, a timeline, figures by API method."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from calltrail.console.calls.asked_calls import place_word, read_asked
from calltrail.console.calls.timeline import bucket_of, draw
from calltrail.domain.calls import EPOCH, CallStatus
from calltrail.services.looking import CallPlace
from tests.console.house import House, text_of

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


async def test_the_newest_calls_of_a_day_are_shown_at_first() -> None:
    house = House()
    old = await house.add_call(house.now - timedelta(hours=25))
    older = await house.add_call(house.now - timedelta(hours=2), status=CallStatus.FAILED, error_messages="no stock")
    newest = await house.add_call(house.now)
    view = await (await house.person()).json("/calls")
    assert [row["id"] for row in view["page"]] == [newest.id, older.id]
    assert (view["calls"], view["errors"]) == (2, 1)
    assert old.id not in str(view)


async def test_figures_by_api_method_are_of_all_matching_calls() -> None:
    house = House()
    for number in range(120):
        await house.add_call(house.now - timedelta(minutes=number), method_system_name="A" if number % 3 else "B")
    view = await (await house.person()).json("/calls?endpoint=demo.Website")
    assert view["calls"] == 120
    assert [(row["method_system_name"], row["calls"]) for row in view["methods"]] == [("A", 80), ("B", 40)]
    assert sum(bucket["calls"] for bucket in view["buckets"]) == 120


async def test_pages_lead_through_all_calls_and_back() -> None:
    house = House()
    calls = [await house.add_call(house.now - timedelta(minutes=number // 2)) for number in range(130)]
    owner = await house.person()
    forth, address = [], "/calls?last=24h"
    while address:
        view = await owner.json(address)
        forth.append([row["id"] for row in view["page"]])
        address, last = view["older"], address
    assert [len(page) for page in forth] == [50, 50, 30]
    assert {call.id for call in calls} == {call_id for page in forth for call_id in page}
    back, address = [], last
    while address:
        view = await owner.json(address)
        back.append([row["id"] for row in view["page"]])
        address = view["newer"]
    assert [call_id for page in back[::-1] for call_id in page] == [call_id for page in forth for call_id in page]


async def test_a_form_that_was_left_blank_gives_a_short_address() -> None:
    owner = await House().person()
    page = await owner.get("/calls?text=&endpoint=shop&status=&since=+&column=url&column=")
    assert (page.status, page.headers["location"]) == (303, "/calls?endpoint=shop&column=url")


async def test_everything_that_is_wrong_with_a_filter_is_told_at_once() -> None:
    page = await (await House().person()).get("/calls?status=done&http=9xx&least_ms=soon&since=yesterday&errors=maybe")
    text = text_of(page)
    assert page.status == 422
    for field in ("/status", "/http", "/least_ms", "/since", "/errors"):
        assert field in text


async def test_chosen_columns_are_shown_in_the_order_of_the_address() -> None:
    house = House()
    await house.add_call(client_address="192.0.2.1")
    page = await (await house.person()).get("/calls?column=client_address&column=url&column=nonsense")
    headings = page.text[page.text.index("Calls, newest first</caption>") :]
    assert headings.index("Address</th>") < headings.index("URL</th>")
    assert "API method</th>" not in headings
    assert "192.0.2.1" in text_of(page)


async def test_an_export_link_fixes_the_moving_window() -> None:
    asked = read_asked(QueryParams("last=1h&method=A&method=B&before=1_x&column=url"), NOW)
    assert asked.fixed == "?since=2026-11-25T09%3A30%3A00.000000&method=A&method=B&column=url"


@pytest.mark.parametrize("word", ["1", "x_y", "1_", "9" * 30 + "_x", "-1_x", "1.5_x"])
async def test_a_place_that_is_none_is_told(word: str) -> None:
    page = await (await House().person()).get(f"/calls?before={word}")
    assert page.status == 422
    assert "/before" in text_of(page)


@given(MOMENTS, st.uuids())
def test_a_place_survives_its_way_through_an_address(moment: datetime, call_id: object) -> None:
    place = CallPlace(moment, str(call_id))
    asked = read_asked(QueryParams({"before": place_word(place)}), NOW)
    assert asked.before == place


@given(
    since=MOMENTS,
    length=st.timedeltas(timedelta(milliseconds=1), timedelta(days=3650)),
    parts=st.lists(st.floats(0, 1), max_size=20),
)
def test_every_bucket_of_the_window_has_its_bar_within_the_drawing(
    since: datetime, length: timedelta, parts: list[float]
) -> None:
    till = since + length
    bucket = bucket_of(since, till)
    starts = sorted({EPOCH + (since + part * length * 0.999 - EPOCH) // bucket * bucket for part in parts})
    drawing = draw(since, till, bucket, [(start, 10 + number, number) for number, start in enumerate(starts)])
    assert drawing.since <= since
    assert drawing.till >= till
    assert [bar.start for bar in drawing.bars] == starts
    for bar in drawing.bars:
        assert 0 <= bar.x < bar.x + bar.width <= 100.01
        assert bar.y + bar.height == pytest.approx(100)
        assert bar.errors_height <= bar.height
    assert len(drawing.labels) <= 10
