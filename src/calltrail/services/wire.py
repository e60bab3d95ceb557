"""What the services need from the wire: bodies as data, answers as bytes. `calltrail.api.contract` fulfils it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from calltrail.domain.answers import Answer, ProtocolRefusal, UpstreamAnswer
from calltrail.domain.catalog import Catalog
from calltrail.domain.exports import ExportJob
from calltrail.domain.headers import RawHeaders
from calltrail.domain.problems import Problem
from calltrail.services.exports.request import ExportRequest


class RefusedBody(Exception):
    """A body can't be turned into data; `refusal` is the answer that says so."""

    http_status_code: int

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.refusal = ProtocolRefusal(self.http_status_code, Problem(message))


class UnreadableBody(RefusedBody):
    """The body is not what its media type says; the message tells the line and column, or the byte."""

    http_status_code = 400


class UnsupportedMediaType(RefusedBody):
    """Nothing reads bodies of this media type or character set."""

    http_status_code = 415


class BodyTooLarge(RefusedBody):
    """The body is longer than what is taken, once its Content-Encoding is undone."""

    http_status_code = 413


class UnwritableAnswer(Exception):
    """The fields of a Success are no JSON values: a fault of the step that made them."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer to its last byte."""

    http_status_code: int
    headers: RawHeaders
    body: bytes


class Wire(Protocol):
    """The contract's words, both ways. Nothing here waits or keeps state."""

    def read_body(self, body: bytes, content_type: str | None, *, is_lenient: bool) -> Any:
        """The data of a body: a dict, list, string, number or bool; an empty body and `null` are an empty dict.

        `is_lenient` also reads JSON with single-quoted strings. Raises UnreadableBody and UnsupportedMediaType.
        """

    def read_export_request(self, data: Any, catalog: Catalog) -> ExportRequest:
        """What the data of a body ask of an export step; raises InvalidInput with every problem at its pointer."""

    def unknown_export(self) -> Problem:
        """What a poll is told whose export does not exist, or is another endpoint's."""

    def export_report(
        self, job: ExportJob, *, is_duplicate: bool, urls: Sequence[str] = (), manifest_url: str | None = None
    ) -> Mapping[str, Any]:
        """The fields of a Success that report an export; `urls` has one for each file once the job is ready."""

    def upstream_errors(self, answer: UpstreamAnswer) -> tuple[str, ...]:
        """What an upstream that speaks the contract says went wrong, whatever its HTTP status; else empty."""

    def render(self, answer: Answer, accept: str | None, error_id: str) -> HttpAnswer:
        """The answer as it goes out, in the media type that `accept` prefers.

        `error_id` is told to the caller in both error kinds, so that the log entry can be found by it.
        Raises UnwritableAnswer.
        """
