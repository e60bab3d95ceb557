"""Calls and bodies taken away when their time is over."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.keeping import KeepingTime, Retention, Retired
from calltrail.services.ports import (
    AuditJournal,
    CallArchive,
    CatalogStore,
    FinalCalls,
    HoldStore,
    KeptCalls,
    Tell,
    no_telling,
)

_log = structlog.get_logger()


class Retiring:
    """Only who is alone at the archive may run it. Calls that are still in the journal are left to a later run."""

    def __init__(
        self,
        *,
        kept: KeptCalls,
        final_calls: FinalCalls,
        archive: CallArchive,
        catalog: CatalogStore,
        holds: HoldStore,
        audit: AuditJournal,
        keep_days: int | None,
        keep_bodies_days: int | None,
        now: Callable[[], datetime],
    ) -> None:
        self._kept = kept
        self._final_calls = final_calls
        self._archive = archive
        self._catalog = catalog
        self._holds = holds
        self._audit = audit
        self._keep_days = keep_days
        self._keep_bodies_days = keep_bodies_days
        self._now = now

    def retention(self) -> Retention:
        """As it stands now: what API methods say goes before the settings."""
        methods = self._catalog.current().methods
        calls = {name: method.keep_days for name, method in methods.items() if method.keep_days}
        bodies = {name: method.keep_bodies_days for name, method in methods.items() if method.keep_bodies_days}
        return Retention(KeepingTime(self._keep_days, calls), KeepingTime(self._keep_bodies_days, bodies))

    def rehearse(self) -> Retired:
        """What a run would take away now, by reason; changes nothing."""
        retention, total = self.retention(), _Total()
        for retired in self._kept.retire(retention, self._now(), self._holds.live(), only_tell=True):
            total.add(retired)
        return total.by_reason(retention)

    def run(self, by: str, is_over: Callable[[], bool] = lambda: False, tell: Tell = no_telling) -> Retired:
        """Take away what is due, and say how much, by reason; the same stands in the audit journal.

        It stops after the first day at whose end `is_over`. Failed midway, what was done until then is noted too.
        """
        self._final_calls.forget(self._archive.archived_through())  # else a copy of what goes would stay in the journal
        retention, total = self.retention(), _Total()
        try:
            for retired in self._kept.retire(retention, self._now(), self._holds.live(), tell=tell):
                total.add(retired)
                if is_over():
                    break
        finally:
            done = total.by_reason(retention)
            if not done.is_nothing:
                details = {"calls": done.calls, "bodies": done.bodies}
                self._audit.add(AuditEntry(self._now(), AuditAction.CALLS_RETIRED, by, "archive", details))
                _log.info("calls-retired", calls=done.calls, bodies=done.bodies)
        return done


class _Total:
    """Counts by API method."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._bodies: Counter[str] = Counter()

    def add(self, retired: Retired) -> None:
        self._calls.update(retired.calls)
        self._bodies.update(retired.bodies)

    def by_reason(self, retention: Retention) -> Retired:
        return Retired(_by_reason(self._calls, retention.calls), _by_reason(self._bodies, retention.bodies))


def _by_reason(counts: Mapping[str, int], time: KeepingTime) -> Mapping[str, int]:
    reasons: Counter[str] = Counter()
    for method, count in counts.items():
        reasons[time.reason(method)] += count
    return dict(sorted(reasons.items()))
