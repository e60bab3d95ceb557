import os
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.domain.access import Principal, PrincipalKind
from calltrail.services.access.links import (
    Link,
    LinkExpired,
    LinkForged,
    LinkSigner,
    link_url,
    signing_key,
    token_serializer,
)
from tests.samples import NOON

SECRET = b"s" * 32
KEY_1 = Principal(PrincipalKind.ENDPOINT_KEY, "demo.Website/1")
HOUR_S = 3600


def signer(secret: bytes = SECRET) -> LinkSigner:
    return LinkSigner(secret, HOUR_S)


@given(st.integers(1), st.text(), st.builds(Principal, st.sampled_from(PrincipalKind), st.text()))
def test_a_link_says_what_it_was_minted_with(job_id: int, file_name: str, principal: Principal) -> None:
    token = signer().mint(job_id, file_name, principal, NOON)
    assert signer().read(token, NOON) == Link(job_id, file_name, principal, NOON + timedelta(seconds=HOUR_S))


def test_a_link_lives_up_to_its_expiry_and_no_longer() -> None:
    token = signer().mint(7, "part.csv", KEY_1, NOON)
    expiry = NOON + timedelta(seconds=HOUR_S)
    assert signer().read(token, expiry - timedelta(microseconds=1)).job_id == 7
    with pytest.raises(LinkExpired) as caught:
        signer().read(token, expiry)
    assert caught.value.link.principal == KEY_1


@given(st.text() | st.from_regex(r"[A-Za-z0-9_.-]{0,80}", fullmatch=True))
def test_a_made_up_token_is_forged(token: str) -> None:
    with pytest.raises(LinkForged):
        signer().read(token, NOON)


@given(st.data())
def test_a_token_of_which_the_content_was_changed_is_forged(data: st.DataObject) -> None:
    content, _, signature = signer().mint(7, "part.csv", KEY_1, NOON).rpartition(".")
    at = data.draw(st.integers(0, len(content) - 1))
    character = data.draw(st.sampled_from("AZaz09_-.").filter(lambda drawn: drawn != content[at]))
    with pytest.raises(LinkForged):
        signer().read(f"{content[:at]}{character}{content[at + 1 :]}.{signature}", NOON)


def test_a_token_of_another_installation_is_forged() -> None:
    with pytest.raises(LinkForged):
        signer().read(signer(b"t" * 32).mint(7, "part.csv", KEY_1, NOON), NOON)


def test_a_token_made_for_another_purpose_is_forged() -> None:
    session = token_serializer(SECRET, "calltrail.session.1").dumps([7, "part.csv", str(KEY_1), 9_999_999_999])
    with pytest.raises(LinkForged):
        signer().read(session, NOON)


def test_a_token_stands_in_a_url_as_it_is() -> None:
    token = signer().mint(7, "größe/../?.csv", KEY_1, NOON)
    url = link_url("https://logs.example/", token, "größe/../?.csv")
    assert url == f"https://logs.example/exports/{token}/gr%C3%B6%C3%9Fe%2F..%2F%3F.csv"


def test_the_signing_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    key = signing_key(path)
    assert len(key) == 32
    assert signing_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_all_who_ask_at_once_get_the_same_signing_key(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    starting_line = threading.Barrier(8)
    keys: list[bytes] = []

    def ask() -> None:
        starting_line.wait()
        keys.append(signing_key(path))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert set(keys) == {path.read_bytes()}


@pytest.mark.parametrize("left_bytes", [0, 1, 31])
def test_a_signing_key_that_a_crash_left_half_written_is_made_anew(tmp_path: Path, left_bytes: int) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(os.urandom(left_bytes))
    key = signing_key(path)
    assert len(key) == 32
    assert signing_key(path) == key
