"""Secrets known by value, found again wherever a call repeats them and however it spells them."""

import re
from collections.abc import Iterable

from calltrail.domain.masking.syntax import JSON_STRING_OR_BARE, JSON_TOKENS

MASK = b"***"

SHORTEST_SECRET = 6
"""In characters. A shorter value stands in too many places where it is no secret."""

_MOST_SECRETS = 64
"""A call has a handful; a document of a million passwords must not cost a million searches."""

_LONGEST_SPELLED = 1024
"""In characters. A longer secret is found again only as it was first written."""

_LONGEST_BEGINNING_BYTES = 4096

_UNESCAPED = re.compile(rb"[A-Za-z0-9._~-]+")
_SHORTEST_ANCHOR = 3
_NUMBER = re.compile(r"[-+.\dEe]+")
_ENTITY_NAMES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_JSON_LETTERS = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


class KnownSecrets:
    """The secret values that a call is known to hold."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._anchors: dict[str, bytes] = {}
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        for secret in secrets:
            self.learn(secret.encode("utf-8", "surrogatepass"))

    def learn(self, value: bytes) -> None:
        """Remember a value, as it reads without escapes."""
        if len(value) < SHORTEST_SECRET or len(self._anchors) >= _MOST_SECRETS:
            return
        secret = value.decode("utf-8", "surrogateescape").strip().lstrip("\\")
        if len(secret) >= SHORTEST_SECRET:
            self._anchors[secret] = _anchor_of(secret)

    def may_occur_in(self, data: bytes) -> bool:
        return any(anchor in data for anchor in self._anchors.values())

    def scrub(self, data: bytes, is_cut: bool = False) -> bytes:
        """`data` with each secret masked; the same object when it holds none.

        Of data that was cut, the end may be the beginning of a secret: it is masked too.
        """
        if not data:
            return data
        for secret in sorted(self._anchors, key=len, reverse=True):
            if self._anchors[secret] in data:
                data = _without(secret, data)
            if is_cut:
                data = _without_beginning(_bytes_of(secret), data)
        return data


def _bytes_of(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogateescape")


def _anchor_of(secret: str) -> bytes:
    """The longest part of a secret that no escape would change: a cheap first test."""
    if secret.isascii() and secret.isalnum():
        return secret.encode()
    longest = max(_UNESCAPED.findall(_bytes_of(secret)), key=len, default=b"")
    return longest if len(longest) >= _SHORTEST_ANCHOR else b""


def _without(secret: str, data: bytes) -> bytes:
    verbatim = _bytes_of(secret)
    if len(secret) > _LONGEST_SPELLED:
        return data.replace(verbatim, MASK) if verbatim in data else data
    spelled = re.compile(_bytes_of("".join(map(_spellings, secret))))
    if _NUMBER.fullmatch(secret) and JSON_TOKENS.match(data):
        cleaned = JSON_STRING_OR_BARE.sub(lambda token: _without_number(spelled, token[0]), data)
        return data if cleaned == data else cleaned
    return _masked(spelled, data)


def _masked(spelled: re.Pattern[bytes], data: bytes) -> bytes:
    """Backslashes before a secret go too: the secret may only seem to begin with the letter of an escape."""
    pieces: list[bytes] = []
    done = 0
    for found in spelled.finditer(data):
        start = found.start()
        while start > done and data[start - 1 : start] == b"\\":
            start -= 1
        pieces += (data[done:start], MASK)
        done = found.end()
    return b"".join((*pieces, data[done:])) if pieces else data


def _without_number(spelled: re.Pattern[bytes], token: bytes) -> bytes:
    """A token of JSON; a bare number gives way to a string, so that JSON stays JSON."""
    if token[:1] in (b'"', b"'"):
        return _masked(spelled, token)
    return b'"' + MASK + b'"' if spelled.fullmatch(token) else token


def _spellings(char: str) -> str:
    """A pattern of one character as plain text, JSON, URLs and XML may write it."""
    if char.isascii() and (char.isalnum() or char in "._~-"):
        return re.escape(char)
    units = char.encode("utf-16-be", "surrogatepass")
    escapes = "".join(rf"\\+u(?i:{units[at : at + 2].hex()})" for at in range(0, len(units), 2))
    percent = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in char.encode("utf-8", "surrogateescape"))
    entity = rf"&(?:amp;)*(?:#0*{ord(char)}|\#[xX]0*(?i:{ord(char):x})|{_ENTITY_NAMES.get(char, '#')});"
    plain = r"\\{2,}+|\\(?![\"'])" if char == "\\" else r"\\*+" + re.escape(char)
    letter = rf"|\\+{_JSON_LETTERS[char]}" if char in _JSON_LETTERS else ""
    space = r"|\+" if char == " " else ""
    return f"(?:{plain}|{escapes}|{percent}|{entity}{letter}{space})"


def _without_beginning(secret: bytes, data: bytes) -> bytes:
    at = max(0, len(data) - min(len(secret), _LONGEST_BEGINNING_BYTES))
    while (at := data.find(secret[:SHORTEST_SECRET], at)) >= 0:
        if secret.startswith(data[at:]):
            return data[:at] + MASK
        at += 1
    return data
