"""Export files: how each format is made, named and served. Every part is a whole file of its own."""

from typing import Protocol

import polars as pl

from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.formats.columns import exported_columns
from calltrail.formats.csv_part import CsvPart
from calltrail.formats.har_part import HarPart
from calltrail.formats.json_part import JsonPart, NdjsonPart
from calltrail.formats.parquet_part import ParquetPart
from calltrail.formats.xml_part import XmlPart


class PartEncoder(Protocol):
    """One file in the making: its head, any number of batches, its tail; never 0 bytes in all."""

    @property
    def cut_cells(self) -> int:
        """How many cells were cut to `max_field_chars` so far."""

    def head(self) -> bytes: ...

    def rows(self, batch: pl.DataFrame) -> bytes:
        """What is ready after a batch, which has the `source_columns` of the exported ones; its order is kept."""

    def tail(self) -> bytes: ...


_COMPRESSION_SUFFIXES = {Compression.NONE: "", Compression.GZIP: ".gz", Compression.ZSTD: ".zst"}

_MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.JSON: "application/json",
    ExportFormat.XML: "application/xml",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.HAR: "application/json",
}

_COMPRESSED_MEDIA_TYPES = {Compression.GZIP: "application/gzip", Compression.ZSTD: "application/zstd"}


def part_encoder(options: ExportOptions) -> PartEncoder:
    """An encoder of one part, to be used once."""
    columns = exported_columns(options)
    match options.format:
        case ExportFormat.CSV:
            return CsvPart(columns, options)
        case ExportFormat.NDJSON:
            return NdjsonPart(columns)
        case ExportFormat.JSON:
            return JsonPart(columns)
        case ExportFormat.XML:
            return XmlPart(columns)
        case ExportFormat.PARQUET:
            return ParquetPart(columns)
        case ExportFormat.HAR:
            return HarPart()


def file_name_suffix(options: ExportOptions) -> str:
    """What the name of a part ends with, such as `.csv.gz`."""
    return f".{options.format}{_COMPRESSION_SUFFIXES[options.compression]}"


def media_type(options: ExportOptions) -> str:
    """The Content-Type of a part. A compressed part is a compressed file, not a text in a Content-Encoding."""
    return _COMPRESSED_MEDIA_TYPES.get(options.compression) or _MEDIA_TYPES[options.format]
