"""The page of one call, and what can be taken from it."""

import base64
import html
import json
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from calltrail.domain.calls import BodyEncoding, CallStatus, LoggedBody
from tests.console.house import House, text_of

HOSTILE = "</pre><script>alert(1)</script>\"'&{{ 7777*7777 }}"
_DOT = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()


async def test_both_sides_of_a_call_are_shown() -> None:
    house = House()
    call = await house.add_call(
        body=LoggedBody('{"order":{"id":1,"goods":["Teekanne 🫖"]}}', 40),
        headers="content-type: application/json\nx-twice: one\nx-twice: two",
        response_headers="content-type: application/json",
        response_body=LoggedBody('{"status":"Success"}', 20),
        http_status_code=200,
    )
    page = await (await house.person()).get(f"/calls/{call.id}")
    text = text_of(page)
    for shown in (
        "Create an order",
        "completed",
        "x-twice one x-twice two",
        "Teekanne 🫖",
        "HTTP 200",
        "Success",
        call.id,
    ):
        assert shown in text


async def test_the_json_of_the_page_is_the_record_in_full() -> None:
    house = House()
    call = await house.add_call(error_messages="one\ntwo", has_errors=True)
    view = await (await house.person()).json(f"/calls/{call.id}")
    assert view["call"]["request"]["id"] == call.id
    assert view["call"]["request"]["body"]["text"] == call.body.text
    assert view["call"]["outcome"]["error_messages"] == "one\ntwo"


async def test_hostile_texts_in_every_field_are_text() -> None:
    house = House()
    call = await house.add_call(
        method_system_name=HOSTILE,
        method_name=HOSTILE,
        endpoint_external_id=HOSTILE,
        integration_name=HOSTILE,
        http_method=HOSTILE,
        url=HOSTILE,
        headers=f"{HOSTILE}: {HOSTILE}",
        body=LoggedBody(json.dumps({HOSTILE: [HOSTILE, {HOSTILE: 1}]}), 9),
        device=HOSTILE,
        client_address=HOSTILE,
        error_messages=HOSTILE,
        response_headers=f"content-type: {HOSTILE}",
        response_body=LoggedBody(HOSTILE, 9),
    )
    page = await (await house.person()).get(f"/calls/{call.id}")
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert text_of(page).count(HOSTILE) > 12
    assert "60481729" not in page.text


@pytest.mark.parametrize(
    ("media_type", "sent", "shown"),
    [
        (
            "application/json",
            '{"a":1e400,"a":12345678901234567890123,"b":[]}',
            "a : 1e400 a : 12345678901234567890123 b : []",
        ),
        ("application/xml", "<a><b x='1'>two</b></a>", '<a> <b x="1">two</b> </a>'),
        ("application/x-www-form-urlencoded", "page=%2Fsale&x=1+2", "page /sale x 1 2"),
        ("text/plain", "plain <b>text</b>", "plain <b>text</b>"),
        ("application/json", '{"broken":', '{"broken":'),
        ("application/xml", "<a><b></a>", "<a><b></a>"),
    ],
)
async def test_a_body_is_shown_by_its_type_and_as_text_where_it_is_not_what_it_says(
    media_type: str, sent: str, shown: str
) -> None:
    house = House()
    call = await house.add_call(body=LoggedBody(sent, len(sent)), headers=f"Content-Type: {media_type}; charset=utf-8")
    assert shown in text_of(await (await house.person()).get(f"/calls/{call.id}"))


async def test_a_body_that_is_no_text_is_shown_in_hex() -> None:
    house = House()
    body = LoggedBody(base64.b64encode(b"\x00\x01ABC\xff").decode(), 6, BodyEncoding.BASE64)
    call = await house.add_call(body=body, headers="content-type: application/octet-stream")
    assert "00 01 41 42 43 ff ..ABC." in text_of(await (await house.person()).get(f"/calls/{call.id}"))


@pytest.mark.parametrize("depth", [70, 100_000])
async def test_a_body_too_deep_to_fold_is_shown_as_it_was_sent(depth: int) -> None:
    house = House()
    body = "[" * depth + "]" * depth
    call = await house.add_call(body=LoggedBody(body, len(body)), headers="content-type: application/json")
    page = await (await house.person()).get(f"/calls/{call.id}")
    assert page.status == 200
    assert "[" * 70 in page.text


async def test_pictures_are_shown_and_other_types_only_downloaded() -> None:
    house = House()
    owner = await house.person()
    picture = await house.add_call(body=LoggedBody(_DOT, 20, BodyEncoding.BASE64), headers="content-type: image/png")
    page = LoggedBody("<script>alert(1)</script>", 25)
    markup = await house.add_call(body=page, headers="content-type: image/svg+xml")
    shown = await owner.get(f"/calls/{picture.id}/request-body")
    kept = await owner.get(f"/calls/{markup.id}/request-body")
    assert (shown.headers["content-type"], shown.body) == ("image/png", base64.b64decode(_DOT))
    assert (kept.headers["content-type"], kept.body) == ("application/octet-stream", b"<script>alert(1)</script>")
    assert kept.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in kept.headers["content-security-policy"]


async def test_masked_cut_and_unpacked_parts_are_marked() -> None:
    house = House()
    body = LoggedBody('{"pin":"***"', 9_000, decoded_from="gzip", is_truncated=True)
    call = await house.add_call(body=body, masked="headers,body")
    text = text_of(await (await house.person()).get(f"/calls/{call.id}"))
    assert "Secrets were masked in: headers, body." in text
    assert "9,000 bytes were sent" in text
    assert "Content-Encoding gzip undone" in text


async def test_a_call_in_processing_has_no_second_side_yet() -> None:
    house = House()
    call = await house.add_call(is_open=True)
    text = text_of(await (await house.person()).get(f"/calls/{call.id}"))
    assert "still processing" in text


async def test_the_har_of_a_call_has_this_one_entry() -> None:
    house = House()
    call = await house.add_call()
    await house.add_call()
    har = (await (await house.person()).get(f"/calls/{call.id}/har")).json()
    (entry,) = har["log"]["entries"]
    assert (entry["_id"], entry["request"]["url"]) == (call.id, call.url)


async def test_the_calls_before_and_after_are_those_of_the_same_device() -> None:
    house = House()
    owner = await house.person()
    calls = [
        await house.add_call(house.now - timedelta(minutes=9 - number), device="A" if number % 2 else "B")
        for number in range(6)
    ]
    before = await owner.get(f"/calls/{calls[3].id}/previous/device")
    after = await owner.get(f"/calls/{calls[3].id}/next/device")
    beside = await owner.get(f"/calls/{calls[3].id}/next/endpoint")
    assert [page.headers["location"] for page in (before, after, beside)] == [
        f"/calls/{calls[number].id}" for number in (1, 5, 4)
    ]
    assert (await owner.get(f"/calls/{calls[5].id}/next/device")).status == 404


@pytest.mark.parametrize("call_id", ["unknown", "0192f0c1-0000-7000-8000-000000000000", "%2e%2e"])
async def test_a_call_that_is_not_in_the_log_is_not_found(call_id: str) -> None:
    page = await (await House().person()).get(f"/calls/{call_id}")
    assert page.status == 404
    assert "has no call" in text_of(page)


@pytest.mark.parametrize(
    "body",
    [
        LoggedBody("plain 'quoted' \"text\" $HOME `id` \\ !\n and more\n", 9),
        LoggedBody("@/etc/passwd", 9),
        LoggedBody(base64.b64encode(bytes(range(256))).decode(), 256, BodyEncoding.BASE64),
        LoggedBody("x" * 200_000, 200_000),
        LoggedBody(),
    ],
    ids=["quotes", "at sign", "binary", "long", "none"],
)
async def test_the_command_sends_the_same_again(body: LoggedBody, tmp_path: Path) -> None:
    house = House()
    call = await house.add_call(
        body=body,
        url="http://127.0.0.1:9/x?a='b'&c=$d",
        headers="x-quote: it's\nx-empty:\ncontent-length: 9\nhost: a",
        masked=None,
        status=CallStatus.COMPLETED,
    )
    page = await (await house.person()).get(f"/calls/{call.id}")
    script = tmp_path / "again.sh"
    script.write_text(f"curl() {{ printf '%s\\0' \"$@\"; [[ ${{!#}} == @- ]] && cat; true; }}\n{_command(page.text)}\n")
    shown = (await anyio.run_process(["bash", str(script)])).stdout
    words, _, piped = shown.partition(b"@-\0")
    arguments = words.split(b"\0")[:-1]
    assert b"http://127.0.0.1:9/x?a='b'&c=$d" in arguments
    assert b"x-quote: it's" in arguments
    assert b"x-empty;" in arguments
    assert not any(argument.startswith((b"content-length", b"host")) for argument in arguments)
    sent = base64.b64decode(body.text) if body.encoding is BodyEncoding.BASE64 else body.text.encode()
    assert (arguments[-1] if b"--data-raw" in arguments else piped) == sent


def _command(page: str) -> str:
    start = page.index('id="curl-command"')
    return html.unescape(page[page.index(">", start) + 1 : page.index("</pre>", start)])
