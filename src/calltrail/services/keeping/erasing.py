"""Calls erased because somebody asks for it, wherever they are."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from calltrail.domain.access import Principal
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import Matching
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.archiving import Archiver
from calltrail.services.ports import AuditJournal, ExportJobs, HoldStore, KeptCalls, Tell, no_telling

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)

_TELLING = ("device", "text")
"""Criteria that may themselves be what is to be gone; of them only a digest is kept."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure came to."""

    matching: Matching
    """As found just before."""

    erased: int
    """Calls that are gone."""

    is_journal_clean: bool
    """Whether nothing of them is left in the files of the journal; otherwise it is to be run again."""

    exports: Sequence[int]
    """Ids of exports that have files, or may come to have some, and whose window overlaps with the one asked for."""


class Erasing:
    """Only who is alone at the archive may run it; counting changes nothing."""

    def __init__(
        self,
        *,
        kept: KeptCalls,
        archiver: Archiver,
        holds: HoldStore,
        jobs: ExportJobs,
        audit: AuditJournal,
        now: Callable[[], datetime],
    ) -> None:
        self._kept = kept
        self._archiver = archiver
        self._holds = holds
        self._jobs = jobs
        self._audit = audit
        self._now = now

    def count(self, filter: CallFilter) -> Matching:
        """What would be erased now. Raises InvalidInput when the filter asks for nothing."""
        _require_criterion(filter)
        return self._kept.matching(filter, self._holds.live())

    def run(self, filter: CallFilter, by: Principal, tell: Tell = no_telling) -> Erasure:
        """Erase the final calls that match, but for those under a hold. Raises InvalidInput as `count` does.

        On return they are gone from the disk. Killed anywhere, it may be run again, and finishes what was left.
        """
        _require_criterion(filter)
        self._archiver.run()  # from here on all that is final is in the archive
        holds = self._holds.live()
        matching = self._kept.matching(filter, holds)
        asked = {"filter": described(filter)}
        self._note(AuditAction.ERASURE_BEGUN, by, {**asked, "calls": matching.calls, "held": matching.held})
        erased = self._kept.erase(filter, holds, tell)
        self._note(AuditAction.CALLS_ERASED, by, {**asked, "calls": erased})
        exports = [job.id for job in self._jobs.with_files() if _overlap(job.order.filter, filter)]
        return Erasure(matching, erased, self._kept.scrub_journal(), exports)

    def _note(self, action: AuditAction, by: Principal, details: Mapping[str, object]) -> None:
        self._audit.add(AuditEntry(self._now(), action, str(by), "archive", details))


def _require_criterion(filter: CallFilter) -> None:
    if filter == CallFilter():
        raise InvalidInput([Problem("say which calls; there must be one criterion at least")])
    if filter.text == "":
        raise InvalidInput([Problem("a text to look for has one character at least", "--text")])


def _overlap(one: CallFilter, other: CallFilter) -> bool:
    """Whether the windows of the filters do."""
    since = max(one.since or _EARLIEST, other.since or _EARLIEST)
    return since < min(one.till or _LATEST, other.till or _LATEST)


def described(filter: CallFilter) -> dict[str, object]:
    """The criteria as the audit journal keeps them, which is never erased."""
    criteria = {field.name: getattr(filter, field.name) for field in fields(filter)}
    return {name: _described(name, value) for name, value in criteria.items() if value not in (None, ())}


def _described(name: str, value: object) -> object:
    if name in _TELLING:
        return f"sha256:{hashlib.sha256(str(value).encode()).hexdigest()}"
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else value
