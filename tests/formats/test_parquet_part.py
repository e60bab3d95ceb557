"""Parquet files, as their readers read them."""

import io
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given

from calltrail.domain.exports import ExportFormat, ExportOptions
from calltrail.formats.columns import exported_columns, source_columns
from calltrail.formats.parts import part_encoder
from tests.formats.hostile_batches import COLUMNS, batch, exported, logs

PARQUET = ExportOptions(format=ExportFormat.PARQUET, columns=tuple(COLUMNS))
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@given(logs)
def test_polars_and_pyarrow_read_back_every_call(log: list[list[dict[str, Any]]]) -> None:
    data = exported(PARQUET, *log)
    expected = [{name: row.get(source) for name, source in COLUMNS.items()} for rows in log for row in rows]
    assert pl.read_parquet(io.BytesIO(data)).to_dicts() == expected
    assert pq.read_table(io.BytesIO(data)).to_pylist() == expected


def test_values_have_their_types() -> None:
    options = ExportOptions(format=ExportFormat.PARQUET, extra_columns=True)
    schema = pq.read_schema(io.BytesIO(exported(options)))
    assert schema.field("OperationLogStartDateTimeUtc").type == pa.timestamp("us", tz="UTC")
    assert schema.field("OperationLogHasErrors").type == pa.bool_()
    assert schema.field("OperationLogHTTPStatusCode").type == pa.int64()
    assert schema.field("OperationLogDurationMs").type == pa.int64()
    assert len(schema) == 31


def test_small_batches_are_gathered_into_row_groups() -> None:
    one = batch([{"id": str(number), "started_at": NOON} for number in range(1000)])
    part = part_encoder(PARQUET)
    data = b"".join([part.head(), *(part.rows(one) for _ in range(40)), part.tail()])
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    assert metadata.num_rows == 40_000
    assert metadata.num_row_groups == 3


def test_rows_leave_before_the_tail() -> None:
    part = part_encoder(PARQUET)
    large = batch([{"id": "1", "started_at": NOON, "request_body": "x" * 40_000_000}])
    assert part.head() == b"PAR1"
    assert len(part.rows(large)) > 1000


def test_a_batch_needs_only_the_sources_of_the_exported_columns() -> None:
    options = ExportOptions(format=ExportFormat.PARQUET, columns=("OperationLogDurationMs", "OperationLogUrl"))
    part = part_encoder(options)
    narrow = batch([{"url": "https"}]).select(source_columns(exported_columns(options)))
    data = part.head() + part.rows(narrow) + part.tail()
    assert pl.read_parquet(io.BytesIO(data)).to_dicts() == [
        {"OperationLogDurationMs": None, "OperationLogUrl": "https"}
    ]
