"""A call of an API method, made from its page through the same door as every other."""

import base64
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol
from urllib.parse import urlencode

from calltrail.console.calls.bodies import ShownBody, header_of, shown_body
from calltrail.console.catalog.problems import FormProblem
from calltrail.console.visits import Form
from calltrail.domain.calls import BodyEncoding, LoggedBody
from calltrail.domain.catalog import ApiMethod, ValidateStep
from calltrail.services.call import CallMode
from calltrail.services.catalog.examples import example_of
from calltrail.services.codings import Ending, UnknownCoding, decode_content

CALL_ID_HEADER = "calltrail-call-id"
CONTENT_TYPES = ("application/json", "application/xml", "application/x-www-form-urlencoded")

_MOST_SHOWN_BYTES = 1024 * 1024

_KEY_VARIABLE = "SecretKey $KEY"


@dataclass(frozen=True, slots=True)
class TriedCall:
    """A request to make."""

    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class TriedAnswer:
    """What it was answered with."""

    status_code: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def call_id(self) -> str | None:
        """Under which the log has the call."""
        return next((value for name, value in self.headers if name.lower() == CALL_ID_HEADER), None)

    def shown(self) -> ShownBody:
        """The body as people read it, its Content-Encoding undone."""
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers)
        content, decoded_from = self._content(header_of(headers, "content-encoding"))
        is_cut = len(content) > _MOST_SHOWN_BYTES
        content = content[:_MOST_SHOWN_BYTES]
        try:
            text, encoding = content.decode("utf-8", "ignore" if is_cut else "strict"), BodyEncoding.UTF_8
        except UnicodeDecodeError:
            text, encoding = base64.b64encode(content).decode(), BodyEncoding.BASE64
        return shown_body(LoggedBody(text, len(self.body), encoding, decoded_from, is_cut), headers)

    def _content(self, coding: str) -> tuple[bytes, str | None]:
        if not coding or not self.body:
            return self.body, None
        try:
            decoded = decode_content(self.body, coding, _MOST_SHOWN_BYTES + 1)
        except UnknownCoding:
            return self.body, None
        return (decoded.content, coding) if decoded.ending in (Ending.WHOLE, Ending.BOUND) else (self.body, None)


class TryCall(Protocol):
    """The platform's door, from within."""

    def __call__(self, call: TriedCall) -> TriedAnswer | None:
        """Make the call and wait for its answer; None when it takes too long, and then it goes on. Blocks."""


@dataclass(frozen=True, slots=True)
class TryForm:
    """What was typed into the form, but for the key, which is in no page and in no JSON."""

    endpoint: str
    mode: CallMode
    content_type: str
    body: str


def new_try(method: ApiMethod, endpoint: str | None = None) -> TryForm:
    """The form as it is at first, with a body that fulfils what the method validates, where that can be told.

    Without an endpoint, the first that may call it.
    """
    schemas = [step.schema for step in method.steps if isinstance(step, ValidateStep)]
    body = json.dumps(example_of(schemas), indent=2, ensure_ascii=False)
    caller = endpoint or next(iter(method.endpoints), "")
    return TryForm(caller, CallMode.SYNC, CONTENT_TYPES[0], body)


def read_try(form: Form) -> tuple[TryForm, str, tuple[FormProblem, ...]]:
    """The form, the key apart from it, and what is wrong."""
    key = form.get("key", "").strip()
    is_async = form.get("mode") == CallMode.ASYNC
    content_type = form.get("content_type", "")
    typed = TryForm(
        endpoint=form.get("endpoint", ""),
        mode=CallMode.ASYNC if is_async else CallMode.SYNC,
        content_type=content_type if content_type in CONTENT_TYPES else CONTENT_TYPES[0],
        body=form.get("body", "").replace("\r\n", "\n"),
    )
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        return typed, "", (FormProblem("key", "Key", "A key has letters, digits, _ and -, and no spaces."),)
    return typed, key, ()


def tried_call(base_url: str, method: ApiMethod, typed: TryForm, key: str) -> TriedCall:
    headers = [
        ("accept", typed.content_type if typed.content_type.endswith("/xml") else "application/json"),
        ("content-type", typed.content_type),
        ("user-agent", "Calltrail console"),
    ]
    if key:
        headers.insert(0, ("authorization", f"SecretKey {key}"))
    return TriedCall(call_url(base_url, method, typed), headers, typed.body.encode())


def call_url(base_url: str, method: ApiMethod, typed: TryForm) -> str:
    query = urlencode({"endpointId": typed.endpoint, "operation": method.system_name})
    return f"{base_url}/v3/operations/{typed.mode}?{query}"


def try_command(base_url: str, method: ApiMethod, typed: TryForm) -> str:
    """The same call for a POSIX shell, with the key in a variable."""
    words = [f"curl {shlex.quote(call_url(base_url, method, typed))}"]
    if method.requires_key:
        words.append(f'--header "Authorization: {_KEY_VARIABLE}"')
    words += [f"--header {shlex.quote(f'Content-Type: {typed.content_type}')}", f"--data-raw {shlex.quote(typed.body)}"]
    return " \\\n  ".join(words)


MODE_WORDS: Mapping[CallMode, str] = MappingProxyType(
    {CallMode.SYNC: "sync: the answer of the steps", CallMode.ASYNC: "async: answered at once, the steps run after"}
)
