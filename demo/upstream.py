"""A small HTTP server that stands for the systems behind an integration: orders, reservations, files."""

import asyncio
import gzip
import json
import socket
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web

_STALL_S = 300.0


class Upstream:
    """Serves on a free loopback port from entering to leaving."""

    def __init__(self, reservation_s: float | None = None) -> None:
        """A reservation takes `reservation_s` seconds; with None it waits for `release_reservations`."""
        self._reservation_s = reservation_s
        self._reservations_released = asyncio.Event()
        self._reservation_arrived = asyncio.Event()
        self._orders = 0
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/orders", self._order)
        app.router.add_post("/reservations", self._reserve)
        app.router.add_post("/stalled", self._stall)
        app.router.add_post("/echo", self._echo)
        # Bodies come as they were sent, also compressed ones; who waits too long is not answered any more.
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=1
        )
        # It is bound and never listens, so that a connection to it is refused, and nobody else can take its port.
        self._nobody = socket.socket()

    async def __aenter__(self) -> Self:
        self._nobody.bind(("127.0.0.1", 0))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        self._nobody.close()

    @property
    def url(self) -> str:
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    @property
    def nobody_url(self) -> str:
        """Where connections are refused."""
        return f"http://127.0.0.1:{self._nobody.getsockname()[1]}"

    async def reservation_arrived(self) -> None:
        """Wait until a reservation is under way."""
        await self._reservation_arrived.wait()

    def release_reservations(self) -> None:
        self._reservations_released.set()

    async def _order(self, request: web.Request) -> web.Response:
        body = await request.text()
        if "declined" in body:
            return _reply(request, 422, status="Declined", reason="The payment was declined: bitte andere Karte wählen")
        if "outage" in body:
            return web.Response(status=500, text="Traceback: the order database is gone\n", content_type="text/plain")
        self._orders += 1
        return _reply(request, 200, status="Success", orderId=str(self._orders), message="Danke schön! 🎉")

    async def _reserve(self, request: web.Request) -> web.Response:
        self._reservation_arrived.set()
        if self._reservation_s is None:
            await self._reservations_released.wait()
        else:
            await asyncio.sleep(self._reservation_s)
        return _reply(request, 200, status="Success", reservation="R-1")

    async def _stall(self, request: web.Request) -> web.Response:
        await asyncio.sleep(_STALL_S)
        return _reply(request, 200, status="Success")

    async def _echo(self, request: web.Request) -> web.Response:
        kept = {name: request.headers[name] for name in ("Content-Type", "Content-Encoding") if name in request.headers}
        return web.Response(body=await request.read(), headers=kept)


def _reply(request: web.Request, http_status: int, /, **fields: str) -> web.Response:
    """The fields in XML or JSON, compressed or not, as the caller likes it."""
    if "xml" in request.headers.get("Accept", ""):
        elements = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
        body, media_type = f"<result>{elements}</result>".encode(), "application/xml; charset=utf-8"
    else:
        body, media_type = json.dumps(fields, ensure_ascii=False).encode(), "application/json; charset=utf-8"
    headers = {"Content-Type": media_type, "X-Powered-By": "demo upstream"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    return web.Response(status=http_status, body=body, headers=headers)
