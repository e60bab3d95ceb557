"""What auditors and operators look at."""

from datetime import timedelta

import pytest

from calltrail.console.audit import subject_path
from calltrail.domain.audit import AuditAction, AuditEntry
from tests.api.platform import running
from tests.api.site import CLERK
from tests.console.house import House, text_of

HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"


def _note(house: House, minutes: int, action: AuditAction, subject: str, **details: object) -> None:
    entry = AuditEntry(house.now - timedelta(minutes=minutes), action, "operator:root", subject, details)
    house.site.audit.add(entry)


async def test_the_journal_is_shown_newest_first_and_filtered_by_everything() -> None:
    house = House()
    owner = await house.person()
    _note(house, 9, AuditAction.EXPORT_DOWNLOADED, "export 7", file="part.csv")
    _note(house, 1, AuditAction.KEY_CREATED, "endpoint demo.Website", key=3)
    view = await owner.json("/audit")
    moments = [(line["id"]) for line in view["entries"]]
    assert moments == sorted(moments, reverse=True)
    for query, found in (
        ("action=key-created", ["endpoint demo.Website"]),
        ("subject=export+7", ["export 7"]),
        (f"subject=export+7&since={house.now - timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}", []),
        ("principal=operator:ROOT&action=export-downloaded", ["export 7"]),
    ):
        view = await owner.json(f"/audit?{query}")
        assert [line["entry"]["subject"] for line in view["entries"]] == found


async def test_pages_of_the_journal_lead_through_all_of_it() -> None:
    house = House()
    owner = await house.person()
    for number in range(250):
        _note(house, 0, AuditAction.EXPORT_LINKED, f"export {number}")
    seen, address = [], "/audit?action=export-linked"
    while address:
        view = await owner.json(address)
        seen += [line["entry"]["subject"] for line in view["entries"]]
        address = view["older"]
    assert seen == [f"export {number}" for number in reversed(range(250))]


async def test_everything_wrong_with_a_filter_of_the_journal_is_told_at_once() -> None:
    page = await (await House().person()).get("/audit?since=soon&action=dancing&before=x")
    assert page.status == 422
    assert all(field in text_of(page) for field in ("/since", "/action", "/before"))


async def test_hostile_words_in_the_journal_are_words() -> None:
    house = House()
    _note(house, 0, AuditAction.CATALOG_APPLIED, HOSTILE, changes=[HOSTILE, {HOSTILE: HOSTILE}])
    page = await (await house.person()).get("/audit")
    assert "<script>alert" not in page.text
    assert text_of(page).count(HOSTILE) == 4


@pytest.mark.parametrize(
    ("subject", "path"),
    [
        ("export 7", "/exports/7"),
        ("endpoint a/b c", "/endpoints/a%252Fb%20c"),
        ("staff ann@example.com", "/people/ann@example.com"),
        ("catalog", None),
        ("", None),
    ],
)
def test_a_subject_leads_to_its_page(subject: str, path: str | None) -> None:
    assert subject_path(subject) == path


async def test_the_state_of_the_system_is_shown_with_the_source_of_each_setting() -> None:
    house = House()
    async with running(house.platform):
        owner = await house.person()
        text, view = text_of(await owner.get("/system")), await owner.json("/system")
    assert "well" in text
    assert "CALLTRAIL_KEEP_DAYS – default Age." in text
    assert view["state"]["archived_calls"] == 4000
    assert view["warnings"] == []


@pytest.mark.parametrize("path", ["/audit", "/system"])
async def test_neither_is_for_who_lacks_the_permission(path: str) -> None:
    page = await (await House().person(CLERK)).get(path)
    assert page.status == 403
    assert "Audit View" in text_of(page)
