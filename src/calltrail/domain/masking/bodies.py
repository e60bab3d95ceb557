"""Secrets found by name in text of any form: JSON, XML, forms, URLs, multipart, and whatever calls itself one of them.

What a text is shows in the text; its declared type is not asked, so a false one hides nothing. Where the form is whole,
each string, value and part is masked as a text of its own, after its escapes are undone. Where it is not (cut, broken,
unknown) names are looked for everywhere, and in doubt more is masked rather than less.
"""

import re
from collections.abc import Callable, Iterator

from calltrail.domain.masking.escapes import AS_IT_IS, IN_FORM, IN_JSON, IN_XML, Escapes, without_a_layer
from calltrail.domain.masking.names import USER_INFO, SecretNames
from calltrail.domain.masking.syntax import (
    BARE_JSON,
    BARE_TEXT,
    BLANK_LINE,
    BOUNDARY,
    FORM,
    FORM_PAIR,
    HAS_ASSIGNMENT,
    JSON_STRING,
    JSON_TOKENS,
    NAMED,
    PART_NAME,
    QUOTE,
    XML,
    XML_ATTRIBUTE,
    XML_TOKEN,
    container_end,
    element_end,
    ends_a_path,
    string_end,
)
from calltrail.domain.masking.values import MASK

_DEEPEST = 8
"""Texts within texts; what lies deeper is masked whole when it may hold a secret."""

_NO_SECRET = re.compile(rb"\s*(?:\*\*\*)?\s*")
_NO_SECRET_LITERAL = re.compile(rb"(?:null|true|false|undefined|\*\*\*)?")
_LONG_NUMBER = re.compile(rb"(?<=[\[:,\s])\d{6,}")


_PIECE_BYTES = 2048
"""So much of a text, and the rest of the line, is asked whether it may hold a secret."""


class _Edits:
    """A text with parts of it replaced, first to last."""

    __slots__ = ("_done", "_pieces", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._pieces: list[bytes] = []
        self._done = 0

    def replace(self, start: int, end: int, new: bytes) -> None:
        self._pieces += (self.text[self._done : start], new)
        self._done = end

    def result(self) -> bytes:
        """The same object when nothing was replaced."""
        if not self._pieces:
            return self.text
        return b"".join((*self._pieces, self.text[self._done :]))


def _pieces(text: bytes) -> Iterator[tuple[int, int]]:
    """Whole lines, some at once. A name never goes on in another line."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start + _PIECE_BYTES) + 1 or len(text)
        yield start, end
        start = end


class BodyMasking:
    """Masks texts, and tells `learn` each secret value that it masked."""

    def __init__(self, names: SecretNames, learn: Callable[[bytes], None]) -> None:
        self._names = names
        self._learn = learn

    def mask(self, text: bytes, depth: int = 0) -> bytes:
        """`text` with the values of secret names masked; the same object when it holds none."""
        if not self._names.may_occur_in(text):
            return text
        if depth > _DEEPEST:
            return MASK
        text = self._without_user_info(text)
        if JSON_TOKENS.match(text):
            return self._json(text, depth)
        if XML.match(text):
            return self._xml(text, depth)
        boundary = BOUNDARY.search(text)
        if boundary and not self._names.may_occur_in(boundary[1]):
            return self._multipart(text, boundary, depth)
        if FORM.match(text):
            text = self._form(text, depth)
        return self._seen_twice(self._text(text), depth)

    def _without_user_info(self, text: bytes) -> bytes:
        edits = _Edits(text)
        if b"@" in text:
            for found in USER_INFO.finditer(text):
                self._cover(edits, *found.span(2), IN_FORM)
        return edits.result()

    def _cover(self, edits: _Edits, start: int, end: int, escapes: Escapes = AS_IT_IS, layers: int = 1) -> None:
        value = edits.text[start:end]
        if _NO_SECRET.fullmatch(value):
            return
        edits.replace(start, end, MASK)
        for _ in range(layers):
            value = escapes.undo(value)
        self._learn(value)

    def _mask_within(self, edits: _Edits, start: int, end: int, escapes: Escapes, depth: int) -> None:
        raw = edits.text[start:end]
        if not HAS_ASSIGNMENT.search(raw):
            return
        plain = escapes.undo(raw)
        masked = self.mask(plain, depth + 1)
        if masked is not plain:
            edits.replace(start, end, masked if plain == raw else escapes.redo(masked, raw))

    # JSON

    def _json(self, text: bytes, depth: int) -> bytes:
        edits = _Edits(text)
        at = 0
        while string := JSON_STRING.search(text, at):
            at = string.end()
            kind = "double" if string["double"] is not None else "single"
            self._mask_within(edits, *string.span(kind), IN_JSON, depth)
            if string["colon"] is not None and self._names.hold(string[kind]):
                at = self._cover_json(edits, at, b'"' if kind == "double" else b"'")
        return edits.result()

    def _cover_json(self, edits: _Edits, start: int, quote: bytes) -> int:
        """Mask the value that starts there, keep JSON JSON, and say where the value ends."""
        text = edits.text
        if opening := QUOTE.match(text, start):
            inner_end, end = string_end(text, opening)
            self._cover(edits, opening.end(), inner_end, IN_JSON, layers=len(opening[0]).bit_length())
            return end
        if text[start : start + 1] in (b"{", b"["):
            end = container_end(text, start)
            self._learn_all_in(text[start:end])
            edits.replace(start, end, quote + MASK + quote)
            return end
        return self._cover_literal(edits, start, quote)

    def _cover_literal(self, edits: _Edits, start: int, quote: bytes) -> int:
        found = BARE_JSON.match(edits.text, start)
        value = found[0].rstrip() if found else b""
        end = start + len(value)
        if not _NO_SECRET_LITERAL.fullmatch(value):
            self._learn(value)
            edits.replace(start, end, quote + MASK + quote)
        return end

    def _learn_all_in(self, container: bytes) -> None:
        for string in JSON_STRING.finditer(container):
            if string["colon"] is None:
                self._learn(IN_JSON.undo(string["double"] or string["single"] or b""))
        for number in _LONG_NUMBER.findall(container):
            self._learn(number)

    # XML

    def _xml(self, text: bytes, depth: int) -> bytes:
        edits = _Edits(text)
        at = 0
        while token := XML_TOKEN.search(text, at):
            at = token.end()
            kind = token.lastgroup
            if token["name"]:
                at = self._xml_tag(edits, token, depth)
            elif kind:
                self._mask_within(edits, *token.span(kind), IN_XML if kind == "text" else AS_IT_IS, depth)
        return edits.result()

    def _xml_tag(self, edits: _Edits, tag: re.Match[bytes], depth: int) -> int:
        """Mask attributes, and the content of a secret element; say where to read on."""
        if tag["slash"]:
            return tag.end()
        is_secret = self._names.hold(tag["name"])
        for attribute in XML_ATTRIBUTE.finditer(edits.text, *tag.span("rest")):
            span = attribute.span(attribute.lastindex or 0)
            if self._names.hold(attribute[1]) or (is_secret and not attribute[1].startswith((b"xml", b"xsi:"))):
                self._cover(edits, *span, IN_XML)
            else:
                self._mask_within(edits, *span, IN_XML, depth)
        if not is_secret or tag["rest"].endswith(b"/"):
            return tag.end()
        inner_end, end = element_end(edits.text, tag)
        self._cover_content(edits, tag.end(), inner_end)
        return end

    def _cover_content(self, edits: _Edits, start: int, end: int) -> None:
        content = edits.text[start:end]
        if _NO_SECRET.fullmatch(content):
            return
        for token in XML_TOKEN.finditer(content):
            self._learn(IN_XML.undo(token["text"]) if token["text"] else token["cdata"] or b"")
        edits.replace(start, end, MASK)

    # Forms, URLs, multipart

    def _form(self, text: bytes, depth: int) -> bytes:
        """A form or a URL: a value ends at `&`, a name also begins after `?`, `;`, `#` and `/`."""
        edits = _Edits(text)
        query = text.find(b"?")
        for pair in FORM_PAIR.finditer(text):
            is_in_query = 0 <= query < pair.start(1)
            if self._names.hold_parameter(pair[1]) if is_in_query else self._names.hold(pair[1]):
                self._cover(edits, *pair.span(2), IN_FORM)
            else:
                self._mask_within(edits, *pair.span(2), IN_FORM, depth)
        return edits.result()

    def _multipart(self, text: bytes, boundary: re.Match[bytes], depth: int) -> bytes:
        edits = _Edits(text)
        start, delimiter = boundary.start(1), b"\n" + boundary[1]
        self._mask_within(edits, 0, start, AS_IT_IS, depth)
        while start < len(text):
            start += len(boundary[1])
            end = text.find(delimiter, start)
            end = end if end >= 0 else len(text)
            self._mask_part(edits, start, end, depth)
            start = end + 1
        return edits.result()

    def _mask_part(self, edits: _Edits, start: int, end: int, depth: int) -> None:
        text = edits.text
        if text[end - 1 : end] == b"\r":
            end -= 1
        blank = BLANK_LINE.search(text, start, end)
        head_end, body = blank.span() if blank else (end, end)
        self._mask_within(edits, start, head_end, AS_IT_IS, depth)
        names = [quoted or bare for quoted, bare in PART_NAME.findall(text, start, head_end)]
        if any(self._names.hold(name) for name in names):
            self._cover(edits, body, end)
        else:
            self._mask_within(edits, body, end, AS_IT_IS, depth)

    # Any text

    def _text(self, text: bytes) -> bytes:
        edits = _Edits(text)
        at = 0
        for start, end in _pieces(text):
            is_all = end - start == len(text)  # and has been looked at
            if end <= at or not (is_all or self._names.may_occur_in(text[start:end])):
                continue
            at = max(at, start)
            while at < end:
                at = self._mask_next(edits, at, end)
        return edits.result()

    def _mask_next(self, edits: _Edits, start: int, end: int) -> int:
        """Mask the value of the next name, if it is secret and begins before the end; say where to read on."""
        text = edits.text
        found = NAMED.search(text, start)
        if not found:
            return len(text)
        if found.start() >= end:
            return found.start()
        if not self._names.hold(found["element"] or found["name"]) or ends_a_path(found):
            return found.end()
        tag = XML_TOKEN.match(text, found.start()) if found["element"] else None
        return self._xml_tag(edits, tag, _DEEPEST) if tag else self._cover_assigned(edits, found)

    def _cover_assigned(self, edits: _Edits, found: re.Match[bytes]) -> int:
        text, start = edits.text, found.end()
        if found["quote"] or text[start : start + 1] in (b"{", b"[") or QUOTE.match(text, start):
            return self._cover_json(edits, start, found["quote"] or b"")
        value = BARE_TEXT.match(text, start)
        end = value.end() if value else start
        self._cover(edits, start, end)
        return end

    def _seen_twice(self, text: bytes, depth: int) -> bytes:
        """Masked text as it is, unless a secret shows once a layer of escapes is undone: then without that layer."""
        plain = without_a_layer(text)
        if plain == text:
            return text
        masked = self.mask(plain, depth + 1)
        return text if masked is plain else masked
