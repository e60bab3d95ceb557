"""Calls that are forwarded: what reaches the upstream, what comes back, and what the log says of it."""

import gzip
import http.client
import json
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import (
    HeldCall,
    Upstream,
    call_id,
    http_answer,
    record_of,
    records_of,
    started,
)
from tests.e2e.server import Answer, Calltrail

JSON = ("Content-Type", "application/json")

BODIES = {
    "JSON with odd spacing": b'{ "b" : 1.0,\r\n\t"a":1e400, "a":"\\ud800\\u0041" }\n\n',
    "single-quoted JSON": b"{'exportID': '1'}",
    "no JSON at all": b'{"order": [1,2',
    "empty": b"",
    "null": b"null",
    "every byte": bytes(range(256)) * 3,
    "UTF-16 with BOM": '\ufeff{"n": "Ж"}'.encode("utf-16-le"),
    "UTF-8 with BOM": b'\xef\xbb\xbf{"n": 1}',
    "XML": b'<?xml version="1.0" encoding="windows-1251"?>\r\n<operation>\xc6</operation>',
}


@pytest.mark.parametrize("name", BODIES)
def test_the_upstream_gets_exactly_the_bytes_of_the_body(site: Calltrail, upstream: Upstream, name: str) -> None:
    script = upstream.script(http_answer(b'{"status":"Success"}', [JSON]))
    answer = site.call("Website.Forward", BODIES[name], headers=script)
    assert answer.status == 200
    (received,) = upstream.received_of(script)
    assert received.body == BODIES[name]
    assert received.method == "POST"
    assert received.header(b"content-length") == [str(len(BODIES[name])).encode()]


def test_a_compressed_body_reaches_the_upstream_compressed(site: Calltrail, upstream: Upstream) -> None:
    script = upstream.script(http_answer(b"{}", [JSON]))
    body = gzip.compress(b'{"order": {}}')
    site.call("Website.Forward", body, headers={**script, "Content-Encoding": "gzip"})
    (received,) = upstream.received_of(script)
    assert received.body == body
    assert received.header(b"content-encoding") == [b"gzip"]


def test_a_chunked_body_reaches_the_upstream_whole(site: Calltrail, upstream: Upstream) -> None:
    script = upstream.script(http_answer(b"{}", [JSON]))
    pieces = [b'{"order":', b" ", b"[" + b"1," * 70_000 + b"1]", b"}"]
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    headers = {"Authorization": f"SecretKey {site.key}", "Content-Type": "application/json", **script}
    path = "/v3/operations/sync?endpointId=demo.Website&operation=Website.Forward"
    connection.request("POST", path, iter(pieces), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    (received,) = upstream.received_of(script)
    assert received.body == b"".join(pieces)


def test_headers_reach_the_upstream_in_order_with_duplicates_and_without_the_key(
    site: Calltrail, upstream: Upstream
) -> None:
    script = upstream.script(http_answer(b"{}", [JSON]))
    sent = [
        ("X-Customer-IP", "203.0.113.7"),
        ("X-Twice", "one"),
        ("Mindbox-Integration", "SDK"),
        ("X-Twice", "two, three"),
        ("Cookie", "a=b; c=d"),
        ("X-Empty", ""),
        ("Accept-Encoding", "br"),
        ("User-Agent", "agent/1"),
    ]
    answer = _call_with_headers(site, "Website.Forward", [*sent, *script.items()])
    (received,) = upstream.received_of(script)
    wanted = [(name.lower().encode(), value.encode()) for name, value in sent]
    names = {name for name, _ in wanted}
    assert [(name.lower(), value) for name, value in received.headers if name.lower() in names] == wanted
    assert site.key.encode() not in b"\n".join(value for _, value in received.headers)
    assert received.header(b"authorization") == []
    assert received.header(b"calltrail-call-id") == [call_id(answer).encode()]
    assert received.header(b"host") == [upstream.url.removeprefix("http://").encode()]


@pytest.mark.parametrize("value", ["Zoë Ж 😀".encode(), b"a\tb  c"])
def test_a_header_value_in_utf_8_reaches_the_upstream_as_it_was_sent(
    site: Calltrail, upstream: Upstream, value: bytes
) -> None:
    script = upstream.script(http_answer(b"{}", [JSON]))
    _call_with_headers(site, "Website.Forward", [("X-Name", value.decode("latin-1")), *script.items()])
    (received,) = upstream.received_of(script)
    assert received.header(b"x-name") == [value]


def test_a_header_value_that_is_not_utf_8_reaches_the_upstream_as_latin_1_put_into_utf_8(
    site: Calltrail, upstream: Upstream
) -> None:
    """A limit of the HTTP client, named in docs/operating.md: it writes header values in UTF-8 only."""
    script = upstream.script(http_answer(b"{}", [JSON]))
    _call_with_headers(site, "Website.Forward", [("X-Name", "caf\xe9"), *script.items()])
    (received,) = upstream.received_of(script)
    assert received.header(b"x-name") == ["café".encode()]


def test_hop_by_hop_headers_stay_on_their_hop(site: Calltrail, upstream: Upstream) -> None:
    script = upstream.script(
        http_answer(b"{}", [JSON, ("Connection", "X-Hop-Back"), ("X-Hop-Back", "1"), ("X-Far", "2")])
    )
    sent = [("Connection", "X-Hop"), ("X-Hop", "1"), ("TE", "trailers"), ("X-End", "2"), *script.items()]
    answer = _call_with_headers(site, "Website.Forward", sent)
    (received,) = upstream.received_of(script)
    assert received.header(b"x-hop") == received.header(b"te") == []
    assert received.header(b"x-end") == [b"2"]
    assert "x-hop-back" not in answer.headers
    assert answer.headers["x-far"] == "2"


def test_the_address_of_the_upstream_is_called_as_the_catalog_spells_it(site: Calltrail, upstream: Upstream) -> None:
    script = upstream.script(http_answer(b"{}", [JSON]))
    site.call("Website.ForwardToPath", {}, headers=script)
    (received,) = upstream.received_of(script)
    assert received.target == "/a%2Fb/c%20d/;p?x=1%2B2&y=%D0%96&z=a+b"


ANSWERS = {
    "201 with a text": (
        "201 Created",
        [("Content-Type", "text/plain; charset=windows-1251"), ("X-A", "1")],
        b"\xc6\xe8",
    ),
    "204": ("204 No Content", [("X-A", "1")], b""),
    "304": ("304 Not Modified", [("ETag", '"x"')], b""),
    "302 is not followed": ("302 Found", [("Location", "http://127.0.0.1:1/elsewhere")], b"moved"),
    "400 empty": ("400 Bad Request", [], b""),
    "401 of the upstream": ("401 Unauthorized", [("WWW-Authenticate", "Basic")], b"no"),
    "418 with an unknown phrase": ("418 Short And Stout", [], b"teapot"),
    "422 with a body": ("422 Unprocessable Content", [JSON], b'{"detail":[{"loc":["body"],"msg":"no"}]}'),
    "500 with HTML": ("500 Internal Server Error", [("Content-Type", "text/html")], b"<html>\r\n</html>"),
    "503 with Retry-After": ("503 Service Unavailable", [("Retry-After", "7")], b"later"),
    "599": ("599 Strange", [], b"?"),
    "gzip bytes": ("200 OK", [("Content-Encoding", "gzip"), JSON], gzip.compress(b'{"a":1}', mtime=0)),
    "deflate bytes": ("200 OK", [("Content-Encoding", "deflate")], zlib.compress(b"plain")),
    "a false gzip": ("200 OK", [("Content-Encoding", "gzip")], b"this is no gzip"),
    "an unknown coding": ("200 OK", [("Content-Encoding", "x-rot13")], b"uryyb"),
    "every byte": ("200 OK", [("Content-Type", "application/octet-stream")], bytes(range(256))),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_of_the_upstream_comes_back_exactly(site: Calltrail, upstream: Upstream, name: str) -> None:
    status, headers, body = ANSWERS[name]
    has_length = not status.startswith(("204", "304"))
    script = upstream.script(http_answer(body, headers, status=status, with_length=has_length))
    answer = site.call("Website.Forward", b"{}", headers=script)
    assert answer.status == int(status.split()[0])
    assert answer.body == body
    for header, value in headers:
        assert answer.headers[header.lower()] == value
    record = record_of(site, answer)
    assert record["OperationLogHTTPStatusCode"] == answer.status
    assert record["OperationLogStatus"] == ("failed" if answer.status >= 400 else "completed")
    assert record["OperationLogHasErrors"] == (answer.status >= 400)
    assert record["OperationLogResponseBodyBytes"] == len(body)


def test_duplicate_headers_of_the_upstream_come_back_in_order(site: Calltrail, upstream: Upstream) -> None:
    headers = [("Set-Cookie", "a=1; Path=/"), ("X-B", "1"), ("Set-Cookie", "b=2"), ("X-B", "caf\xe9"), ("X-Empty", "")]
    script = upstream.script(http_answer(b"{}", headers))
    got = _response_headers(site, "Website.Forward", script)
    names = {"set-cookie", "x-b", "x-empty"}
    assert [(name, value) for name, value in got if name.lower() in names] == [
        (name.lower(), value) for name, value in headers
    ] or [(name, value) for name, value in got if name.lower() in names] == headers


def test_an_answer_without_a_length_ends_where_the_connection_does(site: Calltrail, upstream: Upstream) -> None:
    raw = http_answer(b"until the end", [("Content-Type", "text/plain")], with_length=False)
    script = upstream.script(raw, then_close=True)
    answer = site.call("Website.Forward", b"{}", headers=script)
    assert (answer.status, answer.body) == (200, b"until the end")


def test_a_chunked_answer_comes_back_whole(site: Calltrail, upstream: Upstream) -> None:
    raw = (
        http_answer(b"", [("Transfer-Encoding", "chunked")], with_length=False)
        + b"5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n"
    )
    answer = site.call("Website.Forward", b"{}", headers=upstream.script(raw))
    assert (answer.status, answer.body) == (200, b"hello!")
    assert record_of(site, answer)["OperationLogResponseBody"] == "hello!"


@pytest.mark.parametrize("status", ["ProtocolError", "InternalServerError"])
def test_an_error_in_the_contracts_envelope_is_an_error_in_the_log(
    site: Calltrail, upstream: Upstream, status: str
) -> None:
    body = json.dumps({"status": status, "errorMessage": "/order: no such shop", "httpStatusCode": 400}).encode()
    answer = site.call("Website.Forward", b"{}", headers=upstream.script(http_answer(body, [JSON])))
    assert (answer.status, answer.body) == (200, body)
    record = record_of(site, answer)
    assert record["OperationLogStatus"] == "failed"
    assert "/order: no such shop" in record["OperationLogErrorMessages"]


def test_noted_problems_and_a_forwarded_answer_make_a_completed_call_with_errors(
    site: Calltrail, upstream: Upstream
) -> None:
    answer = site.call("Website.NoteAndForward", {"n": 1}, headers=upstream.script(http_answer(b'{"ok":1}', [JSON])))
    assert (answer.status, answer.body) == (200, b'{"ok":1}')
    record = record_of(site, answer)
    assert (record["OperationLogStatus"], record["OperationLogHasErrors"]) == ("completed", True)
    assert "order" in record["OperationLogErrorMessages"]


BROKEN = {
    "garbage": (b"\x00\xff garbage \r\n\r\n", True),
    "nothing": (b"", True),
    "half a status line": (b"HTTP/1.1 20", True),
    "a body cut off": (http_answer(b"x" * 1000, [JSON])[:-500], True),
    "chunks cut off": (http_answer(b"", [("Transfer-Encoding", "chunked")], with_length=False) + b"5\r\nhe", True),
    "chunks of garbage": (
        http_answer(b"", [("Transfer-Encoding", "chunked")], with_length=False) + b"zz\r\nhe\r\n",
        True,
    ),
    "a negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc", True),
    "a header without a colon": (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", True),
    "a huge header": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", True),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_an_internal_error_and_the_call_is_made_once(
    site: Calltrail, upstream: Upstream, name: str
) -> None:
    raw, then_close = BROKEN[name]
    script = upstream.script(raw, then_close=then_close)
    answer = site.call("Website.Stubborn", b'{"n": 1}', headers=script)
    _assert_internal_error(answer, (500, 503))
    assert len(upstream.received_of(script)) == 1
    record = record_of(site, answer)
    assert (record["OperationLogStatus"], record["OperationLogHTTPStatusCode"]) == ("failed", answer.status)
    assert "upstream" in record["OperationLogErrorMessages"]
    assert record["OperationLogRequestBody"] == '{"n": 1}'


def test_an_upstream_that_refuses_the_connection_is_a_503_with_retry_after(site: Calltrail) -> None:
    answer = site.call("Website.Nowhere", {"n": 1})
    _assert_internal_error(answer, (503,))
    assert int(answer.headers["retry-after"]) > 0
    record = record_of(site, answer)
    assert record["OperationLogStatus"] == "failed"
    assert "reached" in record["OperationLogErrorMessages"]


def test_an_upstream_that_is_too_slow_is_a_503_within_its_time(site: Calltrail, upstream: Upstream) -> None:
    held = HeldCall()
    script = upstream.script(held)
    started = time.monotonic()
    try:
        answer = site.call("Website.Hasty", {"n": 1}, headers=script)
    finally:
        held.may_answer.set()
    assert time.monotonic() - started < 3
    _assert_internal_error(answer, (503, 504))
    assert len(upstream.received_of(script)) == 1
    record = record_of(site, answer)
    assert record["OperationLogStatus"] == "failed"
    assert "0.3 s" in record["OperationLogErrorMessages"]
    assert record["OperationLogDurationMs"] >= 300


@pytest.fixture(scope="module")
def small_site(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Calltrail]:
    """A server with small limits."""
    limits = {"CALLTRAIL_LARGEST_BODY_BYTES": "100000", "CALLTRAIL_KEPT_BODY_BYTES": "1000"}
    with started(tmp_path_factory.mktemp("small") / "data", upstream, **limits) as server:
        yield server


def test_an_answer_over_the_limit_is_an_internal_error_and_one_at_the_limit_is_not(
    small_site: Calltrail, upstream: Upstream
) -> None:
    at_the_limit = small_site.call("Website.Forward", b"{}", headers=upstream.script(http_answer(b"y" * 100_000)))
    assert (at_the_limit.status, len(at_the_limit.body)) == (200, 100_000)
    over = small_site.call("Website.Forward", b"{}", headers=upstream.script(http_answer(b"z" * 100_001)))
    _assert_internal_error(over, (500,))
    kept, refused = records_of(small_site, at_the_limit, over)
    assert (kept["OperationLogResponseBody"], kept["OperationLogResponseBodyBytes"]) == ("y" * 1000, 100_000)
    assert kept["OperationLogResponseBodyTruncated"] is True
    assert refused["OperationLogStatus"] == "failed"
    assert "too large" in refused["OperationLogErrorMessages"]


def test_a_body_that_the_log_cuts_reaches_the_upstream_whole(small_site: Calltrail, upstream: Upstream) -> None:
    script = upstream.script(http_answer(b"{}"))
    body = b"0123456789" * 9_999
    answer = small_site.call("Website.Forward", body, headers=script)
    (received,) = upstream.received_of(script)
    assert received.body == body
    record = record_of(small_site, answer)
    assert record["OperationLogRequestBody"] == body[:1000].decode()
    assert (record["OperationLogRequestBodyBytes"], record["OperationLogRequestBodyTruncated"]) == (99_990, True)


def test_many_calls_at_once_each_get_their_own_answer(site: Calltrail, upstream: Upstream) -> None:
    bodies = [json.dumps({"number": number}).encode() * (number % 50 + 1) for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: site.call("Website.Forward", body), bodies))
    assert [answer.body for answer in answers] == bodies
    assert [record["OperationLogRequestBody"].encode() for record in records_of(site, *answers)] == bodies


def test_a_connection_that_the_upstream_closed_while_idle_fails_no_call(site: Calltrail, upstream: Upstream) -> None:
    for _ in range(30):
        closing = upstream.script(http_answer(b"{}", [JSON]), then_close=True)
        assert site.call("Website.Forward", b"{}", headers=closing).status == 200


def test_an_async_call_is_forwarded_behind_its_answer(site: Calltrail, upstream: Upstream) -> None:
    held = HeldCall()
    script = upstream.script(held)
    answer = site.call("Website.Forward", {"n": 1}, mode="async", headers={**script, "Accept": "application/xml"})
    assert answer.json == {"status": "Success"}
    assert held.has_arrived.wait(10)
    assert record_of(site, answer)["OperationLogStatus"] == "processing"
    held.may_answer.set()
    while (record := record_of(site, answer))["OperationLogStatus"] == "processing":
        pass
    assert record["OperationLogStatus"] == "completed"
    assert record["OperationLogHTTPStatusCode"] == 200


def _assert_internal_error(answer: Answer, statuses: tuple[int, ...]) -> None:
    assert answer.status in statuses
    assert answer.json["status"] == "InternalServerError"
    assert answer.json["httpStatusCode"] == answer.status
    assert answer.json["errorMessage"]
    assert answer.json["errorId"] == call_id(answer)


def _call_with_headers(server: Calltrail, operation: str, headers: list[tuple[str, str]]) -> Answer:
    """A call with exactly these headers, duplicates and all, beside the key."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest(
        "POST",
        f"/v3/operations/sync?endpointId=demo.Website&operation={operation}",
        skip_accept_encoding=True,
    )
    body = b"{}"
    for name, value in [("Authorization", f"SecretKey {server.key}"), ("Content-Length", str(len(body))), *headers]:
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders(body)
    response = connection.getresponse()
    named = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status, named, response.read())
    connection.close()
    return answer


def _response_headers(server: Calltrail, operation: str, headers: dict[str, str]) -> list[tuple[str, str]]:
    """The headers of the answer in the order they came."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        lines = [
            f"POST /v3/operations/sync?endpointId=demo.Website&operation={operation} HTTP/1.1",
            "Host: x",
            f"Authorization: SecretKey {server.key}",
            "Content-Length: 2",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        connection.sendall("\r\n".join([*lines, "", "{}"]).encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in head)]
