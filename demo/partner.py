"""A partner: sends calls, and keeps what each was answered."""

import asyncio
import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from demo.traffic import PlannedCall

_CALLS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A call and its answer."""

    planned: PlannedCall

    id: str
    """Under which the log holds the call, as a header of the answer tells."""

    http_status_code: int
    body: bytes
    """Of the answer, with its Content-Encoding undone."""

    @property
    def status(self) -> str | None:
        """The word of the envelope, in JSON or XML; None when there is none."""
        found = re.search(rb'"status": ?"(\w+)"|<status>(\w+)</status>', self.body)
        return (found[1] or found[2]).decode() if found else None


class Partner:
    """Sends calls, several at a time."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        """The session leaves bodies as they come."""
        self._session = session
        self._base_url = base_url
        self._turns = asyncio.Semaphore(_CALLS_AT_ONCE)

    async def send(self, call: PlannedCall) -> AnsweredCall:
        query = urlencode({"endpointId": call.endpoint, "operation": call.method, **call.parameters})
        async with self._session.post(
            URL(f"{self._base_url}/v3/operations/{call.mode}?{query}", encoded=True),
            data=call.body,
            headers=call.headers,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
        ) as answer:
            body = await answer.read()
            is_compressed = answer.headers.get("Content-Encoding") == "gzip"
            call_id = answer.headers.get("Calltrail-Call-Id", "")
            return AnsweredCall(call, call_id, answer.status, gzip.decompress(body) if is_compressed else body)

    async def send_all(self, calls: Sequence[PlannedCall], on_answer: Callable[[], None]) -> list[AnsweredCall]:
        """Send them all; `on_answer` is called after each."""

        async def send_in_turn(call: PlannedCall) -> AnsweredCall:
            async with self._turns:
                answered = await self.send(call)
            on_answer()
            return answered

        return await asyncio.gather(*map(send_in_turn, calls))
