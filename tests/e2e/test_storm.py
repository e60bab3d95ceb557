"""Processes that archive, put together, retire and export, killed at random a hundred times; then the books agree."""

import http.client
import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from csv import DictReader
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from calltrail.domain.call_ids import new_call_id
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA
from calltrail.stores.archive.table import ArchiveTable
from tests.e2e.server import CATALOG, Calltrail

KILLS = 100
CALLERS = 4
OLD_DAYS = 60
KEPT_DAYS = 20
SETTINGS = {
    "CALLTRAIL_ARCHIVE_BATCH_BYTES": "200000",
    "CALLTRAIL_EXPORT_LEASE_S": "0.5",
    "CALLTRAIL_EXPORT_ATTEMPTS": "100",
    "CALLTRAIL_KEEP_DAYS": str(KEPT_DAYS),
    "CALLTRAIL_KEEP_BODIES_DAYS": "1",
}
NEW_CALLS = {"operations": [{"ids": {"systemName": "Website.CreateOrder"}}]}


class Callers:
    """Call and export without end; what goes wrong because a process died is tried again."""

    def __init__(self, server: Calltrail) -> None:
        self._server = server
        self.is_over = threading.Event()
        self.answered: list[str] = []
        self.exports = 0

    def call(self, caller: int) -> None:
        number = 0
        while not self.is_over.is_set():
            number += 1
            with suppress(OSError, http.client.HTTPException):
                answer = self._server.call("Website.CreateOrder", {"order": {"caller": caller, "number": number}})
                if answer.status == 200:
                    self.answered.append(answer.headers["calltrail-call-id"])
            self.is_over.wait(0.02)

    def export(self) -> None:
        for number in count():
            if self.is_over.is_set():
                return
            answered_before = set(self.answered)
            with suppress(OSError, http.client.HTTPException):
                ids = exported_ids(self._server, number)
                assert len(ids) == len(set(ids))
                assert answered_before <= set(ids)
                self.exports += 1


def exported_ids(server: Calltrail, number: int = -1) -> list[str]:
    """Of an export of its own: one with another filter is no duplicate of an earlier one that is still being made."""
    since = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    _, parts = server.export(body={**NEW_CALLS, "sinceDateTimeUtc": f"{since:%Y-%m-%d %H:%M:%S}"})
    return [
        row["OperationLogTransactionId"]
        for part in parts
        for row in DictReader(StringIO(part.decode("utf-8-sig"), newline=""), delimiter=";")
    ]


def children_of(pid: int) -> list[int]:
    """The archiver and the export worker, those of them that run."""
    children = ["ps", "-ww", "--ppid", str(pid), "-o", "pid=,args="]
    lines = subprocess.run(children, capture_output=True, text=True, check=False).stdout.splitlines()
    return [int(line.split()[0]) for line in lines if "spawn_main" in line]


def kill_again_and_again(server: Calltrail, chance: random.Random, callers: Callers) -> None:
    kills, seen = 0, set[int]()
    while kills < KILLS:
        if kills % 25 == 24:
            server.kill()
            server.start()
            kills += 1
        fresh = [pid for pid in children_of(server.pid) if pid not in seen]
        if len(fresh) < 2:
            callers.is_over.wait(0.02)
            continue
        for pid in fresh:
            callers.is_over.wait(chance.uniform(0.3, 1.2))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
            seen.add(pid)


def old_calls(today: datetime) -> pl.DataFrame:
    """Some of each of many days; an error, a body on both sides."""
    starts = [today - timedelta(days=day, seconds=number) for day in range(2, OLD_DAYS + 2) for number in range(5)]
    fixed = {
        "method_system_name": "Website.Anything",
        "endpoint_external_id": "demo.Website",
        "http_method": "POST",
        "status": "failed",
        "has_errors": True,
        "url": "/",
        "request_headers": "accept: */*",
        "request_body": '{"n": 1}',
        "request_body_bytes": 8,
        "request_body_encoding": "utf-8",
        "request_body_truncated": False,
        "response_body": "{}",
        "response_body_bytes": 2,
        "response_body_encoding": "utf-8",
        "response_body_truncated": False,
        "begun_in": 1,
        "finished_in": 1,
        "plain_text_bytes": 400,
    }
    calls = pl.DataFrame({"id": [new_call_id(start) for start in starts], "started_at": starts}).with_columns(
        pl.lit(value).alias(name) for name, value in fixed.items()
    )
    missing = [pl.lit(None).alias(name) for name in ARCHIVE_SCHEMA if name not in calls.columns]
    return (
        calls.with_columns(missing)
        .with_columns(finished_at="started_at")
        .select(pl.col(name).cast(dtype) for name, dtype in ARCHIVE_SCHEMA.items())
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Calltrail]:
    server = Calltrail(tmp_path / "data", dict(SETTINGS))
    server.prepare(CATALOG.replace('kind = "export"', 'kind = "export"\npart_bytes = 400000'))
    table = ArchiveTable(server.data / "archive")
    table.create()
    table.append(old_calls(datetime.now(UTC)), 1)
    server.start()
    yield server
    server.close()


@pytest.mark.timeout(600)
def test_a_hundred_kills_lose_and_double_no_call_and_the_books_agree(server: Calltrail) -> None:
    callers, seed = Callers(server), random.randrange(10**9)
    with ThreadPoolExecutor(CALLERS + 1) as pool:
        calling = [pool.submit(callers.call, caller) for caller in range(CALLERS)]
        calling.append(pool.submit(callers.export))
        try:
            kill_again_and_again(server, random.Random(seed), callers)
        finally:
            callers.is_over.set()
    for thread in calling:
        assert thread.exception() is None, (seed, thread.exception())
    ids = exported_ids(server)
    assert len(ids) == len(set(ids)), seed
    assert set(callers.answered) <= set(ids), seed
    assert callers.exports > 0
    assert len(callers.answered) > 500
    server.run("archive", "retain")
    assert server.stop() == 0
    assert_books_agree(server, ids)


def assert_books_agree(server: Calltrail, ids: list[str]) -> None:
    """Nothing else is wrong, and what was due is gone: of the old calls whole days, of the others their bodies."""
    proof = server.run("archive", "verify", "--json", check=False)
    assert proof.returncode == 0, proof.stdout
    assert json.loads(proof.stdout)["problems"] == []
    kept = pl.read_delta(str(server.data / "archive")).filter(pl.col("method_system_name") == "Website.Anything")
    assert kept.height == pytest.approx(5 * KEPT_DAYS, abs=10)
    assert kept["request_body"].unique().to_list() == [""]
    assert kept["request_body_truncated"].all()
    assert set(LOG_SCHEMA) <= set(kept.columns)
    assert ids
