"""Content codings of bodies, undone within bounds."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, repeat

import brotli  # type: ignore[import-untyped]  # it comes without types
import zstandard
from isal import isal_zlib

from calltrail.domain.headers import RawHeaders

_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15
_MOST_CODINGS = 4
_STEP_BYTES = 1 << 14
"""A decoder is given, or asked for, no more at once; what it gives at once is of this order."""

_WIDEST_WINDOW_BYTES = 1 << 23
"""What RFC 8878 asks a decoder of zstd to hold in memory."""


class UnknownCoding(ValueError):
    """A Content-Encoding names a coding that nothing here undoes, or too many of them."""


class Ending(IntEnum):
    """Why no more of a body was decoded; of several codings the highest counts."""

    WHOLE = 0
    """The content ends here."""

    EARLY = 1
    """The bytes end before the content does."""

    BOUND = 2
    """The content has more bytes than were asked for."""

    CORRUPT = 3
    """The bytes are not what their coding says from here on, or go on behind its end."""


@dataclass(frozen=True, slots=True)
class DecodedContent:
    """A body without its content coding, as far as it can be decoded."""

    content: bytes

    decoded_from: str | None
    """The codings that were undone, such as `gzip`; None when there was none, or nothing could be read."""

    ending: Ending


def entity_headers(headers: RawHeaders) -> tuple[str, str]:
    """Content-Type and Content-Encoding, whose headers add up."""
    content_type, codings = b"", []
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-type":
            content_type = value
        elif lower == b"content-encoding":
            codings.append(value)
    return content_type.decode("latin-1"), b",".join(codings).decode("latin-1")


def decode_content(body: bytes, content_encoding: str, most_bytes: int) -> DecodedContent:
    """Undo a Content-Encoding: gzip, deflate, br, zstd, or several of them, to at most `most_bytes`.

    A coding of which nothing can be read is not undone; nothing is encoded as nothing. Raises UnknownCoding.
    """
    codings = [coding for coding in content_encoding.lower().replace(" ", "").split(",") if coding not in _NO_CODING]
    if len(codings) > _MOST_CODINGS or any(coding not in _CODINGS for coding in codings):
        raise UnknownCoding(content_encoding)
    content, ending, undone = body, Ending.WHOLE, list[str]()
    for coding in reversed(codings):
        if not content:
            break
        inner, inner_ending = _read(_CODINGS[coding], content, most_bytes)
        ending = max(ending, inner_ending)
        if not inner and inner_ending in (Ending.EARLY, Ending.CORRUPT):
            break
        content = inner
        undone.insert(0, coding)
    return DecodedContent(content, ", ".join(undone) or None, ending)


class _EndsEarly(Exception):
    """A decoder has all bytes, and the end is not among them."""


class _GoesOn(Exception):
    """There are bytes behind the end of what was encoded."""


_FALSE_BYTES: tuple[type[Exception], ...] = (
    _GoesOn,
    isal_zlib.error,  # type: ignore[assignment]  # its stub says instance where it means class
    brotli.error,
    zstandard.ZstdError,
)

_Pieces = Callable[[bytes, Iterator[int]], Iterator[bytes]]
"""The decoded pieces of what was encoded; each uses up one step, a number of bytes. Raises as its decoder does."""


def _read(pieces: _Pieces, data: bytes, most_bytes: int) -> tuple[bytes, Ending]:
    """What can be read of the data.

    A step that fails gives nothing of what was good in it, so it is gone through again byte by byte.
    """
    content = bytearray()
    good_steps, ending = _read_into(content, pieces(data, repeat(_STEP_BYTES)), most_bytes)
    if ending is Ending.CORRUPT:
        content.clear()
        _read_into(content, pieces(data, chain(repeat(_STEP_BYTES, good_steps), repeat(1))), most_bytes)
    return bytes(content[:most_bytes]), ending


def _read_into(content: bytearray, pieces: Iterator[bytes], most_bytes: int) -> tuple[int, Ending]:
    """The number of pieces, and how they ended."""
    count = 0
    try:
        for count, piece in enumerate(pieces, 1):
            content += piece
            if len(content) > most_bytes:
                return count, Ending.BOUND
    except _EndsEarly:
        return count, Ending.EARLY
    except _FALSE_BYTES:
        return count, Ending.CORRUPT
    return count, Ending.WHOLE


def _gunzip(data: bytes, steps: Iterator[int]) -> Iterator[bytes]:
    """All members of a gzip file; zeros may fill it up."""
    at = 0
    while at < len(data) and not (at and data[at] == 0):
        at = yield from _inflated(data, at, _GZIP, steps)
    if data[at:].strip(b"\0"):
        raise _GoesOn


def _inflate(data: bytes, steps: Iterator[int]) -> Iterator[bytes]:
    """`deflate` is a zlib stream by the standard, and a bare one from some senders."""
    is_zlib = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
    at = yield from _inflated(data, 0, _ZLIB if is_zlib else _RAW_DEFLATE, steps)
    if at < len(data):
        raise _GoesOn


def _inflated(data: bytes, at: int, wrapper: int, steps: Iterator[int]) -> Generator[bytes, None, int]:
    """The pieces of one stream that begins at an offset; returns the offset behind it."""
    stream = isal_zlib.decompressobj(wrapper)
    while not stream.eof:
        chunk = data[at : at + next(steps)]
        piece = stream.decompress(chunk, _STEP_BYTES)
        at += len(chunk) - len(stream.unconsumed_tail) - len(stream.unused_data)
        if not chunk and not piece and not stream.eof:
            raise _EndsEarly
        yield piece
    return at


def _unbrotli(data: bytes, steps: Iterator[int]) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    at = 0
    while not stream.is_finished():
        chunk = data[at : at + next(steps)] if stream.can_accept_more_data() else b""
        piece = stream.process(chunk, output_buffer_limit=_STEP_BYTES)
        at += len(chunk)
        if not chunk and not piece and not stream.is_finished():
            raise _EndsEarly
        yield piece
    if at < len(data):
        raise _GoesOn


def _unzstd(data: bytes, steps: Iterator[int]) -> Iterator[bytes]:
    """All frames; here steps are of decoded bytes, as a few encoded ones may hold very many."""
    decoder = zstandard.ZstdDecompressor(max_window_size=_WIDEST_WINDOW_BYTES)
    with decoder.stream_reader(data, read_across_frames=True) as stream:
        while piece := stream.read(next(steps)):
            yield piece
    # The reader takes bytes that end early for all there is. All is known to be small by now.
    at = 0
    while at < len(data):
        frame = decoder.decompressobj()
        while not frame.eof:
            chunk = data[at : at + _STEP_BYTES]
            if not chunk:
                raise _EndsEarly
            frame.decompress(chunk)
            at += len(chunk) - len(frame.unused_data)


_NO_CODING = ("", "identity")
_CODINGS: dict[str, _Pieces] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
