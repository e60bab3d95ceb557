"""Secrets never reach the log: every part of a call passes through here before it is stored or printed.

A secret is known by its name (a header, a field, a parameter), or by its value: what was masked anywhere in a call, or
was handed in, is masked wherever else the same call repeats it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial

from calltrail.domain.headers import RawHeaders
from calltrail.domain.masking.bodies import BodyMasking
from calltrail.domain.masking.encodings import changed_in, other_encodings
from calltrail.domain.masking.headers import HeaderMasking, HeaderRule, credentials_of, header_rule
from calltrail.domain.masking.names import SecretNames
from calltrail.domain.masking.values import KnownSecrets


@dataclass(frozen=True, slots=True)
class MaskedHalf:
    """The parts of a request, or of an answer, without secrets."""

    url: str
    headers: str
    body: bytes
    errors: str | None

    masked: str | None
    """The parts in which something was masked, comma separated: `url`, `headers`, `body`, `errors`."""


class Masker:
    """What is secret in calls of one API method. Made once a method, and shared by its calls."""

    def __init__(self, masked_fields: Iterable[str] = ()) -> None:
        self.names = SecretNames(masked_fields)
        self.header_rule: Callable[[bytes], HeaderRule] = lru_cache(1024)(partial(header_rule, names=self.names))


class CallMasking:
    """The masking of one call: its request, then its answer. What is secret in the one is secret in the other."""

    def __init__(self, masker: Masker, known_secrets: Iterable[str] = ()) -> None:
        self._masker = masker
        self._known = KnownSecrets(known_secrets)
        self._bodies = BodyMasking(masker.names, self._learn)
        self._headers = HeaderMasking(masker.names, self._bodies.mask, self._learn)

    def _learn(self, value: bytes) -> None:
        if not self._masker.names.include(value):
            self._known.learn(credentials_of(value) or value)

    def mask(
        self,
        headers: RawHeaders,
        body: bytes,
        *,
        content_type: str = "",
        is_cut: bool = False,
        url: str = "",
        errors: str | None = None,
        secrets: Iterable[str] = (),
    ) -> MaskedHalf:
        """Mask one half of the call. `body` is without content coding; `is_cut` when it ends before the body did.

        `secrets` are further texts to mask wherever they stand, from here on.

        Every part is searched by name before any is searched by value: a secret of the body may stand in the URL.
        """
        self._known.add(secrets)
        raw_url, raw_errors = _bytes_of(url), _bytes_of(errors or "")
        values, named_url, named_errors, named_body = self._without_named(headers, raw_url, raw_errors, body)
        encodings = other_encodings(named_body, content_type, self._may_occur_in)
        for encoding in encodings:
            named_body = changed_in(encoding, named_body, self._bodies.mask)

        scrub = self._known.scrub
        lines = b"\n".join(map(b": ".join, zip([name for name, _ in headers], values, strict=True)))
        new_lines, new_url, new_errors = scrub(lines), scrub(named_url), scrub(named_errors)
        new_body = scrub(named_body, is_cut)
        for encoding in encodings:
            new_body = changed_in(encoding, new_body, partial(scrub, is_cut=is_cut))

        is_masked = {
            "url": new_url is not raw_url,
            "headers": new_lines is not lines or values != [value for _, value in headers],
            "body": new_body is not body,
            "errors": new_errors is not raw_errors,
        }
        return MaskedHalf(
            url=_text_of(new_url),
            headers=new_lines.decode("latin-1"),
            body=new_body,
            errors=None if errors is None else _text_of(new_errors),
            masked=",".join(filter(is_masked.get, is_masked)) or None,
        )

    def text(self, text: str) -> str:
        """A text beside the halves, without the secrets known so far."""
        raw = _bytes_of(text)
        return _text_of(self._known.scrub(raw)) if self._known.may_occur_in(raw) else text

    def _without_named(
        self, headers: RawHeaders, url: bytes, errors: bytes, body: bytes
    ) -> tuple[list[bytes], bytes, bytes, bytes]:
        """Values of headers, URL, errors and body, with what is secret by name masked.

        One look at all texts together is cheaper than one at each, and most calls need no other.
        """
        masker, mask = self._masker, self._bodies.mask
        texts, values = [url, errors, body], []
        for name, value in headers:
            rule = masker.header_rule(name)
            if rule is HeaderRule.BY_CONTENT:
                texts.append(value)
            values.append(value if rule is HeaderRule.BY_CONTENT else self._headers.mask(rule, value))
        if not masker.names.may_occur_in(b"\n".join(texts)):
            return values, url, errors, body
        values = [
            mask(value) if masker.header_rule(name) is HeaderRule.BY_CONTENT else value
            for (name, _), value in zip(headers, values, strict=True)
        ]
        return values, mask(url), mask(errors), mask(body)

    def _may_occur_in(self, text: bytes) -> bool:
        """Whether a text may hold a secret, by name or by value."""
        names = self._masker.names
        return not names.are_ascii or names.may_occur_in(text) or self._known.may_occur_in(text)


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _text_of(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
