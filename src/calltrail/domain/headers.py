"""Headers of HTTP messages, as they stand on the wire."""

from collections.abc import Sequence

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Names and values in the order sent, duplicates kept."""

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def end_to_end(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """Those that are for the other end: neither hop-by-hop nor named by `Connection`, and without the length."""
    named = {
        name.strip().lower()
        for header, value in headers
        if header.lower() == b"connection"
        for name in value.split(b",")
    }
    dropped = _HOP_BY_HOP | named | {b"content-length"}
    return [(name, value) for name, value in headers if name.lower() not in dropped]
