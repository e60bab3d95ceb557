"""The promises that a killed process must not break: the real process, really killed, at that moment."""

import http.server
import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from csv import DictReader
from io import StringIO
from pathlib import Path

import pytest

from tests.e2e.server import CATALOG, Calltrail, calltrail

FORWARDED = """
[[api_methods]]
system_name = "Website.Forward"
name = "Forward"
endpoints = ["demo.Website"]
[[api_methods.steps]]
kind = "forward"
url = "{upstream}"
timeout_s = 30
"""


class HeldUpstream(http.server.ThreadingHTTPServer):
    """An upstream that answers no call before it is told to."""

    def __init__(self) -> None:
        self.has_call = threading.Event()
        self.may_answer = threading.Event()
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Held)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Held(http.server.BaseHTTPRequestHandler):
    server: HeldUpstream

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.has_call.set()
        self.server.may_answer.wait(30)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def held_upstream() -> Iterator[HeldUpstream]:
    upstream = HeldUpstream()
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    try:
        yield upstream
    finally:
        upstream.may_answer.set()
        upstream.shutdown()
        upstream.server_close()


def logged(server: Calltrail, body: object = None) -> list[dict[str, str]]:
    _, parts = server.export(body=body or {})
    return [row for part in parts for row in DictReader(StringIO(part.decode("utf-8-sig"), newline=""), delimiter=";")]


def test_a_call_whose_steps_ran_has_a_failed_record_after_the_process_was_killed(tmp_path: Path) -> None:
    with held_upstream() as upstream:
        catalog = CATALOG + FORWARDED.format(upstream=upstream.url)
        with calltrail(tmp_path / "data", catalog) as server, ThreadPoolExecutor(1) as pool:
            lost = pool.submit(server.call, "Website.Forward", {"n": 1})
            assert upstream.has_call.wait(30)
            server.kill()
            assert isinstance(lost.exception(timeout=30), OSError | http.client.HTTPException)
            server.start()
            (row,) = [row for row in logged(server) if row["OperationLogOperationSystemName"] == "Website.Forward"]
            assert row["OperationLogStatus"] == "failed"
            assert row["OperationLogHasErrors"] == "true"
            assert row["OperationLogErrorMessages"] == "the process ended before the call did"
            assert row["OperationLogRequestBody"] == '{"n": 1}'
            assert row["OperationLogEndDateTimeUtc"]
            assert row["OperationLogHTTPStatusCode"] == row["OperationLogResponseBody"] == ""


def test_an_async_call_is_on_disk_before_it_is_answered(tmp_path: Path) -> None:
    with held_upstream() as upstream:
        catalog = CATALOG + FORWARDED.format(upstream=upstream.url)
        with calltrail(tmp_path / "data", catalog) as server:
            answer = server.call("Website.Forward", {"n": 2}, mode="async")
            server.kill()
            assert answer.json == {"status": "Success"}
            server.start()
            rows = [row for row in logged(server) if row["OperationLogOperationSystemName"] == "Website.Forward"]
            assert [(row["OperationLogStatus"], row["OperationLogRequestBody"]) for row in rows] == [
                ("failed", '{"n": 2}')
            ]


@pytest.mark.parametrize("round_", range(3))
def test_answered_calls_and_exported_rows_agree_when_the_server_is_killed_under_load(
    tmp_path: Path, round_: int
) -> None:
    with calltrail(tmp_path / "data", CATALOG) as server:
        answered: list[str] = []
        is_over = threading.Event()

        def call_until_killed(worker: int) -> None:
            number = 0
            while not is_over.is_set():
                try:
                    answer = server.call("Website.CreateOrder", {"order": {"worker": worker, "number": number}})
                except (OSError, http.client.HTTPException):
                    return
                answered.append(answer.headers["calltrail-call-id"])
                number += 1

        with ThreadPoolExecutor(8) as pool:
            for worker in range(8):
                pool.submit(call_until_killed, worker)
            while len(answered) < 150 + 100 * round_:
                is_over.wait(0.001)
            server.kill()
            is_over.set()
        server.start()
        rows = logged(server, {"operations": [{"ids": {"systemName": "Website.CreateOrder"}}]})
        ids = [row["OperationLogTransactionId"] for row in rows]
        assert len(ids) == len(set(ids))
        assert set(answered) <= set(ids)
        # A call that was recorded and not yet answered when the process died is the only surplus there can be.
        assert len(ids) - len(answered) <= 8
        assert {row["OperationLogStatus"] for row in rows} == {"completed"}


def test_an_export_survives_its_killed_worker_and_keeps_the_parts_that_were_finished(tmp_path: Path) -> None:
    catalog = CATALOG.replace('kind = "export"', 'kind = "export"\npart_bytes = 40000')
    with calltrail(tmp_path / "data", catalog, CALLTRAIL_EXPORT_LEASE_S="0.5") as server:
        for number in range(300):
            server.call("Website.CreateOrder", {"order": {"number": number, "text": "x" * 1000}})
        started = server.call("Exports.Logs").json
        job_folder = server.data / "exports" / started["exportId"]
        while not (kept := _published(server.data / "registry.db")):
            threading.Event().wait(0.001)
        server.kill()
        made_at = {name: (job_folder / name).stat().st_mtime_ns for name in kept}
        server.start()
        report = server.poll_until_over("Exports.Logs", started["exportId"])["exportResult"]
        assert report["processingStatus"] == "Ready"
        assert {name: (job_folder / name).stat().st_mtime_ns for name in kept} == made_at
        parts = [server.download(url).body.decode("utf-8-sig") for url in report["urls"]]
        assert len(parts) > 5
        numbers = [
            json.loads(row["OperationLogRequestBody"])["order"]["number"]
            for part in parts
            for row in DictReader(StringIO(part, newline=""), delimiter=";")
        ]
        assert numbers == list(range(300))


def _published(registry: Path) -> set[str]:
    with sqlite3.connect(registry) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM export_files")}
