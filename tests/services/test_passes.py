from datetime import datetime, timedelta

import pytest

from calltrail.domain.access import OWNERS, StaffToken, StaffTokenKind
from calltrail.domain.audit import AuditAction
from calltrail.domain.problems import InvalidInput
from calltrail.services.access.passes import MOST_TOKENS, Passes
from calltrail.services.ports import StoreUnavailable
from calltrail.stores.memory_people import MemoryStaffTokens
from tests.samples import NOON
from tests.services.office import OPERATOR, OWNER, PASSWORD, Office

OTTO = "otto@example.com"


@pytest.fixture
def office() -> Office:
    office = Office()
    office.access.add_staff(OTTO, PASSWORD, [OWNERS], OPERATOR)
    return office


def test_a_session_is_its_persons_for_twelve_hours(office: Office) -> None:
    secret = office.passes.begin_session("Otto@example.com")
    assert secret.startswith("calltrail_session_")
    office.now += timedelta(hours=12) - timedelta(microseconds=1)
    assert office.passes.session_person(secret) == office.staff.find(OTTO)
    office.now += timedelta(microseconds=1)
    assert office.passes.session_person(secret) is None


def test_a_session_that_was_ended_is_over_for_good_and_the_others_go_on(office: Office) -> None:
    ended, other = office.passes.begin_session(OTTO), office.passes.begin_session(OTTO)
    office.passes.end_session(ended)
    office.passes.end_session(ended)
    office.passes.end_session("made up")
    assert office.passes.session_person(ended) is None
    assert office.passes.session_person(other)
    assert office.actions().count((AuditAction.SIGNED_OUT, f"staff:{OTTO}", f"staff {OTTO}")) == 1


@pytest.mark.parametrize("secret", ["", "x", "calltrail_session_", "\x00", "ключ", "\udc80", "x" * 100_000])
def test_a_made_up_secret_is_nobodys(office: Office, secret: str) -> None:
    office.passes.begin_session(OTTO)
    assert office.passes.session_person(secret) is None
    assert office.passes.token_person(secret) is None


def test_secrets_are_never_the_same_twice_and_only_their_hashes_are_kept(office: Office) -> None:
    secrets = {office.passes.begin_session(OTTO) for _ in range(100)}
    assert len(secrets) == 100
    assert not [secret for secret in secrets if secret in repr(vars(office.tokens))]


def test_a_person_is_told_as_they_stand_now(office: Office) -> None:
    secret = office.passes.begin_session(OTTO)
    office.staff.assign(OTTO, [])
    person = office.passes.session_person(secret)
    assert person
    assert not person.permissions


@pytest.mark.parametrize("end", ["disable", "clear_password"])
def test_whoever_may_not_enter_is_known_by_no_secret(office: Office, end: str) -> None:
    session = office.passes.begin_session(OTTO)
    _, token = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    getattr(office.staff, end)(OTTO)
    assert office.passes.session_person(session) is None
    assert office.passes.token_person(token) is None


def test_an_api_token_acts_for_its_person_until_its_days_are_over(office: Office) -> None:
    token, secret = office.passes.create_token("OTTO@example.com", "  nightly jobs ", 30, OWNER)
    assert secret.startswith("calltrail_token_")
    assert (token.email, token.label, token.expires_at) == (OTTO, "nightly jobs", NOON + timedelta(days=30))
    assert office.passes.tokens(OTTO) == (token,)
    assert office.passes.token_person(secret) == office.staff.find(OTTO)
    office.now += timedelta(days=30)
    assert office.passes.token_person(secret) is None


def test_an_api_token_is_audited_without_its_secret(office: Office) -> None:
    token, secret = office.passes.create_token(OTTO, "jobs", None, OWNER)
    office.passes.revoke_token(OTTO, token.id, OWNER)
    office.passes.revoke_token(OTTO, token.id, OWNER)
    subject, by = f"staff {OTTO}", str(OWNER)
    made = [(AuditAction.TOKEN_CREATED, by, subject), (AuditAction.TOKEN_REVOKED, by, subject)]
    assert office.actions()[-2:] == made
    assert office.audit.entries()[-2].details == {"token": token.id, "label": "jobs", "days": None}
    assert secret not in repr(office.audit.entries())


def test_a_session_is_no_api_token_nor_the_other_way_round(office: Office) -> None:
    session = office.passes.begin_session(OTTO)
    _, token = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    assert office.passes.token_person(session) is None
    assert office.passes.session_person(token) is None


def test_a_revoked_token_opens_nothing_more(office: Office) -> None:
    token, secret = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    assert office.passes.revoke_token(OTTO, token.id, OWNER).revoked_at == NOON
    assert office.passes.token_person(secret) is None
    assert office.passes.tokens(OTTO)[0].revoked_at == NOON


def test_only_api_tokens_of_the_person_can_be_revoked_as_such(office: Office) -> None:
    token, secret = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    session = office.passes.begin_session(OTTO)
    (row,) = office.tokens.of_person(OTTO, StaffTokenKind.SESSION)
    for email, token_id in ((OWNER.id, token.id), (OTTO, row.id), (OTTO, 99)):
        with pytest.raises(InvalidInput, match="no API token"):
            office.passes.revoke_token(email, token_id, OPERATOR)
    assert office.passes.token_person(secret)
    assert office.passes.session_person(session)


@pytest.mark.parametrize(
    ("email", "label", "days", "problems"),
    [
        (OTTO, "", 1, 1),
        (OTTO, " ", 0, 2),
        (OTTO, "two\nlines", 3651, 2),
        (OTTO, "x" * 101, None, 1),
        ("nobody@example.com", "", -1, 3),
    ],
)
def test_every_problem_of_a_token_is_told_at_once(
    office: Office, email: str, label: str, days: int | None, problems: int
) -> None:
    with pytest.raises(InvalidInput) as caught:
        office.passes.create_token(email, label, days, OPERATOR)
    assert len(caught.value.problems) == problems
    assert office.passes.tokens(OTTO) == ()


def test_whoever_cannot_sign_in_gets_no_token(office: Office) -> None:
    office.people.invite("ines@example.com", [], OPERATOR)
    with pytest.raises(InvalidInput, match="can't sign in"):
        office.passes.create_token("ines@example.com", "jobs", None, OPERATOR)


def test_a_person_has_only_so_many_live_tokens(office: Office) -> None:
    for number in range(MOST_TOKENS):
        token, _ = office.passes.create_token(OTTO, f"job {number}", None, OPERATOR)
    with pytest.raises(InvalidInput, match="revoke one first"):
        office.passes.create_token(OTTO, "one more", None, OPERATOR)
    office.passes.revoke_token(OTTO, token.id, OPERATOR)
    office.passes.create_token(OTTO, "one more", None, OPERATOR)


def test_the_last_use_of_a_token_is_kept_to_the_minute(office: Office) -> None:
    _, secret = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    assert office.passes.tokens(OTTO)[0].last_used_at is None
    office.passes.token_person(secret)
    office.now += timedelta(seconds=59)
    office.passes.token_person(secret)
    assert office.passes.tokens(OTTO)[0].last_used_at == NOON
    office.now += timedelta(seconds=1)
    office.passes.token_person(secret)
    assert office.passes.tokens(OTTO)[0].last_used_at == NOON + timedelta(minutes=1)


class LockedTokens(MemoryStaffTokens):
    """Tokens in a database that somebody else writes to for long."""

    def note_use(self, token: StaffToken, now: datetime) -> None:
        raise StoreUnavailable


def test_a_use_that_cannot_be_noted_keeps_nobody_out(office: Office) -> None:
    passes = Passes(tokens=LockedTokens(), staff=office.staff, audit=office.audit, now=office.clock)
    assert passes.session_person(passes.begin_session(OTTO))


def test_what_is_long_over_is_deleted_and_the_rest_stays(office: Office) -> None:
    token, _ = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    office.passes.begin_session(OTTO)
    office.now += timedelta(days=30, hours=12)
    office.passes.delete_old()
    assert office.tokens.of_person(OTTO, StaffTokenKind.SESSION)
    office.now += timedelta(seconds=1)
    office.passes.delete_old()
    assert office.tokens.of_person(OTTO, StaffTokenKind.SESSION) == ()
    assert office.passes.tokens(OTTO) == (token,)
