"""What every StaffTokens must do."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from calltrail.domain.access import StaffToken, StaffTokenKind
from calltrail.services.access.ports import StaffTokens
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.staff_tokens import RegistryStaffTokens

NOON = datetime(2026, 11, 3, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
ANN, BOB = "ann@example.com", "bob@example.com"
SESSION, API, INVITATION = StaffTokenKind


def add(
    tokens: StaffTokens,
    sha256: bytes,
    email: str = ANN,
    kind: StaffTokenKind = SESSION,
    expires_at: datetime | None = LATER,
) -> StaffToken:
    return tokens.add(email, kind, "", sha256, NOON, expires_at)


def test_a_token_is_found_by_the_hash_of_its_secret(staff_tokens: StaffTokens) -> None:
    token = staff_tokens.add("Ann@Example.com", API, "nightly “Jobs”", b"\x00\xff" * 16, NOON, LATER)
    assert token == StaffToken(token.id, ANN, API, "nightly “Jobs”", NOON, LATER)
    assert staff_tokens.find(API, b"\x00\xff" * 16, NOON) == token
    assert staff_tokens.find(API, b"another", NOON) is None


@pytest.mark.parametrize("kind", StaffTokenKind)
def test_a_token_of_one_kind_is_none_of_another(staff_tokens: StaffTokens, kind: StaffTokenKind) -> None:
    add(staff_tokens, b"secret", kind=kind)
    assert [other for other in StaffTokenKind if staff_tokens.find(other, b"secret", NOON)] == [kind]
    assert not any(staff_tokens.spend(other, b"secret", NOON) for other in StaffTokenKind if other is not kind)
    assert staff_tokens.find(kind, b"secret", NOON)


def test_a_token_lives_until_its_time_is_over(staff_tokens: StaffTokens) -> None:
    add(staff_tokens, b"timed")
    add(staff_tokens, b"timeless", expires_at=None)
    assert staff_tokens.find(SESSION, b"timed", LATER - MOMENT)
    assert staff_tokens.find(SESSION, b"timed", LATER) is None
    assert staff_tokens.spend(SESSION, b"timed", LATER) is None
    assert staff_tokens.find(SESSION, b"timeless", LATER + timedelta(days=100_000))


def test_a_token_can_be_spent_once(staff_tokens: StaffTokens) -> None:
    token = add(staff_tokens, b"secret", kind=INVITATION)
    assert staff_tokens.spend(INVITATION, b"secret", NOON) == replace(token, revoked_at=NOON)
    assert staff_tokens.spend(INVITATION, b"secret", NOON) is None
    assert staff_tokens.find(INVITATION, b"secret", NOON) is None
    assert staff_tokens.of_person(ANN, INVITATION) == (replace(token, revoked_at=NOON),)


def test_of_those_who_spend_a_token_at_once_one_gets_it(staff_tokens: StaffTokens) -> None:
    add(staff_tokens, b"secret", kind=INVITATION)
    with ThreadPoolExecutor(8) as threads:
        spent = list(threads.map(lambda _: staff_tokens.spend(INVITATION, b"secret", NOON), range(8)))
    assert len([token for token in spent if token]) == 1


def test_of_two_processes_that_spend_a_token_one_gets_it(registry: Registry, other_registry: Registry) -> None:
    stores = [RegistryStaffTokens(registry), RegistryStaffTokens(other_registry)]
    for number in range(10):
        secret = f"secret {number}".encode()
        add(stores[0], secret, kind=INVITATION)
        with ThreadPoolExecutor(2) as threads:
            spent = list(threads.map(lambda store, secret=secret: store.spend(INVITATION, secret, NOON), stores))
        assert len([token for token in spent if token]) == 1


def test_the_tokens_of_a_person_are_listed_oldest_first_by_kind(staff_tokens: StaffTokens) -> None:
    first, _, second = add(staff_tokens, b"1"), add(staff_tokens, b"2", kind=API), add(staff_tokens, b"3")
    add(staff_tokens, b"4", BOB)
    assert staff_tokens.of_person("ANN@example.com", SESSION) == (first, second)
    assert staff_tokens.of_person(ANN, INVITATION) == ()


def test_a_revoked_token_is_kept_but_lives_no_more(staff_tokens: StaffTokens) -> None:
    token, other = add(staff_tokens, b"1"), add(staff_tokens, b"2")
    revoked = replace(token, revoked_at=NOON)
    assert staff_tokens.revoke("Ann@example.com", token.id, NOON) == revoked
    assert staff_tokens.revoke(ANN, token.id, LATER) == revoked
    assert staff_tokens.find(SESSION, b"1", NOON) is None
    assert staff_tokens.find(SESSION, b"2", NOON) == other
    assert staff_tokens.of_person(ANN, SESSION) == (revoked, other)


def test_nobody_revokes_the_token_of_somebody_else(staff_tokens: StaffTokens) -> None:
    token = add(staff_tokens, b"1")
    assert staff_tokens.revoke(BOB, token.id, NOON) is None
    assert staff_tokens.revoke(ANN, token.id + 1, NOON) is None
    assert staff_tokens.find(SESSION, b"1", NOON) == token


def test_all_tokens_of_some_kinds_are_revoked_but_one(staff_tokens: StaffTokens) -> None:
    kept, _ = add(staff_tokens, b"1"), add(staff_tokens, b"2")
    add(staff_tokens, b"3", kind=API)
    add(staff_tokens, b"4", kind=INVITATION)
    add(staff_tokens, b"5", BOB)
    assert staff_tokens.revoke_all("ANN@example.com", [SESSION, INVITATION], NOON, but=kept.id) == 2
    assert staff_tokens.revoke_all(ANN, [SESSION, INVITATION], LATER, but=kept.id) == 0
    live = [(SESSION, b"1"), (API, b"3"), (SESSION, b"5")]
    over = [(SESSION, b"2"), (INVITATION, b"4")]
    assert all(staff_tokens.find(kind, secret, NOON) for kind, secret in live)
    assert not any(staff_tokens.find(kind, secret, NOON) for kind, secret in over)
    assert staff_tokens.revoke_all(ANN, StaffTokenKind.__members__.values(), NOON) == 2


def test_a_use_is_noted_to_the_minute(staff_tokens: StaffTokens) -> None:
    token = add(staff_tokens, b"1")
    staff_tokens.note_use(token, NOON)
    noted = staff_tokens.find(SESSION, b"1", NOON)
    assert noted == replace(token, last_used_at=NOON)
    assert noted
    staff_tokens.note_use(noted, NOON + timedelta(seconds=59))
    assert staff_tokens.find(SESSION, b"1", NOON) == noted
    staff_tokens.note_use(noted, NOON + timedelta(minutes=1))
    assert staff_tokens.find(SESSION, b"1", NOON) == replace(token, last_used_at=NOON + timedelta(minutes=1))


def test_a_use_within_the_minute_writes_nothing(registry: Registry, other_registry: Registry) -> None:
    tokens = RegistryStaffTokens(registry)
    token = replace(add(tokens, b"1"), last_used_at=NOON)
    mark = other_registry.commit_mark()
    tokens.note_use(token, NOON + timedelta(seconds=59))
    assert tokens.delete_over(NOON) == 0
    assert other_registry.commit_mark() == mark


def test_what_has_long_been_over_is_deleted(staff_tokens: StaffTokens) -> None:
    live, timeless = add(staff_tokens, b"1"), add(staff_tokens, b"2", expires_at=None)
    revoked = add(staff_tokens, b"3", expires_at=None)
    add(staff_tokens, b"4", expires_at=NOON + MOMENT)
    staff_tokens.revoke(ANN, revoked.id, NOON)
    assert staff_tokens.delete_over(NOON) == 0
    assert staff_tokens.delete_over(NOON + 2 * MOMENT) == 2
    assert staff_tokens.of_person(ANN, SESSION) == (live, timeless)
    assert staff_tokens.find(SESSION, b"1", NOON) == live


def test_a_session_that_one_process_ends_is_over_for_the_other(registry: Registry, other_registry: Registry) -> None:
    here, there = RegistryStaffTokens(registry), RegistryStaffTokens(other_registry)
    token = add(here, b"1")
    assert there.find(SESSION, b"1", NOON) == token
    here.revoke(ANN, token.id, NOON)
    assert there.find(SESSION, b"1", NOON) is None
