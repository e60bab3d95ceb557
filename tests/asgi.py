"""Drives an ASGI application as a server would, without a socket."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

HOST = "calltrail.test"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that was sent to its end."""

    status: int
    headers: Headers
    """Without regard to case; `getlist` gives repeats, `raw` the bytes in order."""

    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


async def request(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes | Iterable[bytes] = b"",
    scheme: str = "http",
    client: tuple[str, int] | None = ("192.0.2.7", 50123),
) -> Response:
    """Send a request and read the whole answer.

    `path` stands as in a request line, with its query. `headers` go out in their order, after a Host unless one is
    among them; a `body` of several pieces arrives in these pieces. What the application raises passes through, also
    after the answer began; an answer that no HTTP server could send is an AssertionError. As servers do, the body that
    an application sends in answer to HEAD is dropped.
    """
    exchange = _Exchange([body] if isinstance(body, bytes) else list(body))
    await app(_scope(method, path, headers, scheme, client), exchange.receive, exchange.send)
    return exchange.response(method)


def _scope(
    method: str,
    path: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    scheme: str,
    client: tuple[str, int] | None,
) -> dict[str, Any]:
    raw_path, _, query = path.partition("?")
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("host", HOST))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": client,
        "server": (HOST, 443 if scheme == "https" else 80),
        "state": {},
    }


class _Exchange:
    """The server's side of one request."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces or [b""]
        self._head: Message | None = None
        self._body = bytearray()
        self._is_complete = asyncio.Event()

    async def receive(self) -> Message:
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}
        await self._is_complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        assert not self._is_complete.is_set(), "sent something after the end of the answer"
        if message["type"] == "http.response.start":
            assert self._head is None, "the answer began twice"
            self._head = message
            return
        assert message["type"] == "http.response.body", message["type"]
        assert self._head is not None, "the body came before the head"
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            self._is_complete.set()

    def response(self, method: str) -> Response:
        assert self._head is not None, "there was no answer"
        assert self._is_complete.is_set(), "the answer did not end"
        headers = Headers(raw=list(self._head.get("headers", [])))
        status = self._head["status"]
        if method == "HEAD":
            return Response(status, headers, b"")
        if status in (204, 304):
            assert not self._body, "this answer can't have a body"
        elif "content-length" in headers:
            assert len(self._body) == int(headers["content-length"]), "the body is not as long as announced"
        return Response(status, headers, bytes(self._body))
