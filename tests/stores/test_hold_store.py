"""What every HoldStore must do."""

from datetime import timedelta

from calltrail.domain.keeping import Hold
from calltrail.services.ports import HoldStore
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.holds import RegistryHoldStore
from tests.samples import NOON

DAY = timedelta(days=1)


def place(store: HoldStore, reason: str = "case 12/26") -> Hold:
    return store.place(NOON - DAY, NOON, reason, "operator:ann", NOON + DAY)


def test_a_hold_is_kept_as_it_was_placed(hold_store: HoldStore) -> None:
    hold = place(hold_store)
    assert hold == Hold(hold.id, NOON - DAY, NOON, "case 12/26", "operator:ann", NOON + DAY)
    assert hold_store.all() == hold_store.live() == (hold,)


def test_there_are_no_holds_at_first(hold_store: HoldStore) -> None:
    assert hold_store.all() == hold_store.live() == ()


def test_a_released_hold_lives_no_more_and_stays_known(hold_store: HoldStore) -> None:
    first, second = place(hold_store), place(hold_store, "the same window again")
    released = hold_store.release(first.id, "operator:bob", NOON + 2 * DAY)
    assert released
    assert (released.released_by, released.released_at) == ("operator:bob", NOON + 2 * DAY)
    assert hold_store.live() == (second,)
    assert hold_store.all() == (released, second)


def test_releasing_twice_keeps_the_first_time(hold_store: HoldStore) -> None:
    hold = place(hold_store)
    released = hold_store.release(hold.id, "operator:bob", NOON + 2 * DAY)
    assert hold_store.release(hold.id, "operator:eve", NOON + 3 * DAY) == released


def test_an_unknown_hold_cannot_be_released(hold_store: HoldStore) -> None:
    assert hold_store.release(7, "operator:bob", NOON) is None


def test_a_hold_placed_by_one_process_is_seen_by_the_other(registry: Registry, other_registry: Registry) -> None:
    hold = place(RegistryHoldStore(registry))
    assert RegistryHoldStore(other_registry).live() == (hold,)
