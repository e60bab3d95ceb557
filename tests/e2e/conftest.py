"""A server that the tests of a session share, the upstream behind it, and the ways to look into its log."""

import json
import os
import select
import socket
import socketserver
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Answer, Calltrail


@dataclass(frozen=True)
class Received:
    """A request as it reached the upstream, byte for byte."""

    method: str
    target: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> list[bytes]:
        return [value for each, value in self.headers if each.lower() == name]


def http_answer(
    body: bytes, headers: Sequence[tuple[str, str]] = (), *, status: str = "200 OK", with_length: bool = True
) -> bytes:
    """An HTTP answer as it stands on the wire."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body)}"] if with_length else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def echo(received: Received) -> bytes:
    kept = ("Content-Type", "Content-Encoding")
    headers = [(name, value.decode("latin-1")) for name in kept for value in received.header(name.lower().encode())]
    return http_answer(received.body, headers)


class Upstream(socketserver.ThreadingTCPServer):
    """An upstream that echoes, or answers with exactly the bytes of a script that a call names in `X-Script`."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._scripts: dict[str, tuple[Callable[[Received], bytes], bool]] = {}
        super().__init__(("127.0.0.1", 0), _UpstreamConnection)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def script(self, answer: bytes | Callable[[Received], bytes], *, then_close: bool = False) -> dict[str, str]:
        """The header that makes the upstream answer so."""
        name = uuid.uuid4().hex
        self._scripts[name] = (answer if callable(answer) else lambda _: answer, then_close)
        return {"X-Script": name}

    def received_of(self, headers: Mapping[str, str]) -> list[Received]:
        """What reached the upstream with that script."""
        return [received for received in self.received if headers["X-Script"].encode() in received.header(b"x-script")]

    def answer(self, received: Received) -> tuple[bytes, bool]:
        self.received.append(received)
        (name,) = received.header(b"x-script") or [b""]
        answer, then_close = self._scripts.get(name.decode(), (echo, False))
        return answer(received), then_close


class _UpstreamConnection(socketserver.StreamRequestHandler):
    server: Upstream

    def handle(self) -> None:
        while received := self._request():
            answer, then_close = self.server.answer(received)
            try:
                self.wfile.write(answer)
            except OSError:
                return
            if then_close:
                return

    def _request(self) -> Received | None:
        try:
            line = self.rfile.readline()
        except OSError:
            return None
        if not line:
            return None
        method, target, _ = line.decode("latin-1").split(" ")
        headers = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.rstrip(b"\r\n").partition(b":")
            headers.append((name, value.strip(b" \t")))
        length = next((int(value) for name, value in headers if name.lower() == b"content-length"), 0)
        return Received(method, target, headers, self.rfile.read(length))


class HeldCall:
    """A script that answers no call before it is told to."""

    def __init__(self) -> None:
        self.has_arrived = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self, received: Received) -> bytes:
        self.has_arrived.set()
        self.may_answer.wait(30)
        return http_answer(b'{"held":true}', [("Content-Type", "application/json")])


class Stderr:
    """What a running server says, read as it comes, so that a full pipe never holds the server up."""

    def __init__(self, server: Calltrail) -> None:
        process = server._process  # noqa: SLF001 - the harness keeps the pipe to itself
        assert process
        assert process.stderr
        self._descriptor = os.dup(process.stderr.fileno())
        self._said: list[bytes] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            select.select([self._descriptor], [], [])
            if not (said := os.read(self._descriptor, 65536)):
                os.close(self._descriptor)
                return
            self._said.append(said)

    def after_the_end(self) -> bytes:
        """Everything it said, once all its processes are gone."""
        self._thread.join(30)
        return b"".join(self._said)


def refused_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


ENDPOINTS = """
[[endpoints]]
external_id = "demo.Website"
integration_name = "Web shop"
permissions = ["integration-logs-export"]

[[endpoints]]
external_id = "demo.Partner"
integration_name = "Another shop; its name has a \\"delimiter\\""
permissions = ["integration-logs-export"]

[[endpoints]]
external_id = "demo.Stranger"
integration_name = "Somebody without the permission"
"""


def api_method(system_name: str, *steps: str, more: str = "", endpoints: str = '"demo.Website", "demo.Partner"') -> str:
    lines = [
        "[[api_methods]]",
        f'system_name = "{system_name}"',
        f'name = "The method {system_name}"',
        f"endpoints = [{endpoints}]",
        more,
    ]
    for step in steps:
        lines += ["[[api_methods.steps]]", step]
    return "\n".join([*lines, ""])


ACCEPT = 'kind = "accept"'
ORDER_SCHEMA = (
    'schema = { type = "object", required = ["order"], properties = { order = { type = "object", '
    'properties = { number = { type = "integer" }, email = { type = "string", pattern = "@" } } } } }'
)


SECRETS_SCHEMA = (
    'schema = { type = "object", properties = { password = { type = "string", pattern = "^only this$" }, '
    'count = { type = "integer" } }, additionalProperties = true }'
)


def validate(*, blocking: bool = True, schema: str = ORDER_SCHEMA) -> str:
    return f'kind = "validate"\nblocking = {str(blocking).lower()}\n{schema}'


def forward(url: str, **options: float) -> str:
    return "\n".join(['kind = "forward"', f'url = "{url}"', *(f"{name} = {value}" for name, value in options.items())])


def export(**options: object) -> str:
    return "\n".join(['kind = "export"', *(f"{name} = {json.dumps(value)}" for name, value in options.items())])


@cache
def site_catalog(upstream: Upstream) -> str:
    """Of every server in these tests: applying a catalog takes longer than starting a server."""
    return ENDPOINTS + "".join(
        [
            api_method("Website.Accept", ACCEPT),
            api_method("Website.Accept2", ACCEPT),
            api_method("Website.Count", ACCEPT),
            api_method("Website.Slow", forward(upstream.url, timeout_s=30)),
            api_method(
                "Website.Open", ACCEPT, more="requires_key = false", endpoints='"demo.Website", "demo.Stranger"'
            ),
            api_method("Website.CreateOrder", validate(), ACCEPT),
            api_method("Website.NoteOrder", validate(blocking=False), ACCEPT),
            api_method("Website.NoteAndForward", validate(blocking=False), forward(upstream.url)),
            api_method("Website.Forward", forward(upstream.url, timeout_s=60)),
            api_method("Website.ForwardToPath", forward(f"{upstream.url}/a%2Fb/c%20d/;p?x=1%2B2&y=%D0%96&z=a+b")),
            api_method("Website.Hasty", forward(upstream.url, timeout_s=0.3)),
            api_method("Website.Stubborn", forward(upstream.url, timeout_s=10, retries=3)),
            api_method("Website.Nowhere", forward(f"http://127.0.0.1:{refused_port()}", timeout_s=5, retries=2)),
            api_method("Website.Other", ACCEPT),
            api_method("Website.Elsewhere", ACCEPT, endpoints='"demo.Partner"'),
            api_method("Website.Check", validate(schema=SECRETS_SCHEMA), ACCEPT),
            api_method("Website.Note", validate(schema=SECRETS_SCHEMA, blocking=False), forward(upstream.url)),
            api_method("Website.Own", forward(upstream.url), more='masked_fields = ["passport_no", "личный код"]'),
            *(
                api_method(f"Website.{name}", f'kind = "python"\nhandler = "hostile_handlers:{name}"')
                for name in ("explode", "explode_deep", "refuse", "tell")
            ),
            *(api_method(f"Exports.{name}", export(part_bytes=40_000)) for name in "ABCD"),
            api_method("Exports.Csv", export(), endpoints='"demo.Website", "demo.Partner", "demo.Stranger"'),
            *(
                api_method(
                    f"Exports.{name}.{compression}",
                    export(format=name, compression=compression, extra_columns=True, part_bytes=20_000),
                )
                for name in ("csv", "ndjson", "json", "xml")
                for compression in ("none", "gzip", "zstd")
            ),
            api_method("Exports.Whole", export(format="ndjson", extra_columns=True)),
            api_method("Exports.WholeCsv", export(format="csv", extra_columns=True)),
            api_method("Exports.WholeXml", export(format="xml", extra_columns=True)),
            api_method("Exports.WholeJson", export(format="json", extra_columns=True)),
        ]
    )


class Watched(Calltrail):
    """A Calltrail that somebody listens to."""

    stderr: Stderr

    def start(self, *options: str) -> None:
        super().start(*options)
        self.stderr = Stderr(self)


@contextmanager
def started(data: Path, upstream: Upstream, *options: str, **environment: str) -> Iterator[Watched]:
    """A server of its own with the catalog of all, started with `options`."""
    server = Watched(data, environment)
    server.prepare(site_catalog(upstream))
    try:
        server.start(*options)
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    yield upstream
    upstream.shutdown()
    upstream.server_close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Calltrail]:
    with started(tmp_path_factory.mktemp("site") / "data", upstream) as server:
        yield server


@pytest.fixture(scope="session")
def partner_key(site: Calltrail) -> str:
    return site.new_key("demo.Partner")


def call_id(answer: Answer) -> str:
    return answer.headers["calltrail-call-id"]


def window_of(*answers: Answer) -> dict[str, str]:
    """The filter that holds the calls of these answers: an id tells the millisecond of its call."""
    moments = [
        datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=uuid.UUID(call_id(answer)).int >> 80)
        for answer in answers
    ]
    since, till = min(moments), max(moments) + timedelta(milliseconds=1)
    return {
        "sinceDateTimeUtc": f"{since:%Y-%m-%d %H:%M:%S.%f}",
        "tillDateTimeUtc": f"{till:%Y-%m-%d %H:%M:%S.%f}",
    }


def records(server: Calltrail, body: object = None, *, method: str = "Exports.Whole") -> list[dict[str, Any]]:
    """The log as NDJSON tells it; nulls are left out."""
    _, parts = server.export(method, body or {})
    # Not splitlines: a text may hold any of the Unicode line ends.
    lines = [line for part in parts for line in part.split(b"\n") if line]
    return [{name: value for name, value in json.loads(line).items() if value is not None} for line in lines]


def records_of(server: Calltrail, *answers: Answer) -> list[dict[str, Any]]:
    """The records of the calls that were answered so, in that order."""
    by_id = {record["OperationLogTransactionId"]: record for record in records(server, window_of(*answers))}
    return [by_id[call_id(answer)] for answer in answers]


def record_of(server: Calltrail, answer: Answer) -> dict[str, Any]:
    return records_of(server, answer)[0]


def operations(*names: str) -> dict[str, Any]:
    return {"operations": [{"ids": {"systemName": name}} for name in names]}
