"""Calls that people try from the console, through the application that takes every other call."""

import asyncio
from urllib.parse import unquote, urlsplit

import anyio.from_thread
from starlette.types import ASGIApp, Message, Scope

from calltrail.console.catalog.trying import TriedAnswer, TriedCall

_PATIENCE_S = 30.0
"""As long as a page waits for an answer: the call itself may take longer, and then goes on without it."""


class Trier:
    """Makes calls in the process, on its event loop. To be called from a thread of that loop's."""

    def __init__(self, operations: ASGIApp, patience_s: float = _PATIENCE_S) -> None:
        self._operations = operations
        self._patience_s = patience_s
        self._under_way: set[asyncio.Task[TriedAnswer]] = set()

    def __call__(self, call: TriedCall) -> TriedAnswer | None:
        return anyio.from_thread.run(self._answer, call)

    async def _answer(self, call: TriedCall) -> TriedAnswer | None:
        exchange = asyncio.ensure_future(_exchanged(self._operations, call))
        self._under_way.add(exchange)
        exchange.add_done_callback(self._under_way.discard)
        # Never cancelled: a call that has begun runs to the end of its record, whoever waits for it.
        done, _ = await asyncio.wait({exchange}, timeout=self._patience_s)
        return exchange.result() if done else None


async def _exchanged(operations: ASGIApp, call: TriedCall) -> TriedAnswer:
    messages: list[Message] = []
    request: list[Message] = [{"type": "http.request", "body": call.body, "more_body": False}]

    async def receive() -> Message:
        return request.pop() if request else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    await operations(_scope(call), receive, send)
    start, *rest = messages
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return TriedAnswer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


def _scope(call: TriedCall) -> Scope:
    url = urlsplit(call.url)
    headers = [("host", url.netloc), *call.headers, ("content-length", str(len(call.body)))]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": url.scheme,
        "path": unquote(url.path),
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": None,
        "server": None,
    }
