"""How files of exports are named and served."""

from calltrail.domain.exports import Compression, ExportFormat, ExportOptions

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


def file_name_suffix(options: ExportOptions) -> str:
    """What the name of a part ends with, such as `.csv.gz`."""
    return f".{options.format}{_COMPRESSION_SUFFIXES[options.compression]}"


def media_type(options: ExportOptions) -> str:
    """The Content-Type of a part. A compressed part is a compressed file, not a text in a Content-Encoding."""
    return _COMPRESSED_MEDIA_TYPES.get(options.compression) or _MEDIA_TYPES[options.format]
