"""CSV files, as their readers read them."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.domain.exports import ExportOptions
from calltrail.formats.columns import CONTRACT_COLUMNS, EXTRA_COLUMNS
from calltrail.formats.parts import part_encoder
from tests.formats.hostile_batches import COLUMNS, batch, exported, logs, rows, texts

Cells = list[list[str | None]]

OPTIONS = ExportOptions(columns=tuple(COLUMNS))
DELIMITERS = st.sampled_from(";,\t|:- .'t0")
MOMENT = datetime(2026, 7, 1, 9, 5, tzinfo=UTC)


def expected_cells(log: Sequence[Sequence[Mapping[str, Any]]], names: Sequence[str] = tuple(COLUMNS)) -> Cells:
    return [[expected_cell(row.get(COLUMNS[name])) for name in names] for log_rows in log for row in log_rows]


def expected_cell(value: object) -> str | None:
    match value:
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.%f")
        case bool():
            return str(value).lower()
        case None:
            return None
        case _:
            return str(value)


def nulls_as_empty(cells: Cells) -> Cells:
    return [[cell or "" for cell in row] for row in cells]


def read_by_python(data: bytes, delimiter: str = ";") -> Cells:
    _, *lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True)
    return [[*line] for line in lines]


def read_by_pandas(data: bytes, delimiter: str) -> Cells:
    frame = pd.read_csv(io.BytesIO(data), sep=delimiter, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return [[*line] for line in frame.itertuples(index=False)]


def read_by_polars(data: bytes, delimiter: str) -> Cells:
    return [[*line] for line in pl.read_csv(data, separator=delimiter, infer_schema=False).rows()]


@given(logs, DELIMITERS, st.booleans())
def test_python_reads_back_what_was_logged(log: list[list[dict[str, Any]]], delimiter: str, bom: bool) -> None:
    data = exported(ExportOptions(columns=tuple(COLUMNS), delimiter=delimiter, bom=bom), *log)
    assert read_by_python(data, delimiter) == nulls_as_empty(expected_cells(log))


@given(logs, DELIMITERS)
def test_pandas_reads_back_what_was_logged(log: list[list[dict[str, Any]]], delimiter: str) -> None:
    data = exported(ExportOptions(columns=tuple(COLUMNS), delimiter=delimiter), *log)
    assert read_by_pandas(data, delimiter) == nulls_as_empty(expected_cells(log))


@given(logs, DELIMITERS)
def test_polars_reads_back_what_was_logged_and_tells_nulls_from_empty_texts(
    log: list[list[dict[str, Any]]], delimiter: str
) -> None:
    data = exported(ExportOptions(columns=tuple(COLUMNS), delimiter=delimiter), *log)
    assert read_by_polars(data, delimiter) == expected_cells(log)


@given(st.lists(st.one_of(st.none(), texts)))
def test_a_single_column_keeps_its_empty_rows(urls: list[str | None]) -> None:
    data = exported(ExportOptions(columns=("OperationLogUrl",)), [{"url": url} for url in urls])
    expected = [[url or ""] for url in urls]
    assert read_by_python(data) == expected
    assert read_by_pandas(data, ";") == expected
    assert read_by_polars(data, ";") == expected


def test_a_file_begins_with_its_mark_and_its_column_names() -> None:
    head = exported(OPTIONS)
    assert head == b"\xef\xbb\xbf" + ";".join(COLUMNS).encode() + b"\r\n"


def test_a_file_without_options_has_the_columns_of_the_contract() -> None:
    header = exported(ExportOptions(bom=False)).decode().rstrip().split(";")
    assert header == [column.name for column in CONTRACT_COLUMNS]


def test_our_columns_follow_those_of_the_contract() -> None:
    header = exported(ExportOptions(bom=False, extra_columns=True)).decode().rstrip().split(";")
    assert header == [column.name for column in CONTRACT_COLUMNS + EXTRA_COLUMNS]


def test_a_whole_second_is_written_with_its_six_fraction_digits() -> None:
    options = ExportOptions(columns=("OperationLogStartDateTimeUtc", "OperationLogHasErrors"), bom=False)
    data = exported(options, [{"started_at": MOMENT, "has_errors": True}])
    assert data.splitlines()[1] == b"2026-07-01 09:05:00.000000;true"


def test_a_field_with_a_lone_carriage_return_survives() -> None:
    data = exported(OPTIONS, [{"id": "1", "url": "a\rb"}])
    assert b';"a\rb";' in data


def test_a_null_is_an_empty_cell_and_an_empty_text_is_a_quoted_one() -> None:
    options = ExportOptions(columns=("OperationLogTransactionId", "OperationLogUrl", "OperationLogDevice"), bom=False)
    data = exported(options, [{"id": "1", "url": "", "device": None}])
    assert data.splitlines()[1] == b'1;"";'


def test_the_duration_is_made_of_start_and_end() -> None:
    options = ExportOptions(columns=("OperationLogTransactionId", "OperationLogDurationMs"), bom=False)
    part = part_encoder(options)
    log_rows = [
        {"id": "1", "started_at": MOMENT, "finished_at": MOMENT.replace(microsecond=37_999)},
        {"id": "2", "started_at": MOMENT},
    ]
    assert part.rows(batch(log_rows).select("id", "started_at", "finished_at")) == b"1;37\r\n2;\r\n"


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "＝1", "＠A1"])
def test_a_cell_that_a_spreadsheet_would_calculate_is_put_behind_an_apostrophe(text: str) -> None:
    data = exported(ExportOptions(columns=tuple(COLUMNS), spreadsheet_safe=True), [{"id": "1", "url": text}])
    assert read_by_python(data)[0][5] == f"'{text}"


@given(rows)
def test_a_spreadsheet_safe_file_changes_no_other_cell(row: dict[str, Any]) -> None:
    data = exported(ExportOptions(columns=tuple(COLUMNS), spreadsheet_safe=True), [row])
    expected = [
        [
            f"'{cell}" if cell and cell[0] in "=+-@\t\r\n\0＝＋－＠" else cell or ""
            for cell in expected_cells([[row]])[0]
        ]
    ]
    assert read_by_python(data) == expected


def test_a_formula_is_left_alone_unless_asked_for() -> None:
    assert read_by_python(exported(OPTIONS, [{"id": "1", "url": "=cmd()"}]))[0][5] == "=cmd()"


CUT_OPTIONS = ExportOptions(
    columns=(
        "OperationLogUrl",
        "OperationLogRequestBody",
        "OperationLogRequestBodyTruncated",
        "OperationLogResponseBody",
        "OperationLogResponseBodyTruncated",
    ),
    max_field_chars=3,
)


def test_only_bodies_are_cut_and_the_cut_is_flagged_and_counted() -> None:
    part = part_encoder(CUT_OPTIONS)
    flags = {"request_body_truncated": False, "response_body_truncated": False}
    log_rows: list[dict[str, Any]] = [
        {"url": "long url", "request_body": "ж€😀!", "response_body": "abc", **flags},
        {"url": "long url", "request_body": "abc", "response_body": "abcd"},
        {"url": "long url", "request_body": None, "response_body": "ab", "response_body_truncated": True},
    ]
    data = part.head() + part.rows(batch(log_rows)) + part.rows(batch(log_rows[:1])) + part.tail()
    assert read_by_python(data) == [
        ["long url", "ж€😀", "true", "abc", "false"],
        ["long url", "abc", "", "abc", "true"],
        ["long url", "", "", "ab", "true"],
        ["long url", "ж€😀", "true", "abc", "false"],
    ]
    assert part.cut_cells == 3


def test_a_cut_is_counted_when_its_flag_is_not_exported() -> None:
    part = part_encoder(ExportOptions(columns=("OperationLogRequestBody",), max_field_chars=2))
    assert part.rows(batch([{"request_body": "abc"}])) == b'"ab"\r\n'
    assert part.cut_cells == 1


def test_an_apostrophe_does_not_make_a_cell_longer_than_the_limit() -> None:
    options = ExportOptions(
        columns=("OperationLogUrl", "OperationLogRequestBody"), max_field_chars=4, spreadsheet_safe=True
    )
    assert read_by_python(exported(options, [{"url": "u", "request_body": "=1+1"}])) == [["u", "'=1+"]]


def test_a_long_body_reads_back_whole_without_a_limit() -> None:
    body = '{"a":"b"};\r\n' * 100_000
    limit_before = csv.field_size_limit(len(body))
    try:
        assert read_by_python(exported(OPTIONS, [{"id": "1", "request_body": body}]))[0][6] == body
    finally:
        csv.field_size_limit(limit_before)


def test_rows_keep_their_order_across_a_large_batch() -> None:
    options = ExportOptions(columns=("OperationLogTransactionId", "OperationLogUrl"))
    log_rows = [{"id": str(number), "url": "u\n" * (number % 7)} for number in range(5_000)]
    assert [row[0] for row in read_by_python(exported(options, log_rows))] == [row["id"] for row in log_rows]
