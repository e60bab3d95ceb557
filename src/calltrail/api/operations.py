"""The contract's one address: an API method is called."""

import structlog
from starlette.types import Receive, Scope, Send

from calltrail.api.byte_budget import ByteBudget
from calltrail.api.capture import Disconnected, announced_bytes, capture
from calltrail.services.call import CallMode
from calltrail.services.calls.receiving import Receiving

_log = structlog.get_logger()


class Operations:
    """`POST /v3/operations/{mode}` as a bare ASGI application: nothing stands between the socket and the record."""

    def __init__(
        self, receiving: Receiving, *, largest_body_bytes: int, kept_body_bytes: int, room: ByteBudget
    ) -> None:
        self._receiving = receiving
        self._largest_body_bytes = largest_body_bytes
        self._kept_body_bytes = kept_body_bytes
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        expected_bytes = announced_bytes(scope["headers"])
        if expected_bytes is None:
            expected_bytes = self._largest_body_bytes
        async with self._room.held(min(expected_bytes, self._largest_body_bytes)):
            await self._exchange(scope, receive, send)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        mode = CallMode(scope["path"].strip("/").rpartition("/")[2])
        try:
            request = await capture(
                scope,
                receive,
                mode,
                largest_body_bytes=self._largest_body_bytes,
                kept_body_bytes=self._kept_body_bytes,
            )
        except Disconnected:
            _log.warning("caller-disconnected", path=scope["path"])
            return
        answer = await self._receiving.receive(request)
        await send({"type": "http.response.start", "status": answer.http_status_code, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})
