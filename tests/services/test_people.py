from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.domain.access import OWNERS, Permission, Principal, PrincipalKind, Role, StaffMember
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.problems import InvalidInput
from calltrail.services.access.people import email_problems
from tests.services.office import OPERATOR, OWNER, PASSWORD, Office

INES, OTTO = "ines@example.com", "otto@example.com"
OTTO_PRINCIPAL = Principal(PrincipalKind.STAFF, OTTO)
NEW_PASSWORD = "battery staple horse"


@pytest.fixture
def office() -> Office:
    """Otto is in support, beside Olga, who is the only Owner."""
    office = Office()
    office.people.set_role("Support", [Permission.CALLS_VIEW], OPERATOR)
    office.access.add_staff(OTTO, PASSWORD, ["Support"], OPERATOR)
    return office


def member(office: Office, email: str) -> StaffMember:
    person = office.staff.find(email)
    assert person
    return person


def refused(act: Callable[[], object]) -> list[tuple[str, str]]:
    """Where and why an act is refused; nothing is audited of it."""
    with pytest.raises(InvalidInput) as caught:
        act()
    return [(problem.location, problem.message) for problem in caught.value.problems]


def last(office: Office) -> AuditEntry:
    return office.audit.entries()[-1]


# Invitations


def test_an_invited_person_is_there_without_a_password_and_joins_with_one(office: Office) -> None:
    secret = office.people.invite(" Ines@Example.com ", ["Support"], OWNER)
    assert member(office, INES) == StaffMember(
        INES, frozenset({"Support"}), frozenset({Permission.CALLS_VIEW}), is_invited=True
    )
    assert (last(office).action, last(office).principal) == (AuditAction.STAFF_INVITED, str(OWNER))
    assert last(office).details == {"roles": ["Support"]}
    assert office.people.invited(secret) == member(office, INES)
    joined = office.people.accept(secret, NEW_PASSWORD)
    assert joined == member(office, INES)
    assert not joined.is_invited
    assert office.actions()[-1] == (AuditAction.STAFF_JOINED, f"staff:{INES}", f"staff {INES}")
    assert office.access.sign_in(INES, NEW_PASSWORD)
    assert secret not in repr(office.audit.entries())


def test_an_invitation_is_good_once(office: Office) -> None:
    secret = office.people.invite(INES, [], OWNER)
    office.people.accept(secret, NEW_PASSWORD)
    assert office.people.invited(secret) is None
    assert len(refused(lambda: office.people.accept(secret, "another password"))) == 1
    assert office.access.sign_in(INES, NEW_PASSWORD)


def test_of_those_who_accept_an_invitation_at_once_one_chooses_the_password(office: Office) -> None:
    secret = office.people.invite(INES, [], OWNER)

    def accept(number: int) -> int | None:
        try:
            office.people.accept(secret, f"{NEW_PASSWORD} {number}")
        except InvalidInput:
            return None
        return number

    with ThreadPoolExecutor(8) as threads:
        (number,) = [number for number in threads.map(accept, range(8)) if number is not None]
    assert office.access.sign_in(INES, f"{NEW_PASSWORD} {number}")


def test_an_invitation_is_good_for_three_days(office: Office) -> None:
    secret = office.people.invite(INES, [], OWNER)
    office.now += timedelta(days=3) - timedelta(microseconds=1)
    assert office.people.invited(secret)
    office.now += timedelta(microseconds=1)
    assert office.people.invited(secret) is None
    assert refused(lambda: office.people.accept(secret, NEW_PASSWORD))
    assert member(office, INES).is_invited


@pytest.mark.parametrize("secret", ["", "calltrail_invitation_", "ключ", "\x00"])
def test_a_made_up_invitation_is_nobodys(office: Office, secret: str) -> None:
    office.people.invite(INES, [], OWNER)
    assert office.people.invited(secret) is None
    assert len(refused(lambda: office.people.accept(secret, "short"))) == 2


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 1001])
def test_a_password_of_a_wrong_length_does_not_spend_the_invitation(office: Office, password: str) -> None:
    secret = office.people.invite(INES, [], OWNER)
    assert [place for place, _ in refused(lambda: office.people.accept(secret, password))] == ["/password"]
    office.people.accept(secret, NEW_PASSWORD)


def test_every_problem_of_an_invitation_is_told_at_once(office: Office) -> None:
    assert refused(lambda: office.people.invite("nobody", ["Support", "Clerks", "Cooks"], OWNER)) == [
        ("/email", "An e-mail address is written name@example.com."),
        ("/roles", 'There is no role "Clerks".'),
        ("/roles", 'There is no role "Cooks".'),
    ]
    assert refused(lambda: office.people.invite("OTTO@example.com", ["Cooks"], OWNER)) == [
        ("/roles", 'There is no role "Cooks".'),
        ("/email", "otto@example.com is here already."),
    ]


@pytest.mark.parametrize("address", ["a@b.de", "o'neil+tag@sub.example.museum", "jörg@müller.example", "x_y-z@1.co"])
def test_addresses_that_could_be_are_taken(address: str) -> None:
    assert not email_problems(address)


@pytest.mark.parametrize(
    "address",
    [
        *("", "a", "@", "a@b", "@b.de", "a@", "a@b..de", "a@.de", "a@b.de.", "a b@c.de", "a@b c.de", "a@@b.de"),
        *("a@-b.de", "a@b-.de", "<a@b.de>", "a@b.de,c@d.de", "a\n@b.de", "a\x00@b.de", "a@b.de\n", '"a"@b.de'),
        *("a" * 65 + "@b.de", "a@" + "b" * 250 + ".de", "a\u202e@b.de"),
    ],
)
def test_addresses_that_could_not_be_are_refused(address: str) -> None:
    assert email_problems(address)


@given(st.text(max_size=30))
def test_an_address_is_judged_at_once_whatever_it_is(text: str) -> None:
    assert len(email_problems(text + "@" + text)) <= 1
    assert email_problems(text + " @example.com")


# Reset


def test_a_reset_takes_password_sessions_and_tokens_away_and_invites_anew(office: Office) -> None:
    session = office.passes.begin_session(OTTO)
    _, token = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    secret = office.people.reset("Otto@example.com", OWNER)
    assert office.actions()[-1] == (AuditAction.STAFF_RESET, str(OWNER), f"staff {OTTO}")
    assert office.access.sign_in(OTTO, PASSWORD) is None
    office.people.accept(secret, NEW_PASSWORD)
    assert office.access.sign_in(OTTO, NEW_PASSWORD)
    assert office.passes.session_person(session) is None
    assert office.passes.token_person(token) is None


def test_a_reset_makes_earlier_invitations_void(office: Office) -> None:
    first = office.people.invite(INES, [], OWNER)
    second = office.people.reset(INES, OWNER)
    assert office.people.invited(first) is None
    assert office.people.invited(second)


def test_a_session_that_began_while_its_person_was_reset_ends_when_they_join_again(office: Office) -> None:
    secret = office.people.reset(OTTO, OWNER)
    session = office.passes.begin_session(OTTO)
    office.people.accept(secret, NEW_PASSWORD)
    assert office.passes.session_person(session) is None


def test_the_last_owner_is_reset_by_an_operator_only(office: Office) -> None:
    ((_, message),) = refused(lambda: office.people.reset(OWNER.id, OWNER))
    assert "last Owner" in message
    assert office.access.sign_in(OWNER.id, PASSWORD)
    office.people.accept(office.people.reset(OWNER.id, OPERATOR), NEW_PASSWORD)
    assert office.access.sign_in(OWNER.id, NEW_PASSWORD)


def test_somebody_disabled_is_enabled_before_they_are_reset(office: Office) -> None:
    office.people.disable(OTTO, OWNER)
    assert refused(lambda: office.people.reset(OTTO, OWNER)) == [
        ("/email", "otto@example.com is disabled; enable them first.")
    ]


# Disabling


def test_a_disabled_person_has_nothing_left_and_comes_back_with_password_and_roles_only(office: Office) -> None:
    session = office.passes.begin_session(OTTO)
    office.people.disable(OTTO, OWNER)
    office.people.disable(OTTO, OWNER)
    assert office.actions().count((AuditAction.STAFF_DISABLED, str(OWNER), f"staff {OTTO}")) == 1
    assert not office.access.holds(OTTO_PRINCIPAL, Permission.CALLS_VIEW)
    raced = office.passes.begin_session(OTTO)
    office.people.enable(OTTO, OWNER)
    office.people.enable(OTTO, OWNER)
    assert office.actions().count((AuditAction.STAFF_ENABLED, str(OWNER), f"staff {OTTO}")) == 1
    assert office.passes.session_person(session) is office.passes.session_person(raced) is None
    assert office.access.holds(OTTO_PRINCIPAL, Permission.CALLS_VIEW)
    assert office.access.sign_in(OTTO, PASSWORD)


def test_an_invitation_of_a_disabled_person_is_void(office: Office) -> None:
    secret = office.people.invite(INES, [], OWNER)
    office.people.disable(INES, OWNER)
    assert office.people.invited(secret) is None
    assert refused(lambda: office.people.accept(secret, NEW_PASSWORD))
    office.people.enable(INES, OWNER)
    assert office.people.invited(secret) is None


def test_the_last_owner_is_neither_disabled_nor_given_other_roles(office: Office) -> None:
    before = office.actions()
    for act in (
        lambda: office.people.disable(OWNER.id, OPERATOR),
        lambda: office.people.assign(OWNER.id, ["Support"], OWNER),
    ):
        ((_, message),) = refused(act)
        assert "last Owner" in message
    assert office.actions() == before
    assert member(office, OWNER.id).roles == {OWNERS}


# Roles


def test_a_person_gets_exactly_the_roles_assigned(office: Office) -> None:
    office.people.assign("Otto@example.com", [OWNERS, OWNERS], OWNER)
    assert member(office, OTTO).roles == {OWNERS}
    assert last(office).action is AuditAction.ROLES_ASSIGNED
    assert last(office).details == {"before": ["Support"], "roles": [OWNERS]}
    before = office.actions()
    office.people.assign(OTTO, [OWNERS], OWNER)
    assert office.actions() == before


def test_every_problem_of_an_assignment_is_told_at_once(office: Office) -> None:
    assert refused(lambda: office.people.assign("eve@example.com", ["Cooks", OWNERS], OWNER)) == [
        ("/email", "There is nobody of the address eve@example.com."),
        ("/roles", 'There is no role "Cooks".'),
    ]


def test_what_a_role_permits_is_audited_before_and_after(office: Office) -> None:
    office.people.set_role(" Support ", [Permission.CATALOG_EDIT, Permission.AUDIT_VIEW], OWNER)
    assert office.people.roles()[1] == Role("Support", frozenset({Permission.CATALOG_EDIT, Permission.AUDIT_VIEW}))
    assert last(office) == AuditEntry(
        office.now,
        AuditAction.ROLE_CHANGED,
        str(OWNER),
        "role Support",
        {"before": ["calls-view"], "permissions": ["audit-view", "catalog-edit"]},
    )
    office.people.set_role("Cooks", [], OWNER)
    assert last(office).details == {"before": None, "permissions": []}
    before = office.actions()
    office.people.set_role("Cooks", [], OWNER)
    assert office.actions() == before


@pytest.mark.parametrize("name", [OWNERS, "", " ", "x" * 65, "two\nlines"])
def test_a_role_that_cannot_be_is_not_made(office: Office, name: str) -> None:
    assert [place for place, _ in refused(lambda: office.people.set_role(name, [], OWNER))] == ["/name"]


def test_a_role_goes_once_nobody_has_it(office: Office) -> None:
    ((_, message),) = refused(lambda: office.people.remove_role("Support", OWNER))
    assert OTTO in message
    office.people.assign(OTTO, [], OWNER)
    office.people.remove_role("Support", OWNER)
    assert office.actions()[-1] == (AuditAction.ROLE_REMOVED, str(OWNER), "role Support")
    assert len(refused(lambda: office.people.remove_role("Support", OWNER))) == 1
    assert len(refused(lambda: office.people.remove_role(OWNERS, OWNER))) == 1


# Passwords


def test_a_changed_password_ends_the_other_sessions(office: Office) -> None:
    here, there = office.passes.begin_session(OTTO), office.passes.begin_session(OTTO)
    _, token = office.passes.create_token(OTTO, "jobs", None, OPERATOR)
    office.people.change_password(OTTO, PASSWORD, NEW_PASSWORD, session=here)
    assert office.actions()[-1] == (AuditAction.PASSWORD_CHANGED, f"staff:{OTTO}", f"staff {OTTO}")
    assert office.passes.session_person(here)
    assert office.passes.session_person(there) is None
    assert office.passes.token_person(token)
    assert office.access.sign_in(OTTO, PASSWORD) is None
    assert office.access.sign_in(OTTO, NEW_PASSWORD)


def test_every_problem_of_a_changed_password_is_told_at_once(office: Office) -> None:
    assert refused(lambda: office.people.change_password(OTTO, "wrong", "short")) == [
        ("/new", "A password has at least 12 characters."),
        ("/old", "The old password is wrong."),
    ]
    assert office.access.sign_in(OTTO, PASSWORD)


def test_whoever_took_over_a_session_cannot_try_passwords_for_long(office: Office) -> None:
    for _ in range(5):
        refused(lambda: office.people.change_password(OTTO, "wrong", NEW_PASSWORD))
    ((place, message),) = refused(lambda: office.people.change_password(OTTO, PASSWORD, NEW_PASSWORD))
    assert (place, "900 seconds" in message) == ("/old", True)
    assert last(office).action is AuditAction.SIGN_IN_REFUSED
    assert last(office).principal == f"staff:{OTTO}"


def test_nobody_is_changed_under_an_unknown_address(office: Office) -> None:
    eve, before = "eve@example.com", office.actions()
    for act in (
        lambda: office.people.reset(eve, OWNER),
        lambda: office.people.disable(eve, OWNER),
        lambda: office.people.enable(eve, OWNER),
        lambda: office.people.change_password(eve, PASSWORD, NEW_PASSWORD),
    ):
        assert refused(act) == [("/email", "There is nobody of the address eve@example.com.")]
    assert office.actions() == before


def test_everybody_is_listed_by_address(office: Office) -> None:
    office.people.invite(INES, [], OWNER)
    assert [person.email for person in office.people.all()] == [INES, OWNER.id, OTTO]
