"""XML files, as a parser reads them."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from lxml import etree

from calltrail.domain.exports import ExportFormat, ExportOptions
from tests.formats.hostile_batches import COLUMNS, exported, logs

OPTIONS = ExportOptions(format=ExportFormat.XML, columns=tuple(COLUMNS))
UNHOLDABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def read(data: bytes) -> list[dict[str, str]]:
    """The calls of a file, each as texts by element name."""
    root = etree.fromstring(data, etree.XMLParser(huge_tree=True))
    assert (root.tag, [child.tag for child in root]) == ("result", ["operationLogs"])
    assert {call.tag for call in root[0]} <= {"operationLog"}
    return [{element.tag: content(element) for element in call} for call in root[0]]


def content(element: etree._Element) -> str:
    text = element.text or ""
    if element.get("encoding") != "base64":
        return text
    decoded = base64.b64decode(text, validate=True).decode()
    assert UNHOLDABLE.search(decoded), "only what XML cannot hold is in base64"
    return decoded


def expected_texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: expected_text(row[source]) for name, source in COLUMNS.items() if row.get(source) is not None}


def expected_text(value: object) -> str:
    match value:
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case bool():
            return str(value).lower()
        case _:
            return str(value)


@given(logs)
def test_a_parser_reads_back_what_was_logged_and_nulls_have_no_element(log: list[list[dict[str, Any]]]) -> None:
    assert read(exported(OPTIONS, *log)) == [expected_texts(row) for log_rows in log for row in log_rows]


@pytest.mark.parametrize("character", ["\0", "\x08", "\x0b", "\x0c", "\x0e", "\x1f", "\ufffe", "\uffff"])
def test_a_text_that_xml_cannot_hold_is_in_base64_and_says_so(character: str) -> None:
    text = f"<ж{character}>"
    data = exported(OPTIONS, [{"id": "plain", "url": text}, {"id": "plain", "url": "plain"}]).decode()
    assert f'<OperationLogUrl encoding="base64">{base64.b64encode(text.encode()).decode()}</OperationLogUrl>' in data
    assert "<OperationLogUrl>plain</OperationLogUrl>" in data
    assert data.count("encoding=") == 2  # the other one is the declaration's


@pytest.mark.parametrize("text", ["\t", "\n", "\r", "\r\n", "\x7f", "\x85", "\u2028", "\ufffd", "\ud7ff", "\U0001ffff"])
def test_a_rare_character_that_xml_can_hold_stays_text(text: str) -> None:
    data = exported(OPTIONS, [{"url": text}])
    assert read(data) == [{"OperationLogUrl": text}]
    assert data.count(b"encoding=") == 1


def test_every_row_is_a_line_of_elements() -> None:
    columns = ("OperationLogStartDateTimeUtc", "OperationLogDevice", "OperationLogHasErrors", "OperationLogUrl")
    row = {"started_at": datetime(2026, 7, 1, tzinfo=UTC), "device": "", "has_errors": False, "url": "a&b"}
    data = exported(ExportOptions(format=ExportFormat.XML, columns=columns), [row])
    assert data.decode().splitlines() == [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<result><operationLogs>",
        (
            "<operationLog> <OperationLogStartDateTimeUtc>2026-07-01T00:00:00.000000Z</OperationLogStartDateTimeUtc>"
            " <OperationLogDevice></OperationLogDevice> <OperationLogHasErrors>false</OperationLogHasErrors>"
            " <OperationLogUrl>a&amp;b</OperationLogUrl> </operationLog>"
        ),
        "</operationLogs></result>",
    ]


def test_a_file_without_calls_is_the_empty_root() -> None:
    assert read(exported(OPTIONS)) == read(exported(OPTIONS, [], [])) == []
