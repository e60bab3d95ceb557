"""What every AuditJournal must do."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from calltrail.domain.audit import AuditAction, AuditEntry
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
