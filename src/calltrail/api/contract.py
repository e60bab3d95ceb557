"""The contract's words and fields: the only place, beside the table of columns, that knows their names on the wire."""

import re
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from calltrail.api.fields import Field, read_flag, read_moment, read_status
from calltrail.api.media import JSON_TYPE, XML_TYPE, prefers_xml, read_body, write_json, write_xml
from calltrail.domain.answers import (
    AlreadyProcessed,
    Answer,
    InternalFault,
    ProtocolRefusal,
    Success,
    UpstreamAnswer,
    ValidationRefusal,
)
from calltrail.domain.catalog import Catalog
from calltrail.domain.exports import ExportFile, ExportJob, ExportStatus
from calltrail.domain.filters import CallFilter
from calltrail.domain.headers import end_to_end
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.exports.request import ExportRequest
from calltrail.services.wire import HttpAnswer, RefusedBody

__all__ = ["export_report", "read_body", "read_export_request", "render", "unknown_export", "upstream_errors"]

RETRY_AFTER_S = 5
"""What 429 and 503 tell a caller when the answer names no time of its own."""

_SHOWN_CHARS = 200
"""How much of a wrong value an answer repeats."""

_ERROR_WORDS = re.compile(rb"ValidationError|ProtocolError|InternalServerError")


def read_export_request(data: Any, catalog: Catalog) -> ExportRequest:
    """A poll when the data name an export, and then nothing else in them counts; a start otherwise.

    Blank fields and those of no known name count as left out. Raises InvalidInput with every problem; that of a window
    which ends before it begins stands at its end.
    """
    problems: list[Problem] = []
    body = Field(data, "", problems)
    export_id = body.child("exportId")
    if not isinstance(data, dict):
        body.refuse("The body must be an object.")
        request = ExportRequest()
    elif export_id.is_blank:
        request = ExportRequest(filter=_read_filter(body, catalog))
    else:
        request = ExportRequest(export_id=_read_export_id(export_id))
    if problems:
        raise InvalidInput(problems)
    return request


def _read_export_id(field: Field) -> int | None:
    is_candidate = isinstance(field.value, int | str) and not isinstance(field.value, bool)
    digits = str(field.value).strip() if is_candidate else ""
    if re.fullmatch(r"[0-9]{1,18}", digits):
        return int(digits)
    field.refuse("This is not the id of an export.")
    return None


def unknown_export() -> Problem:
    return Problem("There is no such export.", "/exportId")


def _read_filter(body: Field, catalog: Catalog) -> CallFilter:
    since = read_moment(body.child("sinceDateTimeUtc"))
    till = read_moment(body.child("tillDateTimeUtc"))
    if since and till and since >= till:
        body.child("tillDateTimeUtc").refuse("This must be later than sinceDateTimeUtc.")
    status = read_status(body.child("resultState"))
    has_errors = read_flag(body.child("hasErrors"))
    endpoint = _read_name(
        body.child("endpoint"), "externalId", catalog.endpoints, 'There is no integration endpoint "{}".'
    )
    methods = {
        _read_name(operation, "systemName", catalog.methods, 'There is no API method "{}".')
        for operation in body.child("operations").items()
    }
    return CallFilter(since, till, status, has_errors, endpoint, tuple(sorted(name for name in methods if name)))


def _read_name(field: Field, key: str, known: Container[str], unknown: str) -> str | None:
    """The name under `ids`; a problem unless it is known, or the whole field is blank."""
    if field.is_blank:
        return None
    if not isinstance(field.value, dict):
        field.refuse("This must be an object.")
        return None
    name_field = field.child("ids").child(key)
    name = name_field.text()
    if name_field.is_blank:
        name_field.refuse("This is missing.")
    elif name and name not in known:
        name_field.refuse(unknown.format(name[:_SHOWN_CHARS]))
    return name


_PROCESSING_STATUSES: Mapping[ExportStatus, str] = {
    ExportStatus.QUEUED: "NotReady",
    ExportStatus.RUNNING: "NotReady",
    ExportStatus.READY: "Ready",
    ExportStatus.FAILED: "Cancelled",
    ExportStatus.CANCELLED: "Cancelled",
    ExportStatus.EXPIRED: "Cancelled",
}
"""The only three words that clients know."""

_REASONS: Mapping[ExportStatus, str] = {
    ExportStatus.FAILED: "The export failed.",
    ExportStatus.CANCELLED: "The export was cancelled.",
    ExportStatus.EXPIRED: "The files of the export have expired; start it again.",
}
"""What is said when the job gives no reason of its own."""


def export_report(
    job: ExportJob, *, is_duplicate: bool, urls: Sequence[str] = (), manifest_url: str | None = None
) -> Mapping[str, Any]:
    """The fields that answer a start and a poll. What is not known yet, or no longer holds, is left out."""
    result: dict[str, Any] = {"processingStatus": _PROCESSING_STATUSES[job.status]}
    if job.status in _REASONS:
        result["cancellationReason"] = job.reason or _REASONS[job.status]
    if job.status is ExportStatus.READY:
        result |= _report_of_files(job, urls, manifest_url)
    result |= {"asOfDateTimeUtc": _moment_text(job.snapshot.as_of), "progress": _report_of_progress(job)}
    return {"exportId": str(job.id), "isDuplicate": is_duplicate, "exportResult": result}


def _report_of_files(job: ExportJob, urls: Sequence[str], manifest_url: str | None) -> dict[str, Any]:
    return _known_only(
        urls=list(urls),
        files=[_report_of_file(file, url) for file, url in zip(job.files, urls, strict=True)],
        manifestUrl=manifest_url,
        rows=job.rows_done,
        expiresAtDateTimeUtc=_moment_text(job.expires_at) if job.expires_at else None,
    )


def _report_of_file(file: ExportFile, url: str) -> dict[str, Any]:
    return {"url": url, "name": file.name, "rows": file.rows, "bytes": file.size_bytes, "sha256": file.sha256}


def _report_of_progress(job: ExportJob) -> dict[str, Any]:
    """Sizes are those of plain text; `part` is the number of the part in the making, at the end the last."""
    parts = None if job.shards is None else len(job.shards)
    return _known_only(
        rowsDone=job.rows_done,
        rowsExpected=job.rows_expected,
        bytesDone=job.bytes_done,
        bytesExpected=job.bytes_expected,
        part=None if parts is None else min(len(job.files) + 1, parts),
        parts=parts,
        percent=job.percent,
    )


def _known_only(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def render(answer: Answer, accept: str | None, error_id: str) -> HttpAnswer:
    """The envelope around an answer, its headers and its bytes; an upstream's answer goes out as it came."""
    match answer:
        case UpstreamAnswer():
            return _forwarded(answer)
        case Success():
            return _written(200, _success_fields(answer), accept)
        case ValidationRefusal():
            fields = {"status": "ValidationError", "validationMessages": _validation_messages(answer.problems)}
            return _written(200, fields, accept)
        case AlreadyProcessed():
            return _written(200, {"status": "TransactionAlreadyProcessed"}, accept)
        case ProtocolRefusal(code, problem):
            return _written(code, _error_fields("ProtocolError", str(problem), error_id, code), accept)
        case InternalFault(code, message, retry_after_s):
            fields = _error_fields("InternalServerError", message, error_id, code)
            return _written(code, fields, accept, retry_after_s)


def upstream_errors(answer: UpstreamAnswer) -> tuple[str, ...]:
    """What an upstream says went wrong, in our envelope, whatever its HTTP status; empty when it speaks otherwise."""
    if not _ERROR_WORDS.search(answer.body):
        return ()
    content_type = next((value for name, value in answer.headers if name.lower() == b"content-type"), b"")
    try:
        envelope = read_body(answer.body, content_type.decode("latin-1"), is_lenient=False)
    except RefusedBody:
        return ()
    match envelope:
        case {"status": "ValidationError", "validationMessages": [*messages]}:
            told = [message for message in messages if isinstance(message, dict)]
            return tuple(f"{message.get('location') or '/'}: {message.get('message')}" for message in told) or ("/",)
        case {"status": "ProtocolError" | "InternalServerError" | "ValidationError" as status}:
            return (str(envelope.get("errorMessage") or status),)
    return ()


def _success_fields(answer: Success) -> dict[str, Any]:
    fields = {"status": "", **answer.fields} | {"status": "Success"}
    if answer.problems:
        fields["validationMessages"] = _validation_messages(answer.problems)
    return fields


def _validation_messages(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"message": problem.message, "location": problem.location or "/"} for problem in problems]


def _error_fields(status: str, message: str, error_id: str, http_status_code: int) -> dict[str, Any]:
    return {"status": status, "errorMessage": message, "errorId": error_id, "httpStatusCode": http_status_code}


def _written(
    http_status_code: int, fields: Mapping[str, Any], accept: str | None, retry_after_s: int | None = None
) -> HttpAnswer:
    is_xml = prefers_xml(accept)
    body = write_xml(fields, "result") if is_xml else write_json(fields)
    headers = [
        (b"content-type", f"{XML_TYPE if is_xml else JSON_TYPE}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if http_status_code == 401:
        headers.append((b"www-authenticate", b"SecretKey"))
    if http_status_code in (429, 503) or retry_after_s is not None:
        headers.append((b"retry-after", str(RETRY_AFTER_S if retry_after_s is None else retry_after_s).encode()))
    return HttpAnswer(http_status_code, headers, body)


def _forwarded(answer: UpstreamAnswer) -> HttpAnswer:
    """The upstream's headers without those that speak of its connection; the length is that of the body we hold."""
    headers = end_to_end(answer.headers)
    if answer.http_status_code not in (204, 304):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    return HttpAnswer(answer.http_status_code, headers, answer.body)
