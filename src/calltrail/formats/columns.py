"""THE table of exported columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from calltrail.domain.exports import ExportFormat, ExportOptions


class ColumnKind(StrEnum):
    TEXT = "text"
    BODY = "body"
    """Text that may be as long as the stored limit allows."""
    MOMENT = "moment"
    FLAG = "flag"
    """`true` or `false`"""
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the files."""

    name: str
    """On the wire: the CSV header, the JSON property, the XML element."""

    kind: ColumnKind
    meaning: str

    source: str = ""
    """The column of `frames.LOG_SCHEMA` that it shows; empty when it is derived."""


CONTRACT_COLUMNS: tuple[Column, ...] = (
    Column("OperationLogTransactionId", ColumnKind.TEXT, "Unique id of the call.", "id"),
    Column("OperationLogStartDateTimeUtc", ColumnKind.MOMENT, "When the call arrived, UTC.", "started_at"),
    Column(
        "OperationLogEndDateTimeUtc",
        ColumnKind.MOMENT,
        "When its answer was complete, UTC; empty while processing.",
        "finished_at",
    ),
    Column("OperationLogOperationSystemName", ColumnKind.TEXT, "System name of the API method.", "method_system_name"),
    Column("OperationLogOperationName", ColumnKind.TEXT, "Name of the API method.", "method_name"),
    Column(
        "OperationLogEndpointExternalId",
        ColumnKind.TEXT,
        "External id of the integration endpoint.",
        "endpoint_external_id",
    ),
    Column("OperationLogIntegrationName", ColumnKind.TEXT, "Name of the integration.", "integration_name"),
    Column(
        "OperationLogHasErrors",
        ColumnKind.FLAG,
        "True for every failed call, and for completed ones with validation errors that did not stop the flow.",
        "has_errors",
    ),
    Column("OperationLogErrorMessages", ColumnKind.TEXT, "Error texts, a line each.", "error_messages"),
    Column("OperationLogDevice", ColumnKind.TEXT, "The caller's deviceUUID.", "device"),
    Column("OperationLogStatus", ColumnKind.TEXT, "`completed`, `failed` or `processing`.", "status"),
    Column("OperationLogHttpMethod", ColumnKind.TEXT, "HTTP method of the request.", "http_method"),
    Column("OperationLogUrl", ColumnKind.TEXT, "URL of the request, secrets masked.", "url"),
    Column(
        "OperationLogRequestHeaders",
        ColumnKind.TEXT,
        "`Name: value` a line, in the order sent, secrets masked.",
        "request_headers",
    ),
    Column("OperationLogRequestBody", ColumnKind.BODY, "Body of the request, secrets masked.", "request_body"),
    Column(
        "OperationLogHTTPStatusCode",
        ColumnKind.NUMBER,
        "HTTP status of the answer; empty while processing.",
        "http_status_code",
    ),
    Column(
        "OperationLogResponseHeaders",
        ColumnKind.TEXT,
        "Headers of the answer, as those of the request.",
        "response_headers",
    ),
    Column("OperationLogResponseBody", ColumnKind.BODY, "Body of the answer, secrets masked.", "response_body"),
)
"""The contract's eighteen, in the contract's order."""

EXTRA_COLUMNS: tuple[Column, ...] = (
    Column(
        "OperationLogClientTransactionId",
        ColumnKind.TEXT,
        "The caller's transactionId.",
        "client_transaction_id",
    ),
    Column("OperationLogClientAddress", ColumnKind.TEXT, "Network address of the caller.", "client_address"),
    Column(
        "OperationLogDurationMs",
        ColumnKind.NUMBER,
        "Whole milliseconds from arrival to answer; empty while processing.",
    ),
    Column(
        "OperationLogRequestBodyBytes",
        ColumnKind.NUMBER,
        "Full size of the request body as it was sent.",
        "request_body_bytes",
    ),
    Column(
        "OperationLogRequestBodyEncoding",
        ColumnKind.TEXT,
        "`utf-8`, or `base64` when the body is not UTF-8.",
        "request_body_encoding",
    ),
    Column(
        "OperationLogRequestBodyDecodedFrom",
        ColumnKind.TEXT,
        "The Content-Encoding that was undone for the log.",
        "request_body_decoded_from",
    ),
    Column(
        "OperationLogRequestBodyTruncated",
        ColumnKind.FLAG,
        "Whether the log, or this file, holds less than the whole body.",
        "request_body_truncated",
    ),
    Column(
        "OperationLogRequestMasked",
        ColumnKind.TEXT,
        "Parts of the request in which secrets were masked.",
        "request_masked",
    ),
    Column(
        "OperationLogResponseBodyBytes",
        ColumnKind.NUMBER,
        "Full size of the response body as it was sent.",
        "response_body_bytes",
    ),
    Column(
        "OperationLogResponseBodyEncoding",
        ColumnKind.TEXT,
        "As for the request.",
        "response_body_encoding",
    ),
    Column(
        "OperationLogResponseBodyDecodedFrom",
        ColumnKind.TEXT,
        "As for the request.",
        "response_body_decoded_from",
    ),
    Column(
        "OperationLogResponseBodyTruncated",
        ColumnKind.FLAG,
        "As for the request.",
        "response_body_truncated",
    ),
    Column(
        "OperationLogResponseMasked",
        ColumnKind.TEXT,
        "Parts of the response in which secrets were masked.",
        "response_masked",
    ),
)
"""Ours, which follow when a step asks for them."""

COLUMNS: Mapping[str, Column] = {column.name: column for column in CONTRACT_COLUMNS + EXTRA_COLUMNS}


def exported_columns(options: ExportOptions) -> tuple[Column, ...]:
    """The columns of a file: those named, in that order; without names the contract's, and ours when asked for.

    HAR shows all in a form of its own.
    """
    every = CONTRACT_COLUMNS + EXTRA_COLUMNS
    if options.format is ExportFormat.HAR:
        return every
    if options.columns:
        return tuple(COLUMNS[name] for name in options.columns)
    return every if options.extra_columns else CONTRACT_COLUMNS


def source_columns(columns: Sequence[Column]) -> tuple[str, ...]:
    """What a scan must give so that these columns can be shown."""
    sources = [column.source for column in columns if column.source]
    if any(not column.source for column in columns):
        sources += ["started_at", "finished_at"]
    return tuple(dict.fromkeys(sources))
