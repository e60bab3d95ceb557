"""Calls that are refused, each with its reason and its record; and those that can't be recorded, and so never run."""

import gzip
import http.client
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

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
from tests.e2e.server import Answer, Calltrail

OK = http_answer(b'{"status":"Success"}', [("Content-Type", "application/json")])


# Wrong calls: the right envelope, and a record with the reason

WRONG: dict[str, tuple[dict[str, Any], int]] = {
    "unknown endpoint": ({"endpoint": "demo.Nowhere"}, 404),
    "empty endpoint": ({"endpoint": ""}, 400),
    "unknown method": ({"operation": "Website.Unknown"}, 404),
    "hostile method": ({"operation": 'a\0b\r\nc;"d"\' -- é\u2028😀'}, 404),
    "very long method": ({"operation": "M" * 20_000}, 404),
    "wrong key": ({"headers": {"Authorization": "SecretKey calltrail_key_wrong"}}, 401),
    "key of an unknown form": ({"headers": {"Authorization": "Bearer x"}}, 401),
    "empty key": ({"headers": {"Authorization": ""}}, 401),
    "method of others": ({"operation": "Website.Elsewhere"}, 403),
    "bad transaction id": ({"transactionId": "not-a-guid"}, 400),
    "unsupported media type": ({"headers": {"Content-Type": "text/plain"}}, 415),
    "unsupported charset": ({"headers": {"Content-Type": "application/json; charset=utf-7"}}, 415),
    "malformed JSON": ({"body": b'{"order": '}, 400),
    "JSON that is no UTF-8": ({"body": b'{"order": "\xff"}'}, 400),
    "malformed XML": ({"body": b"<operation><order></operation>", "headers": {"Content-Type": "text/xml"}}, 400),
    "XML with entities": (
        {
            "body": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><operation><order>&b;</order></operation>',
            "headers": {"Content-Type": "application/xml"},
        },
        400,
    ),
    "gzip that is none": ({"body": b'{"order": {}}', "headers": {"Content-Encoding": "gzip"}}, 400),
    "short gzip that is none": ({"body": b"plain", "headers": {"Content-Encoding": "gzip"}}, 400),
    "gzip that ends early": (
        {"body": gzip.compress(b'{"order": {}}', mtime=0)[:-9], "headers": {"Content-Encoding": "gzip"}},
        400,
    ),
    "an unknown coding": ({"body": b"{}", "headers": {"Content-Encoding": "rot13"}}, 415),
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Calltrail]:
    limits = {
        "CALLTRAIL_LARGEST_BODY_BYTES": "1000000",
        "CALLTRAIL_JOURNAL_BUSY_TIMEOUT_S": "0.3",
        "CALLTRAIL_EXPORT_LEASE_S": "2",
    }
    with started(tmp_path_factory.mktemp("door") / "data", upstream, **limits) as server:
        yield server


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_refused_and_recorded_with_the_reason(door: Calltrail, name: str) -> None:
    changes, status = WRONG[name]
    arguments = {"operation": "Website.CreateOrder", "body": b'{"order": {}}', **changes}
    operation, body = arguments.pop("operation"), arguments.pop("body")
    answer = door.call(operation, body, **arguments)
    _assert_protocol_error(answer, status)
    record = record_of(door, answer)
    assert (record["OperationLogStatus"], record["OperationLogHasErrors"]) == ("failed", True)
    assert record["OperationLogHTTPStatusCode"] == status
    assert record["OperationLogErrorMessages"] in answer.json["errorMessage"]
    assert record["OperationLogOperationSystemName"] == operation
    assert record["OperationLogEndpointExternalId"] == arguments.get("endpoint", "demo.Website")
    assert record["OperationLogEndDateTimeUtc"] >= record["OperationLogStartDateTimeUtc"]
    if "Content-Encoding" not in arguments.get("headers", {}):
        encoding = record["OperationLogRequestBodyEncoding"]
        assert encoding == ("base64" if b"\xff" in body else "utf-8")
        if encoding == "utf-8":
            assert record["OperationLogRequestBody"].encode() == body


def test_a_call_without_a_key_is_refused_where_one_is_required(door: Calltrail) -> None:
    path = "/v3/operations/sync?endpointId=demo.Website&operation="
    refused = door.request("POST", f"{path}Website.Accept", b"{}")
    _assert_protocol_error(refused, 401)
    assert record_of(door, refused)["OperationLogStatus"] == "failed"
    assert door.request("POST", f"{path}Website.Open", b"{}").json == {"status": "Success"}


def test_a_wrong_key_is_refused_even_where_none_is_required(door: Calltrail) -> None:
    answer = door.call("Website.Open", {}, headers={"Authorization": "SecretKey wrong-wrong-wrong"})
    _assert_protocol_error(answer, 401)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_call_by_another_http_method_is_refused_and_recorded(door: Calltrail, method: str) -> None:
    path = "/v3/operations/sync?endpointId=demo.Website&operation=Website.Accept"
    answer = door.request(method, path, headers={"Authorization": f"SecretKey {door.key}"})
    _assert_protocol_error(answer, 405)
    assert record_of(door, answer)["OperationLogHttpMethod"] == method


def test_a_head_is_refused_and_recorded(door: Calltrail) -> None:
    answer = door.request("HEAD", "/v3/operations/sync?endpointId=demo.Website&operation=Website.Accept")
    assert (answer.status, answer.body) == (405, b"")
    assert record_of(door, answer)["OperationLogHttpMethod"] == "HEAD"


@pytest.mark.parametrize("size", [1_000_001, 1_900_000, 2_500_000])
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_body_over_the_limit_is_refused_and_recorded_with_its_size(
    door: Calltrail, upstream: Upstream, mode: str, size: int
) -> None:
    script = upstream.script(OK)
    answer = door.call("Website.Forward", b"x" * size, mode=mode, headers=script)
    _assert_protocol_error(answer, 413)
    record = record_of(door, answer)
    assert (record["OperationLogStatus"], record["OperationLogHTTPStatusCode"]) == ("failed", 413)
    kept = record["OperationLogRequestBody"]
    assert record["OperationLogRequestBodyBytes"] == size
    assert record["OperationLogRequestBodyTruncated"] == (len(kept) < size)
    assert kept == "x" * len(kept) != ""
    assert not upstream.received_of(script)


def test_a_chunked_body_over_the_limit_is_refused_and_recorded(door: Calltrail) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
    headers = {"Authorization": f"SecretKey {door.key}"}
    path = "/v3/operations/sync?endpointId=demo.Website&operation=Website.Accept"
    connection.request("POST", path, iter([b"x" * 50_000] * 30), headers, encode_chunked=True)
    response = connection.getresponse()
    answer = Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, response.read())
    connection.close()
    _assert_protocol_error(answer, 413)
    assert record_of(door, answer)["OperationLogRequestBodyBytes"] == 1_500_000


def test_a_body_at_the_limit_is_taken(door: Calltrail, upstream: Upstream) -> None:
    script = upstream.script(OK)
    assert door.call("Website.Forward", b"x" * 1_000_000, headers=script).status == 200
    assert len(upstream.received_of(script)[0].body) == 1_000_000


def test_a_compressed_body_that_swells_over_the_limit_is_refused(door: Calltrail) -> None:
    bomb = gzip.compress(b'{"order": {"a": "' + b"x" * 50_000_000 + b'"}}')
    answer = door.call("Website.CreateOrder", bomb, headers={"Content-Encoding": "gzip"})
    _assert_protocol_error(answer, 413)
    record = record_of(door, answer)
    assert record["OperationLogStatus"] == "failed"
    assert record["OperationLogRequestBodyBytes"] == len(bomb)
    assert record["OperationLogRequestBodyTruncated"] is True


def test_a_caller_that_goes_away_in_the_middle_of_its_body_leaves_the_server_well(door: Calltrail) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", door.port)) as connection:
            connection.sendall(
                b"POST /v3/operations/sync?endpointId=demo.Website&operation=Website.Open HTTP/1.1\r\n"
                b"Host: x\r\nContent-Length: 1000\r\n\r\nhalf"
            )
    assert door.call("Website.Accept", {}).json == {"status": "Success"}


def test_a_caller_that_goes_away_before_the_answer_has_a_whole_record(door: Calltrail, upstream: Upstream) -> None:
    held = HeldCall()
    mark = uuid.uuid4().hex
    script = upstream.script(held)
    with socket.create_connection(("127.0.0.1", door.port)) as connection:
        connection.sendall(
            b"POST /v3/operations/sync?endpointId=demo.Website&operation=Website.Forward&deviceUUID="
            + mark.encode()
            + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Script: "
            + script["X-Script"].encode()
            + b"\r\nAuthorization: SecretKey "
            + door.key.encode()
            + b"\r\n\r\n{}"
        )
        assert held.has_arrived.wait(10)
    held.may_answer.set()
    while True:
        (record,) = [
            record
            for record in records(door, operations("Website.Forward"))
            if record.get("OperationLogDevice") == mark
        ]
        if record["OperationLogStatus"] != "processing":
            break
    assert (record["OperationLogStatus"], record["OperationLogResponseBody"]) == ("completed", '{"held":true}')


# Repeats of a transaction


def test_a_repeat_runs_no_step_and_is_recorded(door: Calltrail, upstream: Upstream) -> None:
    script, transaction = upstream.script(OK), str(uuid.uuid4())
    first = door.call("Website.Forward", b"{}", headers=script, transactionId=transaction)
    again = door.call("Website.Forward", b'{"again": 1}', headers=script, transactionId=transaction)
    assert first.json == {"status": "Success"}
    assert (again.status, again.json) == (200, {"status": "TransactionAlreadyProcessed"})
    assert len(upstream.received_of(script)) == 1
    record = record_of(door, again)
    assert record["OperationLogStatus"] == "completed"
    assert record["OperationLogRequestBody"] == '{"again": 1}'
    assert record["OperationLogClientTransactionId"] == transaction


def test_of_calls_at_once_with_one_transaction_id_one_runs(door: Calltrail, upstream: Upstream) -> None:
    script, transaction = upstream.script(OK), str(uuid.uuid4())
    with ThreadPoolExecutor(12) as pool:
        calls = [
            pool.submit(door.call, "Website.Forward", b"{}", headers=script, transactionId=transaction)
            for _ in range(12)
        ]
    answers = [call.result() for call in calls]
    assert sorted(answer.json["status"] for answer in answers) == ["Success"] + ["TransactionAlreadyProcessed"] * 11
    assert len(upstream.received_of(script)) == 1
    assert len(records_of(door, *answers)) == 12


def test_a_repeat_while_the_first_is_held_runs_nothing_and_is_answered_in_time(
    door: Calltrail, upstream: Upstream
) -> None:
    held = HeldCall()
    script, transaction = upstream.script(held), str(uuid.uuid4())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(door.call, "Website.Forward", b"{}", headers=script, transactionId=transaction)
        assert held.has_arrived.wait(10)
        repeated_at = time.monotonic()
        repeat = door.call("Website.Forward", b"{}", headers=script, transactionId=transaction)
        assert time.monotonic() - repeated_at < 5
        _assert_protocol_error(repeat, 409)
        held.may_answer.set()
        assert first.result().status == 200
    assert len(upstream.received_of(script)) == 1
    assert record_of(door, repeat)["OperationLogStatus"] == "failed"
    third = door.call("Website.Forward", b"{}", headers=script, transactionId=transaction)
    assert third.json == {"status": "TransactionAlreadyProcessed"}


def test_after_a_failure_the_transaction_id_is_free_again(door: Calltrail, upstream: Upstream) -> None:
    transaction = str(uuid.uuid4())
    failing = upstream.script(http_answer(b"no", status="500 No"))
    assert door.call("Website.Forward", b"{}", headers=failing, transactionId=transaction).status == 500
    assert door.call("Website.CreateOrder", b"{}", transactionId=transaction).json["status"] == "ValidationError"
    script = upstream.script(OK)
    assert door.call("Website.Forward", b"{}", headers=script, transactionId=transaction).json == {"status": "Success"}
    assert len(upstream.received_of(script)) == 1


def test_a_transaction_id_belongs_to_one_endpoint(site: Calltrail, partner_key: str) -> None:
    transaction = str(uuid.uuid4())
    headers = {"Authorization": f"SecretKey {partner_key}"}
    ours = site.call("Website.Accept", {}, transactionId=transaction)
    theirs = site.call("Website.Accept", {}, endpoint="demo.Partner", headers=headers, transactionId=transaction)
    assert ours.json == theirs.json == {"status": "Success"}


def test_a_repeated_async_call_runs_once(door: Calltrail, upstream: Upstream) -> None:
    script, transaction = upstream.script(OK), str(uuid.uuid4())
    first = door.call("Website.Forward", b"{}", mode="async", headers=script, transactionId=transaction)
    again = door.call("Website.Forward", b"{}", mode="async", headers=script, transactionId=transaction)
    assert first.json == {"status": "Success"}
    assert again.json == {"status": "TransactionAlreadyProcessed"}
    assert len(upstream.received_of(script)) == 1


# Calls that can't be recorded


@contextmanager
def locked(journal: Path) -> Iterator[None]:
    """The journal as it is while another process writes into it and does not end."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def full_disk(pid: int, largest_file_bytes: int = 1) -> Iterator[None]:
    """No file of the process can grow: writes are refused as on a full disk, but for the error number."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest_file_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("trouble", ["locked", "full"])
def test_a_call_that_cannot_be_recorded_is_refused_before_a_step_runs(
    door: Calltrail, upstream: Upstream, trouble: str, mode: str
) -> None:
    script, transaction = upstream.script(OK), str(uuid.uuid4())
    with locked(door.data / "journal.db") if trouble == "locked" else full_disk(door.pid):
        for operation, more in (
            ("Website.Forward", {}),
            ("Website.Accept", {}),
            ("Website.Forward", {"transactionId": transaction}),
            ("Website.Unknown", {}),
        ):
            answer = door.call(operation, b"{}", mode=mode, headers=script, **more)
            assert answer.status == 503, (operation, more, answer)
            assert answer.json["status"] == "InternalServerError"
            assert answer.json["httpStatusCode"] == 503
            assert answer.json["errorMessage"]
            assert int(answer.headers["retry-after"]) > 0
        assert door.get("/readyz").status == 503
        assert door.get("/healthz").status == 200
    assert not upstream.received_of(script)
    recovered = door.call("Website.Forward", b'{"n": 2}', headers=script, transactionId=transaction)
    assert recovered.json == {"status": "Success"}
    assert record_of(door, recovered)["OperationLogRequestBody"] == '{"n": 2}'
    assert door.get("/readyz").status == 200


def test_calls_at_once_that_cannot_be_recorded_are_all_refused_and_all_later_ones_taken(
    door: Calltrail, upstream: Upstream
) -> None:
    script = upstream.script(OK)
    with ThreadPoolExecutor(16) as pool:
        with full_disk(door.pid):
            refused = list(pool.map(lambda _: door.call("Website.Forward", b"{}", headers=script), range(48)))
        taken = list(pool.map(lambda _: door.call("Website.Forward", b"{}", headers=script), range(48)))
    assert {answer.status for answer in refused} == {503}
    assert {answer.status for answer in taken} == {200}
    assert len(upstream.received_of(script)) == 48
    assert len({record["OperationLogTransactionId"] for record in records_of(door, *taken)}) == 48


@pytest.mark.parametrize("trouble", ["locked", "full"])
def test_a_call_whose_end_cannot_be_recorded_is_closed_when_it_can(
    door: Calltrail, upstream: Upstream, trouble: str
) -> None:
    """Its step ran, so the record says what came of it, and what its caller was told instead."""
    held = HeldCall()
    script = upstream.script(held)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(door.call, "Website.Forward", b"{}", headers=script)
        assert held.has_arrived.wait(10)
        with locked(door.data / "journal.db") if trouble == "locked" else full_disk(door.pid):
            held.may_answer.set()
            answer = call.result()
            assert answer.status == 503
    deadline = time.monotonic() + 10
    while (record := record_of(door, answer))["OperationLogStatus"] == "processing":
        assert time.monotonic() < deadline
    assert record["OperationLogStatus"] == "completed"
    assert record["OperationLogHasErrors"] is True
    assert record["OperationLogHTTPStatusCode"] == 503
    assert record["OperationLogErrorMessages"].startswith("the caller was answered 503")


def test_a_step_that_succeeded_is_not_repeated_because_its_end_could_not_be_recorded(
    door: Calltrail, upstream: Upstream
) -> None:
    """The caller was told 503, so it sends its transaction again, which is what a transaction id is for."""
    held = HeldCall()
    script, transaction = upstream.script(held), str(uuid.uuid4())
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(door.call, "Website.Forward", b"{}", headers=script, transactionId=transaction)
        assert held.has_arrived.wait(10)
        with locked(door.data / "journal.db"):
            held.may_answer.set()
            assert call.result().status == 503
    deadline = time.monotonic() + 10
    while record_of(door, call.result())["OperationLogStatus"] == "processing":
        assert time.monotonic() < deadline
    again = door.call("Website.Forward", b"{}", headers=script, transactionId=transaction)
    assert len(upstream.received_of(script)) == 1
    assert again.json == {"status": "TransactionAlreadyProcessed"}


def test_an_async_call_whose_end_cannot_be_recorded_is_closed_as_it_ended(door: Calltrail, upstream: Upstream) -> None:
    held = HeldCall()
    answer = door.call("Website.Forward", b"{}", mode="async", headers=upstream.script(held))
    assert held.has_arrived.wait(10)
    with locked(door.data / "journal.db"):
        held.may_answer.set()
        assert door.call("Website.Accept", {}).status == 503
    deadline = time.monotonic() + 10
    while (record := record_of(door, answer))["OperationLogStatus"] == "processing":
        assert time.monotonic() < deadline
    assert record["OperationLogStatus"] == "completed"


def test_an_export_on_a_full_disk_ends_with_a_reason_or_whole_and_the_next_is_right(door: Calltrail) -> None:
    answers = [door.call("Website.Accept", {"n": number, "text": "x" * 5000}) for number in range(40)]
    ids = {call_id(answer) for answer in answers}
    with full_disk(_export_worker_of(door), 65_536):
        export_id = door.call("Exports.Whole", window_of(*answers)).json["exportId"]
        held_until = time.monotonic() + 1
        while time.monotonic() < held_until:
            report = door.call("Exports.Whole", {"exportId": export_id}).json["exportResult"]
            assert report["processingStatus"] in ("NotReady", "Cancelled")
    report = door.poll_until_over("Exports.Whole", export_id)["exportResult"]
    if report["processingStatus"] == "Cancelled":
        assert report["cancellationReason"]
        assert not report.get("urls")
        assert not list((door.data / "exports" / export_id).glob("*"))
    else:
        assert report["rows"] >= 40
    assert {record["OperationLogTransactionId"] for record in records(door, window_of(*answers))} >= ids


def _export_worker_of(server: Calltrail) -> int:
    children = subprocess.run(
        ["ps", "-ww", "--ppid", str(server.pid), "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    pids = [int(line.split()[0]) for line in children.stdout.splitlines() if "resource_tracker" not in line]
    (pid,) = [pid for pid in pids if not _has_open(pid, server.data / "run" / "archiver.lock")]
    return pid


def _has_open(pid: int, path: Path) -> bool:
    return any(link.readlink() == path for link in Path(f"/proc/{pid}/fd").iterdir())


def test_an_export_that_cannot_be_started_now_is_refused_and_recorded(door: Calltrail) -> None:
    with locked(door.data / "registry.db"):
        asked_at = time.monotonic()
        answer = door.call("Exports.Whole", {"sinceDateTimeUtc": "2001-01-01"})
    assert answer.status == 503
    assert time.monotonic() - asked_at < 5  # the shortest time-out of clients
    assert answer.json["status"] == "InternalServerError"
    assert int(answer.headers["retry-after"]) > 0
    assert record_of(door, answer)["OperationLogStatus"] == "failed"


def test_a_download_that_cannot_be_audited_is_refused_and_works_later(door: Calltrail) -> None:
    report, (part,) = door.export("Exports.Whole", {"tillDateTimeUtc": "2001-01-01"})
    (url,) = report["exportResult"]["urls"]
    with locked(door.data / "registry.db"):
        assert door.download(url).status == 503
    assert door.download(url).body == part


def test_an_export_whose_worker_process_is_killed_is_made_by_the_next(door: Calltrail) -> None:
    answers = [door.call("Website.Accept", {"n": number, "text": "x" * 5000}) for number in range(200)]
    export_id = door.call("Exports.A", window_of(*answers)).json["exportId"]
    while not (door.data / "exports" / export_id).is_dir():
        assert door.call("Exports.A", {"exportId": export_id}).status == 200
    os.kill(_export_worker_of(door), signal.SIGKILL)
    report = door.poll_until_over("Exports.A", export_id)["exportResult"]
    assert report["processingStatus"] == "Ready"
    assert report["rows"] >= 200
    rows = [door.download(url).body.count(b"x" * 5000) for url in report["urls"]]
    assert sum(rows) == 200


def test_processes_that_share_a_data_folder_run_a_transaction_once(tmp_path: Path, upstream: Upstream) -> None:
    with started(tmp_path / "data", upstream, "--workers", "2") as server:
        for _ in range(5):
            script, transaction = upstream.script(OK), str(uuid.uuid4())

            def call(_: int, script: dict[str, str] = script, transaction: str = transaction) -> Answer:
                return server.call("Website.Forward", b"{}", headers=script, transactionId=transaction)

            with ThreadPoolExecutor(12) as pool:
                answers = list(pool.map(call, range(12)))
            statuses = sorted(answer.json["status"] for answer in answers)
            assert statuses == ["Success"] + ["TransactionAlreadyProcessed"] * 11
            assert len(upstream.received_of(script)) == 1
            assert len(records_of(server, *answers)) == 12
        assert server.stop() == 0


# A polite stop


def test_a_polite_stop_answers_and_records_what_runs_and_takes_nothing_new(tmp_path: Path, upstream: Upstream) -> None:
    held, held_async = HeldCall(), HeldCall()
    with (
        started(tmp_path / "data", upstream, CALLTRAIL_STOP_TIMEOUT_S="15") as server,
        ThreadPoolExecutor(2) as pool,
    ):
        idle = socket.create_connection(("127.0.0.1", server.port))
        slow = pool.submit(server.call, "Website.Forward", {"n": "sync"}, headers=upstream.script(held))
        behind = server.call("Website.Forward", {"n": "async"}, mode="async", headers=upstream.script(held_async))
        assert held.has_arrived.wait(10)
        assert held_async.has_arrived.wait(10)
        process = server._process  # noqa: SLF001 - the harness waits for the end, the test acts before it
        assert process
        process.send_signal(signal.SIGTERM)
        threading.Timer(0.5, held.may_answer.set).start()
        threading.Timer(1.0, held_async.may_answer.set).start()
        answer = slow.result()
        assert (answer.status, answer.json) == (200, {"held": True})
        stopped_at = time.monotonic()
        assert server._end() == 0  # noqa: SLF001 - as above
        assert time.monotonic() - stopped_at < 10
        idle.close()
        assert b"Traceback" not in server.stderr.after_the_end()
        server.start()
        ended = records_of(server, answer, behind)
        assert [record["OperationLogStatus"] for record in ended] == ["completed", "completed"]
        assert not [path for path in server.data.glob("*-wal") if path.stat().st_size > 20_000_000]


def test_a_polite_stop_ends_within_its_limit_whatever_hangs(tmp_path: Path, upstream: Upstream) -> None:
    held, held_async = HeldCall(), HeldCall()
    with (
        started(tmp_path / "data", upstream, CALLTRAIL_STOP_TIMEOUT_S="1") as server,
        ThreadPoolExecutor(2) as pool,
    ):
        slow = pool.submit(server.call, "Website.Forward", {"n": "sync"}, headers=upstream.script(held))
        server.call("Website.Forward", {"n": "async"}, mode="async", headers=upstream.script(held_async))
        assert held.has_arrived.wait(10)
        assert held_async.has_arrived.wait(10)
        stopped_at = time.monotonic()
        server.stop()
        assert time.monotonic() - stopped_at < 6
        held.may_answer.set()
        held_async.may_answer.set()
        slow.exception(timeout=10)
        server.start()
        found = records(server, operations("Website.Forward"))
        assert [record["OperationLogStatus"] for record in found] == ["failed", "failed"]
        assert all(record["OperationLogErrorMessages"] for record in found)


def _assert_protocol_error(answer: Answer, status: int) -> None:
    assert answer.status == status
    error = answer.json
    assert error["status"] == "ProtocolError"
    assert error["httpStatusCode"] == status
    assert error["errorMessage"].startswith("/")
    assert error["errorId"] == call_id(answer)
