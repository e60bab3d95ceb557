"""Secrets in the headers of one call."""

import binascii
from collections.abc import Callable
from enum import Enum, auto

from calltrail.domain.masking.names import SecretNames
from calltrail.domain.masking.values import MASK

_SCHEMES = frozenset(
    {b"secretkey", b"bearer", b"basic", b"digest", b"mindbox", b"apikey", b"token", b"negotiate", b"ntlm"}
    | {b"oauth", b"dpop", b"hawk", b"aws4-hmac-sha256"}
)
_SHORTEST_SESSION_BYTES = 16
"""A shorter value of a cookie, such as `theme=default`, is masked in its place but is not looked for elsewhere."""


class HeaderRule(Enum):
    """How the value of a header is masked."""

    BY_CONTENT = auto()
    """As any other text of the call: `Referer`, `Location`."""

    CREDENTIALS = auto()
    """All but a scheme that is known, so that the log tells `Basic ***` from `Bearer ***`."""

    COOKIES = auto()
    """All but the names."""

    NEW_COOKIE = auto()
    """The value, not the attributes."""

    WHOLE = auto()


def header_rule(name: bytes, names: SecretNames) -> HeaderRule:
    lower = name.lower()
    if lower.endswith(b"authorization"):
        return HeaderRule.CREDENTIALS
    if lower in (b"cookie", b"set-cookie"):
        return HeaderRule.COOKIES if lower == b"cookie" else HeaderRule.NEW_COOKIE
    return HeaderRule.WHOLE if lower.endswith(b"-token") or names.hold(name) else HeaderRule.BY_CONTENT


def credentials_of(value: bytes) -> bytes:
    """What follows the scheme in a value such as `Bearer abc`; empty when it begins with no scheme that is known."""
    words = value.split(None, 1)
    return words[1] if len(words) > 1 and words[0].lower() in _SCHEMES else b""


class HeaderMasking:
    """Masks values of headers, and tells `learn` each secret value that it masked."""

    def __init__(self, names: SecretNames, mask_text: Callable[[bytes], bytes], learn: Callable[[bytes], None]) -> None:
        self._names = names
        self._mask_text = mask_text
        self._learn = learn

    def mask(self, rule: HeaderRule, value: bytes) -> bytes:
        """The value without its secrets, by any rule but `BY_CONTENT`."""
        if not value or value.isspace():
            return value
        if rule is HeaderRule.CREDENTIALS:
            return self._credentials(value)
        if rule is HeaderRule.COOKIES:
            return b";".join(map(self._cookie, value.split(b";")))
        if rule is HeaderRule.NEW_COOKIE:
            cookie, semicolon, attributes = value.partition(b";")
            return self._cookie(cookie) + semicolon + attributes
        self._learn(value)
        return MASK

    def _credentials(self, value: bytes) -> bytes:
        self._learn(value)
        credentials = credentials_of(value)
        if not credentials:
            self._learn(value.rpartition(b" ")[2])
            return MASK
        scheme = value.split(None, 1)[0]
        if scheme.lower() == b"basic":
            self._learn(_password_of(credentials))
        if b'"' in credentials or b"'" in credentials:
            self._mask_text(credentials)  # learns what stands in `secretKey="..."`
        return scheme + b" " + MASK

    def _cookie(self, cookie: bytes) -> bytes:
        name, sign, value = cookie.partition(b"=")
        if not sign:
            name, value = b" " if cookie.startswith(b" ") else b"", cookie
        bare = value.strip(b'" ')
        if len(bare) >= _SHORTEST_SESSION_BYTES or self._names.hold(name):
            self._learn(bare)
        return name + sign + MASK if bare else cookie


def _password_of(credentials: bytes) -> bytes:
    """The password in credentials of HTTP's Basic scheme; empty when they are none."""
    try:
        return binascii.a2b_base64(credentials).partition(b":")[2]
    except binascii.Error:
        return b""
