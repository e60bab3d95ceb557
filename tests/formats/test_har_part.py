"""HAR files against the rules of HAR 1.2."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
from hypothesis import given

from calltrail.domain.exports import ExportFormat, ExportOptions
from tests.formats.hostile_batches import exported, logs

HAR = ExportOptions(format=ExportFormat.HAR)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def an_object(optional: dict[str, Any] | None = None, **required: Any) -> dict[str, Any]:
    """HAR's own names, and any that begin with an underscore."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
    }


TEXT = {"type": "string"}
SIZE = {"type": "integer", "minimum": -1}
TIME = {"type": "number", "minimum": -1}
PAIRS = {"type": "array", "items": an_object(name=TEXT, value=TEXT)}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$"}
HALF: dict[str, Any] = {"httpVersion": TEXT, "cookies": PAIRS, "headers": PAIRS, "headersSize": SIZE, "bodySize": SIZE}
REQUEST = an_object({"postData": an_object(mimeType=TEXT, text=TEXT)}, method=TEXT, url=TEXT, queryString=PAIRS, **HALF)
CONTENT = an_object({"text": TEXT, "encoding": TEXT}, size=SIZE, mimeType=TEXT)
RESPONSE = an_object(status={"type": "integer"}, statusText=TEXT, content=CONTENT, redirectURL=TEXT, **HALF)
ENTRY = an_object(
    startedDateTime=MOMENT,
    time=TIME,
    request=REQUEST,
    response=RESPONSE,
    cache=an_object(),
    timings=an_object(send=TIME, wait=TIME, receive=TIME),
)
LOG = an_object(version={"const": "1.2"}, creator=an_object(name=TEXT, version=TEXT), entries={"items": ENTRY})
VALID = jsonschema_rs.validator_for(an_object(log=LOG))

WHOLE: dict[str, Any] = {
    "id": "1",
    "started_at": NOON,
    "finished_at": NOON + timedelta(microseconds=1500),
    "http_method": "POST",
    "url": "https://a.example/v3/sync?operation=A.B&empty=&bare#x?y=1",
    "request_headers": "Content-Type: application/json; charset=utf-8\nX-Twice: a: b\nX-Twice: ",
    "request_body": '{"a":",\\"postData\\":null"}',
    "request_body_bytes": 26,
    "request_body_encoding": "utf-8",
    "request_body_truncated": False,
    "http_status_code": 302,
    "response_headers": "content-type: image/png\nLocation: /there",
    "response_body": "AAH/",
    "response_body_bytes": 3,
    "response_body_encoding": "base64",
    "response_body_truncated": True,
    "has_errors": False,
}


def entries(*batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    har = json.loads(exported(HAR, *batches))
    VALID.validate(har)
    found: list[dict[str, Any]] = har["log"]["entries"]
    return found


@given(logs)
def test_hostile_calls_make_a_valid_file(log: list[list[dict[str, Any]]]) -> None:
    named = [[row | {"url": row.get("url") or "", "http_method": "GET"} for row in rows] for rows in log]
    shown = [
        (entry["_id"], entry["request"]["url"], entry["request"].get("postData", {}).get("text", ""))
        for entry in entries(*named)
    ]
    assert shown == [(row["id"], row["url"], row.get("request_body") or "") for rows in named for row in rows]


def test_both_sides_of_a_call_are_shown() -> None:
    (entry,) = entries([WHOLE])
    request, response = entry["request"], entry["response"]
    assert (entry["startedDateTime"], entry["time"]) == ("2026-07-01T12:00:00.000000Z", 1.5)
    assert request["headers"] == [
        {"name": "Content-Type", "value": "application/json; charset=utf-8"},
        {"name": "X-Twice", "value": "a: b"},
        {"name": "X-Twice", "value": ""},
    ]
    assert request["queryString"] == [
        {"name": "operation", "value": "A.B"},
        {"name": "empty", "value": ""},
        {"name": "bare", "value": ""},
    ]
    assert request["postData"]["mimeType"] == "application/json; charset=utf-8"
    assert request["postData"]["text"] == WHOLE["request_body"]
    assert (response["status"], response["redirectURL"]) == (302, "/there")
    content = {"size": 3, "mimeType": "image/png", "text": "AAH/", "encoding": "base64", "_truncated": True}
    assert response["content"] == content


def test_a_call_that_is_processing_has_no_answer_yet() -> None:
    (entry,) = entries(
        [{"id": "1", "started_at": NOON, "http_method": "GET", "url": "/", "request_headers": "Host: a"}]
    )
    assert (entry["time"], entry["response"]["status"], entry["response"]["headers"]) == (0, 0, [])
    assert entry["response"]["content"] == {"size": 0, "mimeType": "x-unknown", "_truncated": False}
    assert "postData" not in entry["request"]


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    (entry,) = entries([WHOLE | {"finished_at": NOON - timedelta(seconds=5)}])
    assert entry["time"] == entry["timings"]["wait"] == 0


def test_a_file_without_calls_is_valid() -> None:
    assert entries() == entries([], []) == []


def test_a_long_log_is_one_array() -> None:
    assert [entry["_id"] for entry in entries([WHOLE] * 3, [], [WHOLE])] == ["1"] * 4
