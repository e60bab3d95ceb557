"""A PostgreSQL server of our own: reached by a socket in its folder, gone with it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OWNER = "bench"
"""The user of the database that owns everything."""

_SYSTEM_USERS = ("postgres", "nobody")
"""The server refuses to run as root; then it runs as the first of these."""

_DEBIAN_FOLDERS = "postgresql/*/bin"
_READY_WITHIN_S = 30.0
_STOPPED_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.05

_SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "jit=off",
    "shared_buffers=1GB",
    "max_wal_size=16GB",
    "default_toast_compression=lz4",
    "timezone=UTC",
)
"""All in its favour. Readers of a log don't need its statements compiled."""


def is_installed() -> bool:
    return all(map(_found, ("initdb", "postgres", "psql", "pg_isready")))


def program(name: str) -> str:
    """Where a program of PostgreSQL is."""
    found = _found(name)
    if not found:
        raise FileNotFoundError(name)
    return found


def _found(name: str) -> str | None:
    """In the path, or in the newest of the folders that Debian leaves out of it."""
    folders = sorted(Path("/usr/lib").glob(_DEBIAN_FOLDERS), key=lambda folder: int(folder.parent.name))
    installed = [str(folder / name) for folder in folders if (folder / name).exists()]
    return installed[-1] if installed else shutil.which(name)


@contextmanager
def running() -> Iterator[Path]:
    """The folder of the socket of a new server, which takes connections from the start of the block."""
    with tempfile.TemporaryDirectory(prefix="calltrail-bench-") as folder:
        user = _server_user()
        if user:
            shutil.chown(folder, user["user"], user["group"])
        data = Path(folder, "data")
        create = [program("initdb"), f"--pgdata={data}", f"--username={OWNER}", "--auth=trust", "--no-sync"]
        _check_call([*create, "--encoding=UTF8", "--locale=C"], folder, user)
        serve = [program("postgres"), "-D", str(data), "-k", folder]
        serve += [word for setting in _SETTINGS for word in ("-c", setting)]
        with (data.parent / "log").open("wb") as log:
            server = subprocess.Popen(serve, cwd=folder, stdout=log, stderr=log, **user)
            try:
                _wait_until_ready(server, folder)
                yield Path(folder)
            finally:
                _stop(server)


def _server_user() -> dict[str, Any]:
    """Arguments of a process that must not run as root; none when this one does not."""
    if os.geteuid():
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next(known[name] for name in _SYSTEM_USERS if name in known)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _check_call(command: list[str], folder: str, user: dict[str, Any]) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, **user)


def _wait_until_ready(server: subprocess.Popen[bytes], folder: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    ask = [program("pg_isready"), "--quiet", f"--host={folder}"]
    while subprocess.run(ask, check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL was not ready:\n" + Path(folder, "log").read_text("utf-8", "replace"))
        time.sleep(_LOOK_EVERY_S)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # disconnects who is left
    try:
        server.wait(_STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
