"""What every AuditJournal must do."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from calltrail.domain.audit import AuditAction, AuditEntry, AuditFilter, NumberedEntry
from calltrail.services.ports import AuditJournal, StoreUnavailable
from calltrail.stores.registry.audit import RegistryAuditJournal
from calltrail.stores.registry.database import Registry

NOON = datetime(2026, 11, 3, 12, 0, 0, 123456, tzinfo=UTC)
STARTED = AuditEntry(
    NOON,
    AuditAction.EXPORT_STARTED,
    "endpoint-key:3",
    "export 7",
    {"filter": {"since": None, "methods": ["Ä", "'; DROP TABLE"]}, "rows": 12, "whole": True},
)
REFUSED = AuditEntry(NOON - timedelta(days=1), AuditAction.EXPORT_REFUSED, "anonymous", "export 7")


def test_entries_come_back_in_the_order_added(audit_journal: AuditJournal) -> None:
    for entry in (STARTED, REFUSED, STARTED):
        audit_journal.add(entry)
    assert audit_journal.entries() == (STARTED, REFUSED, STARTED)


def test_entries_can_be_asked_for_by_action(audit_journal: AuditJournal) -> None:
    audit_journal.add(STARTED)
    audit_journal.add(REFUSED)
    assert audit_journal.entries(AuditAction.EXPORT_REFUSED) == (REFUSED,)
    assert audit_journal.entries(AuditAction.SIGNED_IN) == ()


def test_the_newest_entries_come_first_page_by_page(audit_journal: AuditJournal) -> None:
    for entry in (STARTED, REFUSED, STARTED):
        audit_journal.add(entry)
    page = audit_journal.newest(AuditFilter(), 2)
    assert page == (NumberedEntry(3, STARTED), NumberedEntry(2, REFUSED))
    audit_journal.add(REFUSED)
    assert audit_journal.newest(AuditFilter(), 2, before=page[-1].id) == (NumberedEntry(1, STARTED),)
    assert audit_journal.newest(AuditFilter(), 2, before=1) == ()
    assert audit_journal.newest(AuditFilter(action=STARTED.action), 1, before=3) == (NumberedEntry(1, STARTED),)


MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (AuditFilter(), "12"),
        (AuditFilter(since=NOON), "1"),
        (AuditFilter(since=NOON + MOMENT), ""),
        (AuditFilter(till=NOON), "2"),
        (AuditFilter(till=NOON + MOMENT), "12"),
        (AuditFilter(action=AuditAction.EXPORT_REFUSED), "2"),
        (AuditFilter(action=AuditAction.SIGNED_IN), ""),
        (AuditFilter(principal="KEY:3"), "1"),
        (AuditFilter(principal="anonymous"), "2"),
        (AuditFilter(subject="Export 7"), "12"),
        (AuditFilter(principal="%"), ""),
        (AuditFilter(principal="key_3"), ""),
        (AuditFilter(subject="7\0"), ""),
        (AuditFilter(subject="\\"), ""),
        (AuditFilter(since=NOON - timedelta(days=2), till=NOON, principal="a", subject="7"), "2"),
    ],
)
def test_entries_are_found_that_meet_all_criteria(audit_journal: AuditJournal, filter: AuditFilter, found: str) -> None:
    audit_journal.add(STARTED)
    audit_journal.add(REFUSED)
    assert sorted(each.id for each in audit_journal.newest(filter, 10)) == [int(number) for number in found]


def test_only_the_case_of_ascii_letters_is_no_matter(audit_journal: AuditJournal) -> None:
    audit_journal.add(AuditEntry(NOON, AuditAction.KEY_CREATED, "operator:root", "endpoint Ärger.Å"))
    assert audit_journal.newest(AuditFilter(subject="ÄRGER.Å"), 1)
    assert not audit_journal.newest(AuditFilter(subject="ärger"), 1)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entries SET principal = 'somebody else'",
        "DELETE FROM audit_entries",
        "REPLACE INTO audit_entries SELECT id, at, action, 'somebody else', subject, details FROM audit_entries",
    ],
)
def test_the_database_itself_refuses_to_change_or_lose_an_entry(registry: Registry, change: str) -> None:
    journal = RegistryAuditJournal(registry)
    journal.add(STARTED)
    with pytest.raises(IntegrityError, match="append-only"), registry.writing() as connection:
        connection.execute(text(change))
    assert journal.entries() == (STARTED,)


def test_an_entry_that_finds_the_database_locked_is_refused_aloud_and_the_next_one_kept(
    registry: Registry, registry_file: Path
) -> None:
    with closing(Registry(registry_file, busy_timeout_s=0.01)) as impatient:
        journal = RegistryAuditJournal(impatient)
        with registry.writing(), pytest.raises(StoreUnavailable, match="locked"):
            journal.add(STARTED)
        journal.add(REFUSED)
        assert journal.entries() == (REFUSED,)
