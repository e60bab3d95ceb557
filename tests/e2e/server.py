"""A real Calltrail in processes of its own, for tests that start it, call it and kill it."""

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

_NOT_INHERITED = ("CALLTRAIL_", "PYTHONDONTWRITEBYTECODE")
"""Servers are started hundreds of times: what they load is compiled once."""

CALLTRAIL = [sys.executable, "-m", "calltrail"]
OWNER = "owner@example.com"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Calltrail:
    """A data folder, and the server on it while it runs."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    key: str = ""
    port: int = 0
    _process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CALLTRAIL, *arguments, "--data", str(self.data)],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
        )

    def prepare(self, catalog: str) -> None:
        """Make the folder, apply the catalog, and take a key of demo.Website."""
        template, self.key = _prepared(catalog)
        shutil.copytree(template, self.data)

    def apply(self, catalog: str) -> None:
        file = self.data.with_suffix(".toml")
        file.write_text(catalog, "utf-8")
        self.run("apply", str(file))

    def new_key(self, endpoint: str = "demo.Website") -> str:
        return str(json.loads(self.run("keys", "create", endpoint, "--json").stdout)["key"])

    def start(self, *options: str) -> None:
        """Start the server and wait until it says where it listens."""
        self._process = subprocess.Popen(
            [*CALLTRAIL, "serve", "--data", str(self.data), "--port", str(self.port), *options],
            env=self._environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        for line in self._process.stderr:
            if listening := re.search(r'"url": "http://127\.0\.0\.1:(\d+)"', line):
                self.port = int(listening[1])
                break
        else:
            raise AssertionError(f"the server ended with {self._process.wait()}")
        os.set_blocking(self._process.stderr.fileno(), False)
        assert self.get("/readyz").status == 200

    def kill(self) -> None:
        """As the machine would: at once, without a word."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> int:
        """Politely; says the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._end()

    def close(self) -> None:
        if self._process:
            self.kill()

    def _end(self) -> int:
        assert self._process
        exit_code = self._process.wait(timeout=60)
        assert self._process.stderr
        self._process.stderr.close()
        self._process = None
        return exit_code

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def call(
        self,
        operation: str,
        body: object = None,
        *,
        endpoint: str = "demo.Website",
        mode: str = "sync",
        headers: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> Answer:
        """Call an API method; a body that is not bytes is sent as JSON."""
        query = urllib.parse.urlencode({"endpointId": endpoint, "operation": operation, **parameters})
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        named = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Authorization": f"SecretKey {self.key}",
            **(headers or {}),
        }
        return self.request("POST", f"/v3/operations/{mode}?{query}", content, named)

    def poll_until_over(self, operation: str, export_id: str) -> dict[str, Any]:
        """Poll as a client does until the export is ready or cancelled; each poll is a real call, no pause between."""
        while True:
            report: dict[str, Any] = self.call(operation, {"exportId": export_id}).json
            if report["exportResult"]["processingStatus"] != "NotReady":
                return report

    def export(self, operation: str = "Exports.Logs", body: object = None) -> tuple[dict[str, Any], list[bytes]]:
        """Start an export, wait for it, download its parts with bare GETs."""
        started = self.call(operation, body).json
        assert started["status"] == "Success", started
        report = self.poll_until_over(operation, started["exportId"])
        assert report["exportResult"]["processingStatus"] == "Ready", report
        return report, [self.download(url).body for url in report["exportResult"]["urls"]]

    def download(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        parts = urllib.parse.urlsplit(url)
        assert parts.netloc == f"127.0.0.1:{self.port}"
        return self.get(parts.path, headers)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        defaults = {
            "CALLTRAIL_OWNER_PASSWORD": PASSWORD,
            "CALLTRAIL_WORKER_INTERVAL_S": "0.02",
            "CALLTRAIL_ARCHIVE_AFTER_S": "0",  # so that calls move while a test runs
        }
        return {**inherited, **defaults, **self.environment}


@lru_cache
def _prepared(catalog: str) -> tuple[Path, str]:
    """A folder with that catalog, made once by the real commands and copied for each test, and its key."""
    folder = Path(tempfile.mkdtemp(prefix="calltrail-template-"))
    atexit.register(shutil.rmtree, folder)
    template = Calltrail(folder / "data")
    template.run("init", "--owner", OWNER)
    template.apply(catalog)
    return template.data, template.new_key()


@contextmanager
def calltrail(data: Path, catalog: str, **environment: str) -> Iterator[Calltrail]:
    """A prepared and running Calltrail, killed at the end."""
    server = Calltrail(data, environment)
    server.prepare(catalog)
    try:
        server.start()
        yield server
    finally:
        server.close()


CATALOG = """
[[endpoints]]
external_id = "demo.Website"
integration_name = "Web shop"
permissions = ["integration-logs-export"]

[[endpoints]]
external_id = "demo.Stranger"
integration_name = "Somebody without the permission"

[[api_methods]]
system_name = "Website.CreateOrder"
name = "Create an order"
endpoints = ["demo.Website"]
[[api_methods.steps]]
kind = "validate"
schema = { type = "object", required = ["order"] }
[[api_methods.steps]]
kind = "accept"

[[api_methods]]
system_name = "Website.Anything"
name = "Take anything"
endpoints = ["demo.Website", "demo.Stranger"]
requires_key = false
[[api_methods.steps]]
kind = "accept"

[[api_methods]]
system_name = "Exports.Logs"
name = "Operation logs"
endpoints = ["demo.Website", "demo.Stranger"]
[[api_methods.steps]]
kind = "export"
"""
