"""What was sent is what is exported: byte for byte, in every format, as readers in use read it."""

import base64
import csv
import gzip
import hashlib
import io
import json
import random
import socket
import sqlite3
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import pandas as pd
import polars as pl
import pytest
import zstandard
from lxml import etree

from tests.e2e.conftest import (
    HeldCall,
    Upstream,
    call_id,
    http_answer,
    operations,
    record_of,
    records,
    records_of,
    started,
    window_of,
)
from tests.e2e.server import CALLTRAIL, Answer, Calltrail

HOSTILE_TEXTS = [
    "",
    " ",
    ";",
    '"',
    '""',
    '";"',
    "\r",
    "\n",
    "\r\n",
    "a\rb",
    '\r\n\r\n;"\r\n',
    " leading and trailing ",
    "\ttab\t",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-1",
    "@SUM(A1)",
    "null",
    "NULL",
    "NA",
    "NaN",
    "None",
    "nan",
    "true",
    "1e5",
    "0123",
    "2026-07-01",
    "]]>",
    "<![CDATA[x]]>",
    "&amp;&#13;&lt;",
    "<operationLog>",
    "\0",
    "a\0b",
    "".join(map(chr, range(0x20))),
    "\x7f\x80\x85\x9f\xa0",
    "\u2028\u2029\u200b\u200e\u202e",
    "\ufeff",
    "\ufeffstarts with a BOM",
    "\ufffd\ufffe\uffff",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001ffff \U0010ffff",
    "e\u0301 \u00e9 \u0130 \u0131 ß ẞ",
    'Привет; "мир"\r\n你好\n',
    "''''",
    "\\",
    '\\"',
    "\\n\\u0000",
    "#comment",
    "sep=;",
    "'; DROP TABLE calls; --",
    "${jndi:ldap://x}",
    "%00%0d%0a",
    "x" * 131_073,
    '"' * 5_000,
    "\r\n" * 5_000,
    "<&>" * 5_000,
]

JSON_DOCUMENTS = [
    b"0",
    b"-0",
    b"1E+2",
    b"1.0000000000000000000001",
    b"123456789012345678901234567890",
    b"1e400",
    b"true",
    b'""',
    b'"\\u0000"',
    b'"\\ud83d\\ude00 \\u00e9 \\/ \\b\\f"',
    b'"\\ud800"',
    b'{"a":1,"a":2}',
    b'{"":{"":[]}}',
    b'{"\\u0000;\\"":"\\r\\n"}',
    b' \t\r\n{ "a" : [ ] } \n',
    b"[" * 200 + b"]" * 200,
    b"[" * 3000 + b"]" * 3000,
    '{"ключ": "значение 😀"}'.encode(),
    '{"a": "\u2028\u2029\x7f"}'.encode(),
]

BINARY_BODIES = [
    bytes(range(256)),
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\xaf",
    "UTF-16 with a BOM; Ж".encode("utf-16"),
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    gzip.compress(b"no header says that this is gzip", mtime=0),
]

FORMS = [
    b"name=J%C3%BCrgen+M&city=K%F6ln&empty=&flag",
    (
        b'------WebKitFormBoundary7MA4\r\nContent-Disposition: form-data; name="file"; filename="a;b\\".png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n------WebKitFormBoundary7MA4--\r\n"
    ),
    b'{"events":[{"t":1751360400123,"page":"https://shop.example/?q=caf%C3%A9&utm_source=x#top","dpr":1.25}]}',
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n<operation a="1">\n<!-- c --><![CDATA[ ]] ]]></operation>',
]

BODIES = [
    *(text.encode() for text in HOSTILE_TEXTS),
    *(json.dumps({"text": text}, ensure_ascii=False).encode() for text in HOSTILE_TEXTS),
    *(json.dumps({"text": text}).encode() for text in HOSTILE_TEXTS),
    *JSON_DOCUMENTS,
    *BINARY_BODIES,
    *FORMS,
]

BROWSER_HEADERS = {
    "Connection": "keep-alive",
    "sec-ch-ua": '"Not)A;Brand";v="8", "Chromium";v="138", "Google Chrome";v="138"',
    "sec-ch-ua-platform": '"macOS"',
    "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0",
    "Accept": "*/*",
    "Origin": "https://shop.example",
    "Referer": "https://shop.example/b%C3%BCcher?q=1&r=2;3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "de-DE,de;q=0.9,en;q=0.8",
    "X-Empty": "",
    "X-Hostile": "=1+1;\"quoted\"\t,'x' \xe9\xff\x80",
}


@pytest.fixture(scope="module")
def sent(site: Calltrail) -> list[Answer]:
    """The calls of all BODIES, in that order, to an upstream that echoes them."""
    return [site.call("Website.Forward", body, headers={"Content-Type": "application/octet-stream"}) for body in BODIES]


@pytest.fixture(scope="module")
def window(sent: list[Answer]) -> dict[str, Any]:
    return window_of(*sent) | operations("Website.Forward")


Row = Mapping[str, Any]
REQUEST, RESPONSE = "OperationLogRequestBody", "OperationLogResponseBody"


def assert_rows_are_what_was_sent(rows: Sequence[Row], sent: list[Answer]) -> None:
    assert [row["OperationLogTransactionId"] for row in rows] == [call_id(answer) for answer in sent]
    for row, body in zip(rows, BODIES, strict=True):
        for column in (REQUEST, RESPONSE):
            assert _bytes_of(row, column) == body, (column, body[:100])
            assert int(row[f"{column}Bytes"]) == len(body)
            assert row[f"{column}Truncated"] in (False, "false")


def _bytes_of(row: Row, column: str) -> bytes:
    encoding = row[f"{column}Encoding"]
    text = row.get(column) or ""
    return base64.b64decode(text, validate=True) if encoding == "base64" else text.encode()


def _decompressed(compression: str, part: bytes) -> bytes:
    if compression == "gzip":
        return gzip.decompress(part)
    if compression == "zstd":
        return zstandard.ZstdDecompressor().decompress(part, max_output_size=1 << 28)
    return part


def csv_rows(part: bytes) -> list[Row]:
    limit = csv.field_size_limit(1 << 28)
    try:
        return list(csv.DictReader(io.StringIO(part.decode("utf-8-sig"), newline=""), delimiter=";", strict=True))
    finally:
        csv.field_size_limit(limit)


def ndjson_rows(part: bytes) -> list[Row]:
    return [json.loads(line) for line in part.split(b"\n") if line]


def json_rows(part: bytes) -> list[Row]:
    document = json.loads(part)
    assert list(document) == ["operationLogs"]
    rows: list[Row] = document["operationLogs"]
    return rows


def xml_rows(part: bytes) -> list[Row]:
    root = etree.fromstring(part, etree.XMLParser(huge_tree=True, resolve_entities=False))
    assert root.tag == "result"
    assert [child.tag for child in root] == ["operationLogs"]
    return [{str(cell.tag): _xml_text(cell) for cell in call} for call in root[0]]


def _xml_text(cell: etree._Element) -> str:
    text = cell.text or ""
    return base64.b64decode(text).decode() if cell.get("encoding") == "base64" else text


READERS: dict[str, Callable[[bytes], list[Row]]] = {
    "csv": csv_rows,
    "ndjson": ndjson_rows,
    "json": json_rows,
    "xml": xml_rows,
}


@pytest.mark.parametrize(("format", "compression"), list(product(READERS, ("none", "gzip", "zstd"))))
def test_every_body_comes_out_byte_for_byte_in_several_parts(
    site: Calltrail, sent: list[Answer], window: dict[str, Any], format: str, compression: str
) -> None:
    report, parts = site.export(f"Exports.{format}.{compression}", window)
    assert len(parts) > 5
    pieces = [READERS[format](_decompressed(compression, part)) for part in parts]
    assert all(pieces)
    assert_rows_are_what_was_sent([row for piece in pieces for row in piece], sent)
    _assert_the_manifest_is_right(site, report, parts, [len(piece) for piece in pieces])


def _assert_the_manifest_is_right(
    site: Calltrail, report: Mapping[str, Any], parts: list[bytes], rows: list[int]
) -> None:
    result = report["exportResult"]
    assert [(file["url"], file["bytes"], file["sha256"], file["rows"]) for file in result["files"]] == [
        (url, len(part), hashlib.sha256(part).hexdigest(), count)
        for url, part, count in zip(result["urls"], parts, rows, strict=True)
    ]
    manifest = site.download(result["manifestUrl"]).json
    assert [(part["bytes"], part["sha256"], part["rows"]) for part in manifest["parts"]] == [
        (len(part), hashlib.sha256(part).hexdigest(), count) for part, count in zip(parts, rows, strict=True)
    ]
    assert (manifest["rows"], manifest["bytes"]) == (sum(rows), sum(map(len, parts)))
    assert (manifest["export_id"], manifest["cut_cells"]) == (report["exportId"], 0)
    assert len(manifest["columns"]) == 31
    assert manifest["filter"]["api_methods"] == ["Website.Forward"]
    progress = result["progress"]
    assert progress["rowsDone"] == progress["rowsExpected"] == sum(rows)
    assert progress["bytesDone"] == progress["bytesExpected"] > 0
    assert (progress["part"], progress["parts"], progress["percent"]) == (len(parts), len(parts), 100)


def test_pandas_reads_back_every_body(site: Calltrail, sent: list[Answer], window: dict[str, Any]) -> None:
    _, (part,) = site.export("Exports.WholeCsv", window)
    frame = pd.read_csv(io.BytesIO(part), sep=";", encoding="utf-8-sig", dtype=str, keep_default_na=False)
    assert_rows_are_what_was_sent(frame.to_dict("records"), sent)


def test_polars_reads_back_every_body(site: Calltrail, sent: list[Answer], window: dict[str, Any]) -> None:
    _, (part,) = site.export("Exports.WholeCsv", window)
    frame = pl.read_csv(part, separator=";", infer_schema=False)
    assert_rows_are_what_was_sent(frame.to_dicts(), sent)
    _, (part,) = site.export("Exports.Whole", window)
    assert_rows_are_what_was_sent(pl.read_ndjson(part, infer_schema_length=None).to_dicts(), sent)


def test_pythons_csv_reads_it_with_its_defaults_where_no_field_is_over_its_limit(
    site: Calltrail, sent: list[Answer], window: dict[str, Any]
) -> None:
    answer = site.call("Website.Forward", b"x" * 131_072)
    _, (part,) = site.export("Exports.Csv", window_of(answer))
    (row,) = csv.DictReader(io.StringIO(part.decode("utf-8-sig"), newline=""), delimiter=";")
    assert len(row[REQUEST]) == 131_072


def test_a_settled_window_exported_again_gives_the_same_bytes(site: Calltrail, window: dict[str, Any]) -> None:
    for method in ("Exports.csv.gzip", "Exports.xml.none"):
        assert site.export(method, window)[1] == site.export(method, window)[1]


def test_a_plain_part_comes_compressed_to_who_accepts_that(site: Calltrail, window: dict[str, Any]) -> None:
    report, (plain,) = site.export("Exports.WholeCsv", window)
    (url,) = report["exportResult"]["urls"]
    answer = site.download(url, {"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == plain
    middle = site.download(url, {"Range": "bytes=100-199"})
    assert (middle.status, middle.body) == (206, plain[100:200])


# Headers, addresses, browsers


def test_headers_of_a_browser_are_logged_in_order_and_unchanged(site: Calltrail) -> None:
    answer, head = _raw_call(site, "Website.Accept", BROWSER_HEADERS | {"X-Again": "1"}, more=["X-Again: 2, 3"])
    record = record_of(site, answer)
    lines = [line.partition(": ") for line in record["OperationLogRequestHeaders"].split("\n")]
    logged = [(name.lower(), value) for name, _, value in lines]
    wanted = [(name.lower(), value) for name, value in {**BROWSER_HEADERS, "X-Again": "1"}.items()] + [
        ("x-again", "2, 3")
    ]
    assert [pair for pair in logged if pair in wanted] == wanted
    assert dict(logged)["authorization"] == "SecretKey ***"
    assert record["OperationLogRequestMasked"] == "headers"
    assert record["OperationLogResponseHeaders"].split("\n") == head


def _raw_call(
    site: Calltrail,
    operation: str,
    headers: Mapping[str, str],
    *,
    more: Sequence[str] = (),
    query: bytes = b"",
) -> tuple[Answer, list[str]]:
    """A call by hand; also gives the header lines of its answer, exactly as they came."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        target = b"/v3/operations/sync?endpointId=demo.Website&operation=" + operation.encode() + query
        lines = [f"{name}: {value}" for name, value in headers.items()]
        lines += [*more, "Host: shop.example", f"Authorization: SecretKey {site.key}", "Content-Length: 2"]
        connection.sendall(b"POST " + target + b" HTTP/1.1\r\n" + "\r\n".join([*lines, "", "{}"]).encode("latin-1"))
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *answer_lines = head.decode("latin-1").split("\r\n")
    named = {name.lower(): value for name, _, value in (line.partition(": ") for line in answer_lines)}
    return Answer(int(status.split()[1]), named, body), answer_lines


QUERIES = [
    b"&q=caf%C3%A9&q=caf%e9&empty=&flag&a+b=%20",
    b"&x=;a;b&y=%3B%22%0D%0A%00",
    b"&deviceUUID=%00%0d%0a%22%3b%F0%9F%98%80%ff",
    b'&json={"a":[1,2]}|^`',
    b"&long=" + b"x" * 30_000,
    b"&" * 500,
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:20])
def test_the_address_is_logged_as_it_was_sent(site: Calltrail, query: bytes) -> None:
    answer, _ = _raw_call(site, "Website.Accept", {}, query=query)
    assert answer.status == 200
    record = record_of(site, answer)
    prefix = b"http://shop.example/v3/operations/sync?endpointId=demo.Website&operation=Website.Accept"
    assert record["OperationLogUrl"].encode("latin-1") == prefix + query


def test_hostile_names_come_out_as_they_came_in(site: Calltrail) -> None:
    names = [text for text in HOSTILE_TEXTS if text.strip() and len(text) < 1000]
    answers = [site.call(name, {}, deviceUUID=name) for name in names]
    assert {answer.status for answer in answers} == {404}
    for method, read in (
        ("Whole", ndjson_rows),
        ("WholeCsv", csv_rows),
        ("WholeXml", xml_rows),
        ("WholeJson", json_rows),
    ):
        _, (part,) = site.export(f"Exports.{method}", window_of(*answers))
        by_id = {row["OperationLogTransactionId"]: row for row in read(part)}
        rows = [by_id[call_id(answer)] for answer in answers]
        assert [row["OperationLogOperationSystemName"] for row in rows] == names
        assert [row["OperationLogDevice"] for row in rows] == names


# Compressed and other bodies

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_body_is_understood_and_readable_in_the_log(site: Calltrail, coding: str) -> None:
    body = '{"order": {"number": 5, "text": "Ж;\\"\\r\\n"}}'
    packed = CODINGS[coding](body.encode())
    answer = site.call("Website.CreateOrder", packed, headers={"Content-Encoding": coding})
    assert answer.json == {"status": "Success"}
    record = record_of(site, answer)
    assert record[REQUEST] == body
    assert record["OperationLogRequestBodyDecodedFrom"] in (coding, coding.removeprefix("x-"))
    assert record["OperationLogRequestBodyBytes"] == len(packed)
    assert record["OperationLogRequestBodyEncoding"] == "utf-8"
    assert record["OperationLogRequestBodyTruncated"] is False


def test_a_compressed_binary_body_is_decoded_and_intact(site: Calltrail) -> None:
    answer = site.call("Website.Forward", gzip.compress(bytes(range(256))), headers={"Content-Encoding": "gzip"})
    record = record_of(site, answer)
    assert _bytes_of(record, REQUEST) == bytes(range(256))


FALSE_CODINGS = {
    "short and no gzip": ("gzip", b"plain"),
    "long and no gzip": ("gzip", b"this is no gzip at all, and long enough to be seen as none"),
    "garbage behind the magic": ("gzip", b"\x1f\x8b\x08\0garbage garbage garbage garbage"),
    "garbage after a member": ("gzip", gzip.compress(b"first", mtime=0) + b"trailing garbage"),
    "no deflate": ("deflate", b"p"),
    "no brotli": ("br", b"\xff\xff\xff\xff plain"),
    "no zstd": ("zstd", b"plain"),
    "an unknown coding": ("rot13", b"uryyb"),
}


@pytest.mark.parametrize("name", FALSE_CODINGS)
def test_a_body_that_is_not_what_its_coding_says_is_logged_as_it_was_sent(site: Calltrail, name: str) -> None:
    coding, body = FALSE_CODINGS[name]
    answer = site.call("Website.Forward", body, headers={"Content-Encoding": coding})
    assert (answer.status, answer.body) == (200, body)
    record = record_of(site, answer)
    assert _bytes_of(record, REQUEST) == body
    assert "OperationLogRequestBodyDecodedFrom" not in record
    assert record["OperationLogRequestBodyTruncated"] is False


def test_a_compressed_body_that_ends_early_is_flagged(site: Calltrail) -> None:
    packed = gzip.compress(json.dumps({"n": list(range(5000))}).encode(), mtime=0)
    record = record_of(site, site.call("Website.Forward", packed[:-50], headers={"Content-Encoding": "gzip"}))
    if record.get("OperationLogRequestBodyDecodedFrom"):
        assert record["OperationLogRequestBodyTruncated"] is True
        assert record[REQUEST].startswith('{"n": [0, 1, 2')
    else:
        assert _bytes_of(record, REQUEST) == packed[:-50]


def test_a_large_corrupt_body_holds_up_no_other_call(site: Calltrail) -> None:
    packed = gzip.compress(random.Random(1).randbytes(4 << 20), 1, mtime=0)
    corrupt = packed[: len(packed) // 2] + b"\xff" * 2000 + packed[len(packed) // 2 :]
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(site.call, "Website.Forward", corrupt, headers={"Content-Encoding": "gzip"})
        slowest_s = 0.0
        while not large.done():
            started = time.monotonic()
            assert site.call("Website.Accept", {}).status == 200
            slowest_s = max(slowest_s, time.monotonic() - started)
        assert large.result().status == 200
    assert slowest_s < 2


def test_json_in_utf_16_is_understood_and_kept(site: Calltrail) -> None:
    body = '{"order": {"text": "Ж"}}'.encode("utf-16")
    headers = {"Content-Type": "application/json; charset=utf-16"}
    answer = site.call("Website.CreateOrder", body, headers=headers)
    assert answer.json == {"status": "Success"}
    assert _bytes_of(record_of(site, answer), REQUEST) == body


@pytest.mark.parametrize("document", JSON_DOCUMENTS, ids=lambda document: document[:20])
def test_every_document_of_json_is_accepted_as_json(site: Calltrail, document: bytes) -> None:
    answer = site.call("Website.Accept", document)
    if document.startswith(b"[" * 2000):
        assert answer.status == 400  # depth has a limit, and going over it harms nobody
    else:
        assert answer.json == {"status": "Success"}


def test_a_huge_body_is_taken_whole_and_cut_in_the_log_with_its_full_size(site: Calltrail, upstream: Upstream) -> None:
    script = upstream.script(http_answer(b"{}"))
    body = b'{"text": "' + b"0123456789abcdef" * (17 * 65536) + b'"}'
    answer = site.call("Website.Forward", body, headers=script)
    assert answer.status == 200
    assert upstream.received_of(script)[0].body == body
    upstream.received.clear()
    _, (part,) = site.export("Exports.Whole", window_of(answer))
    (record,) = ndjson_rows(part)
    assert record[REQUEST].encode() == body[: 16 << 20]
    assert record["OperationLogRequestBodyBytes"] == len(body)
    assert record["OperationLogRequestBodyTruncated"] is True
    _, (part,) = site.export("Exports.WholeXml", window_of(answer))
    assert xml_rows(part)[0][REQUEST].encode() == body[: 16 << 20]


def test_a_cut_in_the_middle_of_a_character_leaves_text(site: Calltrail) -> None:
    body = b"x" + "Ж".encode() * (9 << 20)
    record = record_of(site, site.call("Website.Accept", body, headers={"Content-Type": "application/json"}))
    assert record["OperationLogRequestBodyEncoding"] == "utf-8"
    assert record["OperationLogRequestBodyTruncated"] is True
    assert body.startswith(record[REQUEST].encode())
    assert len(record[REQUEST].encode()) in ((16 << 20) - 1, 16 << 20)


def test_a_body_over_64_mib_is_refused_with_413_and_recorded(site: Calltrail) -> None:
    answer = site.call("Website.Accept", b"x" * (70 << 20))
    assert (answer.status, answer.json["status"]) == (413, "ProtocolError")
    record = record_of(site, answer)
    assert record["OperationLogStatus"] == "failed"
    assert record["OperationLogRequestBodyBytes"] == 70 << 20
    assert record["OperationLogRequestBodyTruncated"] is True
    assert record[REQUEST] == "x" * (16 << 20)


# What an export holds


def test_calls_made_while_an_export_runs_are_not_in_it(site: Calltrail) -> None:
    before = [site.call("Website.Count", {"text": "x" * 3000}) for _ in range(200)]
    during: list[Answer] = []
    is_over = threading.Event()

    def call_on() -> None:
        while not is_over.is_set():
            during.append(site.call("Website.Count", {"text": "y" * 3000}))

    started = site.call("Exports.csv.none", operations("Website.Count"))
    caller = threading.Thread(target=call_on)
    caller.start()
    report = site.poll_until_over("Exports.csv.none", started.json["exportId"])["exportResult"]
    is_over.set()
    caller.join()
    assert during
    parts = [csv_rows(site.download(url).body) for url in report["urls"]]
    ids = [row["OperationLogTransactionId"] for part in parts for row in part]
    assert len(ids) == len(set(ids))
    assert {call_id(answer) for answer in before} <= set(ids)
    assert not {call_id(answer) for answer in during} & set(ids)
    moments = [row["OperationLogStartDateTimeUtc"] for part in parts for row in part]
    assert moments == sorted(moments)
    assert all(moment <= report["asOfDateTimeUtc"].replace("T", " ").rstrip("Z") for moment in moments)


@pytest.fixture(scope="module")
def mixed(site: Calltrail, partner_key: str) -> list[tuple[Answer, str, str, str, bool]]:
    """Calls of all kinds: answer, endpoint, API method, status, whether it has errors."""
    partner = {"Authorization": f"SecretKey {partner_key}"}
    made = []
    for number in range(4):
        for endpoint, headers in (("demo.Website", {}), ("demo.Partner", partner)):
            for method, body, status, has_errors in (
                ("Website.Accept2", {"number": number}, "completed", False),
                ("Website.CreateOrder", {"number": number}, "failed", True),
                ("Website.CreateOrder", {"order": {"number": number}}, "completed", False),
                ("Website.NoteOrder", {"number": number}, "completed", True),
            ):
                answer = site.call(method, body, endpoint=endpoint, headers=headers)
                made.append((answer, endpoint, method, status, has_errors))
    return made


@dataclass(frozen=True)
class Chosen:
    """Criteria of an export; None lets everything through."""

    status: str | None
    has_errors: bool | None
    endpoint: str | None
    methods: tuple[str, ...] | None

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = operations(*self.methods) if self.methods else {}
        if self.status:
            body["resultState"] = self.status
        if self.has_errors is not None:
            body["hasErrors"] = self.has_errors
        if self.endpoint:
            body["endpoint"] = {"ids": {"externalId": self.endpoint}}
        return body


FILTERS = [
    Chosen(*choice)
    for choice in product(
        (None, "completed", "failed", "processing"),
        (None, True, False),
        (None, "demo.Website", "demo.Partner"),
        (None, ("Website.CreateOrder",), ("Website.NoteOrder", "Website.Accept2")),
    )
    if choice.count(None) != 1
]
"""One or two of the criteria, all of them, or none."""


def test_filters_and_a_reference_agree(site: Calltrail, mixed: list[tuple[Answer, str, str, str, bool]]) -> None:
    window = window_of(*[answer for answer, *_ in mixed])
    ours = {call_id(answer) for answer, *_ in mixed}
    for chosen in FILTERS:
        expected = [
            call_id(answer)
            for answer, endpoint, method, status, has_errors in mixed
            if chosen.status in (None, status)
            and chosen.has_errors in (None, has_errors)
            and chosen.endpoint in (None, endpoint)
            and (chosen.methods is None or method in chosen.methods)
        ]
        found = [record["OperationLogTransactionId"] for record in records(site, window | chosen.body())]
        assert [id_ for id_ in found if id_ in ours] == expected, chosen


def test_a_window_holds_its_beginning_and_not_its_end(
    site: Calltrail, mixed: list[tuple[Answer, str, str, str, bool]]
) -> None:
    first, middle, last = (
        record["OperationLogStartDateTimeUtc"] for record in records_of(site, mixed[0][0], mixed[9][0], mixed[-1][0])
    )
    ours = [call_id(answer) for answer, *_ in mixed]
    for since, till, expected in (
        (first, last, ours[:-1]),
        (first, middle, ours[:9]),
        (middle, last, ours[9:-1]),
        (last, None, ours[-1:]),
    ):
        body = {"sinceDateTimeUtc": since, "tillDateTimeUtc": till}
        found = [record["OperationLogTransactionId"] for record in records(site, body)]
        assert [id_ for id_ in found if id_ in ours] == expected


def test_a_call_under_way_is_exported_as_processing_and_later_as_it_ended(site: Calltrail, upstream: Upstream) -> None:
    held = HeldCall()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(site.call, "Website.Slow", {"n": 1}, headers=upstream.script(held))
        assert held.has_arrived.wait(10)
        no_criteria: dict[str, Any] = {}
        by_filter = {
            name: records(site, operations("Website.Slow") | body)
            for name, body in {
                "none": no_criteria,
                "processing": {"resultState": "processing"},
                "no errors": {"hasErrors": False},
                "errors": {"hasErrors": True},
                "completed": {"resultState": "completed"},
            }.items()
        }
        _, (xml,) = site.export("Exports.WholeXml", operations("Website.Slow"))
        _, (text,) = site.export("Exports.WholeCsv", operations("Website.Slow"))
        held.may_answer.set()
        answer = call.result()
    assert [len(found) for found in by_filter.values()] == [1, 1, 1, 0, 0]
    (record,) = by_filter["processing"]
    assert (record["OperationLogStatus"], record["OperationLogHasErrors"]) == ("processing", False)
    assert record["OperationLogTransactionId"] == call_id(answer)
    assert record[REQUEST] == '{"n": 1}'
    absent = {
        "OperationLogEndDateTimeUtc",
        "OperationLogHTTPStatusCode",
        "OperationLogResponseHeaders",
        "OperationLogResponseBody",
        "OperationLogDurationMs",
    }
    assert not absent & set(record)
    (row,) = xml_rows(xml)
    assert not absent & set(row)
    (row,) = csv_rows(text)
    assert all(row[name] == "" for name in absent)
    (record,) = records(site, operations("Website.Slow"))
    assert record["OperationLogStatus"] == "completed"
    assert record["OperationLogEndDateTimeUtc"] > record["OperationLogStartDateTimeUtc"]


# Jobs side by side


def test_equal_exports_are_one_job_and_two_run_at_a_time(tmp_path: Path, upstream: Upstream) -> None:
    with started(tmp_path / "data", upstream, "--no-export-worker") as server:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: server.call("Website.Count", {"n": number, "t": "x" * 4000}), range(300)))
        filters = {"tillDateTimeUtc": "2100-01-01", **operations("Website.Count", "Website.Other")}
        same = {"TILLDATETIMEUTC": "01.01.2100 00:00", **operations("Website.Other", "Website.Count", "Website.Other")}
        first = server.call("Exports.A", filters).json
        again = server.call("Exports.A", same).json
        assert (first["isDuplicate"], again["isDuplicate"]) == (False, True)
        assert again["exportId"] == first["exportId"]
        assert again["exportResult"]["processingStatus"] == "NotReady"
        assert server.call("Exports.A", {**filters, "hasErrors": "false"}).json["isDuplicate"] is False
        others = [server.call(f"Exports.{name}", filters).json for name in "BCD"]
        assert [report["isDuplicate"] for report in others] == [False] * 3
        assert len({report["exportId"] for report in [first, *others]}) == 4
        worker = subprocess.Popen([*CALLTRAIL, "worker", "--data", str(server.data)], stderr=subprocess.DEVNULL)
        try:
            most_running = 0
            while _count(server, "status IN ('queued', 'running')"):
                most_running = max(most_running, _count(server, "status = 'running'"))
            assert most_running == 2
            for report in [first, *others]:
                over = server.poll_until_over("Exports.A", report["exportId"])
                assert over["exportResult"]["processingStatus"] == "Ready"
                assert over["exportResult"]["rows"] == 300
            anew = server.call("Exports.A", filters).json
            assert (anew["isDuplicate"], anew["exportId"] == first["exportId"]) == (False, False)
        finally:
            worker.terminate()
            assert worker.wait(30) == 0


def _count(server: Calltrail, condition: str) -> int:
    with sqlite3.connect(f"file:{server.data / 'registry.db'}?mode=ro", uri=True) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM export_jobs WHERE {condition}").fetchone()
        return int(count)
