"""One exchanged call of an API method, as the log holds it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC of an aware moment."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC moment that lies `micros` microseconds after 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=micros)


class CallStatus(StrEnum):
    """`processing → completed | failed`; a closed call never changes again."""

    PROCESSING = "processing"
    """Its steps have not ended: no end time, no response."""

    COMPLETED = "completed"
    """The flow ran to its end, perhaps with validation errors that did not stop it."""

    FAILED = "failed"
    """Refused, stopped by an error, or left open by a process that died."""


class BodyEncoding(StrEnum):
    """How the text of a logged body stands for the bytes that were sent."""

    UTF_8 = "utf-8"
    """The bytes are UTF-8 and stand as they were sent (after content decoding)."""

    BASE64 = "base64"
    """The bytes are not UTF-8 and stand in base64."""


@dataclass(frozen=True, slots=True)
class LoggedBody:
    """A request or response body as the log holds it: decoded, masked, cut to the limit, each of it flagged."""

    text: str = ""
    """The body, or its base64; see `encoding`."""

    size_bytes: int = 0
    """Full size on the wire, before decoding and cutting."""

    encoding: BodyEncoding = BodyEncoding.UTF_8

    decoded_from: str | None = None
    """The `Content-Encoding` that was undone to make the text readable, such as `gzip`."""

    is_truncated: bool = False
    """The text ends before the body did; `size_bytes` is still the full size."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """The first half of a record: what is known when a call arrives. Nothing in it is secret; masks are in place."""

    id: str
    """Unique id of the call: a UUIDv7 whose time is `started_at`, in canonical text form."""

    started_at: datetime
    """When the request arrived: aware UTC, whole microseconds."""

    method_system_name: str
    """The API method that was asked for, even when there is none of that name."""

    method_name: str | None
    """Its name in the catalog; None when it is unknown."""

    endpoint_external_id: str
    """The integration endpoint that was named, even when there is none of that id."""

    integration_name: str | None
    """Its name in the catalog; None when it is unknown."""

    http_method: str

    url: str
    """The whole request URL."""

    headers: str
    """`Name: value`, a line each, in the order sent, duplicates kept."""

    body: LoggedBody

    device: str | None = None
    """The caller's `deviceUUID`."""

    client_transaction_id: str | None = None
    """The caller's idempotency key: a GUID in canonical text form."""

    client_address: str | None = None
    """Network address of the peer."""

    masked: str | None = None
    """Which parts hold masked secrets, comma separated: `url`, `headers`, `body`."""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The second half of a record: how a call ended. It is written once."""

    finished_at: datetime
    """When the answer was complete: aware UTC, whole microseconds, never before the start."""

    status: CallStatus
    """`completed` or `failed`."""

    has_errors: bool
    """Always true when failed; true when completed with validation errors that did not stop the flow."""

    error_messages: str | None = None
    """A line each."""

    http_status_code: int | None = None
    """None when no answer was ever sent: the process died."""

    response_headers: str | None = None

    response_body: LoggedBody | None = None

    masked: str | None = None
    """Which parts of this half hold masked secrets: `headers`, `body`, `errors`."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """The logged exchange. Without an outcome the call is still processing."""

    request: CallRequest
    outcome: CallOutcome | None = None

    @property
    def status(self) -> CallStatus:
        return self.outcome.status if self.outcome else CallStatus.PROCESSING

    @property
    def has_errors(self) -> bool:
        return self.outcome is not None and self.outcome.has_errors
