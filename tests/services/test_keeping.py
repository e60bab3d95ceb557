"""Retention, legal holds and erasure as staff see them: what they did stands in the audit journal."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.audit import AuditAction
from calltrail.domain.calls import LoggedBody
from calltrail.domain.catalog import AcceptStep, ApiMethod, Catalog
from calltrail.domain.exports import ExportOptions, ExportOrder, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import Retired
from calltrail.domain.problems import InvalidInput
from calltrail.services.archiving import Archiver
from calltrail.services.keeping.erasing import Erasing
from calltrail.services.keeping.holding import Holding
from calltrail.services.keeping.retiring import Retiring
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal.journal import CallJournal
from calltrail.stores.journal.outgoing import OutgoingCalls
from calltrail.stores.kept_calls import KeptCallsOfLog
from calltrail.stores.memory import MemoryAuditJournal, MemoryCatalogStore, MemoryExportJobs, MemoryHoldStore
from calltrail.stores.verification import verify
from tests.samples import NOON, a_request, an_outcome
from tests.stores.archives import a_call, append, make_table

DAY = timedelta(days=1)
ANN = Principal(PrincipalKind.OPERATOR, "ann")


@dataclass
class Site:
    folder: Path
    table: ArchiveTable
    journal: CallJournal
    final_calls: OutgoingCalls
    catalog: MemoryCatalogStore
    audit: MemoryAuditJournal
    holds: MemoryHoldStore
    jobs: MemoryExportJobs
    kept: KeptCallsOfLog

    @property
    def holding(self) -> Holding:
        return Holding(holds=self.holds, audit=self.audit, now=lambda: NOON + 10 * DAY)

    @property
    def erasing(self) -> Erasing:
        now = NOON + 10 * DAY
        archiver = Archiver(
            final_calls=self.final_calls, archive=self.table, age=timedelta(0), batch_bytes=10**6, now=lambda: now
        )
        return Erasing(
            kept=self.kept, archiver=archiver, holds=self.holds, jobs=self.jobs, audit=self.audit, now=lambda: now
        )

    def retiring(self, keep_days: int | None = None, keep_bodies_days: int | None = None) -> Retiring:
        return Retiring(
            kept=self.kept,
            final_calls=self.final_calls,
            archive=self.table,
            catalog=self.catalog,
            holds=self.holds,
            audit=self.audit,
            keep_days=keep_days,
            keep_bodies_days=keep_bodies_days,
            now=lambda: NOON + 10 * DAY,
        )

    async def write(self, text: str) -> str:
        request = a_request(NOON, body=LoggedBody(text, len(text)))
        await self.journal.finish(request, an_outcome(request), was_begun=False)
        return request.id


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    table = make_table(tmp_path)
    journal = tmp_path / "journal.db"
    with (
        closing(CallJournal(journal, tmp_path / "run", busy_timeout_s=1)) as calls,
        closing(OutgoingCalls(journal, busy_timeout_s=1)) as final_calls,
    ):
        kept = KeptCallsOfLog(journal, table, busy_timeout_s=1, patience_s=1)
        stores = (MemoryCatalogStore(), MemoryAuditJournal(), MemoryHoldStore(), MemoryExportJobs())
        yield Site(tmp_path, table, calls, final_calls, *stores, kept)


def a_method(name: str, keep_days: int | None = None, keep_bodies_days: int | None = None) -> ApiMethod:
    return ApiMethod(name, name, (), (AcceptStep(),), keep_days=keep_days, keep_bodies_days=keep_bodies_days)


def test_what_retention_took_away_stands_in_the_audit_journal_with_the_reasons(site: Site) -> None:
    site.catalog.save(Catalog(methods={"Short": a_method("Short", 3), "Bare": a_method("Bare", 90, 3)}))
    append(site.table, [a_call(NOON, method_system_name=name) for name in ("Short", "Short", "Bare", "X", "Y")])
    due = Retired({"Short: 3 days": 2, "by default: 7 days": 2}, {"Bare: 3 days": 1})
    assert site.retiring(7).rehearse() == due
    assert site.audit.entries() == ()
    assert site.retiring(7).run("calltrail") == due
    (entry,) = site.audit.entries()
    assert (entry.action, entry.principal) == (AuditAction.CALLS_RETIRED, "calltrail")
    assert entry.details == {"calls": due.calls, "bodies": due.bodies}
    assert site.retiring(7).run("calltrail").is_nothing
    assert len(site.audit.entries()) == 1


def test_without_a_setting_calls_are_kept_for_ever(site: Site) -> None:
    append(site.table, [a_call(NOON - 9999 * DAY)])
    assert site.retiring().run("calltrail").is_nothing


def test_a_run_that_is_stopped_notes_what_it_did_and_the_next_goes_on(site: Site) -> None:
    append(site.table, [a_call(NOON), a_call(NOON - DAY)])
    assert site.retiring(1).run("calltrail", lambda: True).calls == {"by default: 1 days": 1}
    assert site.retiring(1).run("operator:ann").calls == {"by default: 1 days": 1}
    assert [entry.principal for entry in site.audit.entries()] == ["calltrail", "operator:ann"]


async def test_no_copy_of_a_retired_call_stays_in_the_journal(site: Site) -> None:
    await site.write("{}")
    batch = site.final_calls.next(0, 10**6)
    assert batch
    site.table.append(batch.calls, batch.through)  # and then the archiver was killed
    site.retiring(1).run("calltrail")
    assert verify(site.folder / "journal.db", site.folder / "archive").problems == ()
    assert site.final_calls.forget(10**6) == 0


def test_what_a_hold_keeps_goes_once_it_is_released(site: Site) -> None:
    append(site.table, [a_call(NOON)])
    hold = site.holding.place(NOON, NOON + DAY, "case 12/26", ANN)
    assert site.retiring(1).run("calltrail").is_nothing
    assert site.erasing.run(CallFilter(since=NOON), ANN).erased == 0
    site.holding.release(hold.id, ANN)
    assert not site.retiring(1).run("calltrail").is_nothing
    placed, *_, released, _ = site.audit.entries()
    assert (placed.action, placed.principal, placed.subject) == (AuditAction.HOLD_PLACED, "operator:ann", "hold 1")
    assert placed.details["reason"] == "case 12/26"
    assert (released.action, released.subject) == (AuditAction.HOLD_RELEASED, "hold 1")


def test_a_hold_has_a_window_and_a_reason(site: Site) -> None:
    for since, till, reason in ((NOON, NOON, "x"), (NOON, NOON + DAY, "  ")):
        with pytest.raises(InvalidInput):
            site.holding.place(since, till, reason, ANN)
    with pytest.raises(InvalidInput, match="there is no hold 7"):
        site.holding.release(7, ANN)
    assert site.audit.entries() == ()


async def test_erasure_reaches_calls_that_are_still_in_the_journal_and_leaves_no_byte_of_them(site: Site) -> None:
    append(site.table, [a_call(NOON, body=LoggedBody('{"mail": "ann@example.com"}', 27))])
    await site.write('{"mail": "ann@example.com"}')
    stays = await site.write('{"mail": "bob@example.com"}')
    erasure = site.erasing.run(CallFilter(text="ann@example.com"), ANN)
    assert (erasure.matching.calls, erasure.erased, erasure.is_journal_clean) == (2, 2, True)
    assert site.table.log(site.table.files()).collect()["id"].to_list() == [stays]
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    assert len(files) > 4
    assert not [path for path in files if b"ann@example" in path.read_bytes()]


async def test_a_call_that_is_processing_is_named_and_stays(site: Site) -> None:
    open_call = a_request(NOON)
    await site.journal.begin(open_call, must_survive_power_loss=True)
    erasure = site.erasing.run(CallFilter(endpoint_external_id="demo.Website"), ANN)
    assert (erasure.erased, erasure.matching.processing) == (0, (open_call.id,))
    assert site.journal.get(open_call.id)


def test_the_audit_journal_tells_of_an_erasure_before_and_after_without_what_is_to_be_gone(site: Site) -> None:
    append(site.table, [a_call(NOON, device="d-7", url="/?q=secret")])
    site.erasing.run(CallFilter(since=NOON, device="d-7", text="secret", most_duration=DAY), ANN)
    before, after = site.audit.entries()
    assert (before.action, after.action) == (AuditAction.ERASURE_BEGUN, AuditAction.CALLS_ERASED)
    asked = {
        "since": NOON.isoformat(),
        "device": f"sha256:{hashlib.sha256(b'd-7').hexdigest()}",
        "text": f"sha256:{hashlib.sha256(b'secret').hexdigest()}",
        "most_duration": 86_400.0,
    }
    assert before.details == {"filter": asked, "calls": 1, "held": 0}
    assert after.details == {"filter": asked, "calls": 1}


def test_an_erasure_needs_a_criterion(site: Site) -> None:
    for nothing in (CallFilter(), CallFilter(text="")):
        with pytest.raises(InvalidInput):
            site.erasing.count(nothing)
        with pytest.raises(InvalidInput):
            site.erasing.run(nothing, ANN)
    assert site.audit.entries() == ()


def test_exports_whose_files_may_hold_erased_calls_are_named(site: Site) -> None:
    order = ExportOrder("demo.Website", "Exports.Logs", CallFilter(), ExportOptions())
    for window in (CallFilter(till=NOON), CallFilter(since=NOON), CallFilter(till=NOON + DAY, since=NOON - DAY)):
        site.jobs.start(replace(order, filter=window), ANN, Snapshot(1, NOON), NOON)
    append(site.table, [a_call(NOON)])
    assert site.erasing.run(CallFilter(since=NOON), ANN).exports == [2, 3]
