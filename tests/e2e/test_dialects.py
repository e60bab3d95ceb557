"""Every kind of client that is in use, in small: each knows only what it knows, and fails on anything else."""

import csv
import http.client
import io
import itertools
import json
import socket
import urllib.parse
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.conftest import Upstream, call_id, http_answer, operations, record_of, records, window_of
from tests.e2e.server import Answer, Calltrail

NAMES = (
    "TransactionId StartDateTimeUtc EndDateTimeUtc OperationSystemName OperationName EndpointExternalId "
    "IntegrationName HasErrors ErrorMessages Device Status HttpMethod Url RequestHeaders RequestBody "
    "HTTPStatusCode ResponseHeaders ResponseBody"
)
COLUMNS = [f"OperationLog{name}" for name in NAMES.split(" ")]
WORDS = ("NotReady", "Ready", "Cancelled")

_days = itertools.count()


def nothing() -> dict[str, str]:
    """A filter that lets no call through, and is that of no other export."""
    return {"tillDateTimeUtc": f"{datetime(1900, 1, 1, tzinfo=UTC) + timedelta(days=next(_days)):%Y-%m-%d}"}


def post(
    server: Calltrail, path_and_query: str, body: bytes, headers: dict[str, str], *, key: str | None = None
) -> Answer:
    """A call with nothing added to it but a key in the usual form."""
    key_header = {"Authorization": f"SecretKey {server.key}"} if key is None else {"Authorization": key} if key else {}
    return server.request("POST", path_and_query, body, {**key_header, **headers})


def sync_path(operation: str, *, endpoint: str = "demo.Website", **more: str) -> str:
    return f"/v3/operations/sync?{urllib.parse.urlencode({'endpointId': endpoint, 'operation': operation, **more})}"


JSON = {"Content-Type": "application/json", "Accept": "application/json"}


# How a call is addressed and keyed


def test_an_sdk_may_send_a_slash_before_the_question_mark(site: Calltrail) -> None:
    path = sync_path("Website.CreateOrder").replace("sync?", "sync/?")
    answer = post(site, path, b'{"order": {}}', JSON)
    assert (answer.status, answer.json) == (200, {"status": "Success"})
    assert "/v3/operations/sync/?endpointId=" in record_of(site, answer)["OperationLogUrl"]


@pytest.mark.parametrize(
    "form",
    [
        "SecretKey {key}",
        'Mindbox secretKey="{key}"',
        "Mindbox secretKey={key}",
        "secretkey {key}",
        'mindbox SecretKey = "{key}"',
        "SecretKey  {key} ",
    ],
)
def test_both_forms_of_the_key_are_taken(site: Calltrail, form: str) -> None:
    answer = post(site, sync_path("Website.Accept"), b"{}", JSON, key=form.format(key=site.key))
    assert answer.json == {"status": "Success"}


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8", ""])
@pytest.mark.parametrize("body", [b'{"order": {"number": 1}}', b'\xef\xbb\xbf{"ORDER": {"number": 1}}'])
def test_json_is_read_by_any_spelling_of_its_type(site: Calltrail, content_type: str, body: bytes) -> None:
    answer = post(site, sync_path("Website.CreateOrder"), body, {"Content-Type": content_type} if content_type else {})
    assert answer.json == {"status": "Success"}


@pytest.mark.parametrize("body", [b"", b"null", b" \r\n ", b" null\n"])
@pytest.mark.parametrize("content_type", ["application/json", "application/xml", None])
def test_an_empty_body_and_null_mean_an_empty_object(site: Calltrail, body: bytes, content_type: str | None) -> None:
    if content_type == "application/xml" and body.strip():
        return
    headers = {"Content-Type": content_type} if content_type else {}
    accepted = post(site, sync_path("Website.Accept"), body, headers)
    assert accepted.json == {"status": "Success"}
    refused = post(site, sync_path("Website.CreateOrder"), body, headers)
    assert refused.json["status"] == "ValidationError"
    assert "order" in refused.json["validationMessages"][0]["message"]


def test_a_call_without_a_length_has_an_empty_body(site: Calltrail) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.putrequest("POST", sync_path("Website.Accept"))
    connection.putheader("Authorization", f"SecretKey {site.key}")
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())) == (200, {"status": "Success"})
    connection.close()


def test_a_client_may_wait_to_be_told_to_send_its_body(site: Calltrail) -> None:
    head = (
        f"POST {sync_path('Website.CreateOrder')} HTTP/1.1\r\nHost: x\r\nAuthorization: SecretKey {site.key}\r\n"
        "Content-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(b'{"order": {}}')
        assert b'{"status":"Success"}' in b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_client_may_speak_http_1_0(site: Calltrail) -> None:
    key = f"Authorization: SecretKey {site.key}"
    head = f"POST {sync_path('Website.Accept')} HTTP/1.0\r\n{key}\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"{}")
        assert b'{"status":"Success"}' in b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("spelling", ["order", "Order", "ORDER", "oRdEr"])
def test_property_names_are_matched_in_any_case(site: Calltrail, spelling: str) -> None:
    assert site.call("Website.CreateOrder", {spelling: {"Number": 3}}).json == {"status": "Success"}
    refused = site.call("Website.CreateOrder", {spelling: {"Number": "3"}}).json
    assert refused["status"] == "ValidationError"
    assert refused["validationMessages"][0]["location"].lower() == "/order/number"


def test_query_parameters_are_matched_in_any_case(site: Calltrail) -> None:
    more = f"deviceUuid=d1&TransactionID={uuid.uuid4()}"
    path = f"/v3/operations/sync?EndpointID=demo.Website&Operation=Website.Accept&{more}"
    answer = post(site, path, b"{}", JSON)
    assert answer.json == {"status": "Success"}
    assert record_of(site, answer)["OperationLogDevice"] == "d1"


def test_single_quoted_json_is_read_for_an_export_and_for_nothing_else(site: Calltrail, upstream: Upstream) -> None:
    unknown = site.call("Exports.Csv", b"{'exportID': '987654321'}").json
    assert unknown == {
        "status": "ValidationError",
        "validationMessages": [{"message": unknown["validationMessages"][0]["message"], "location": "/exportId"}],
    }
    quoted = site.call("Website.CreateOrder", b"{'order': {}}")
    assert (quoted.status, quoted.json["status"]) == (400, "ProtocolError")
    script = upstream.script(http_answer(b"{}"))
    assert site.call("Website.Forward", b"{'a': 'it\\'s'}", headers=script).status == 200
    assert upstream.received_of(script)[0].body == b"{'a': 'it\\'s'}"


@pytest.mark.parametrize("device", ["", "5f1d2c3b-8a4e-4c6d-9b7a-0e1f2a3b4c5d", "not a GUID; é"])
def test_a_device_may_be_empty_or_anything(site: Calltrail, device: str) -> None:
    answer = site.call("Website.Accept", {}, deviceUUID=device)
    assert answer.json == {"status": "Success"}
    assert record_of(site, answer).get("OperationLogDevice", "") == device


def test_headers_that_integrations_send_are_kept_and_never_required(site: Calltrail) -> None:
    sent = {"X-Customer-IP": "203.0.113.9", "Mindbox-Integration": "Shop", "Mindbox-Integration-Version": "1.2"}
    logged = record_of(site, site.call("Website.Accept", {}, headers=sent))["OperationLogRequestHeaders"].lower()
    for name, value in sent.items():
        assert f"{name}: {value}".lower() in logged.split("\n")


def test_a_transaction_id_is_a_guid_with_or_without_dashes(site: Calltrail) -> None:
    transaction = uuid.uuid4()
    first = site.call("Website.Accept", {}, transactionId=transaction.hex)
    again = site.call("Website.Accept", {}, transactionId=str(transaction))
    upper = site.call("Website.Accept", {}, transactionId=str(transaction).upper())
    assert first.json == {"status": "Success"}
    assert (again.status, again.json) == (upper.status, upper.json) == (200, {"status": "TransactionAlreadyProcessed"})
    assert record_of(site, first)["OperationLogClientTransactionId"].replace("-", "") == transaction.hex


def test_an_async_call_is_answered_in_json_whatever_is_accepted(site: Calltrail) -> None:
    headers = {"Accept": "application/xml", "Content-Type": "application/xml"}
    answer = site.call("Website.Accept", b"<operation/>", mode="async", headers=headers, dateTimeOffset="1500")
    assert (answer.status, answer.json) == (200, {"status": "Success"})
    assert answer.headers["content-type"].startswith("application/json")


# Clients that speak XML


XML = {"Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"}


def test_a_client_may_speak_xml_both_ways(site: Calltrail) -> None:
    good = site.call("Website.CreateOrder", b"<operation><order><email>a@b</email></order></operation>", headers=XML)
    assert good.headers["content-type"].startswith("application/xml")
    assert ET.fromstring(good.body).findtext("status") == "Success"
    bad = ET.fromstring(
        site.call(
            "Website.CreateOrder", b"<operation><order><email>a&amp;b</email></order></operation>", headers=XML
        ).body
    )
    assert bad.tag == "result"
    assert bad.findtext("status") == "ValidationError"
    assert [m.findtext("location") for m in bad.iterfind("validationMessages/validationMessage")] == ["/order/email"]


def test_a_client_that_speaks_xml_exports(site: Calltrail) -> None:
    headers = XML | {"Accept": "text/xml"}
    logged = site.call("Website.Count", {"of": "xml"})
    window = "".join(f"<{name}>{value}</{name}>" for name, value in window_of(logged).items())
    body = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<operation>{window}'
        "<endpoint><ids><externalId>demo.Website</externalId></ids></endpoint>"
        "<operations><operation><ids><systemName>Website.Count</systemName></ids></operation></operations></operation>"
    )
    started = ET.fromstring(site.call("Exports.Csv", body.encode(), headers=headers).body)
    assert (started.findtext("status"), started.findtext("isDuplicate")) == ("Success", "false")
    export_id = started.findtext("exportId")
    poll = f"<operation><exportId>{export_id}</exportId></operation>".encode()
    while (report := ET.fromstring(site.call("Exports.Csv", poll, headers=headers).body)).findtext(
        "exportResult/processingStatus"
    ) != "Ready":
        assert report.findtext("exportResult/processingStatus") == "NotReady"
    (url,) = [url.text for url in report.iterfind("exportResult/urls/url")]
    assert url
    rows = list(csv.DictReader(io.StringIO(site.download(url).body.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert [row["OperationLogTransactionId"] for row in rows] == [call_id(logged)]


def test_errors_in_xml_have_what_clients_require(site: Calltrail) -> None:
    answer = post(site, sync_path("Website.Unknown"), b"<operation/>", XML)
    error = ET.fromstring(answer.body)
    assert answer.status == 404
    assert error.findtext("status") == "ProtocolError"
    assert error.findtext("httpStatusCode") == "404"
    assert error.findtext("errorMessage")
    assert uuid.UUID(error.findtext("errorId"))


# Clients that export


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917 - as the library calls it
        self, req: Any, fp: Any, code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        raise AssertionError(f"redirected to {newurl}")


def fetch_bare(url: str) -> bytes:
    """As `requests.get(url, allow_redirects=False)` does, with no header of ours."""
    with urllib.request.build_opener(_NoRedirect).open(url, timeout=30) as response:
        assert response.status == 200
        body: bytes = response.read()
        assert len(body) == int(response.headers["Content-Length"])
        return body


def start(server: Calltrail, body: object = None, method: str = "Exports.Csv") -> dict[str, Any]:
    answer = server.call(method, body if body is not None else {})
    assert answer.status == 200
    report: dict[str, Any] = answer.json
    assert report["status"] == "Success", report
    assert isinstance(report["exportId"], str)
    assert report["exportId"].isdecimal()
    assert report["isDuplicate"] is False
    return report


def test_a_client_that_knows_three_words_polls_until_ready_fetches_and_parses(site: Calltrail) -> None:
    logged = site.call("Website.CreateOrder", {"order": {"number": 7, "text": 'a;"b"\r\nc'}})
    report = start(site, window_of(logged) | operations("Website.CreateOrder"))
    while True:
        polled = site.call("Exports.Csv", {"exportId": report["exportId"]}).json
        word = polled["exportResult"]["processingStatus"]
        if word not in WORDS:
            pytest.fail(f"the client would loop for ever on {word}")
        if word == "Ready":
            break
        assert word == "NotReady"
        assert not polled["exportResult"].get("urls")
    urls = polled["exportResult"]["urls"]
    assert urls
    text = fetch_bare(urls[0]).decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    assert header == COLUMNS
    (row,) = [dict(zip(header, row, strict=True)) for row in rows]
    assert json.loads(row["OperationLogRequestBody"]) == {"order": {"number": 7, "text": 'a;"b"\r\nc'}}
    for column in ("OperationLogStartDateTimeUtc", "OperationLogEndDateTimeUtc"):
        assert datetime.strptime(row[column], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC) <= datetime.now(UTC)
    assert (row["OperationLogHasErrors"], row["OperationLogStatus"]) == ("false", "completed")
    assert row["OperationLogOperationName"] == "The method Website.CreateOrder"
    assert row["OperationLogIntegrationName"] == "Web shop"


@pytest.mark.parametrize("name", ["exportId", "exportID", "ExportId", "EXPORTID"])
@pytest.mark.parametrize("as_number", [False, True])
def test_an_export_is_polled_by_its_id_as_string_and_number_in_any_case(
    site: Calltrail, name: str, as_number: bool
) -> None:
    export_id = start(site, nothing())["exportId"]
    site.poll_until_over("Exports.Csv", export_id)
    polled = site.call("Exports.Csv", {name: int(export_id) if as_number else export_id}).json
    assert (polled["exportId"], polled["exportResult"]["processingStatus"]) == (export_id, "Ready")


def test_a_client_may_repeat_the_filters_beside_the_export_id(site: Calltrail) -> None:
    filters = nothing() | {"sinceDateTimeUtc": "1800-01-01 00:00", "resultState": "failed"}
    export_id = start(site, filters)["exportId"]
    nonsense = {"sinceDateTimeUtc": "<Start date&time>", "hasErrors": "?", "operations": [{"ids": {"systemName": "?"}}]}
    for beside in (filters, nonsense):
        polled = site.call("Exports.Csv", {**beside, "exportId": export_id}).json
        assert (polled["status"], polled["exportId"]) == ("Success", export_id)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_template_with_blanks_left_in_it_starts_an_export(site: Calltrail, blank: str | None) -> None:
    body = {
        "exportId": blank,
        **nothing(),
        "sinceDateTimeUtc": blank,
        "resultState": blank,
        "hasErrors": blank,
        "endpoint": {"ids": {"externalId": blank}},
        "operations": [{"ids": {"systemName": blank}}],
    }
    start(site, body)


def test_an_export_of_nothing_is_one_file_with_a_header(site: Calltrail) -> None:
    export_id = start(site, nothing())["exportId"]
    (url,) = site.poll_until_over("Exports.Csv", export_id)["exportResult"]["urls"]
    body = fetch_bare(url)
    assert body.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=";")) == [COLUMNS]


DATES = [
    "{:%Y-%m-%d %H:%M}",
    "{:%Y-%m-%d %H:%M:%S}",
    "{:%Y-%m-%d %H:%M:%S.%f}",
    "{:%Y-%m-%dT%H:%M}",
    "{:%Y-%m-%dT%H:%M:%S}",
    "{:%Y-%m-%dT%H:%M:%S}.1",
    "{:%Y-%m-%dT%H:%M:%S}Z",
    "{:%Y-%m-%dT%H:%M:%S}.123Z",
    "{:%Y-%m-%dT%H:%M:%S}+00:00",
    "{:%Y-%m-%dT%H:%M}Z",
    "{:%d.%m.%Y %H:%M}",
    "{:%d.%m.%Y %H:%M:%S}",
    " {:%Y-%m-%d %H:%M} ",
]


@pytest.mark.parametrize("form", DATES)
def test_a_date_in_any_form_in_use_means_that_moment_in_utc(site: Calltrail, form: str) -> None:
    logged = site.call("Website.Count", {"form": form})
    now = datetime.now(UTC)
    before, after = form.format(now - timedelta(minutes=2)), form.format(now + timedelta(minutes=2))
    found = records(site, {"sinceDateTimeUtc": before, "tillDateTimeUtc": after} | operations("Website.Count"))
    assert call_id(logged) in {record["OperationLogTransactionId"] for record in found}
    assert not records(site, {"sinceDateTimeUtc": after} | operations("Website.Count"))


@pytest.mark.parametrize("form", ["{:%Y-%m-%d}", "{:%d.%m.%Y}"])
def test_a_bare_date_is_its_midnight(site: Calltrail, form: str) -> None:
    logged = site.call("Website.Count", {})
    now = datetime.now(UTC)
    since, till = form.format(now - timedelta(days=1)), form.format(now + timedelta(days=1))
    found = records(site, {"sinceDateTimeUtc": since, "tillDateTimeUtc": till} | operations("Website.Count"))
    assert call_id(logged) in {record["OperationLogTransactionId"] for record in found}
    assert not records(site, {"sinceDateTimeUtc": till})


@pytest.mark.parametrize("flag", [True, "true", "True", "TRUE"])
def test_has_errors_is_a_boolean_or_its_word(site: Calltrail, flag: object) -> None:
    failed = site.call("Website.CreateOrder", {})
    fine = site.call("Website.CreateOrder", {"order": {}})
    window = window_of(failed, fine) | operations("Website.CreateOrder")
    assert [record["OperationLogTransactionId"] for record in records(site, {**window, "hasErrors": flag})] == [
        call_id(failed)
    ]
    other = {True: False, "true": "false", "True": "False", "TRUE": "FALSE"}[flag]
    assert [record["OperationLogTransactionId"] for record in records(site, {**window, "hasErrors": other})] == [
        call_id(fine)
    ]


# Clients that check what is wrong


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (sync_path("Website.Unknown"), 404),
        (sync_path("Website.Accept", endpoint="demo.Nowhere"), 404),
        (sync_path("Website.Accept", transactionId="17"), 400),
        ("/v3/operations/sync?operation=Website.Accept", 400),
        ("/v3/operations/sync?endpointId=demo.Website", 400),
    ],
)
def test_every_error_has_a_message_and_its_code_as_an_integer(site: Calltrail, path: str, status: int) -> None:
    answer = post(site, path, b"{}", JSON)
    assert answer.status == status
    error = answer.json
    assert error["status"] == "ProtocolError"
    assert isinstance(error["errorMessage"], str)
    assert error["errorMessage"].startswith("/")
    assert error["httpStatusCode"] == status
    assert type(error["httpStatusCode"]) is int
    assert uuid.UUID(error["errorId"])


def test_all_problems_of_an_export_are_told_at_once_each_with_its_pointer(site: Calltrail) -> None:
    body = {
        "sinceDateTimeUtc": "2026-13-01 00:00",
        "tillDateTimeUtc": "2026-01-01T00:00:00+03:00",
        "resultState": "done",
        "hasErrors": "maybe",
        "endpoint": {"ids": {"externalId": "demo.Nowhere"}},
        "operations": [
            {"ids": {"systemName": "Website.Count"}},
            {"ids": {"systemName": "Website.Nowhere~/"}},
            {"ids": {"systemName": 7}},
        ],
    }
    answer = site.call("Exports.Csv", body)
    assert (answer.status, answer.json["status"]) == (200, "ValidationError")
    messages = answer.json["validationMessages"]
    assert all(isinstance(message["message"], str) and message["message"] for message in messages)
    assert [message["location"] for message in messages] == [
        "/sinceDateTimeUtc",
        "/tillDateTimeUtc",
        "/resultState",
        "/hasErrors",
        "/endpoint/ids/externalId",
        "/operations/1/ids/systemName",
        "/operations/2/ids/systemName",
    ]
    assert record_of(site, answer)["OperationLogStatus"] == "failed"


@pytest.mark.parametrize("till", ["2026-01-02 00:00", "2026-01-01 23:59:59.999999", "01.01.2026"])
def test_a_window_that_ends_before_it_begins_is_refused(site: Calltrail, till: str) -> None:
    answer = site.call("Exports.Csv", {"sinceDateTimeUtc": "2026-01-02", "tillDateTimeUtc": till}).json
    assert answer["status"] == "ValidationError"
    assert {message["location"] for message in answer["validationMessages"]} <= {
        "/sinceDateTimeUtc",
        "/tillDateTimeUtc",
    }


@pytest.mark.parametrize("export_id", ["987654321", 987654321, "0", "-1", "x", "1.5", "9" * 40, True, [], {"a": 1}])
def test_an_export_id_that_is_none_is_a_validation_error_or_blank(site: Calltrail, export_id: object) -> None:
    answer = site.call("Exports.Csv", {"exportId": export_id, **nothing()})
    assert answer.status == 200
    if export_id == []:
        return
    assert answer.json["status"] == "ValidationError"
    assert [message["location"] for message in answer.json["validationMessages"]] == ["/exportId"]


def test_the_export_of_another_endpoint_is_as_unknown_as_none(site: Calltrail, partner_key: str) -> None:
    export_id = start(site, nothing())["exportId"]
    headers = {"Authorization": f"SecretKey {partner_key}"}
    foreign = site.call("Exports.Csv", {"exportId": export_id}, endpoint="demo.Partner", headers=headers).json
    unknown = site.call("Exports.Csv", {"exportId": "987654321"}).json
    assert foreign == unknown
    assert foreign["status"] == "ValidationError"


def test_an_upstreams_answer_is_not_redirected_for_the_client(site: Calltrail) -> None:
    for path in ("/v3/operations/sync", "/v3/operations/sync/", "/v3/operations/async/", "/v3/operations/nowhere", "/"):
        assert site.request("POST", path, b"{}").status in (400, 404, 405)
