"""A published file as HTTP serves it (RFC 9110): whole, in part, or unchanged; plain, or as gzip on the way."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from calltrail.domain.exports import Compression
from calltrail.formats.compression import compressor

_CHUNK_BYTES = 512 * 1024


class DamagedFile(Exception):
    """A file is not what was published: what was sent of it breaks off, and must not look complete."""


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file that never changes, open for reading; never empty."""

    name: str
    """Of ASCII letters, digits, dots, dashes and underscores."""

    media_type: str

    is_compressed: bool
    """A compressed file gains nothing by a gzip on the way."""

    size_bytes: int
    sha256: str
    """In hex."""

    content: BinaryIO


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of a file, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def size_bytes(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(Exception):
    """A range lies beyond the end of the file."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What of a file answers a request."""

    status_code: int
    """200, 206, 304 or 416."""

    sent: ByteRange | None
    """What goes out as content; nothing in answer to HEAD."""

    headers: dict[str, str]
    is_gzipped: bool = False


def plan_file(method: str, request_headers: Headers, file: ServedFile) -> FilePlan:
    """How a GET or HEAD of the file is answered.

    Only a whole file is ever gzipped; its ETag is then weak, since the bytes are others. What is not understood in a
    Range is passed over, and so are several ranges: the answer is the whole file.
    """
    may_gzip = not file.is_compressed
    is_gzipped = may_gzip and _wants_whole(method, request_headers) and _accepts_gzip(request_headers)
    strong_etag = f'"{file.sha256}"'
    headers = {
        "ETag": f"W/{strong_etag}" if is_gzipped else strong_etag,
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        **({"Vary": "Accept-Encoding"} if may_gzip else {}),
    }
    if _is_known(request_headers, strong_etag):
        return FilePlan(304, None, headers)
    try:
        part = _asked_range(method, request_headers, strong_etag, file.size_bytes)
    except Unsatisfiable:
        return FilePlan(416, None, {**headers, "Content-Range": f"bytes */{file.size_bytes}"})
    headers |= _headers_of_content(file, part, is_gzipped=is_gzipped)
    sent = part or ByteRange(0, file.size_bytes - 1)
    return FilePlan(206 if part else 200, sent if method == "GET" else None, headers, is_gzipped)


def file_response(plan: FilePlan, file: ServedFile) -> Response:
    """The answer as planned. It closes the file, in the end or at once."""
    if plan.sent:
        return _FileStream(plan, plan.sent, file.content)
    file.content.close()
    response = Response(status_code=plan.status_code, headers=plan.headers)
    if plan.is_gzipped:
        del response.headers["Content-Length"]  # a HEAD can't know it
    return response


def _headers_of_content(file: ServedFile, part: ByteRange | None, *, is_gzipped: bool) -> dict[str, str]:
    headers = {
        "Content-Type": file.media_type,
        "Content-Disposition": f'attachment; filename="{file.name}"',
    }
    if is_gzipped:
        return headers | {"Content-Encoding": "gzip", "Accept-Ranges": "none"}
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    headers |= {
        "Content-Length": str(part.size_bytes if part else file.size_bytes),
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    return headers | ({"Content-Range": f"bytes {part}/{file.size_bytes}"} if part else {})


def _wants_whole(method: str, headers: Headers) -> bool:
    return method == "HEAD" or "range" not in headers


def _asked_range(method: str, headers: Headers, strong_etag: str, size_bytes: int) -> ByteRange | None:
    """The range to be sent; None means the whole file. Raises Unsatisfiable."""
    if method != "GET" or headers.get("if-range", strong_etag).strip() != strong_etag:
        return None
    match = re.fullmatch(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", headers.get("range", ""), re.IGNORECASE)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        begin, end = max(0, size_bytes - int(last)), size_bytes - 1
    else:
        begin, end = int(first), min(int(last or size_bytes), size_bytes - 1)
        if last and int(last) < begin:
            return None
    if begin > size_bytes - 1:
        raise Unsatisfiable
    return ByteRange(begin, end)


def _is_known(headers: Headers, strong_etag: str) -> bool:
    """Whether If-None-Match names the file. Weak and strong tags of it are one here, as RFC 9110 wants."""
    tags = [tag.strip().removeprefix("W/") for tag in _list(headers, "if-none-match")]
    return strong_etag in tags or "*" in tags


def _accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding names gzip, or anything, with a quality above 0; gzip's own word counts first."""
    qualities: dict[str, float] = {}
    for entry in _list(headers, "accept-encoding"):
        coding, _, parameter = entry.partition(";")
        qualities[coding.strip().lower()] = _quality(parameter)
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _quality(parameter: str) -> float:
    """1 when none is given, 0 when it can't be read."""
    if not parameter.strip():
        return 1.0
    match = re.fullmatch(r"[ \t]*q[ \t]*=[ \t]*([01](?:\.[0-9]{0,3})?)[ \t]*", parameter, re.IGNORECASE)
    return float(match[1]) if match else 0.0


def _list(headers: Headers, name: str) -> list[str]:
    return ",".join(headers.getlist(name)).split(",")


class _FileStream(StreamingResponse):
    """Sends a file in pieces that are read in a thread. An error on the way breaks the connection."""

    def __init__(self, plan: FilePlan, sent: ByteRange, content: BinaryIO) -> None:
        pieces = _read(content, sent)
        super().__init__(_gzipped(pieces) if plan.is_gzipped else pieces, plan.status_code, plan.headers)
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._content:
            await super().__call__(scope, receive, send)


def _read(content: BinaryIO, sent: ByteRange) -> Iterator[bytes]:
    """The bytes of the range. Raises DamagedFile when they can't be had."""
    missing_bytes = sent.size_bytes
    try:
        content.seek(sent.first)
        while missing_bytes:
            piece = content.read(min(_CHUNK_BYTES, missing_bytes))
            if not piece:
                raise DamagedFile(f"The file ends {missing_bytes} bytes early.")
            missing_bytes -= len(piece)
            yield piece
    except OSError as error:  # Starlette would take it for a client that went away
        raise DamagedFile(f"The file can't be read: {error}") from error


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gzip = compressor(Compression.GZIP)
    for piece in pieces:
        yield gzip.compress(piece)
    yield gzip.flush()
