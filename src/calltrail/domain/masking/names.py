"""The names whose values are secret, and a fast test whether a text may hold one of them."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from calltrail.domain.masking.escapes import readable

SECRET_NAMES = (
    # what people know
    "*password",
    "*password confirmation",
    "*password confirm",
    "*password repeat",
    "*password again",
    "*password1",
    "*password2",
    "*password hash",
    "*password salt",
    "*passwd",
    "*pwd",
    "pass",
    "*passphrase",
    "*passcode",
    "*secret",
    "*secret answer",
    "pin",
    "otp",
    "*verification code",
    "*authorization code",
    # what programs know
    "*secret key",
    "*api key",
    "*access key",
    "*private key",
    "*encryption key",
    "*signing key",
    "*shared key",
    "*subscription key",
    "*auth key",
    "*client assertion",
    "credential",
    "credentials",
    # what stands for somebody who is signed in
    "*authorization",
    "token",
    "*access token",
    "*refresh token",
    "*id token",
    "*auth token",
    "*api token",
    "*bearer token",
    "*session token",
    "*security token",
    "*csrf token",
    "*xsrf token",
    "*private token",
    "x token",
    "jwt",
    "*cookie",
    "*session id",
    "php sess id",
    # what pays
    "*card number",
    "*credit card",
    "pan",
    "cvv",
    "cvv2",
    "cvc",
    "cvc2",
)
"""Secret in every call. `*` stands for any beginning, so that `newPassword` is secret and `tokens_used` is not.

Names are compared without regard to case, `-` and `_`. A path is secret when one of its segments is:
`user[password]`, `auth.token`, `ns:secret`.
"""

SECRET_PARAMETERS = frozenset({"key", "sig", "signature"})
"""Secret in the query of a URL, but too common a word elsewhere."""

_FOLD = bytes(range(256)).lower()
_SEPARATORS = b"-_"
_PATH = re.compile(r"[^\w-]+")
_WAIT_FOR = "kwcpgnzqxjvybfmhulrsdaitoe0123456789"
"""Letters to look for, in this order: few of them make up every name, and those are rare in texts."""

_LONGEST_REMEMBERED_NAME_BYTES = 64

_DISGUISE = re.compile(
    rb"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA]|3[0-9]|2[dD]|5[cCfF])"
    rb"|%(?:[46][1-9a-fA-F]|[57][0-9aA]|3[0-9]|2[5dD]|5[cCfF])|&#"
)
"""A letter, digit or separator in an escape: whether it belongs to a secret's name shows only once it is undone."""

USER_INFO = re.compile(rb"(/\\*+/[^\s/?#:@\"'<>\\]*+:)(?!\*\*\*@)([^\s/?#\"'<>\\]+)(?=@)")
"""The password of `scheme://user:password@host`, which has no name."""


def _folded(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


class SecretNames:
    """The names that are secret in one API method."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        own = frozenset(_folded(name) for name in more) - {""}
        names = [name.replace(" ", "") for name in SECRET_NAMES]
        self._endings = tuple(name[1:] for name in names if name.startswith("*"))
        self._whole = own.union(name for name in names if not name.startswith("*"))
        self._remembered = lru_cache(4096)(self._is_secret)
        self._signs = _signs_of(self._whole, self._endings)
        self.are_ascii = all(name.isascii() for name in own)

    def hold(self, name: bytes) -> bool:
        """Whether a value of that name is secret; the name may be spelled in escapes of JSON or URLs."""
        return self._remembered(name) if len(name) <= _LONGEST_REMEMBERED_NAME_BYTES else self._is_secret(name)

    def hold_parameter(self, name: bytes) -> bool:
        """Whether a value of that name is secret in the query of a URL."""
        return self.hold(name) or name.decode("latin-1").lower() in SECRET_PARAMETERS

    def include(self, word: bytes) -> bool:
        """Whether a word is itself one of the names, as the values of samples often are: `"password": "password"`."""
        if len(word) > _LONGEST_REMEMBERED_NAME_BYTES // 2:
            return False
        plain = _folded(word.decode("utf-8", "replace"))
        return plain in self._whole or plain in self._endings

    def may_occur_in(self, data: bytes) -> bool:
        """False only when no value in `data` can be secret by name. This is the cost of every call without secrets."""
        folded = self._fold(data)
        for sign in self._signs:
            if sign.search(folded):
                return True
        # Single bytes are looked for first: that costs next to nothing.
        if (b"%" in data or b"\\" in data or b"#" in data) and (_DISGUISE.search(data) or not self.are_ascii):
            return True
        return b"@" in data and USER_INFO.search(data) is not None

    def _fold(self, data: bytes) -> bytes:
        if not self.are_ascii:
            data = data.decode("utf-8", "replace").casefold().encode()
        return data.translate(_FOLD, _SEPARATORS)

    def _is_secret(self, name: bytes) -> bool:
        texts = [spelling.decode("utf-8", "replace") for spelling in {name, readable(name)}]
        segments = [_folded(segment) for text in texts for segment in (text, *_PATH.split(text))]
        return any(segment in self._whole or segment.endswith(self._endings) for segment in segments)


def _signs_of(whole: Iterable[str], endings: Iterable[str]) -> list[re.Pattern[bytes]]:
    """Patterns that find any of the names in folded text, one for all names that wait for the same letter.

    A pattern that begins with one letter flies from one such letter to the next; that is why there are several, and
    why they look for `word` and then back, not for `password`.
    """
    signs = [_sign_of(name, _WORD_START) for name in whole]
    signs += [_sign_of(name, "") for name in endings]
    signs += [_sign_of(name, _WORD_START, end=r"(?==|%3d|\\u003d)") for name in SECRET_PARAMETERS]
    by_letter = groupby(sorted(signs), key=itemgetter(0))
    return [re.compile(f"{re.escape(letter)}(?:{_any_of(group)})".encode("latin-1")) for letter, group in by_letter]


def _any_of(signs: Iterable[tuple[str, str, str]]) -> str:
    """Names that go on alike share what must stand after their letter."""
    return "|".join(
        f"{after}(?:{'|'.join(before for _, _, before in group)})" for after, group in groupby(signs, key=itemgetter(1))
    )


_WORD_START = (
    r"(?:(?<![a-z0-9]{name})|(?<=%[0-9a-f][0-9a-f]{name})|(?<=\\u[0-9a-f][0-9a-f][0-9a-f][0-9a-f]{name})"
    r"|(?<=\\[bfnrt]{name}))"
)


def _sign_of(name: str, start: str, end: str = "(?![a-z0-9])") -> tuple[str, str, str]:
    """The letter to wait for, what must stand after it, and what before all that."""
    letters = name.encode().decode("latin-1")
    letter = min(letters, key=_WAIT_FOR.find)
    rest = letters[letters.index(letter) + 1 :]
    whole = re.escape(letters)
    return letter, re.escape(rest) + end, f"(?<={whole})" + start.replace("{name}", whole)
