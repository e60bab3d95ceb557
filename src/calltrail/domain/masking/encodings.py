"""Bodies in encodings in which the bytes of a name are not ASCII: seen as UTF-8, changed, and written back."""

import codecs
import re
from collections.abc import Callable
from functools import lru_cache

_WIDE_ENCODINGS = (
    ("utf-16-le", re.compile(rb"(?:[\x01-\x7f]\0)++")),
    ("utf-16-be", re.compile(rb"(?:\0[\x01-\x7f])++")),
    ("utf-32-le", re.compile(rb"(?:[\x01-\x7f]\0{3})++")),
    ("utf-32-be", re.compile(rb"(?:\0{3}[\x01-\x7f])++")),
)
"""Each with what is ASCII in it. Within such a stretch none begins that is off by some bytes."""

_UNLIKE_ASCII = frozenset(
    {"utf-7", "shift_jis", "cp932", "gbk", "gb18030", "gb2312", "hz", "big5", "big5hkscs", "cp950", "johab", "cp949"}
    | {"iso2022_jp", "iso2022_kr", "cp037", "cp273", "cp500", "cp1026", "cp1140"}
)
"""Encodings in which a byte of ASCII may be something else. None of Python's is among them that is no charset."""

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def other_encodings(body: bytes, content_type: str, may_matter: Callable[[bytes], bool]) -> list[str]:
    """Encodings beside ASCII's kin in which to look at a body: the declared one, and wide ones if it holds NULs.

    `may_matter` is asked whether what is ASCII in a wide encoding, a stretch a line, is worth a look.
    """
    declared = _declared_encoding(content_type)
    encodings = [declared] if declared in _UNLIKE_ASCII else []
    if b"\0" in body:
        for encoding, ascii_in_it in _WIDE_ENCODINGS:
            stretches = ascii_in_it.findall(body)
            if stretches and may_matter(b"\n".join(stretches).replace(b"\0", b"")):
                encodings.append(encoding)
    return encodings


@lru_cache(256)
def _declared_encoding(content_type: str) -> str:
    """Python's name of the declared charset; empty when there is none that it knows."""
    charset = _CHARSET.search(content_type)
    try:
        return codecs.lookup(charset[1]).name if charset else ""
    except LookupError:
        return ""


def changed_in(encoding: str, body: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """`body` changed as text of that encoding; the same object when `change` gives back the one that it was given."""
    unit_bytes = 4 if "32" in encoding else 2 if "utf-16" in encoding else 1
    whole = len(body) - len(body) % unit_bytes
    errors = "surrogatepass" if "utf-16" in encoding else "replace"
    text = body[:whole].decode(encoding, errors).encode("utf-8", "surrogatepass")
    changed = change(text)
    if changed is text:
        return body
    return changed.decode("utf-8", "replace").encode(encoding, errors) + body[whole:]
