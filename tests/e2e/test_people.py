"""People and keys, over the processes of a server and the commands beside it."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e.server import CATALOG, OWNER, PASSWORD, Calltrail


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Calltrail]:
    """A server of two receiving processes."""
    server = Calltrail(tmp_path / "data")
    server.prepare(CATALOG)
    try:
        server.start("--workers", "2")
        yield server
    finally:
        server.close()


def cookie_of(server: Calltrail, email: str) -> dict[str, str]:
    """What the browser of a person who signs in sends."""
    answer = server.request("POST", "/sign-in", urlencode({"email": email, "password": PASSWORD}).encode())
    assert answer.status == 303
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def shows(server: Calltrail, email: str, headers: dict[str, str]) -> set[bool]:
    """Whether the sign-in page knows the person; asked often enough to reach both processes."""
    return {email.encode() in server.get("/sign-in", headers).body for _ in range(20)}


def test_a_session_holds_in_every_process_until_it_is_signed_out(server: Calltrail) -> None:
    cookie = cookie_of(server, OWNER)
    assert shows(server, OWNER, cookie) == {True}
    assert server.request("POST", "/sign-out", headers=cookie).status == 303
    assert shows(server, OWNER, cookie) == {False}


def test_a_session_outlives_the_server(server: Calltrail) -> None:
    cookie = cookie_of(server, OWNER)
    server.kill()
    server.start()
    assert shows(server, OWNER, cookie) == {True}


def test_a_person_whom_a_command_resets_is_out_at_the_next_request(server: Calltrail) -> None:
    cookie = cookie_of(server, OWNER)
    assert server.run("staff", "disable", OWNER, check=False).returncode == 2
    assert shows(server, OWNER, cookie) == {True}
    path = json.loads(server.run("staff", "reset", OWNER, "--json").stdout)["path"]
    assert shows(server, OWNER, cookie) == {False}
    kept = b"".join(file.read_bytes() for file in server.data.glob("registry.db*"))
    assert path.rpartition("/")[2].encode() not in kept
    assert cookie["Cookie"].partition("=")[2].encode() not in kept


def test_the_last_use_of_a_key_is_known_once_the_server_has_stopped(server: Calltrail) -> None:
    assert server.call("Website.CreateOrder", {"order": {}}).json == {"status": "Success"}
    assert server.stop() == 0
    (key,) = json.loads(server.run("keys", "list", "demo.Website", "--json").stdout)
    assert key["last_used_at"] > key["created_at"]
