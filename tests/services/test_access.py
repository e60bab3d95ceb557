from datetime import timedelta

import pytest

from calltrail.domain.access import OWNERS, Permission, Principal, PrincipalKind
from calltrail.domain.audit import AuditAction
from calltrail.domain.catalog import KeyKind
from calltrail.services.access.rights import TooManySignIns, generate_password, new_key
from calltrail.services.access.throttle import Throttle
from tests.samples import NOON
from tests.services.office import OPERATOR, OWNER, PASSWORD, Office

EXPORT = Permission.INTEGRATION_LOGS_EXPORT


@pytest.fixture
def office() -> Office:
    return Office()


def test_owners_hold_the_export_permission(office: Office) -> None:
    assert office.access.holds(OWNER, EXPORT)


def test_staff_hold_what_their_roles_permit_at_this_moment(office: Office) -> None:
    office.access.add_staff("otto@example.com", PASSWORD, [OWNERS], OPERATOR)
    office.staff.grant("Support", EXPORT)
    office.staff.assign(OWNER.id, ["Support"])
    assert office.access.holds(OWNER, EXPORT)
    office.staff.assign(OWNER.id, [])
    assert not office.access.holds(OWNER, EXPORT)


def test_operators_hold_everything_and_strangers_nothing(office: Office) -> None:
    office.endpoint("demo.Website", EXPORT)
    assert office.access.holds(OPERATOR, EXPORT)
    assert not office.access.holds(Principal(PrincipalKind.KEYLESS, "demo.Website"), EXPORT)
    assert not office.access.holds(Principal(PrincipalKind.STAFF, "nobody@example.com"), EXPORT)
    assert not office.access.holds(Principal(PrincipalKind.ENDPOINT_KEY, "demo.Website"), EXPORT)
    assert not office.access.holds(Principal(PrincipalKind.ENDPOINT_KEY, "nowhere/1"), EXPORT)


def test_a_key_holds_what_its_endpoint_does(office: Office) -> None:
    office.endpoint("shop/eu", EXPORT)
    _, principal = office.key("shop/eu")
    assert office.access.holds(principal, EXPORT)
    office.endpoint("shop/eu")
    assert not office.access.holds(principal, EXPORT)


def test_a_revoked_key_neither_opens_nor_holds_anything(office: Office) -> None:
    office.endpoint("demo.Website", EXPORT)
    key, principal = office.key("demo.Website")
    office.catalog.revoke_key(1, NOON)
    assert not office.access.holds(principal, EXPORT)
    assert office.access.authenticate_key("demo.Website", key) is None


def test_every_live_key_of_an_endpoint_opens_it_under_its_own_name(office: Office) -> None:
    office.endpoint("demo.Website")
    for kind in (KeyKind.MAIN, KeyKind.TEST, KeyKind.MAIN):
        key, principal = office.key("demo.Website", kind)
        assert office.access.authenticate_key("demo.Website", key) == principal


@pytest.mark.parametrize("presented", ["", "calltrail_key_", "ключ", "\x00", "x" * 100_000])
def test_a_wrong_key_opens_nothing(office: Office, presented: str) -> None:
    office.endpoint("demo.Website")
    office.key("demo.Website")
    assert office.access.authenticate_key("demo.Website", presented) is None


def test_a_key_opens_only_its_own_endpoint(office: Office) -> None:
    office.endpoint("one")
    office.endpoint("two")
    key, _ = office.key("one")
    assert office.access.authenticate_key("two", key) is None
    assert office.access.authenticate_key("none", key) is None


def test_keys_and_passwords_are_never_the_same_twice() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("calltrail_key_") and len(key) == 57 for key in keys)
    assert len({generate_password() for _ in range(100)}) == 100


def test_signing_in_gives_the_person_whatever_the_case_of_the_address(office: Office) -> None:
    person = office.access.sign_in("OLGA@example.com", PASSWORD)
    assert person is not None
    assert person.email == OWNER.id
    assert office.actions()[-1] == (AuditAction.SIGNED_IN, f"staff:{OWNER.id}", f"staff {OWNER.id}")


def test_a_wrong_password_is_refused_and_audited_without_the_password(office: Office) -> None:
    assert office.access.sign_in(OWNER.id, "a wrong password") is None
    assert office.actions()[-1] == (AuditAction.SIGN_IN_REFUSED, "anonymous", f"staff {OWNER.id}")
    assert "a wrong password" not in repr(office.audit.entries())


def test_a_password_typed_in_the_place_of_the_address_is_not_audited(office: Office) -> None:
    assert office.access.sign_in(PASSWORD, "") is None
    assert office.actions()[-1] == (AuditAction.SIGN_IN_REFUSED, "anonymous", "")
    assert PASSWORD not in repr(office.audit.entries())


@pytest.mark.parametrize("email", [OWNER.id, "nobody@example.com"])
def test_the_sixth_failure_in_a_quarter_of_an_hour_has_to_wait(office: Office, email: str) -> None:
    for _ in range(5):
        assert office.access.sign_in(email, "a wrong password") is None
        office.now += timedelta(minutes=1)
    with pytest.raises(TooManySignIns) as caught:
        office.access.sign_in(email.upper(), PASSWORD)
    assert caught.value.retry_after_s == 600
    assert office.audit.entries()[-1].details == {"reason": "too many tries"}
    office.now += timedelta(seconds=600)
    assert (office.access.sign_in(email, PASSWORD) is not None) == (email == OWNER.id)


def test_a_good_sign_in_forgives_the_failures_before_it(office: Office) -> None:
    for _ in range(3):
        for _ in range(4):
            assert office.access.sign_in(OWNER.id, "a wrong password") is None
        assert office.access.sign_in(OWNER.id, PASSWORD) is not None


def test_failures_of_one_address_do_not_hold_up_another(office: Office) -> None:
    for _ in range(5):
        office.access.sign_in("nobody@example.com", "a wrong password")
    assert office.access.sign_in(OWNER.id, PASSWORD) is not None


def test_adding_staff_is_audited_and_keeps_only_a_hash(office: Office) -> None:
    assert office.actions() == [(AuditAction.STAFF_ADDED, "operator:root", f"staff {OWNER.id}")]
    kept = office.staff.password_hash(OWNER.id)
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


@pytest.mark.parametrize(
    ("email", "password", "roles"),
    [("new@example.com", "short", [OWNERS]), (OWNER.id, PASSWORD, []), ("new@example.com", PASSWORD, ["Unknown"])],
)
def test_staff_that_cannot_be_added_leave_no_trace(office: Office, email: str, password: str, roles: list[str]) -> None:
    with pytest.raises(ValueError):
        office.access.add_staff(email, password, roles, OPERATOR)
    assert len(office.audit.entries()) == 1
    assert office.staff.find("new@example.com") is None


def test_a_disabled_person_cannot_sign_in_with_the_right_password(office: Office) -> None:
    office.access.add_staff("otto@example.com", PASSWORD, [], OPERATOR)
    office.staff.disable("otto@example.com")
    assert office.access.sign_in("otto@example.com", PASSWORD) is None
    assert office.audit.entries()[-1].details == {"reason": "disabled"}
    office.staff.enable("otto@example.com")
    assert office.access.sign_in("otto@example.com", PASSWORD)


def test_an_invited_person_signs_in_with_no_password_at_all(office: Office) -> None:
    office.staff.add("ines@example.com", None, [])
    for password in ("", PASSWORD):
        assert office.access.sign_in("ines@example.com", password) is None
        assert office.audit.entries()[-1].details == {"reason": "no password yet"}


def test_somebody_who_cannot_sign_in_holds_nothing_whatever_their_roles(office: Office) -> None:
    office.staff.add("ines@example.com", None, [OWNERS])
    assert not office.access.holds(Principal(PrincipalKind.STAFF, "ines@example.com"), EXPORT)


def test_an_endpoint_holds_nothing_that_is_for_people_whatever_its_record_says(office: Office) -> None:
    office.endpoint("demo.Website", *Permission)
    _, principal = office.key("demo.Website")
    assert [permission for permission in Permission if office.access.holds(principal, permission)] == [EXPORT]


def test_permissions_have_names_for_people() -> None:
    assert [permission.title for permission in Permission] == [
        "Integration Logs Export",
        "Calls View",
        "Catalog Edit",
        "Staff Edit",
        "Audit View",
    ]


def test_a_throttle_forgets_those_who_tried_longest_ago() -> None:
    throttle = Throttle(limit=1, window_s=60, most_subjects=2)
    assert [throttle.seconds_to_wait(subject, NOON) for subject in "aab"] == [0, 60, 0]
    assert throttle.seconds_to_wait("c", NOON) == 0
    assert throttle.seconds_to_wait("b", NOON) == 60
    assert throttle.seconds_to_wait("a", NOON) == 0
