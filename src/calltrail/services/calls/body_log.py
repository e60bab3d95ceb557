"""Half a call as the log holds it: its body decoded, all of it masked, then the body cut to the limit, in this order.

A cut before masking could part a secret from its name; a mask before decoding would find nothing.
"""

import codecs
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from calltrail.domain.calls import BodyEncoding, LoggedBody
from calltrail.domain.headers import RawHeaders
from calltrail.domain.masking.call_masking import CallMasking, MaskedHalf
from calltrail.services.codings import Ending, UnknownCoding, decode_content, entity_headers

_MARGIN_BYTES = 4096
"""Decoded beyond the limit, so that a secret which ends behind it is still seen whole."""


@dataclass(frozen=True, slots=True)
class LoggedHalf:
    """The parts of a request, or of an answer, in the words of a CallRequest or a CallOutcome."""

    url: str
    headers: str
    body: LoggedBody
    errors: str | None
    masked: str | None


def log_half(
    masking: CallMasking,
    headers: RawHeaders,
    body: bytes,
    full_size_bytes: int,
    limit_bytes: int,
    *,
    url: str = "",
    errors: str | None = None,
    secrets: Iterable[str] = (),
) -> LoggedHalf:
    """Mask and log one half of a call: the request first, then the answer, with the same `masking`.

    `body` is as sent, or the beginning of it when `full_size_bytes` is more. `secrets` are texts that this half must
    not show, whatever their name. The text of the body takes at most `limit_bytes` (before base64).
    """
    content_type, content_encoding = entity_headers(headers)
    mask = partial(masking.mask, headers, content_type=content_type, url=url, errors=errors, secrets=secrets)
    if not body:
        masked = mask(b"")
        logged = LoggedBody(size_bytes=full_size_bytes, is_truncated=full_size_bytes > 0)
        return LoggedHalf(masked.url, masked.headers, logged, masked.errors, masked.masked)
    is_cut = full_size_bytes > len(body)
    if content_encoding:
        shown, masked = _masked_content(mask, body, content_encoding, limit_bytes, is_cut)
    else:
        shown, masked = _Shown(len(body), None, is_cut), mask(body, is_cut=is_cut)
    logged = _logged(shown, masked.body, full_size_bytes, limit_bytes)
    return LoggedHalf(masked.url, masked.headers, logged, masked.errors, masked.masked)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Of the content that the log shows, before it is masked."""

    size_bytes: int
    decoded_from: str | None
    is_cut: bool


def _masked_content(
    mask: Callable[..., MaskedHalf], body: bytes, content_encoding: str, limit_bytes: int, is_cut: bool
) -> tuple[_Shown, MaskedHalf]:
    """The decoded content, or the bytes as sent when they are not what their Content-Encoding says.

    A body that the receiver cut is decoded to where it ends. False bytes are kept as sent only when what can be read
    of them holds no secret.
    """
    try:
        decoded = decode_content(body, content_encoding, limit_bytes + _MARGIN_BYTES)
    except UnknownCoding:
        return _Shown(len(body), None, is_cut), mask(body, is_cut=is_cut)
    is_false = decoded.ending is Ending.CORRUPT or (decoded.ending is Ending.EARLY and not is_cut)
    if decoded.decoded_from or not is_false:
        is_partial = is_cut or decoded.ending is not Ending.WHOLE
        masked = mask(decoded.content, is_cut=is_partial)
        if not is_false or masked.body is not decoded.content:
            return _Shown(len(decoded.content), decoded.decoded_from, is_partial), masked
    return _Shown(len(body), None, is_cut), mask(body, is_cut=is_cut)


def _logged(shown: _Shown, masked: bytes, full_size_bytes: int, limit_bytes: int) -> LoggedBody:
    # Masks may be longer than what they hide; that alone must not cut a body.
    most_bytes = limit_bytes + max(0, len(masked) - shown.size_bytes)
    is_truncated = shown.is_cut or len(masked) > most_bytes
    try:
        text, _ = codecs.utf_8_decode(masked, "strict", not shown.is_cut)
        if len(masked) > most_bytes:
            text, _ = codecs.utf_8_decode(masked[:most_bytes], "strict", False)
        encoding = BodyEncoding.UTF_8
    except UnicodeDecodeError:
        text, encoding = b64encode(masked[:most_bytes]).decode(), BodyEncoding.BASE64
    return LoggedBody(text, full_size_bytes, encoding, shown.decoded_from, is_truncated)
