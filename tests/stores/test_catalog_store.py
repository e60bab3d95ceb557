"""What every CatalogStore must do."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from calltrail.domain.access import Permission
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.catalog import (
    AcceptStep,
    ApiMethod,
    Catalog,
    ExportStep,
    ForwardStep,
    IntegrationEndpoint,
    KeyKind,
    PythonStep,
    ValidateStep,
)
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.services.ports import CatalogStore
from calltrail.stores.registry.audit import RegistryAuditJournal
from calltrail.stores.registry.catalog import RegistryCatalogStore
from calltrail.stores.registry.database import Registry

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)

SHOP = IntegrationEndpoint("demo.Website", "Web shop", frozenset({Permission.INTEGRATION_LOGS_EXPORT}))
TILL = IntegrationEndpoint("demo.Till", "Till “Süd”")

EXPORT_OPTIONS = ExportOptions(
    ExportFormat.XML, Compression.ZSTD, 10_000, ("OperationLogUrl",), True, "\t", False, True, 131_072
)
EVERY_STEP = Catalog(
    {endpoint.external_id: endpoint for endpoint in (SHOP, TILL)},
    {
        method.system_name: method
        for method in (
            ApiMethod("Accept", "Ä", ("demo.Website",), (AcceptStep(),), False, ("password", "cardNumber")),
            ApiMethod("Check", "C", (), (ValidateStep({"type": ["object"]}, blocking=False), AcceptStep())),
            ApiMethod("Forward", "F", ("demo.Till",), (ForwardStep("http://crm/", 2.5, 3),)),
            ApiMethod("Python", "P", ("demo.Website", "demo.Till"), (PythonStep("shop.orders:place"),)),
            ApiMethod("Export", "E", ("demo.Website",), (ExportStep(EXPORT_OPTIONS),)),
        )
    },
)
WITHOUT_TILL = Catalog({"demo.Website": SHOP})


@pytest.fixture
def other_store(other_registry: Registry) -> CatalogStore:
    """The store of another process."""
    return RegistryCatalogStore(other_registry)


def test_a_new_store_holds_an_empty_catalog(catalog_store: CatalogStore) -> None:
    assert catalog_store.current() == Catalog()


def test_every_kind_of_step_comes_back_as_it_was_saved(catalog_store: CatalogStore) -> None:
    catalog_store.save(EVERY_STEP)
    assert catalog_store.current() == EVERY_STEP


def test_a_saved_catalog_takes_the_place_of_the_one_before(catalog_store: CatalogStore) -> None:
    catalog_store.save(EVERY_STEP)
    catalog_store.current()
    catalog_store.save(WITHOUT_TILL)
    assert catalog_store.current() == WITHOUT_TILL


def test_keys_are_listed_oldest_first_and_only_of_their_endpoint(catalog_store: CatalogStore) -> None:
    catalog_store.save(EVERY_STEP)
    main = catalog_store.add_key("demo.Website", KeyKind.MAIN, b"\x00" * 32, NOON)
    test = catalog_store.add_key("demo.Website", KeyKind.TEST, b"\xff" * 32, LATER)
    foreign = catalog_store.add_key("demo.Till", KeyKind.MAIN, b"\x01" * 32, NOON)
    assert catalog_store.keys("demo.Website") == catalog_store.live_keys("demo.Website") == (main, test)
    assert (main.kind, main.sha256, main.created_at, main.revoked_at) == (KeyKind.MAIN, b"\x00" * 32, NOON, None)
    assert len({main.id, test.id, foreign.id}) == 3


def test_a_key_keeps_its_label(catalog_store: CatalogStore) -> None:
    catalog_store.save(EVERY_STEP)
    labelled = catalog_store.add_key("demo.Website", KeyKind.MAIN, b"key", NOON, "the “Süd” shop")
    plain = catalog_store.add_key("demo.Website", KeyKind.MAIN, b"key", NOON)
    assert (labelled.label, plain.label) == ("the “Süd” shop", "")
    assert catalog_store.keys("demo.Website") == catalog_store.live_keys("demo.Website") == (labelled, plain)


def test_the_last_use_of_keys_is_kept_and_never_goes_back(catalog_store: CatalogStore) -> None:
    catalog_store.save(EVERY_STEP)
    used, unused, revoked = (catalog_store.add_key("demo.Website", KeyKind.MAIN, b"key", NOON) for _ in range(3))
    catalog_store.revoke_key(revoked.id, NOON)
    catalog_store.note_key_uses({})
    catalog_store.note_key_uses({used.id: LATER, revoked.id: NOON, 99: NOON})
    catalog_store.note_key_uses({used.id: NOON})
    assert [key.last_used_at for key in catalog_store.keys("demo.Website")] == [LATER, None, NOON]
    catalog_store.note_key_uses({used.id: LATER + timedelta(seconds=1)})
    assert catalog_store.keys("demo.Website")[0].last_used_at == LATER + timedelta(seconds=1)
    assert unused.last_used_at is None


def test_uses_of_keys_do_not_make_the_catalog_anew(registry: Registry, other_store: CatalogStore) -> None:
    store = RegistryCatalogStore(registry)
    store.save(EVERY_STEP)
    key = store.add_key("demo.Website", KeyKind.MAIN, b"key", NOON)
    known = other_store.current()
    store.note_key_uses({key.id: NOON})
    assert other_store.current() is known


def test_an_unknown_endpoint_has_no_keys_and_gets_none(catalog_store: CatalogStore) -> None:
    catalog_store.save(WITHOUT_TILL)
    assert catalog_store.keys("demo.Till") == catalog_store.live_keys("demo.Till") == ()
    with pytest.raises(LookupError):
        catalog_store.add_key("demo.Till", KeyKind.MAIN, b"\x00" * 32, NOON)


def test_a_revoked_key_is_kept_but_lives_no_more(catalog_store: CatalogStore) -> None:
    catalog_store.save(EVERY_STEP)
    old = catalog_store.add_key("demo.Website", KeyKind.MAIN, b"old", NOON)
    new = catalog_store.add_key("demo.Website", KeyKind.MAIN, b"new", NOON)
    revoked = catalog_store.revoke_key(old.id, LATER)
    assert revoked == replace(old, revoked_at=LATER)
    assert catalog_store.live_keys("demo.Website") == (new,)
    assert catalog_store.keys("demo.Website") == (revoked, new)


def test_revoking_twice_keeps_the_first_time(catalog_store: CatalogStore) -> None:
    catalog_store.save(EVERY_STEP)
    key = catalog_store.add_key("demo.Website", KeyKind.MAIN, b"key", NOON)
    catalog_store.revoke_key(key.id, NOON)
    assert catalog_store.revoke_key(key.id, LATER) == replace(key, revoked_at=NOON)


def test_a_key_that_never_was_cannot_be_revoked(catalog_store: CatalogStore) -> None:
    assert catalog_store.revoke_key(7, NOON) is None


def test_keys_of_an_endpoint_that_is_gone_are_revoked_and_stay_so_when_it_comes_back(
    catalog_store: CatalogStore,
) -> None:
    catalog_store.save(EVERY_STEP)
    gone = catalog_store.add_key("demo.Till", KeyKind.MAIN, b"gone", NOON)
    kept = catalog_store.add_key("demo.Website", KeyKind.MAIN, b"kept", NOON)
    catalog_store.save(WITHOUT_TILL)
    catalog_store.save(EVERY_STEP)
    assert catalog_store.live_keys("demo.Till") == ()
    assert catalog_store.live_keys("demo.Website") == (kept,)
    (revoked,) = catalog_store.keys("demo.Till")
    assert revoked.id == gone.id
    assert revoked.revoked_at is not None


def test_what_one_process_commits_the_other_sees_at_its_next_question(
    registry: Registry, other_store: CatalogStore
) -> None:
    store = RegistryCatalogStore(registry)
    for round_ in range(20):
        catalog = Catalog({"demo.Website": replace(SHOP, integration_name=f"Name {round_}")})
        store.save(catalog)
        assert other_store.current() == catalog
        key = store.add_key("demo.Website", KeyKind.MAIN, b"key", NOON)
        assert other_store.live_keys("demo.Website") == (key,)
        store.revoke_key(key.id, NOON)
        assert other_store.live_keys("demo.Website") == ()


def test_commits_that_do_not_concern_the_catalog_do_not_make_it_anew(
    registry: Registry, other_store: CatalogStore
) -> None:
    RegistryCatalogStore(registry).save(EVERY_STEP)
    known = other_store.current()
    RegistryAuditJournal(registry).add(AuditEntry(NOON, AuditAction.CATALOG_APPLIED, "operator:root"))
    assert other_store.current() is known


def test_threads_that_ask_while_another_process_saves_never_see_an_older_catalog_again(
    registry: Registry, other_store: CatalogStore
) -> None:
    last = 50
    store = RegistryCatalogStore(registry)
    store.save(Catalog({"demo.Website": replace(SHOP, integration_name="0")}))

    def watch() -> list[int]:
        seen = [0]
        while seen[-1] < last:
            seen.append(int(other_store.current().endpoints["demo.Website"].integration_name))
        return seen

    with ThreadPoolExecutor(4) as threads:
        watchers = [threads.submit(watch) for _ in range(4)]
        for number in range(1, last + 1):
            store.save(Catalog({"demo.Website": replace(SHOP, integration_name=str(number))}))
        for watcher in watchers:
            seen = watcher.result(timeout=30)
            assert seen == sorted(seen)


def test_a_catalog_is_put_in_the_place_of_the_expected_one_only(catalog_store: CatalogStore) -> None:
    first, second, third = (Catalog({name: IntegrationEndpoint(name, name)}) for name in ("a", "b", "c"))
    assert catalog_store.save(first)
    assert catalog_store.save(second, instead_of=first)
    assert not catalog_store.save(third, instead_of=first)
    assert catalog_store.current() == second


def test_a_catalog_that_another_process_changed_is_not_overwritten(
    registry: Registry, other_registry: Registry
) -> None:
    here, there = RegistryCatalogStore(registry), RegistryCatalogStore(other_registry, recheck_s=3600)
    mine, theirs = (Catalog({name: IntegrationEndpoint(name, name)}) for name in ("a", "b"))
    known = there.current()
    here.save(theirs)
    assert not there.save(mine, instead_of=known)
    assert there.current() == theirs
