"""What holds for the files of every format."""

from dataclasses import replace

import pytest

from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.formats.columns import exported_columns, source_columns
from calltrail.formats.names import file_name_suffix, media_type
from calltrail.formats.parts import part_encoder
from tests.formats.hostile_batches import batch, exported

EVERY_FORMAT = pytest.mark.parametrize("format", ExportFormat)
EVERY_TEXT_FORMAT = pytest.mark.parametrize("format", [f for f in ExportFormat if f is not ExportFormat.PARQUET])


@EVERY_FORMAT
def test_a_part_is_never_of_0_bytes(format: ExportFormat) -> None:
    assert exported(ExportOptions(format=format, bom=False))


@EVERY_TEXT_FORMAT
def test_a_batch_needs_only_the_sources_of_the_exported_columns(format: ExportFormat) -> None:
    options = ExportOptions(format=format, columns=("OperationLogDurationMs", "OperationLogUrl"))
    sources = source_columns(exported_columns(options))
    assert b"https" in part_encoder(options).rows(batch([{"url": "https"}]).select(sources))


@EVERY_TEXT_FORMAT
def test_every_column_can_be_exported(format: ExportFormat) -> None:
    options = ExportOptions(format=format, extra_columns=True)
    data = exported(options, [{"id": "1", "request_body_bytes": 4711}]).decode()
    assert "4711" in data


@EVERY_FORMAT
def test_only_csv_cuts_cells(format: ExportFormat) -> None:
    part = part_encoder(ExportOptions(format=format, max_field_chars=2))
    part.rows(batch([{"request_body": "abc"}]))
    assert part.cut_cells == (1 if format is ExportFormat.CSV else 0)


@pytest.mark.parametrize(
    ("options", "suffix", "type_"),
    [
        (ExportOptions(), ".csv", "text/csv; charset=utf-8"),
        (ExportOptions(format=ExportFormat.NDJSON), ".ndjson", "application/x-ndjson"),
        (ExportOptions(format=ExportFormat.JSON), ".json", "application/json"),
        (ExportOptions(format=ExportFormat.XML), ".xml", "application/xml"),
        (ExportOptions(format=ExportFormat.PARQUET), ".parquet", "application/vnd.apache.parquet"),
        (ExportOptions(format=ExportFormat.HAR), ".har", "application/json"),
        (ExportOptions(compression=Compression.GZIP), ".csv.gz", "application/gzip"),
        (ExportOptions(format=ExportFormat.NDJSON, compression=Compression.ZSTD), ".ndjson.zst", "application/zstd"),
    ],
)
def test_a_file_is_named_and_served_for_what_it_is(options: ExportOptions, suffix: str, type_: str) -> None:
    assert file_name_suffix(options) == suffix
    assert media_type(options) == type_


def test_every_combination_has_a_name_of_its_own() -> None:
    options = [replace(ExportOptions(format=f), compression=c) for f in ExportFormat for c in Compression]
    assert len({file_name_suffix(each) for each in options}) == len(options)
