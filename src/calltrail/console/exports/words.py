"""What an export is of, and who had to do with it, in words; and the address of the same calls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from calltrail.console.rendering import size, took
from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.domain.filters import CallFilter

FORMAT_WORDS: Mapping[ExportFormat, tuple[str, str]] = {
    ExportFormat.CSV: ("CSV", "For spreadsheets and most other programs."),
    ExportFormat.NDJSON: ("NDJSON", "One JSON object a line."),
    ExportFormat.JSON: ("JSON", "One array of objects."),
    ExportFormat.XML: ("XML", "One document of records."),
    ExportFormat.PARQUET: ("Parquet", "Typed, and compressed within; for pandas, DuckDB, Spark."),
    ExportFormat.HAR: ("HAR", "HTTP Archive 1.2, for browsers and proxies; of a fixed form."),
}
"""The name of a format, and what it is good for."""

COMPRESSION_WORDS: Mapping[Compression, tuple[str, str]] = {
    Compression.NONE: ("none", ""),
    Compression.GZIP: ("gzip", "opened everywhere"),
    Compression.ZSTD: ("zstd", "smaller and faster"),
}


_MIB = 1024 * 1024
_SHORT = timedelta(minutes=1)
"""Of shorter windows, milliseconds are told."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that is asked of calls."""

    name: str
    text: str


def criteria_of(filter: CallFilter) -> tuple[Criterion, ...]:
    """The filter in words, its window first."""
    return (Criterion("Window (UTC)", _window(filter)), *_narrowing(filter))


def _window(filter: CallFilter) -> str:
    since, till = filter.since, filter.till
    exact = since is not None and till is not None and till - since < _SHORT
    if since is None:
        return f"until {_moment(till, exact=exact)}" if till else "all there is"
    begin = _moment(since, exact=exact)
    return f"{begin} to {_moment(till, exact=exact)}" if till else f"from {begin}"


def _moment(moment: datetime, *, exact: bool) -> str:
    if exact and moment.microsecond:
        return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def _narrowing(filter: CallFilter) -> Iterator[Criterion]:
    if filter.method_system_names:
        is_one = len(filter.method_system_names) == 1
        yield Criterion("API method" if is_one else "API methods", ", ".join(filter.method_system_names))
    if filter.endpoint_external_id is not None:
        yield Criterion("Endpoint", filter.endpoint_external_id)
    if filter.status is not None:
        yield Criterion("Status", filter.status)
    if filter.has_errors is not None:
        yield Criterion("Errors", "with errors" if filter.has_errors else "without")
    if filter.http_status_class is not None:
        yield Criterion("HTTP status", f"{filter.http_status_class}xx")
    if filter.least_duration is not None:
        yield Criterion("Took at least", took(filter.least_duration))
    if filter.most_duration is not None:
        yield Criterion("Took at most", took(filter.most_duration))
    if filter.device is not None:
        yield Criterion("Device", filter.device)
    if filter.text is not None:
        yield Criterion("Text", filter.text)


def words_of(filter: CallFilter) -> Mapping[str, tuple[str, ...]]:
    """The filter as the words of an address, as the page of calls has them."""
    words = {
        "since": _written(filter.since),
        "till": _written(filter.till),
        "text": _word(filter.text),
        "method": filter.method_system_names,
        "endpoint": _word(filter.endpoint_external_id),
        "status": _word(filter.status),
        "errors": () if filter.has_errors is None else (str(filter.has_errors).lower(),),
        "http": () if filter.http_status_class is None else (f"{filter.http_status_class}xx",),
        "least_ms": _milliseconds(filter.least_duration),
        "most_ms": _milliseconds(filter.most_duration),
        "device": _word(filter.device),
    }
    if not words["since"] and not words["till"]:
        words["last"] = ("all",)
    return {name: values for name, values in words.items() if values}


def query_of(filter: CallFilter) -> str:
    """The query of an address for these calls: `?…`."""
    return f"?{urlencode(words_of(filter), doseq=True)}"


def _word(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _written(moment: datetime | None) -> tuple[str, ...]:
    return () if moment is None else (f"{moment:%Y-%m-%dT%H:%M:%S.%f}",)


def _milliseconds(duration: timedelta | None) -> tuple[str, ...]:
    return () if duration is None else (f"{duration / timedelta(milliseconds=1):.3f}".rstrip("0").rstrip("."),)


def format_of(options: ExportOptions) -> str:
    """`CSV, gzip`"""
    name = FORMAT_WORDS[options.format][0]
    return name if options.compression is Compression.NONE else f"{name}, {COMPRESSION_WORDS[options.compression][0]}"


def part_size_of(size_bytes: int) -> str:
    """The size of parts as people choose it: `256 MiB`."""
    return size(size_bytes) if size_bytes % _MIB else f"{size_bytes // _MIB} MiB"


def name_of(principal: str) -> str:
    """Somebody who acts, as people call them."""
    try:
        known = Principal.parse(principal)
    except ValueError:
        return principal
    match known.kind:
        case PrincipalKind.STAFF:
            return known.id
        case PrincipalKind.ENDPOINT_KEY:
            endpoint, _, key_id = known.id.rpartition("/")
            return f"key {key_id} of {endpoint}"
        case PrincipalKind.KEYLESS:
            return f"{known.id}, without a key"
        case PrincipalKind.OPERATOR:
            return f"operator {known.id}"
