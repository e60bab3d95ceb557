"""Calls that people try: made on the event loop of the process, and shown whatever they are answered with."""

import asyncio
import gzip
from typing import Any

import anyio.to_thread
from starlette.types import Receive, Scope, Send

from calltrail.bootstrap.trying import Trier
from calltrail.console.catalog.trying import TriedAnswer, TriedCall

CALL = TriedCall("http://calltrail.test/v3/operations/sync?a=%C3%A9", [("authorization", "SecretKey k")], b"body")


async def test_the_door_sees_the_call_as_it_sees_every_other() -> None:
    seen: dict[str, Any] = {}

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope, body=(await receive())["body"], then=(await receive())["type"])
        await send({"type": "http.response.start", "status": 201, "headers": [(b"Calltrail-Call-Id", b"7")]})
        await send({"type": "http.response.body", "body": b"an", "more_body": True})
        await send({"type": "http.response.body", "body": b"swer"})

    answer = await anyio.to_thread.run_sync(Trier(door), CALL)
    assert answer == TriedAnswer(201, [("Calltrail-Call-Id", "7")], b"answer")
    assert answer.call_id == "7"
    assert (seen["path"], seen["query_string"], seen["body"]) == ("/v3/operations/sync", b"a=%C3%A9", b"body")
    assert seen["headers"] == [
        (b"host", b"calltrail.test"),
        (b"authorization", b"SecretKey k"),
        (b"content-length", b"4"),
    ]
    assert seen["then"] == "http.disconnect"


async def test_a_call_goes_on_when_nobody_waits_for_it_any_more() -> None:
    may_go_on, is_over = asyncio.Event(), asyncio.Event()

    async def door(_scope: Scope, _receive: Receive, send: Send) -> None:
        await may_go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        is_over.set()

    assert await anyio.to_thread.run_sync(Trier(door, patience_s=0), CALL) is None
    may_go_on.set()
    await is_over.wait()


def test_an_answer_is_shown_decoded_or_as_bytes() -> None:
    packed = TriedAnswer(200, [("Content-Encoding", "gzip"), ("Content-Type", "text/plain")], gzip.compress(b"plain"))
    assert packed.shown().raw == "plain"
    assert packed.shown().body.decoded_from == "gzip"
    false = TriedAnswer(200, [("content-encoding", "gzip")], b"plain")
    assert false.shown().raw == "plain"
    unknown = TriedAnswer(200, [("content-encoding", "x-odd")], b"plain")
    assert unknown.shown().raw == "plain"
    assert TriedAnswer(200, [], b"\xff\x00").shown().hex.startswith("000000  ff 00")
    assert TriedAnswer(204, [], b"").shown().raw == ""


def test_of_a_long_answer_the_beginning_is_shown() -> None:
    long = TriedAnswer(200, [("content-encoding", "gzip")], gzip.compress("ä".encode() * 2_000_000))
    assert long.shown().is_cut
    assert long.shown().body.is_truncated
    assert set(long.shown().raw) == {"ä"}
