"""Bodies in JSON and XML to plain data, and back."""

import codecs
import json
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from lxml import etree

from calltrail.services.wire import UnreadableBody, UnsupportedMediaType, UnwritableAnswer

JSON_TYPE = "application/json"
XML_TYPE = "application/xml"
_XML_TYPES = frozenset({XML_TYPE, "text/xml"})
_WILDCARDS = frozenset({"*/*", "application/*"})

_CHARSETS = frozenset(
    {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "ascii", "iso8859-1", "iso8859-15"}
    | {f"cp125{digit}" for digit in range(9)}
)
"""By the names Python gives them. A list, since some of Python's codecs are slow on purpose-made input."""


def read_body(body: bytes, content_type: str | None, *, is_lenient: bool) -> Any:
    """The data of a body; the media type decides how it is read, and without one its first character does.

    An empty body, whatever its type, and `null` are an empty object. In XML the root's name, attributes and namespaces
    say nothing; leaves are strings; repeated elements are lists, and so is a plural with elements of its singular.
    In JSON a lone half of a surrogate pair is U+FFFD, and a number beyond a double's range is the outermost double.
    """
    if not body or body.isspace():
        return {}
    media_type, charset = _media_type(content_type or "")
    if media_type in _XML_TYPES or (not media_type and body.lstrip().startswith(b"<")):
        return _read_xml(body, charset)
    if media_type in ("", JSON_TYPE):
        data = _read_json(_decoded(body, charset or "utf-8"), is_lenient=is_lenient)
        return {} if data is None else data
    raise UnsupportedMediaType(f'A body of type "{media_type}" can\'t be read; send {JSON_TYPE} or {XML_TYPE}.')


@lru_cache(maxsize=256)
def _media_type(content_type: str) -> tuple[str, str | None]:
    """Media type and character set of a Content-Type, normalised; raises UnsupportedMediaType."""
    media_type, *parameters = content_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return media_type.strip().lower(), _known_charset(value.strip().strip('"'))
    return media_type.strip().lower(), None


def _known_charset(name: str) -> str:
    try:
        charset = codecs.lookup(name).name
    except (LookupError, ValueError):
        charset = ""
    if charset not in _CHARSETS:
        raise UnsupportedMediaType(f'The character set "{name}" can\'t be read; send UTF-8.')
    return charset


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"The body is not {charset}: byte {error.start} can't be decoded.") from error


def _read_json(text: str, *, is_lenient: bool) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if is_lenient and "'" in text:
            return _read_json(_with_double_quotes(text), is_lenient=False)
        try:
            return _read_what_orjson_refuses(text)
        except (ValueError, RecursionError):
            raise UnreadableBody(
                f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            ) from error


_HIGH, _LOW = "u[dD][89abAB][0-9a-fA-F]{2}", "u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"\\(?:{_HIGH}\\{_LOW}|(?P<lone>{_HIGH}|{_LOW})|.)", re.DOTALL)
_MOST_EXACT_DIGITS = 20


def _read_what_orjson_refuses(text: str) -> Any:
    """JSON with lone halves of surrogate pairs, or with numbers beyond a double. Raises ValueError, RecursionError."""
    paired = _ESCAPE.sub(lambda escape: "\\ufffd" if escape["lone"] else escape[0], text)
    return json.loads(paired, parse_float=_finite, parse_int=_integer, parse_constant=_refuse_constant)


def _finite(number: str) -> float:
    most = sys.float_info.max
    return max(-most, min(most, float(number)))


def _integer(digits: str) -> int | float:
    """Exact as far as orjson is; Python itself refuses thousands of digits."""
    return int(digits) if len(digits) <= _MOST_EXACT_DIGITS else _finite(digits)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_STRING = re.compile(
    r"""
      " [^"\\]*+ (?: \\. [^"\\]*+ )*+ "?+
    | ' (?P<single> [^'\\]*+ (?: \\. [^'\\]*+ )*+ ) (?P<end> '?+ )
    """,
    re.DOTALL | re.VERBOSE,
)
"""A quoted string; an unclosed one runs to the end, so that no character is read twice."""

_QUOTE_INSIDE = re.compile(r"""\\'|\\.|\"""", re.DOTALL)
_REQUOTED = {"\\'": "'", '"': '\\"'}


def _with_double_quotes(text: str) -> str:
    """The same JSON with its single-quoted strings in double quotes."""
    return _STRING.sub(_double_quoted, text)


def _double_quoted(string: re.Match[str]) -> str:
    inside = string["single"]
    if inside is None:
        return string[0]
    requoted = _QUOTE_INSIDE.sub(lambda quote: _REQUOTED.get(quote[0], quote[0]), inside)
    return f'"{requoted}"' if string["end"] else f'"{requoted}'


def _read_xml(body: bytes, charset: str | None) -> Any:
    if charset:
        body, charset = _decoded(body, charset).encode(), "utf-8"
    parser = etree.XMLParser(
        encoding=charset,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableBody(f"The body is not XML: {error.msg}.") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # a gap in the stubs
        raise UnreadableBody("The body has a document type declaration at its start, which is not read.")
    data = _data_of(root)
    return {} if isinstance(data, str) and not data.strip() else data


def _data_of(element: etree._Element) -> Any:
    if not len(element):
        return element.text or ""
    named = [(etree.QName(child).localname, _data_of(child)) for child in element]
    if {name for name, _ in named} == {_singular(etree.QName(element).localname)}:
        return [data for _, data in named]
    grouped: dict[str, list[Any]] = {}
    for name, data in named:
        grouped.setdefault(name, []).append(data)
    return {name: values if len(values) > 1 else values[0] for name, values in grouped.items()}


def _singular(plural: str) -> str | None:
    """`urls` is a list of `url`; None when the name is no plural."""
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    return plural[:-1] if plural.endswith("s") and len(plural) > 1 else None


@lru_cache(maxsize=256)
def prefers_xml(accept: str | None) -> bool:
    """Whether an Accept header ranks XML above JSON; of equals the first named wins, and silence means JSON."""
    best_quality, is_xml = 0.0, False
    for entry in (accept or "").lower().split(","):
        media_range, *parameters = (part.strip() for part in entry.split(";"))
        quality = next((_quality(parameter) for parameter in parameters if parameter.startswith("q=")), 1.0)
        if quality > best_quality and media_range in _XML_TYPES | _WILDCARDS | {JSON_TYPE}:
            best_quality, is_xml = quality, media_range in _XML_TYPES
    return is_xml


def _quality(parameter: str) -> float:
    return float(parameter[2:]) if re.fullmatch(r"q=[01](\.\d{0,3})?", parameter, re.ASCII) else 0.0


def write_json(data: Any) -> bytes:
    """JSON in UTF-8; half a surrogate pair becomes a question mark. Raises UnwritableAnswer."""
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError:
        return _write_what_orjson_refuses(data)


def _write_what_orjson_refuses(data: Any) -> bytes:
    """JSON with what orjson has no room for: integers beyond 64 bits, deep nesting, lone surrogates."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnwritableAnswer(f"The answer is no JSON: {error}") from error
    return text.encode("utf-8", "replace")


def write_xml(data: Mapping[str, Any], root_name: str) -> bytes:
    """XML in UTF-8, saying what the JSON of `data` says.

    A list stands as its plural with an element of the singular for each item (`item` when the name is no plural); null
    is an empty element. Characters that XML can't hold become U+FFFD, and in names `_`. Raises UnwritableAnswer.
    """
    root = etree.Element(root_name)
    try:
        _fill(root, json.loads(write_json(data)))
    except RecursionError as error:
        raise UnwritableAnswer("The answer is nested too deep.") from error
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


_NO_XML_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")


def _fill(element: etree._Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _fill(etree.SubElement(element, _element_name(name)), inner)
    elif isinstance(value, list):
        item_name = _singular(etree.QName(element).localname) or "item"
        for inner in value:
            _fill(etree.SubElement(element, item_name), inner)
    elif value is not None:
        text = value if isinstance(value, str) else json.dumps(value)
        element.text = _NO_XML_CHARACTER.sub("\ufffd", text)


def _element_name(name: str) -> str:
    cleaned = _NO_NAME_CHARACTER.sub("_", name)
    return cleaned if re.match("[A-Za-z_]", cleaned) else f"_{cleaned}"
