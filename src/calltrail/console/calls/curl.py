"""A logged request as a command that makes it again."""

import base64
import shlex
from collections.abc import Iterator

from calltrail.console.calls.bodies import body_bytes, header_pairs
from calltrail.domain.calls import BodyEncoding, CallRequest

_MADE_BY_CURL = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "expect"})
_LONGEST_ARGUMENT_CHARS = 30_000
"""Linux takes 128 KiB as one argument; a character may be four bytes."""


def curl_command(request: CallRequest) -> str:
    """A command for a POSIX shell. Comments before it say what the log does not have of the request."""
    words = [f"curl --request {shlex.quote(request.http_method)} {shlex.quote(request.url)}"]
    words += [f"--header {shlex.quote(header)}" for header in _headers(request)]
    text = request.body.text
    if not text:
        return "\n".join([*_remarks(request), _joined(words)])
    if request.body.encoding is BodyEncoding.UTF_8 and "\0" not in text and len(text) <= _LONGEST_ARGUMENT_CHARS:
        return "\n".join([*_remarks(request), _joined([*words, f"--data-raw {shlex.quote(text)}"])])
    encoded = base64.b64encode(body_bytes(request.body)).decode()
    command = _joined(["base64 --decode <<'END' | " + words[0], *words[1:], "--data-binary @-"])
    return "\n".join([*_remarks(request), command, encoded, "END"])


def _joined(words: list[str]) -> str:
    return " \\\n  ".join(words)


def _headers(request: CallRequest) -> Iterator[str]:
    for name, value in header_pairs(request.headers):
        is_undone = name.lower() == "content-encoding" and request.body.decoded_from is not None
        if name.lower() not in _MADE_BY_CURL and not is_undone:
            # `Name:` would tell curl to leave the header out.
            yield f"{name}: {value}" if value else f"{name};"


def _remarks(request: CallRequest) -> Iterator[str]:
    if request.masked:
        yield f"# Secrets were masked in: {request.masked}. Put them in the place of ***."
    if request.body.decoded_from:
        yield f"# The body was sent with Content-Encoding {request.body.decoded_from}; here it is plain."
    if request.body.is_truncated:
        yield f"# The body is incomplete: {request.body.size_bytes:,} bytes were sent."
