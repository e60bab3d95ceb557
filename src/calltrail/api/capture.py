"""The raw request, read from the socket within limits, as a value."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from calltrail.domain.headers import RawHeaders
from calltrail.services.call import CallMode, ReceivedRequest

_KEY_FORMS = (
    re.compile(r"\s*SecretKey\s+(\S+)\s*", re.IGNORECASE),
    re.compile(r'\s*Mindbox\s+secretKey\s*=\s*"?([^"\s]+)"?\s*', re.IGNORECASE),
)

_UNREADABLE_KEY = ""
"""Stands for an Authorization header of a form that we don't know: it is no live key, and no missing one either."""


class Disconnected(Exception):
    """The caller went away before the request was whole."""


async def capture(
    scope: Scope, receive: Receive, mode: CallMode, *, largest_body_bytes: int, kept_body_bytes: int
) -> ReceivedRequest:
    """Read the request. Of a body over the limit the first part is kept, and the rest is read away up to as much again.

    Raises Disconnected.
    """
    arrived_at = datetime.now(UTC)
    headers: RawHeaders = scope["headers"]
    body, size_bytes = await _body(headers, receive, largest_body_bytes)
    is_too_large = size_bytes > largest_body_bytes
    base_url = _base_url(scope, headers)
    query = scope["query_string"].decode("latin-1")
    client = scope.get("client")
    return ReceivedRequest(
        arrived_at=arrived_at,
        mode=mode,
        http_method=scope["method"],
        url=f"{base_url}{scope['raw_path'].decode('latin-1')}{'?' if query else ''}{query}",
        parameters=_parameters(query),
        headers=headers,
        body=body[:kept_body_bytes] if is_too_large else body,
        body_size_bytes=size_bytes,
        is_body_too_large=is_too_large,
        client_address=client[0] if client else None,
        presented_key=_presented_key(headers),
        base_url=base_url,
    )


async def _body(headers: RawHeaders, receive: Receive, largest_bytes: int) -> tuple[bytes, int]:
    """The body up to the limit, and its full size, as announced or as far as it was read."""
    chunks: list[bytes] = []
    read_bytes = 0
    # A caller that is cut off while it still writes may never read the answer, so an over-long body is read away
    # for a while; past that the announced size must do.
    while read_bytes <= 2 * largest_bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        if read_bytes < largest_bytes:
            chunks.append(chunk)
        read_bytes += len(chunk)
        if not message.get("more_body", False):
            break
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return body, max(read_bytes, announced_bytes(headers) or 0)


def announced_bytes(headers: RawHeaders) -> int | None:
    """The Content-Length; None when the body comes in chunks. 0 when there is no body."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
        if name == b"transfer-encoding":
            return None
    return 0


def _base_url(scope: Scope, headers: RawHeaders) -> str:
    host = next((value.decode("latin-1") for name, value in headers if name == b"host"), None)
    if host is None:
        address, port = scope.get("server") or ("localhost", None)
        host = f"{address}:{port}" if port else address
    return f"{scope['scheme']}://{host}"


def _parameters(query: str) -> Mapping[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters.setdefault(name.lower(), value)
    return parameters


def _presented_key(headers: RawHeaders) -> str | None:
    for name, value in headers:
        if name == b"authorization":
            text = value.decode("latin-1")
            match = next(filter(None, (form.fullmatch(text) for form in _KEY_FORMS)), None)
            return match[1] if match else _UNREADABLE_KEY
    return None
