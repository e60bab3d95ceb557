"""What every StaffStore must do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from calltrail.domain.access import OWNERS, Permission, Role, StaffMember
from calltrail.services.access.ports import LastOwner, RoleInUse, StaffStore
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.staff import RegistryStaffStore

EXPORT = Permission.INTEGRATION_LOGS_EXPORT
ALL = frozenset(Permission)
ANN, BOB = "ann@example.com", "bob@example.com"


def member(store: StaffStore, email: str) -> StaffMember:
    person = store.find(email)
    assert person
    return person


def test_owners_are_there_from_the_start_and_hold_every_permission(staff_store: StaffStore) -> None:
    staff_store.add("ann@example.com", "hash", [OWNERS])
    assert staff_store.find("ann@example.com") == StaffMember(
        "ann@example.com", frozenset({OWNERS}), frozenset(Permission)
    )


def test_a_person_without_roles_holds_nothing(staff_store: StaffStore) -> None:
    staff_store.add("bob@example.com", "hash", [])
    assert staff_store.find("bob@example.com") == StaffMember("bob@example.com", frozenset(), frozenset())


def test_addresses_are_matched_without_regard_to_case(staff_store: StaffStore) -> None:
    staff_store.add("Ann@Example.com", "hash of Ann", [])
    assert staff_store.find("aNN@eXAMPLE.COM") == StaffMember("ann@example.com", frozenset(), frozenset())
    assert staff_store.password_hash("ANN@EXAMPLE.COM") == "hash of Ann"
    with pytest.raises(ValueError, match="already"):
        staff_store.add("ann@EXAMPLE.com", "another hash", [])
    assert staff_store.password_hash("ann@example.com") == "hash of Ann"


def test_nobody_is_found_under_an_unknown_address(staff_store: StaffStore) -> None:
    assert staff_store.find("eve@example.com") is None
    assert staff_store.password_hash("eve@example.com") is None


def test_a_person_cannot_get_an_unknown_role(staff_store: StaffStore) -> None:
    with pytest.raises(ValueError, match="Auditors"):
        staff_store.add("ann@example.com", "hash", [OWNERS, "Auditors"])
    assert staff_store.find("ann@example.com") is None


def test_a_grant_makes_the_role_and_reaches_who_has_it(staff_store: StaffStore) -> None:
    staff_store.grant("Auditors", EXPORT)
    staff_store.grant("Auditors", EXPORT)
    staff_store.add("ann@example.com", "hash", ["Auditors", "Auditors"])
    assert staff_store.find("ann@example.com") == StaffMember(
        "ann@example.com", frozenset({"Auditors"}), frozenset({EXPORT})
    )


def test_owners_may_be_granted_what_they_hold_anyway(staff_store: StaffStore) -> None:
    staff_store.grant(OWNERS, EXPORT)
    staff_store.add("ann@example.com", "hash", [OWNERS])
    assert staff_store.find("ann@example.com") == StaffMember(
        "ann@example.com", frozenset({OWNERS}), frozenset(Permission)
    )


def test_a_person_is_given_exactly_the_assigned_roles(staff_store: StaffStore) -> None:
    staff_store.grant("Auditors", EXPORT)
    staff_store.add(BOB, "hash", [OWNERS])
    staff_store.add(ANN, "hash", [OWNERS])
    staff_store.assign("ANN@example.com", ["Auditors"])
    assert staff_store.find(ANN) == StaffMember(ANN, frozenset({"Auditors"}), frozenset({EXPORT}))
    staff_store.assign(ANN, [])
    assert staff_store.find(ANN) == StaffMember(ANN, frozenset(), frozenset())


def test_an_assignment_to_nobody_or_of_an_unknown_role_changes_nothing(staff_store: StaffStore) -> None:
    staff_store.add(ANN, "hash", [OWNERS])
    with pytest.raises(LookupError):
        staff_store.assign("eve@example.com", [OWNERS])
    with pytest.raises(LookupError):
        staff_store.assign(ANN, ["Auditors"])
    assert staff_store.find(ANN) == StaffMember(ANN, frozenset({OWNERS}), ALL)


def test_everybody_is_listed_by_address_each_as_they_are_found(staff_store: StaffStore) -> None:
    assert staff_store.all() == ()
    staff_store.set_role("Auditors", [EXPORT])
    staff_store.add("Zoe@example.com", "hash", ["Auditors", OWNERS])
    staff_store.add(BOB, None, ["Auditors"])
    staff_store.add(ANN, "hash", [])
    staff_store.disable(ANN)
    everybody = staff_store.all()
    assert [person.email for person in everybody] == [ANN, BOB, "zoe@example.com"]
    assert everybody == tuple(staff_store.find(person.email) for person in everybody)


def test_somebody_without_a_password_is_invited_until_they_have_one(staff_store: StaffStore) -> None:
    staff_store.add(ANN, None, [])
    assert (member(staff_store, ANN).is_invited, member(staff_store, ANN).may_enter) == (True, False)
    assert staff_store.password_hash(ANN) is None
    staff_store.set_password("ANN@example.com", "hash")
    assert (member(staff_store, ANN).is_invited, member(staff_store, ANN).may_enter) == (False, True)
    assert staff_store.password_hash(ANN) == "hash"
    staff_store.clear_password(ANN)
    assert member(staff_store, ANN).is_invited


def test_a_disabled_person_holds_nothing_until_they_are_enabled(staff_store: StaffStore) -> None:
    staff_store.set_role("Auditors", [EXPORT])
    staff_store.add(ANN, "hash", ["Auditors"])
    staff_store.disable("Ann@example.com")
    staff_store.disable(ANN)
    assert staff_store.find(ANN) == StaffMember(ANN, frozenset({"Auditors"}), frozenset(), is_disabled=True)
    assert not member(staff_store, ANN).may_enter
    staff_store.enable(ANN)
    assert staff_store.find(ANN) == StaffMember(ANN, frozenset({"Auditors"}), frozenset({EXPORT}))
    assert staff_store.password_hash(ANN) == "hash"


CHANGES: dict[str, Callable[[StaffStore, str], None]] = {
    "set a password": lambda store, email: store.set_password(email, "another hash"),
    "clear the password": lambda store, email: store.clear_password(email),
    "disable": lambda store, email: store.disable(email),
    "enable": lambda store, email: store.enable(email),
    "assign": lambda store, email: store.assign(email, []),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_can_be_changed_under_an_unknown_address(staff_store: StaffStore, change: str) -> None:
    with pytest.raises(LookupError):
        CHANGES[change](staff_store, "eve@example.com")


def test_roles_are_listed_by_name_with_what_they_permit(staff_store: StaffStore) -> None:
    assert staff_store.roles() == (Role(OWNERS, ALL),)
    staff_store.set_role("Support", [EXPORT, Permission.CALLS_VIEW, EXPORT])
    staff_store.set_role("Auditors", [])
    assert staff_store.roles() == (
        Role("Auditors", frozenset()),
        Role(OWNERS, ALL),
        Role("Support", frozenset({EXPORT, Permission.CALLS_VIEW})),
    )


def test_a_role_permits_exactly_what_it_was_set_to_last(staff_store: StaffStore) -> None:
    staff_store.set_role("Support", [EXPORT, Permission.CALLS_VIEW])
    staff_store.add(ANN, "hash", ["Support"])
    staff_store.set_role("Support", [Permission.AUDIT_VIEW])
    assert member(staff_store, ANN).permissions == {Permission.AUDIT_VIEW}
    staff_store.set_role(OWNERS, [])
    assert staff_store.roles()[0] == Role(OWNERS, ALL)


def test_a_role_goes_once_nobody_has_it(staff_store: StaffStore) -> None:
    staff_store.set_role("Support", [EXPORT])
    staff_store.add(BOB, "hash", ["Support"])
    staff_store.add(ANN, None, ["Support"])
    with pytest.raises(RoleInUse, match=f"{ANN}, {BOB}"):
        staff_store.remove_role("Support")
    staff_store.assign(ANN, [])
    staff_store.assign(BOB, [])
    staff_store.remove_role("Support")
    assert [role.name for role in staff_store.roles()] == [OWNERS]
    with pytest.raises(LookupError):
        staff_store.remove_role("Support")


def test_the_role_owners_cannot_be_removed(staff_store: StaffStore) -> None:
    with pytest.raises(ValueError, match=OWNERS):
        staff_store.remove_role(OWNERS)


LOSSES = ["clear the password", "disable", "assign"]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_last_owner_who_can_sign_in_stays(staff_store: StaffStore, loss: str) -> None:
    staff_store.add(ANN, "hash", [OWNERS])
    staff_store.add("invited@example.com", None, [OWNERS])
    staff_store.add("disabled@example.com", "hash", [OWNERS])
    staff_store.disable("disabled@example.com")
    staff_store.add(BOB, "hash", [])
    with pytest.raises(LastOwner):
        CHANGES[loss](staff_store, ANN)
    assert member(staff_store, ANN) == StaffMember(ANN, frozenset({OWNERS}), ALL)
    staff_store.assign(BOB, [OWNERS])
    CHANGES[loss](staff_store, ANN)
    assert OWNERS not in member(staff_store, ANN).roles or not member(staff_store, ANN).may_enter
    with pytest.raises(LastOwner):
        CHANGES[loss](staff_store, BOB)


@pytest.mark.parametrize("loss", LOSSES)
def test_others_come_and_go_while_one_owner_stays(staff_store: StaffStore, loss: str) -> None:
    staff_store.add(ANN, "hash", [OWNERS])
    staff_store.add(BOB, "hash", [])
    CHANGES[loss](staff_store, BOB)


def test_the_password_of_the_last_owner_goes_only_if_that_is_meant(staff_store: StaffStore) -> None:
    staff_store.add(ANN, "hash", [OWNERS])
    staff_store.clear_password(ANN, even_last_owner=True)
    assert member(staff_store, ANN).is_invited
    staff_store.assign(ANN, [])  # no Owner could sign in any more, so that there is none to lose


def race(here: StaffStore, there: StaffStore, loss: str) -> list[str]:
    """Two Owners are taken away at the same moment; who stayed."""
    here.add(ANN, "hash", [OWNERS])
    here.add(BOB, "hash", [OWNERS])
    start = Barrier(2)

    def lose(store: StaffStore, email: str) -> str | None:
        start.wait()
        try:
            CHANGES[loss](store, email)
        except LastOwner:
            return email
        return None

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(lose, [here, there], [ANN, BOB]))
    return [email for email in ends if email]


@pytest.mark.parametrize("loss", LOSSES)
def test_of_two_owners_who_are_taken_away_at_once_one_stays(staff_store: StaffStore, loss: str) -> None:
    assert len(race(staff_store, staff_store, loss)) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_of_two_owners_whom_two_processes_take_away_at_once_one_stays(
    registry: Registry, other_registry: Registry, loss: str
) -> None:
    (stayed,) = race(RegistryStaffStore(registry), RegistryStaffStore(other_registry), loss)
    assert member(RegistryStaffStore(registry), stayed) == StaffMember(stayed, frozenset({OWNERS}), ALL)


def test_a_role_taken_away_by_one_process_is_gone_for_the_other(registry: Registry, other_registry: Registry) -> None:
    here, there = RegistryStaffStore(registry), RegistryStaffStore(other_registry)
    here.add(BOB, "hash", [OWNERS])
    here.add(ANN, "hash", [OWNERS])
    there.assign(ANN, [])
    assert here.find(ANN) == StaffMember(ANN, frozenset(), frozenset())
