"""JSON and NDJSON files, as their readers read them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import polars as pl
from hypothesis import given

from calltrail.domain.exports import ExportFormat, ExportOptions
from tests.formats.hostile_batches import COLUMNS, exported, logs

NDJSON = ExportOptions(format=ExportFormat.NDJSON, columns=tuple(COLUMNS))
JSON = ExportOptions(format=ExportFormat.JSON, columns=tuple(COLUMNS))


def expected_object(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: expected_value(row.get(source)) for name, source in COLUMNS.items()}


def expected_value(value: object) -> object:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value


@given(logs)
def test_every_line_of_ndjson_is_a_call(log: list[list[dict[str, Any]]]) -> None:
    lines = exported(NDJSON, *log).splitlines()
    expected = [expected_object(row) for log_rows in log for row in log_rows]
    assert [orjson.loads(line) for line in lines if line] == expected
    assert [json.loads(line) for line in lines if line] == expected


@given(logs)
def test_polars_reads_back_ndjson(log: list[list[dict[str, Any]]]) -> None:
    expected = [expected_object(row) for log_rows in log for row in log_rows]
    schema = dict.fromkeys(COLUMNS, pl.String()) | {
        "OperationLogHasErrors": pl.Boolean(),
        "OperationLogHTTPStatusCode": pl.Int64(),
    }
    assert pl.read_ndjson(exported(NDJSON, *log), schema=schema).to_dicts() == expected


@given(logs)
def test_json_is_one_object_with_one_array(log: list[list[dict[str, Any]]]) -> None:
    data = exported(JSON, *log)
    expected = {"operationLogs": [expected_object(row) for log_rows in log for row in log_rows]}
    assert orjson.loads(data) == expected
    assert json.loads(data) == expected


def test_values_have_their_types() -> None:
    row = {"started_at": datetime(2026, 7, 1, tzinfo=UTC), "has_errors": False, "http_status_code": 200, "url": ""}
    columns = ("OperationLogStartDateTimeUtc", "OperationLogHasErrors", "OperationLogHTTPStatusCode", "OperationLogUrl")
    data = exported(ExportOptions(format=ExportFormat.NDJSON, columns=(*columns, "OperationLogDevice")), [row])
    assert data == (
        b'{"OperationLogStartDateTimeUtc":"2026-07-01T00:00:00.000000Z","OperationLogHasErrors":false,'
        b'"OperationLogHTTPStatusCode":200,"OperationLogUrl":"","OperationLogDevice":null}\n'
    )


def test_ndjson_without_calls_is_one_empty_line() -> None:
    assert exported(NDJSON) == exported(NDJSON, []) == b"\n"


def test_json_without_calls_is_the_empty_root() -> None:
    assert json.loads(exported(JSON)) == json.loads(exported(JSON, [], [])) == {"operationLogs": []}


def test_a_batch_without_calls_leaves_no_trace() -> None:
    for options in (JSON, NDJSON):
        assert exported(options, [], [{"id": "1"}], [], [{"id": "2"}], []) == exported(
            options, [{"id": "1"}], [{"id": "2"}]
        )
