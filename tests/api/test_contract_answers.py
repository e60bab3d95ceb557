"""Answers out: the envelope in JSON and XML, and the report of an export."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from calltrail.api.contract import export_report, render
from calltrail.domain.answers import (
    AlreadyProcessed,
    Answer,
    InternalFault,
    ProtocolRefusal,
    Success,
    UpstreamAnswer,
    ValidationRefusal,
)
from calltrail.domain.exports import ExportFile, ExportJob, ExportOptions, ExportOrder, ExportStatus, Shard, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.domain.problems import Problem
from calltrail.services.wire import HttpAnswer, UnwritableAnswer
from tests.api.test_contract_bodies import JSON_VALUES

ERROR_ID = "0193a5f0-0000-7000-8000-000000000000"
EMAIL = Problem("This is no e-mail address.", "/customer/email")


def json_of(answer: Answer) -> Any:
    return orjson.loads(render(answer, None, ERROR_ID).body)


def xml_of(answer: Answer) -> str:
    body = render(answer, "application/xml", ERROR_ID).body.decode()
    return body.removeprefix("<?xml version='1.0' encoding='utf-8'?>\n")


def header(answer: HttpAnswer, name: bytes) -> bytes | None:
    return dict(answer.headers).get(name)


def test_success_says_its_status_before_its_fields() -> None:
    assert list(json_of(Success({"exportId": "7"})).items()) == [("status", "Success"), ("exportId", "7")]


def test_a_field_can_not_take_the_place_of_the_status() -> None:
    assert json_of(Success({"status": "Paid"})) == {"status": "Success"}


def test_errors_that_did_not_stop_the_flow_stand_beside_success() -> None:
    assert json_of(Success(problems=(EMAIL,))) == {
        "status": "Success",
        "validationMessages": [{"message": "This is no e-mail address.", "location": "/customer/email"}],
    }


def test_a_validation_error_is_answered_with_200_and_all_its_messages() -> None:
    answer = ValidationRefusal((EMAIL, Problem("Nothing fits.")))
    assert render(answer, None, ERROR_ID).http_status_code == 200
    assert json_of(answer) == {
        "status": "ValidationError",
        "validationMessages": [
            {"message": "This is no e-mail address.", "location": "/customer/email"},
            {"message": "Nothing fits.", "location": "/"},
        ],
    }


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 413, 415, 429])
def test_a_protocol_error_says_what_clients_require(code: int) -> None:
    answer = ProtocolRefusal(code, Problem("There is no such API method.", "/operation"))
    assert render(answer, None, ERROR_ID).http_status_code == code
    assert json_of(answer) == {
        "status": "ProtocolError",
        "errorMessage": "/operation: There is no such API method.",
        "errorId": ERROR_ID,
        "httpStatusCode": code,
    }


def test_an_error_of_no_place_stands_at_the_root() -> None:
    assert json_of(ProtocolRefusal(413, Problem("Too large.")))["errorMessage"] == "/: Too large."


def test_an_internal_fault_keeps_its_detail_to_itself() -> None:
    answer = InternalFault(500, "The handler failed.", detail="Traceback ...")
    assert render(answer, None, ERROR_ID).http_status_code == 500
    assert json_of(answer) == {
        "status": "InternalServerError",
        "errorMessage": "The handler failed.",
        "errorId": ERROR_ID,
        "httpStatusCode": 500,
    }


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (InternalFault(503, "Busy.", retry_after_s=30), b"30"),
        (InternalFault(503, "Busy."), b"5"),
        (ProtocolRefusal(429, Problem("Too many.")), b"5"),
        (InternalFault(500, "Broken."), None),
        (Success(), None),
    ],
)
def test_429_and_503_say_when_to_come_back(answer: Answer, seconds: bytes | None) -> None:
    assert header(render(answer, None, ERROR_ID), b"retry-after") == seconds


def test_401_says_how_to_present_a_key() -> None:
    assert (
        header(render(ProtocolRefusal(401, Problem("Wrong key.")), None, ERROR_ID), b"www-authenticate") == b"SecretKey"
    )


def test_a_repeated_transaction_is_answered_with_200() -> None:
    assert render(AlreadyProcessed(), None, ERROR_ID).http_status_code == 200
    assert json_of(AlreadyProcessed()) == {"status": "TransactionAlreadyProcessed"}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, b"application/json; charset=utf-8"),
        ("", b"application/json; charset=utf-8"),
        ("*/*", b"application/json; charset=utf-8"),
        ("text/html", b"application/json; charset=utf-8"),
        ("application/json, application/xml", b"application/json; charset=utf-8"),
        ("application/xml;q=0.5, application/json", b"application/json; charset=utf-8"),
        ("application/xml;q=0, text/html", b"application/json; charset=utf-8"),
        ("application/xml;q=nan", b"application/json; charset=utf-8"),
        ("application/xml", b"application/xml; charset=utf-8"),
        ("TEXT/XML; charset=utf-8", b"application/xml; charset=utf-8"),
        ("application/xml, */*", b"application/xml; charset=utf-8"),
        ("application/json;q=0.1, text/xml; q=0.9", b"application/xml; charset=utf-8"),
    ],
)
def test_the_answer_follows_accept(accept: str | None, media_type: bytes) -> None:
    answer = render(Success(), accept, ERROR_ID)
    assert header(answer, b"content-type") == media_type
    assert header(answer, b"content-length") == str(len(answer.body)).encode()
    assert answer.body.startswith(b"<?xml" if b"xml" in media_type else b"{")


def test_xml_says_the_same_with_lists_as_plural_and_singular() -> None:
    answer = Success({"isDuplicate": False, "rows": 3, "ratio": 0.5, "urls": ["a&b", "c"], "none": None}, (EMAIL,))
    assert xml_of(answer) == (
        "<result><status>Success</status><isDuplicate>false</isDuplicate><rows>3</rows><ratio>0.5</ratio>"
        "<urls><url>a&amp;b</url><url>c</url></urls><none/>"
        "<validationMessages><validationMessage><message>This is no e-mail address.</message>"
        "<location>/customer/email</location></validationMessage></validationMessages></result>"
    )


def test_what_xml_can_not_hold_is_replaced() -> None:
    assert xml_of(Success({"a b": "x\0y\r\n\ufffe", "1": [["q"]], "entries": [1], "": "ф"})) == (
        "<result><status>Success</status><a_b>x\ufffdy&#13;\n\ufffd</a_b><_1><item><item>q</item></item></_1>"
        "<entries><entry>1</entry></entries><_>ф</_></result>"
    )


@pytest.mark.parametrize("accept", [None, "text/xml"])
@pytest.mark.parametrize("field", [b"bytes", object(), {1, 2}])
def test_fields_that_are_no_json_are_the_fault_of_the_step(field: Any, accept: str | None) -> None:
    with pytest.raises(UnwritableAnswer):
        render(Success({"field": field}), accept, ERROR_ID)


def test_fields_that_contain_themselves_are_the_fault_of_the_step() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UnwritableAnswer):
        render(Success({"field": endless}), None, ERROR_ID)


@pytest.mark.parametrize("depth", [300, 900])
@pytest.mark.parametrize("accept", [None, "text/xml"])
def test_deep_fields_are_written_or_refused(depth: int, accept: str | None) -> None:
    deep: Any = "end"
    for _ in range(depth):
        deep = [deep]
    try:
        assert b"end" in render(Success({"field": deep}), accept, ERROR_ID).body
    except UnwritableAnswer:
        assert accept == "text/xml"


def test_large_integers_and_half_characters_are_answered() -> None:
    assert render(Success({"n": 2**70, "text": "a\ud800b"}), None, ERROR_ID).body == (
        b'{"status": "Success", "n": 1180591620717411303424, "text": "a?b"}'
    )


def test_an_upstreams_answer_goes_out_exact_but_for_its_connection() -> None:
    upstream = UpstreamAnswer(
        418,
        [
            (b"X-Tea", b"1"),
            (b"Connection", b"close, X-Hop"),
            (b"x-hop", b"gone"),
            (b"Keep-Alive", b"timeout=5"),
            (b"Transfer-Encoding", b"chunked"),
            (b"TE", b"trailers"),
            (b"Trailer", b"X-Sum"),
            (b"Upgrade", b"h2c"),
            (b"Proxy-Authenticate", b"Basic"),
            (b"Content-Length", b"999"),
            (b"Content-Encoding", b"gzip"),
            (b"Set-Cookie", b"a=1"),
            (b"Set-Cookie", b"b=2"),
            (b"X-Tea", b"2"),
        ],
        b"\x1f\x8b\x00raw",
    )
    assert render(upstream, "application/xml", ERROR_ID) == HttpAnswer(
        418,
        [
            (b"X-Tea", b"1"),
            (b"Content-Encoding", b"gzip"),
            (b"Set-Cookie", b"a=1"),
            (b"Set-Cookie", b"b=2"),
            (b"X-Tea", b"2"),
            (b"content-length", b"6"),
        ],
        b"\x1f\x8b\x00raw",
    )


@pytest.mark.parametrize(("code", "headers"), [(200, [(b"content-length", b"0")]), (204, []), (304, [])])
def test_an_upstreams_empty_answer_stays_empty(code: int, headers: list[tuple[bytes, bytes]]) -> None:
    assert render(UpstreamAnswer(code, [], b""), None, ERROR_ID) == HttpAnswer(code, headers, b"")


PROBLEMS = st.builds(Problem, st.text(), st.text())
CODES = st.integers(400, 599)
ANSWERS = st.one_of(
    st.builds(Success, st.dictionaries(st.text(), JSON_VALUES), st.lists(PROBLEMS).map(tuple)),
    st.builds(ValidationRefusal, st.lists(PROBLEMS).map(tuple)),
    st.builds(ProtocolRefusal, CODES, PROBLEMS),
    st.builds(InternalFault, CODES, st.text(), st.none() | st.integers(0, 600)),
    st.just(AlreadyProcessed()),
)


@given(ANSWERS)
def test_every_answer_is_readable_json_with_a_status(answer: Answer) -> None:
    data = json_of(answer)
    assert data["status"]
    if isinstance(answer, Success):
        expected = {
            name: value for name, value in answer.fields.items() if name not in ("status", "validationMessages")
        }
        assert {name: data[name] for name in expected} == expected


@given(ANSWERS)
def test_every_answer_is_readable_xml_with_a_status(answer: Answer) -> None:
    root = etree.fromstring(render(answer, "text/xml", ERROR_ID).body)
    assert root.tag == "result"
    assert root[0].tag == "status"
    assert root[0].text


START = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SHARDS = tuple(Shard(START + timedelta(hours=n), START + timedelta(hours=n + 1), 10, 1000) for n in range(2))
FILES = tuple(ExportFile(n, f"log-7-{n}.csv", 10, 900, "ab" * 32) for n in (1, 2))
QUEUED = ExportJob(
    id=7,
    order=ExportOrder("demo.Website", "Exports.OperationsLogs", CallFilter(), ExportOptions()),
    started_by="endpoint-key:1",
    snapshot=Snapshot(5, START),
    created_at=START,
)
READY = replace(
    QUEUED, status=ExportStatus.READY, shards=SHARDS, files=FILES, expires_at=START + timedelta(days=7)
)  # fmt: skip


def test_a_queued_export_is_not_ready_and_its_id_is_a_string() -> None:
    assert export_report(QUEUED, is_duplicate=False) == {
        "exportId": "7",
        "isDuplicate": False,
        "exportResult": {
            "processingStatus": "NotReady",
            "asOfDateTimeUtc": "2026-11-03T12:00:00.000000Z",
            "progress": {"rowsDone": 0, "bytesDone": 0, "percent": 0},
        },
    }


def test_a_running_export_tells_its_progress() -> None:
    running = replace(QUEUED, status=ExportStatus.RUNNING, shards=SHARDS, files=FILES[:1])
    report = export_report(running, is_duplicate=True)
    assert report["isDuplicate"] is True
    assert report["exportResult"]["processingStatus"] == "NotReady"
    assert "urls" not in report["exportResult"]
    assert report["exportResult"]["progress"] == {
        "rowsDone": 10,
        "rowsExpected": 20,
        "bytesDone": 1000,
        "bytesExpected": 2000,
        "part": 2,
        "parts": 2,
        "percent": 50,
    }


def test_a_ready_export_lists_its_parts_in_order() -> None:
    urls = ["https://h/1?s=x", "https://h/2?s=y"]
    result = export_report(READY, is_duplicate=False, urls=urls, manifest_url="https://h/m?s=z")["exportResult"]
    assert result == {
        "processingStatus": "Ready",
        "urls": urls,
        "files": [
            {"url": urls[0], "name": "log-7-1.csv", "rows": 10, "bytes": 900, "sha256": "ab" * 32},
            {"url": urls[1], "name": "log-7-2.csv", "rows": 10, "bytes": 900, "sha256": "ab" * 32},
        ],
        "manifestUrl": "https://h/m?s=z",
        "rows": 20,
        "expiresAtDateTimeUtc": "2026-11-10T12:00:00.000000Z",
        "asOfDateTimeUtc": "2026-11-03T12:00:00.000000Z",
        "progress": {
            "rowsDone": 20,
            "rowsExpected": 20,
            "bytesDone": 2000,
            "bytesExpected": 2000,
            "part": 2,
            "parts": 2,
            "percent": 100,
        },
    }


def test_a_ready_export_with_a_url_too_few_is_never_reported() -> None:
    with pytest.raises(ValueError, match="zip"):
        export_report(READY, is_duplicate=False, urls=["https://h/1"])


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        (ExportStatus.FAILED, "The disk is full.", "The disk is full."),
        (ExportStatus.FAILED, None, "The export failed."),
        (ExportStatus.CANCELLED, "By ops@example.com.", "By ops@example.com."),
        (ExportStatus.EXPIRED, None, "The files of the export have expired; start it again."),
    ],
)
def test_whatever_has_no_files_any_more_is_cancelled_with_its_reason(
    status: ExportStatus, reason: str | None, told: str
) -> None:
    result = export_report(replace(READY, status=status, reason=reason), is_duplicate=False)["exportResult"]
    assert result["processingStatus"] == "Cancelled"
    assert result["cancellationReason"] == told
    assert "urls" not in result


def test_the_report_in_xml_is_plural_and_singular() -> None:
    report = export_report(READY, is_duplicate=False, urls=["https://h/1?a&b", "https://h/2"])
    root = etree.fromstring(render(Success(report), "text/xml", ERROR_ID).body)
    assert root.findtext("exportId") == "7"
    assert root.findtext("isDuplicate") == "false"
    assert [url.text for url in root.findall("exportResult/urls/url")] == ["https://h/1?a&b", "https://h/2"]
    assert [rows.text for rows in root.findall("exportResult/files/file/rows")] == ["10", "10"]
