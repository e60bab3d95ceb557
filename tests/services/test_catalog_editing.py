"""One endpoint or API method changed within the whole catalog, and what comes of changes at once."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier, BrokenBarrierError, Thread

import pytest
from argon2 import PasswordHasher

from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.catalog import AcceptStep, ApiMethod, Catalog, ForwardStep, IntegrationEndpoint
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.access.rights import Access
from calltrail.services.catalog.desk import CatalogDesk
from calltrail.services.catalog.editing import (
    NO_VERSION,
    ChangedMeanwhile,
    put_endpoint,
    put_method,
    remove_endpoint,
    remove_method,
    text_of,
    version_of,
)
from calltrail.services.catalog.file import read_catalog, read_tables, tables_of
from calltrail.stores.memory import MemoryAuditJournal, MemoryCatalogStore
from calltrail.stores.memory_people import MemoryStaffStore

SHOP = IntegrationEndpoint("shop", "Shop")
TILL = IntegrationEndpoint("till", "Till")
ORDER = ApiMethod("Order", "Order", ("shop", "till"), (AcceptStep(),))
REFUND = ApiMethod("Refund", "Refund", ("till",), (ForwardStep("https://u.example"),))
CATALOG = Catalog({"shop": SHOP, "till": TILL}, {"Order": ORDER, "Refund": REFUND})

ORDER_TABLE = {"system_name": "Order", "name": "Order now", "endpoints": ["shop"], "steps": [{"kind": "accept"}]}
OPERATOR = Principal(PrincipalKind.OPERATOR, "root")


def problems_of(error: InvalidInput) -> list[Problem]:
    return list(error.problems)


def test_the_tables_of_a_catalog_are_those_of_its_file() -> None:
    assert read_tables(tables_of(CATALOG)) == CATALOG
    assert read_tables({}) == Catalog()


def test_problems_of_tables_are_told_by_pointer() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_tables({"api_methods": [{**ORDER_TABLE, "steps": [{"kind": "forward", "url": "a/b"}], "a/b": 1}]})
    assert [problem.location for problem in caught.value.problems] == [
        "/api_methods/0/endpoints/0",
        "/api_methods/0/steps/0/url",
        "/api_methods/0/a~1b",
    ]


def test_a_method_takes_the_place_of_the_one_that_was_read() -> None:
    catalog = put_method(ORDER_TABLE, "Order", version_of(ORDER))(CATALOG)
    assert catalog.methods["Order"] == replace(ORDER, name="Order now", endpoints=("shop",))
    assert (catalog.endpoints, catalog.methods["Refund"]) == (CATALOG.endpoints, REFUND)


def test_a_method_may_get_another_name_but_not_a_taken_one() -> None:
    renamed = {**ORDER_TABLE, "system_name": "Purchase"}
    assert set(put_method(renamed, "Order", version_of(ORDER))(CATALOG).methods) == {"Purchase", "Refund"}
    with pytest.raises(InvalidInput) as caught:
        put_method({**ORDER_TABLE, "system_name": "Refund"}, "Order", version_of(ORDER))(CATALOG)
    assert problems_of(caught.value) == [Problem('"Refund" is here twice.', "/system_name")]


def test_a_new_one_is_added_and_never_takes_a_place() -> None:
    new = {"external_id": "kiosk", "integration_name": "Kiosk"}
    assert put_endpoint(new, None, NO_VERSION)(CATALOG).endpoints["kiosk"] == IntegrationEndpoint("kiosk", "Kiosk")
    with pytest.raises(InvalidInput) as caught:
        put_endpoint({**new, "external_id": "shop"}, None, NO_VERSION)(CATALOG)
    assert problems_of(caught.value) == [Problem('"shop" is here twice.', "/external_id")]


def test_what_is_wrong_elsewhere_is_told_so() -> None:
    dangling = replace(CATALOG, methods={"Refund": replace(REFUND, endpoints=("gone",))})
    with pytest.raises(InvalidInput) as caught:
        put_method({**ORDER_TABLE, "endpoints": ["none"]}, None, NO_VERSION)(dangling)
    assert problems_of(caught.value) == [
        Problem('Elsewhere in the catalog, at /api_methods/0/endpoints/0: There is no endpoint "gone" in this file.'),
        Problem('There is no endpoint "none" in this file.', "/endpoints/0"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        put_method(ORDER_TABLE, "Order", version_of(replace(ORDER, keep_days=1))),
        put_method(ORDER_TABLE, "Order", NO_VERSION),
        put_method({**ORDER_TABLE, "system_name": "Gone"}, "Gone", version_of(ORDER)),
        put_endpoint({"external_id": "shop", "integration_name": "Mine"}, "shop", version_of(TILL)),
        remove_method("Order", version_of(REFUND)),
        remove_endpoint("shop", version_of(TILL)),
    ],
)
def test_what_is_not_as_it_was_read_is_left_alone(change: object) -> None:
    assert callable(change)
    with pytest.raises(ChangedMeanwhile):
        change(CATALOG)


def test_a_removed_endpoint_is_taken_from_the_methods_that_name_it() -> None:
    catalog = remove_endpoint("till", version_of(TILL))(CATALOG)
    assert catalog == Catalog(
        {"shop": SHOP}, {"Order": replace(ORDER, endpoints=("shop",)), "Refund": replace(REFUND, endpoints=())}
    )
    assert read_tables(tables_of(catalog)) == catalog


def test_a_thing_is_shown_as_the_file_has_it() -> None:
    assert read_catalog(text_of(SHOP)) == Catalog({"shop": SHOP})
    assert text_of(REFUND).startswith('[[api_methods]]\nsystem_name = "Refund"\n')


class _SlowStore(MemoryCatalogStore):
    """Reads of two threads that change at once would both come before either wrote."""

    def __init__(self, readers: int) -> None:
        super().__init__()
        self.together = Barrier(readers)

    def current(self) -> Catalog:
        catalog = super().current()
        with suppress(BrokenBarrierError):  # nobody else came, because somebody keeps them waiting
            self.together.wait(0.05)
        return catalog


def test_changes_at_once_lose_nothing() -> None:
    store = _SlowStore(2)
    store.save(CATALOG)
    audit = MemoryAuditJournal()

    def now() -> datetime:
        return datetime(2026, 11, 3, tzinfo=UTC)

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    access = Access(staff=MemoryStaffStore(), catalog=store, audit=audit, now=now, passwords=hasher)
    desk = CatalogDesk(catalog=store, access=access, audit=audit, now=now)
    changes = [
        put_method({**ORDER_TABLE, "name": "Mine"}, "Order", version_of(ORDER)),
        put_endpoint({"external_id": "shop", "integration_name": "Mine too"}, "shop", version_of(SHOP)),
    ]
    threads = [Thread(target=desk.change, args=(change, OPERATOR)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    catalog = store.current()
    assert (catalog.methods["Order"].name, catalog.endpoints["shop"].integration_name) == ("Mine", "Mine too")
