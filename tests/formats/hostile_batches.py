"""Batches of calls whose texts try to break the files that hold them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
from hypothesis import strategies as st

from calltrail.domain.exports import ExportOptions
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.formats.parts import part_encoder

COLUMNS = {
    "OperationLogTransactionId": "id",
    "OperationLogStartDateTimeUtc": "started_at",
    "OperationLogEndDateTimeUtc": "finished_at",
    "OperationLogHasErrors": "has_errors",
    "OperationLogErrorMessages": "error_messages",
    "OperationLogUrl": "url",
    "OperationLogRequestBody": "request_body",
    "OperationLogHTTPStatusCode": "http_status_code",
}
"""Some of every kind, with texts in the middle and nulls at the end of a line."""

_HOSTILE_CHARACTERS = "\"';,|\t\r\n\0\x01\x1f\x7f\x85\u2028\ufeff\ufffe\uffff\\&<>]=+-@#{}[]:tru0 aЖ€😀\U0001ffff"
_HOSTILE_TEXTS = [
    "",
    '"',
    '""',
    "\r",
    "\r\n",
    "\n",
    "]]>",
    "<![CDATA[",
    "&amp;",
    "=cmd()",
    "null",
    "NA",
    "\ufeffx",
    "  x ",
]

texts = st.one_of(
    st.sampled_from(_HOSTILE_TEXTS),
    st.text(st.sampled_from(_HOSTILE_CHARACTERS), max_size=8),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone given beside

rows = st.fixed_dictionaries(
    {"id": texts, "started_at": moments, "has_errors": st.booleans()},
    optional={
        "finished_at": moments,
        "error_messages": texts,
        "url": texts,
        "request_body": texts,
        "http_status_code": st.integers(100, 599),
    },
)

logs = st.lists(st.lists(rows, max_size=3), max_size=2)
"""The rows of an export, batch by batch."""


def batch(log_rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as a scan gives them; what a row leaves out is null."""
    return pl.DataFrame([[row.get(name) for name in LOG_SCHEMA] for row in log_rows], dict(LOG_SCHEMA), orient="row")


def exported(options: ExportOptions, *batches: Sequence[Mapping[str, Any]]) -> bytes:
    """The bytes of one part."""
    part = part_encoder(options)
    return b"".join([part.head(), *(part.rows(batch(log_rows)) for log_rows in batches), part.tail()])
