"""The forwarding step: an HTTP upstream answers."""

import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDict

from calltrail.domain.answers import Answer, InternalFault, UpstreamAnswer
from calltrail.domain.catalog import ForwardStep
from calltrail.domain.headers import RawHeaders, end_to_end
from calltrail.domain.problems import Problem
from calltrail.services.call import Call

CALL_ID_HEADER = b"calltrail-call-id"
"""Tells the upstream, and the caller, under which id the log holds the call."""

_OURS = frozenset({b"host", b"authorization", b"expect", CALL_ID_HEADER})
"""Not passed on: what the connection to the upstream has of its own, and the key, which is for us alone."""

_IDLE_CONNECTION_S = 4.0
"""Shorter than servers commonly keep a connection, so that we are not the one to write on a closed one."""

_CONNECTIONS = 256
_RETRY_AFTER_S = 5


class Forwarder:
    """Connections to upstreams. To be entered within the event loop that uses it."""

    def __init__(self, largest_answer_bytes: int) -> None:
        self._largest_answer_bytes = largest_answer_bytes

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE_CONNECTION_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def forward(self, step: ForwardStep, call: Call, problems: Iterable[Problem]) -> Answer:
        """Send the body exactly as it came, and give the upstream's answer exactly, or what became of it instead."""
        for tries_left in range(step.retries, -1, -1):
            try:
                return await self._exchange(step, call, tuple(problems))
            except aiohttp.ClientConnectorError as error:
                # No connection came about, so nothing was sent: the one failure after which a further try is safe.
                if not tries_left:
                    return _unavailable("can't be reached", error)
            except TimeoutError:
                return _unavailable(f"did not answer within {step.timeout_s:g} s")
            except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
                return InternalFault(500, "/: the upstream's answer is broken", detail=repr(error))
        raise AssertionError("the last try returns")

    async def _exchange(self, step: ForwardStep, call: Call, problems: tuple[Problem, ...]) -> Answer:
        async with self._session.request(
            call.request.http_method,
            step.url,
            data=call.request.body,
            headers=_passed_on(call.request.headers, call.id),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=step.timeout_s),
        ) as response:
            body = await response.content.read(self._largest_answer_bytes + 1)
            while not response.content.at_eof() and len(body) <= self._largest_answer_bytes:
                body += await response.content.read(self._largest_answer_bytes + 1 - len(body))
            if len(body) > self._largest_answer_bytes:
                detail = f"more than {self._largest_answer_bytes} bytes"
                return InternalFault(500, "/: the upstream's answer is too large", detail=detail)
            return UpstreamAnswer(response.status, tuple(response.raw_headers), body, problems)


def _passed_on(headers: RawHeaders, call_id: str) -> CIMultiDict[str]:
    passed = CIMultiDict(
        (name.decode("latin-1"), _text(value)) for name, value in end_to_end(headers) if name.lower() not in _OURS
    )
    passed[CALL_ID_HEADER.decode()] = call_id
    return passed


def _unavailable(what: str, error: Exception | None = None) -> InternalFault:
    return InternalFault(503, f"/: the upstream {what}", _RETRY_AFTER_S, detail=repr(error) if error else None)


def _text(value: bytes) -> str:
    """As the client library writes it back: it encodes in UTF-8, so only what is UTF-8 comes out byte for byte."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
