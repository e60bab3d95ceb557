"""Calltrail as its users run it: the `calltrail` command, in processes of its own."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

OWNER = "owner@example.com"
OWNER_PASSWORD = "demo-owner-password"  # no secret: this Calltrail is reached from this machine only
PROJECT = Path(__file__).resolve().parent.parent
CATALOG = PROJECT / "demo" / "catalog.toml"

_COMMAND = Path(sys.executable).with_name("calltrail")
_READY_WITHIN_S = 30.0
_STOPPED_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.05


class DemoFailed(Exception):
    """The demo can't show what it promises, for one or more reasons."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Calltrail:
    """A Calltrail whose data are in `folder/data`, and whose log is `folder/server.log`."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._catalog = folder / "catalog.toml"
        self._log = folder / "server.log"
        self._server: asyncio.subprocess.Process | None = None

    @property
    def has_data(self) -> bool:
        return self._data.exists()

    async def init(self) -> None:
        await self._run("init", "--owner", OWNER)

    async def apply_catalog(self, upstream_url: str, nobody_url: str) -> Mapping[str, Any]:
        """Put the demo's catalog in place, with these upstreams; what is in it, by kind."""
        text = CATALOG.read_text("utf-8").replace("{upstream}", upstream_url).replace("{nobody}", nobody_url)
        self._catalog.write_text(text, "utf-8")
        applied: dict[str, Any] = json.loads(await self._run("apply", str(self._catalog), "--json"))
        return applied

    async def create_key(self, endpoint: str, kind: str = "main") -> str:
        return str(json.loads(await self._run("keys", "create", endpoint, "--kind", kind, "--json"))["key"])

    async def revoke_keys(self, endpoint: str, kind: str) -> None:
        """Revoke every live key of that kind."""
        for key in json.loads(await self._run("keys", "list", endpoint, "--json")):
            if key["kind"] == kind and key["revoked_at"] is None:
                await self._run("keys", "revoke", endpoint, str(key["id"]))

    @asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[str]:
        """Serve on the port, ready on entering, stopped on leaving; its base URL."""
        base_url = f"http://127.0.0.1:{port}"
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C is for the demo, which then stops the server politely.
            self._server = server = await asyncio.create_subprocess_exec(
                *(str(_COMMAND), "serve", "--data", str(self._data), "--port", str(port)),
                cwd=PROJECT,
                env=_environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await self._until_ready(server, base_url)
            yield base_url
        finally:
            await _stop(server)

    async def ended(self) -> None:
        """Wait until the server ends by itself."""
        assert self._server
        await self._server.wait()

    async def _until_ready(self, server: asyncio.subprocess.Process, base_url: str) -> None:
        deadline = asyncio.get_running_loop().time() + _READY_WITHIN_S
        async with aiohttp.ClientSession() as session:
            while not await _is_ready(session, base_url):
                if server.returncode is not None:
                    raise DemoFailed(f"the server ended at once; {self._log} says:", *_last_lines(self._log))
                if asyncio.get_running_loop().time() > deadline:
                    raise DemoFailed(f"the server was not ready within {_READY_WITHIN_S:g} s; see {self._log}")
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _run(self, *arguments: str) -> str:
        """Run a command to its end; what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(str(_COMMAND), *arguments, "--data", str(self._data)),
            cwd=PROJECT,
            env=_environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode:
            raise DemoFailed(f"calltrail {' '.join(arguments)} failed:", *err.decode().splitlines())
        return out.decode()


def free_port(wished: int = 0) -> int:
    """A loopback port that nobody listens on: the one wished for when it is free, else any."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", wished))
        except OSError:
            return free_port()
        return int(candidate.getsockname()[1])


def _environment() -> Mapping[str, str]:
    """This process's, without settings of another Calltrail; the handlers of the catalog are found in the project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLTRAIL_")}
    return {**kept, "CALLTRAIL_OWNER_PASSWORD": OWNER_PASSWORD, "PYTHONPATH": str(PROJECT)}


async def _is_ready(session: aiohttp.ClientSession, base_url: str) -> bool:
    try:
        async with session.get(f"{base_url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


async def _stop(server: asyncio.subprocess.Process) -> None:
    """Ask the server to stop; when it does not, kill it with its children."""
    if server.returncode is not None:
        return
    server.terminate()
    try:
        await asyncio.wait_for(server.wait(), _STOPPED_WITHIN_S)
    except TimeoutError:
        os.killpg(server.pid, signal.SIGKILL)
        await server.wait()


def _last_lines(log: Path) -> list[str]:
    return log.read_text("utf-8", "replace").splitlines()[-10:]
