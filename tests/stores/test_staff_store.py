"""What every StaffStore must do."""

import pytest

from calltrail.domain.access import OWNERS, Permission, StaffMember
from calltrail.services.ports import StaffStore
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.staff import RegistryStaffStore

EXPORT = Permission.INTEGRATION_LOGS_EXPORT


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
    staff_store.add("ann@example.com", "hash", [OWNERS])
    staff_store.assign("ANN@example.com", ["Auditors"])
    assert staff_store.find("ann@example.com") == StaffMember(
        "ann@example.com", frozenset({"Auditors"}), frozenset({EXPORT})
    )
    staff_store.assign("ann@example.com", [])
    assert staff_store.find("ann@example.com") == StaffMember("ann@example.com", frozenset(), frozenset())


def test_an_assignment_to_nobody_or_of_an_unknown_role_changes_nothing(staff_store: StaffStore) -> None:
    staff_store.add("ann@example.com", "hash", [OWNERS])
    with pytest.raises(LookupError):
        staff_store.assign("eve@example.com", [OWNERS])
    with pytest.raises(LookupError):
        staff_store.assign("ann@example.com", ["Auditors"])
    assert staff_store.find("ann@example.com") == StaffMember(
        "ann@example.com", frozenset({OWNERS}), frozenset(Permission)
    )


def test_a_role_taken_away_by_one_process_is_gone_for_the_other(registry: Registry, other_registry: Registry) -> None:
    here, there = RegistryStaffStore(registry), RegistryStaffStore(other_registry)
    here.add("ann@example.com", "hash", [OWNERS])
    there.assign("ann@example.com", [])
    assert here.find("ann@example.com") == StaffMember("ann@example.com", frozenset(), frozenset())
