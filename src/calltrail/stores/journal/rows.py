"""Records of calls as rows of the table `calls`, and back."""

from collections.abc import Sequence
from typing import Any

from calltrail.domain.calls import (
    BodyEncoding,
    CallOutcome,
    CallRecord,
    CallRequest,
    CallStatus,
    LoggedBody,
    from_micros,
    to_micros,
)

REQUEST_COLUMNS = (
    "id",
    "started_at",
    "method_system_name",
    "method_name",
    "endpoint_external_id",
    "integration_name",
    "http_method",
    "device",
    "client_transaction_id",
    "client_address",
    "request_masked",
    "request_body_bytes",
    "request_body_encoding",
    "request_body_decoded_from",
    "request_body_truncated",
    "url",
    "request_headers",
    "request_body",
)
"""The first half of a record. They and `OUTCOME_COLUMNS` bear the names of the log's frame."""

OUTCOME_COLUMNS = (
    "finished_at",
    "status",
    "has_errors",
    "error_messages",
    "http_status_code",
    "response_masked",
    "response_body_bytes",
    "response_body_encoding",
    "response_body_decoded_from",
    "response_body_truncated",
    "response_headers",
    "response_body",
)
"""The second half; all NULL while the call is processing."""

SEARCHED_COLUMNS = ("url", "request_body", "error_messages", "response_body")
"""Where the text of a filter may occur."""

_ROW_OVERHEAD_BYTES = 300
"""About what ids, times, names and separators of a row take as plain text."""

Row = tuple[Any, ...]

_NO_BODY = (None,) * 4


def _body_flags(body: LoggedBody) -> Row:
    return body.size_bytes, body.encoding.value, body.decoded_from, body.is_truncated


def request_row(request: CallRequest) -> Row:
    """Values of `REQUEST_COLUMNS`."""
    return (
        request.id,
        to_micros(request.started_at),
        request.method_system_name,
        request.method_name,
        request.endpoint_external_id,
        request.integration_name,
        request.http_method,
        request.device,
        request.client_transaction_id,
        request.client_address,
        request.masked,
        *_body_flags(request.body),
        request.url,
        request.headers,
        request.body.text,
    )


def outcome_row(outcome: CallOutcome) -> Row:
    """Values of `OUTCOME_COLUMNS`."""
    body = outcome.response_body
    return (
        to_micros(outcome.finished_at),
        outcome.status.value,
        outcome.has_errors,
        outcome.error_messages,
        outcome.http_status_code,
        outcome.masked,
        *(_body_flags(body) if body else _NO_BODY),
        outcome.response_headers,
        body.text if body else None,
    )


def plain_text_bytes(request: CallRequest, outcome: CallOutcome | None) -> int:
    """About how much room the record takes in a file."""
    size = _ROW_OVERHEAD_BYTES + len(request.url) + len(request.headers) + len(request.body.text)
    if outcome:
        size += len(outcome.response_headers or "") + len(outcome.error_messages or "")
        size += len(outcome.response_body.text) if outcome.response_body else 0
    return size


def record(row: Sequence[Any]) -> CallRecord:
    """The record of a row that has `REQUEST_COLUMNS`, then `OUTCOME_COLUMNS`."""
    call = dict(zip(REQUEST_COLUMNS + OUTCOME_COLUMNS, row, strict=True))
    request = CallRequest(
        id=call["id"],
        started_at=from_micros(call["started_at"]),
        method_system_name=call["method_system_name"],
        method_name=call["method_name"],
        endpoint_external_id=call["endpoint_external_id"],
        integration_name=call["integration_name"],
        http_method=call["http_method"],
        url=call["url"],
        headers=call["request_headers"],
        body=_body(call, "request"),
        device=call["device"],
        client_transaction_id=call["client_transaction_id"],
        client_address=call["client_address"],
        masked=call["request_masked"],
    )
    if call["finished_at"] is None:
        return CallRecord(request)
    return CallRecord(
        request,
        CallOutcome(
            finished_at=from_micros(call["finished_at"]),
            status=CallStatus(call["status"]),
            has_errors=bool(call["has_errors"]),
            error_messages=call["error_messages"],
            http_status_code=call["http_status_code"],
            response_headers=call["response_headers"],
            response_body=None if call["response_body"] is None else _body(call, "response"),
            masked=call["response_masked"],
        ),
    )


def _body(call: dict[str, Any], side: str) -> LoggedBody:
    return LoggedBody(
        text=call[f"{side}_body"],
        size_bytes=call[f"{side}_body_bytes"],
        encoding=BodyEncoding(call[f"{side}_body_encoding"]),
        decoded_from=call[f"{side}_body_decoded_from"],
        is_truncated=bool(call[f"{side}_body_truncated"]),
    )
