"""Export files: how each format is made. Every part is a whole file of its own."""

from typing import Protocol

import polars as pl

from calltrail.domain.exports import ExportFormat, ExportOptions
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
