"""A logged body as people read it: pretty by its type, or its bytes; within limits, and marked where it ends early."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from lxml import etree
from markupsafe import Markup

from calltrail.domain.calls import BodyEncoding, LoggedBody

_MOST_SHOWN_CHARS = 200_000
_MOST_PRETTY_CHARS = 400_000
_MOST_VALUES = 4_000
_DEEPEST = 60
_OPEN_DEPTH = 4
"""Deeper values are folded at first."""

_MOST_HEX_BYTES = 4_096
_HEX_BYTES_A_LINE = 16

_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
"""What browsers show as pictures and nothing else; SVG is a document, and may hold scripts."""


@dataclass(frozen=True, slots=True)
class ShownBody:
    """What a page shows of a body."""

    body: LoggedBody
    media_type: str
    """Without parameters; empty when no header tells."""

    raw: str
    """The text, or its first part; empty for bytes that are no text."""

    is_cut: bool
    """Whether `raw` shows less than the log has."""

    pretty: Markup | None = None
    """HTML; None when nothing reads better than the text."""

    is_image: bool = False

    hex: str = ""
    """The first bytes of what is no text."""


def shown_body(body: LoggedBody, headers: str) -> ShownBody:
    """The body of a message with these headers."""
    media_type = header_of(headers, "content-type").partition(";")[0].strip().lower()
    if body.encoding is BodyEncoding.BASE64:
        data = body_bytes(body)
        is_image = media_type in _IMAGES and not body.is_truncated
        return ShownBody(body, media_type, "", len(data) > _MOST_HEX_BYTES, is_image=is_image, hex=_hex(data))
    raw = body.text[:_MOST_SHOWN_CHARS]
    pretty = _pretty(body.text, media_type) if len(body.text) <= _MOST_PRETTY_CHARS else None
    return ShownBody(body, media_type, raw, len(raw) < len(body.text), pretty)


def body_bytes(body: LoggedBody) -> bytes:
    """The bytes that the log has of it."""
    if body.encoding is BodyEncoding.UTF_8:
        return body.text.encode("utf-8", "surrogatepass")
    whole = len(body.text) // 4 * 4  # a cut may fall within a group of four
    try:
        return base64.b64decode(body.text[:whole])
    except binascii.Error:
        return b""


def is_image_type(media_type: str) -> bool:
    return media_type in _IMAGES


def header_of(headers: str, name: str) -> str:
    """The first header of that name, in lines of `Name: value`; empty when there is none."""
    match = re.search(rf"(?im)^{re.escape(name)}:[ \t]*(.*?)\r?$", headers)
    return match[1] if match else ""


def header_pairs(headers: str | None) -> Sequence[tuple[str, str]]:
    """Names and values, in the order sent."""
    lines = (line.partition(":") for line in (headers or "").splitlines() if line)
    return [(name, value.strip()) for name, _, value in lines]


def _pretty(text: str, media_type: str) -> Markup | None:
    if "json" in media_type or text.lstrip()[:1] in ("{", "["):
        return _pretty_json(text)
    if media_type.endswith(("/xml", "+xml")):
        return _pretty_xml(text)
    return _pretty_form(text) if media_type == "application/x-www-form-urlencoded" else None


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """The properties of an object, repeated names kept."""


def _pretty_json(text: str) -> Markup | None:
    try:
        value = json.loads(
            text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or not _is_showable(value):
        return None
    return Markup('<ul class="json">') + Markup("").join(_item(Markup(""), value, 0)) + Markup("</ul>")


def _is_showable(value: Any) -> bool:
    """Whether it has few enough values, none too deep."""
    layer, seen = [value], 0
    for _ in range(_DEEPEST):
        seen += len(layer)
        layer = [child for item in layer if isinstance(item, list) for child in _children(item)]
        if not layer or seen > _MOST_VALUES:
            break
    return not layer and seen <= _MOST_VALUES


def _children(value: list[Any]) -> list[Any]:
    return [child for _, child in value] if isinstance(value, _Pairs) else value


def _item(key: Markup, value: Any, depth: int) -> Iterator[Markup]:
    """A line for a plain value; a fold for one that holds others."""
    if not isinstance(value, list) or not value:
        yield Markup("<li>") + key + _plain(value) + Markup("</li>")
        return
    is_object = isinstance(value, _Pairs)
    count = Markup('{}<span class="soft"> {} </span>{}').format(
        *("{", len(value), "}") if is_object else ("[", len(value), "]")
    )
    fold = Markup("<details open>") if depth < _OPEN_DEPTH else Markup("<details>")
    yield Markup("<li>") + fold + Markup("<summary>") + key + count
    yield Markup("</summary><ul>")
    for name, child in value if is_object else ((None, child) for child in value):
        label = Markup('<span class="key">{}</span>: ').format(name) if is_object else Markup("")
        yield from _item(label, child, depth + 1)
    yield Markup("</ul></details></li>")


def _plain(value: Any) -> Markup:
    match value:
        case _Pairs():
            return Markup("{}")
        case list():
            return Markup("[]")
        case _Number():
            return Markup('<span class="number-value">{}</span>').format(value)
        case str():
            return Markup('<span class="string">{}</span>').format(json.dumps(value, ensure_ascii=False))
        case _:
            return Markup('<span class="word">{}</span>').format(json.dumps(value))


def _pretty_xml(text: str) -> Markup | None:
    # Nothing is fetched or expanded: a logged body is a stranger's.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode("utf-8", "surrogatepass"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    etree.indent(root)
    return Markup("<pre>{}</pre>").format(etree.tostring(root, encoding="unicode"))


def _pretty_form(text: str) -> Markup | None:
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=None)
    if not pairs or len(pairs) > _MOST_VALUES:
        return None
    line = Markup("<dt>{}</dt><dd>{}</dd>")
    return Markup('<dl class="facts">') + Markup("").join(line.format(*pair) for pair in pairs) + Markup("</dl>")


def _hex(data: bytes) -> str:
    """Offset, bytes and characters, a line for every sixteen."""
    lines = []
    for start in range(0, min(len(data), _MOST_HEX_BYTES), _HEX_BYTES_A_LINE):
        piece = data[start : start + _HEX_BYTES_A_LINE]
        characters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
        lines.append(f"{start:06x}  {piece.hex(' '):<47}  {characters}")
    return "\n".join(lines)
