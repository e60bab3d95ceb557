"""The frame that a batch of the log is, and how it shows the exported columns."""

from collections.abc import Mapping

import polars as pl

from calltrail.formats.columns import Column

MOMENT = pl.Datetime("us", "UTC")

LOG_SCHEMA: Mapping[str, pl.DataType] = {
    "id": pl.String(),
    "started_at": MOMENT,
    "finished_at": MOMENT,
    "method_system_name": pl.String(),
    "method_name": pl.String(),
    "endpoint_external_id": pl.String(),
    "integration_name": pl.String(),
    "has_errors": pl.Boolean(),
    "error_messages": pl.String(),
    "device": pl.String(),
    "status": pl.String(),
    "http_method": pl.String(),
    "url": pl.String(),
    "request_headers": pl.String(),
    "request_body": pl.String(),
    "http_status_code": pl.Int64(),
    "response_headers": pl.String(),
    "response_body": pl.String(),
    "client_transaction_id": pl.String(),
    "client_address": pl.String(),
    "request_body_bytes": pl.Int64(),
    "request_body_encoding": pl.String(),
    "request_body_decoded_from": pl.String(),
    "request_body_truncated": pl.Boolean(),
    "request_masked": pl.String(),
    "response_body_bytes": pl.Int64(),
    "response_body_encoding": pl.String(),
    "response_body_decoded_from": pl.String(),
    "response_body_truncated": pl.Boolean(),
    "response_masked": pl.String(),
}
"""Columns of a batch of the log, one row a call; stores give these, formats read these."""


def shown(column: Column) -> pl.Expr:
    """The values of the column, typed, under its name on the wire."""
    if column.source:
        return pl.col(column.source).alias(column.name)
    return (pl.col("finished_at") - pl.col("started_at")).dt.total_milliseconds().alias(column.name)
