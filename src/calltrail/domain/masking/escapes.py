"""The escapes of JSON, URLs and XML, undone and done again, on bytes."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

_JSON_ESCAPE = re.compile(rb"(?:\\u[0-9a-fA-F]{4})++|(?:\\\\)++|\\[^u]", re.DOTALL)
_JSON_LETTERS = {b"\\b": b"\b", b"\\f": b"\f", b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t"}
_PERCENT = re.compile(rb"(?:%[0-9a-fA-F]{2})++")
_ENTITY = re.compile(rb"&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_ENTITIES = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
_MOST_LAYERS = 4


def unescape_json(text: bytes) -> bytes:
    """What a JSON string says; an escape that JSON doesn't know stands for its letter."""
    return _JSON_ESCAPE.sub(_json_escape, text) if b"\\" in text else text


def _json_escape(escape: re.Match[bytes]) -> bytes:
    found = escape[0]
    if found[1:2] == b"\\":
        return found[::2]
    if found[1:2] != b"u":
        return _JSON_LETTERS.get(found, found[1:])
    said: str = json.loads(b'"' + found + b'"')
    return said.encode("utf-8", "surrogatepass")


def escape_json(text: bytes, like: bytes) -> bytes:
    """`text` as the inside of a JSON string in quotes of either kind; pure ASCII when `like`, what it replaces, was."""
    try:
        said = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        said = text.decode("utf-8", "surrogateescape")
    escaped = json.dumps(said, ensure_ascii=like.isascii())[1:-1].replace("'", r"\u0027")
    return escaped.encode("utf-8", "backslashreplace")


def unescape_form(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" ")) if b"%" in text or b"+" in text else text


def escape_form(text: bytes) -> bytes:
    return quote_from_bytes(text, safe="*").encode()


def unescape_xml(text: bytes) -> bytes:
    return _ENTITY.sub(_entity, text) if b"&" in text else text


def _entity(entity: re.Match[bytes]) -> bytes:
    name, decimal, hexadecimal = entity.groups()
    if name:
        return _ENTITIES[name]
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number).encode("utf-8", "surrogatepass") if number <= 0x10FFFF else entity[0]


def escape_xml(text: bytes) -> bytes:
    """`text` as character data, or inside quotes of either kind."""
    for char, entity in ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b'"', b"&quot;"), (b"'", b"&apos;")):
        text = text.replace(char, entity)
    return text


@dataclass(frozen=True, slots=True)
class Escapes:
    """How one form writes a text inside itself."""

    undo: Callable[[bytes], bytes]

    redo: Callable[[bytes, bytes], bytes]
    """Of a text and the escaped text that it replaces."""


IN_JSON = Escapes(unescape_json, escape_json)
IN_FORM = Escapes(unescape_form, lambda text, _: escape_form(text))
IN_XML = Escapes(unescape_xml, lambda text, _: escape_xml(text))
AS_IT_IS = Escapes(lambda text: text, lambda text, _: text)


def without_a_layer(text: bytes) -> bytes:
    """`text` with one layer of whatever escapes it holds undone; equal when it holds none."""
    percent = (
        _PERCENT.sub(lambda run: bytes.fromhex(run[0].replace(b"%", b"").decode()), text) if b"%" in text else text
    )
    return unescape_xml(unescape_json(percent))


def readable(text: bytes) -> bytes:
    """`text` with all its escapes undone."""
    for _ in range(_MOST_LAYERS):
        plain = without_a_layer(text)
        if plain == text:
            break
        text = plain
    return text
