from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from calltrail.domain.catalog import KeyKind
from calltrail.services.access.key_uses import KeyUses
from calltrail.services.ports import StoreUnavailable
from calltrail.stores.memory import MemoryCatalogStore
from tests.samples import NOON
from tests.services.office import Office


@pytest.fixture
def office() -> Office:
    office = Office()
    office.endpoint("demo.Website")
    return office


def last_uses(office: Office) -> list[datetime | None]:
    return [key.last_used_at for key in office.catalog.keys("demo.Website")]


def test_the_last_use_of_a_key_is_known_once_it_is_written_down(office: Office) -> None:
    key, _ = office.key("demo.Website")
    office.key("demo.Website", KeyKind.TEST)
    assert office.access.authenticate_key("demo.Website", key)
    office.now += timedelta(seconds=5)
    assert office.access.authenticate_key("demo.Website", key)
    assert last_uses(office) == [None, None]
    office.key_uses.write()
    assert last_uses(office) == [NOON + timedelta(seconds=5), None]


def test_a_wrong_or_revoked_key_counts_as_no_use(office: Office) -> None:
    key, _ = office.key("demo.Website")
    office.catalog.revoke_key(1, NOON)
    assert not office.access.authenticate_key("demo.Website", key)
    assert not office.access.authenticate_key("demo.Website", "wrong")
    office.key_uses.write()
    assert last_uses(office) == [None]


class BusyCatalog(MemoryCatalogStore):
    """A catalog store whose database somebody else holds."""

    is_busy = False
    writes = 0

    def note_key_uses(self, uses: Mapping[int, datetime]) -> None:
        if self.is_busy:
            raise StoreUnavailable
        self.writes += 1
        super().note_key_uses(uses)


def test_uses_that_cannot_be_written_now_are_written_later() -> None:
    catalog = BusyCatalog()
    office = Office(catalog=catalog)
    office.endpoint("demo.Website")
    (key, _), (other, _) = office.key("demo.Website"), office.key("demo.Website")
    office.access.authenticate_key("demo.Website", key)
    office.access.authenticate_key("demo.Website", other)
    catalog.is_busy = True
    with pytest.raises(StoreUnavailable):
        office.key_uses.write()
    office.now += timedelta(minutes=1)
    office.access.authenticate_key("demo.Website", other)
    catalog.is_busy = False
    office.key_uses.write()
    assert last_uses(office) == [NOON, NOON + timedelta(minutes=1)]


def test_nothing_is_written_where_nothing_was_used() -> None:
    catalog = BusyCatalog()
    uses = KeyUses(catalog)
    uses.write()
    uses.note(1, NOON)
    uses.write()
    uses.write()
    assert catalog.writes == 1
