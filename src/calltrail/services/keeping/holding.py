"""Legal holds: placed and released by somebody, for a reason."""

from collections.abc import Callable
from datetime import datetime

from calltrail.domain.access import Principal
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.keeping import Hold
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.ports import AuditJournal, HoldStore


class Holding:
    """Whoever places a hold is alone at the archive, so that nothing is taken away by somebody who doesn't know it."""

    def __init__(self, *, holds: HoldStore, audit: AuditJournal, now: Callable[[], datetime]) -> None:
        self._holds = holds
        self._audit = audit
        self._now = now

    def place(self, since: datetime, till: datetime, reason: str, by: Principal) -> Hold:
        """Put the calls that start in the half-open window under a hold. Raises InvalidInput."""
        if since >= till:
            raise InvalidInput([Problem("a window ends after it begins", "--till")])
        if not reason.strip():
            raise InvalidInput([Problem("a hold has a reason", "--reason")])
        hold = self._holds.place(since, till, reason, str(by), self._now())
        self._note(AuditAction.HOLD_PLACED, by, hold, reason=reason)
        return hold

    def release(self, hold_id: int, by: Principal) -> Hold:
        """From now on it keeps nothing. Raises InvalidInput when there is no such hold."""
        hold = self._holds.release(hold_id, str(by), self._now())
        if hold is None:
            raise InvalidInput([Problem(f"there is no hold {hold_id}")])
        self._note(AuditAction.HOLD_RELEASED, by, hold)
        return hold

    def _note(self, action: AuditAction, by: Principal, hold: Hold, **details: object) -> None:
        window = {"since": hold.since.isoformat(), "till": hold.till.isoformat()}
        self._audit.add(AuditEntry(self._now(), action, str(by), f"hold {hold.id}", {**window, **details}))
