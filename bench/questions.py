"""What is asked of an archive, and of each of its peers: calls that match a filter, as one kind of file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import TypeAdapter

from bench.calls import ENDPOINTS, FIRST_DAY, METHODS
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.domain.filters import CallFilter
from calltrail.formats.columns import CONTRACT_COLUMNS

DAYS = 10
"""That the calls of an archive are spread over."""

KINDS: Mapping[str, ExportOptions] = {
    "CSV": ExportOptions(ExportFormat.CSV, Compression.NONE),
    "CSV.gz": ExportOptions(ExportFormat.CSV, Compression.GZIP),
    "NDJSON.zst": ExportOptions(ExportFormat.NDJSON, Compression.ZSTD),
    "Parquet": ExportOptions(ExportFormat.PARQUET, Compression.NONE),
}
"""Of files."""

ALL = CallFilter()
DAY = CallFilter(since=FIRST_DAY + timedelta(days=5), till=FIRST_DAY + timedelta(days=6))
_MOST_FREQUENT = tuple(sorted(METHODS[:3]))
RARE = CallFilter(has_errors=True, endpoint_external_id=ENDPOINTS[0], method_system_names=_MOST_FREQUENT)
"""Calls with errors of the most frequent endpoint and methods: about one of 400, all over the log."""


@dataclass(frozen=True, slots=True)
class Question:
    """Both are as the contract has them: its columns, in order of time."""

    filter: CallFilter
    kind: str
    """A key of `KINDS`."""

    def as_json(self) -> str:
        return _QUESTIONS.dump_json(self).decode()


def parse_question(text: str) -> Question:
    return _QUESTIONS.validate_json(text)


_QUESTIONS = TypeAdapter(Question)


def select(source: str, filter: CallFilter, utc_suffix: str) -> str:
    """The question in SQL. Moments are texts that end with the suffix where the dialect wants one."""
    columns = ", ".join(f'{column.source} AS "{column.name}"' for column in CONTRACT_COLUMNS)
    return f"SELECT {columns} FROM {source} WHERE {condition(filter, utc_suffix)} ORDER BY started_at, id"


def condition(filter: CallFilter, utc_suffix: str) -> str:
    """The filter in SQL."""
    terms = ["true"]
    if filter.since:
        terms.append(f"started_at >= '{filter.since:%Y-%m-%d %H:%M:%S}{utc_suffix}'")
    if filter.till:
        terms.append(f"started_at < '{filter.till:%Y-%m-%d %H:%M:%S}{utc_suffix}'")
    if filter.has_errors is not None:
        terms.append(f"has_errors = {str(filter.has_errors).lower()}")
    if filter.endpoint_external_id is not None:
        terms.append(f"endpoint_external_id = '{filter.endpoint_external_id}'")
    if filter.method_system_names:
        terms.append(f"method_system_name IN ({', '.join(map(repr, filter.method_system_names))})")
    return " AND ".join(terms)
