"""HTTP load on a loopback server, from a process of its own.

`wrk` where it is installed, for the most calls a second; else, and for latencies at a fixed rate, a loop over plain
sockets: `python -m bench.load PORT TARGET KEY BODIES CONNECTIONS SECONDS RATE`. Both print their measurements as JSON.
"""

import json
import select
import shutil
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from bench.processes import printed_by_command

_WRK_SCRIPT = Path(__file__).with_name("load.lua")
_LARGEST_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: the same POST with one body after the other, over keep-alive connections."""

    port: int

    target: str
    """Path and query."""

    key: str

    bodies: Path
    """A file of JSON bodies, one a line."""

    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it; times are milliseconds from when a call was due to its whole answer."""

    calls: int
    failures: int
    """Answers other than 200."""

    seconds: float
    p50_ms: float
    p99_ms: float
    p999_ms: float

    @property
    def calls_a_second(self) -> float:
        return self.calls / self.seconds


def generator_name() -> str:
    return "wrk" if shutil.which("wrk") else "a loop over sockets in Python"


def flat_out(load: Load) -> Measured:
    """Each connection sends its next call as soon as it has its answer."""
    if not shutil.which("wrk") or load.seconds < 1:  # wrk knows whole seconds only
        return at_rate(load, 0)
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds:.0f}s", "-s", str(_WRK_SCRIPT)]
    command += [f"http://127.0.0.1:{load.port}", "--", load.target, load.key, str(load.bodies)]
    return _measured(command)


def at_rate(load: Load, calls_a_second: float) -> Measured:
    """Calls are due at fixed times, whatever became of those before: no wait is left out. 0 means flat out."""
    numbers = [str(load.connections), str(load.seconds), str(calls_a_second)]
    program = [sys.executable, "-m", "bench.load", str(load.port), load.target, load.key, str(load.bodies)]
    return _measured([*program, *numbers])


def _measured(command: Sequence[str]) -> Measured:
    measured = Measured(**printed_by_command(command))
    if measured.failures or not measured.calls:
        raise RuntimeError(f"{measured.failures} of {measured.calls} calls failed")
    return measured


class _Loop:
    """Sends what is due on whichever connection is free, and notes how late each answer is."""

    def __init__(self, requests: Iterator[bytes], connections: Sequence[socket.socket]) -> None:
        self._requests = requests
        self._free = deque(connections)
        self._due_at: dict[socket.socket, float] = {}
        self.latencies_s: list[float] = []
        self.failures = 0

    def run(self, seconds: float, calls_a_second: float) -> None:
        now = started = time.perf_counter()
        sent = 0
        while now < started + seconds or self._due_at:
            due = started + sent / calls_a_second if calls_a_second else now
            while self._free and due <= now and due < started + seconds:
                self._send(due)
                sent += 1
                due = started + sent / calls_a_second if calls_a_second else now
            is_waiting_for_time = bool(self._free) and due < started + seconds
            self._receive(max(due - now, 0) if is_waiting_for_time else 1.0)
            now = time.perf_counter()

    def _send(self, due: float) -> None:
        connection = self._free.popleft()
        connection.sendall(next(self._requests))
        self._due_at[connection] = due

    def _receive(self, patience_s: float) -> None:
        readable, _, _ = select.select(list(self._due_at), [], [], patience_s)
        for connection in readable:
            answer = _answer(connection)
            self.latencies_s.append(time.perf_counter() - self._due_at.pop(connection))
            self.failures += not answer.startswith(b"HTTP/1.1 200")
            self._free.append(connection)


def _answer(connection: socket.socket) -> bytes:
    answer = connection.recv(_LARGEST_ANSWER_BYTES)
    while not _is_whole(answer):
        more = connection.recv(_LARGEST_ANSWER_BYTES)
        if not more:
            raise ConnectionError("the server closed a connection")
        answer += more
    return answer


def _is_whole(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def _request(target: str, key: str, body: bytes) -> bytes:
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        f"Authorization: SecretKey {key}\r\nUser-Agent: calltrail-bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> None:
    port, target, key, bodies, connections, seconds, calls_a_second = sys.argv[1:]
    requests = [_request(target, key, body) for body in Path(bodies).read_bytes().splitlines()]
    sockets = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(int(connections))]
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    loop = _Loop(cycle(requests), sockets)
    started = time.perf_counter()
    loop.run(float(seconds), float(calls_a_second))
    elapsed = time.perf_counter() - started
    p50, p99, p999 = np.percentile(loop.latencies_s, (50, 99, 99.9)) * 1000
    print(json.dumps(asdict(Measured(len(loop.latencies_s), loop.failures, elapsed, p50, p99, p999))))


if __name__ == "__main__":
    main()
