"""Sessions of browsers and tokens of programs: secrets by which somebody is known as a person."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from calltrail.domain.access import Principal, PrincipalKind, StaffMember, StaffToken, StaffTokenKind
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.access.ports import StaffStore, StaffTokens
from calltrail.services.ports import AuditJournal, StoreUnavailable

SESSION_TIME = timedelta(hours=12)
MOST_TOKENS = 20
"""Live API tokens of a person."""
LONGEST_TOKEN_DAYS = 3650
LONGEST_LABEL_CHARS = 100
API_TOKEN_PREFIX = "calltrail_token_"  # noqa: S105 - what all begin with
_KEPT_WHEN_OVER = timedelta(days=30)
_SECRET_BYTES = 32


class Passes:
    """Judges by what the stores hold at this moment: nothing that is revoked works on. Its methods block."""

    def __init__(
        self, *, tokens: StaffTokens, staff: StaffStore, audit: AuditJournal, now: Callable[[], datetime]
    ) -> None:
        self._tokens = tokens
        self._staff = staff
        self._audit = audit
        self._now = now

    def begin_session(self, email: str) -> str:
        """The secret of a new session, which is over after `SESSION_TIME`."""
        now, secret = self._now(), new_secret(StaffTokenKind.SESSION)
        self._tokens.add(email, StaffTokenKind.SESSION, "", hash_secret(secret), now, now + SESSION_TIME)
        return secret

    def end_session(self, secret: str) -> None:
        """End it for good; a secret that is none, or one of a session that is over, does nothing."""
        session = self._tokens.spend(StaffTokenKind.SESSION, hash_secret(secret), self._now())
        if session:
            self._note(AuditAction.SIGNED_OUT, Principal(PrincipalKind.STAFF, session.email), session.email)

    def session_person(self, secret: str) -> StaffMember | None:
        """Who signed in, as they stand now; None when the session is over or the person may not enter."""
        return self._person(StaffTokenKind.SESSION, secret)

    def token_person(self, secret: str) -> StaffMember | None:
        """For whom a program acts, as they stand now; None when the token is over or the person may not enter."""
        return self._person(StaffTokenKind.API, secret)

    def create_token(self, email: str, label: str, days: int | None, by: Principal) -> tuple[StaffToken, str]:
        """A new API token, good for so many days or for ever, and its secret, which can't be shown again.

        Raises InvalidInput.
        """
        label, now = label.strip(), self._now()
        if problems := [*self._problems_of_person(email), *label_problems(label), *_days_problems(days)]:
            raise InvalidInput(problems)
        secret = new_secret(StaffTokenKind.API)
        expires_at = None if days is None else now + timedelta(days=days)
        token = self._tokens.add(email, StaffTokenKind.API, label, hash_secret(secret), now, expires_at)
        self._note(AuditAction.TOKEN_CREATED, by, token.email, token=token.id, label=label, days=days)
        return token, secret

    def tokens(self, email: str) -> tuple[StaffToken, ...]:
        """The person's API tokens, oldest first; those that are over too, for a while."""
        return self._tokens.of_person(email, StaffTokenKind.API)

    def revoke_token(self, email: str, token_id: int, by: Principal) -> StaffToken:
        """Revoke an API token; from then on it opens nothing. Raises InvalidInput when the person has no such token."""
        known = next((token for token in self.tokens(email) if token.id == token_id), None)
        if known is None:
            raise InvalidInput([Problem(f"{email} has no API token {token_id}.")])
        if known.revoked_at:
            return known
        token = self._tokens.revoke(email, token_id, self._now())
        assert token
        self._note(AuditAction.TOKEN_REVOKED, by, token.email, token=token_id, label=token.label)
        return token

    def delete_old(self) -> None:
        """Delete sessions, tokens and invitations that have long been over."""
        self._tokens.delete_over(self._now() - _KEPT_WHEN_OVER)

    def _person(self, kind: StaffTokenKind, secret: str) -> StaffMember | None:
        now = self._now()
        token = self._tokens.find(kind, hash_secret(secret), now)
        person = self._staff.find(token.email) if token else None
        if token is None or person is None or not person.may_enter:
            return None
        with suppress(StoreUnavailable):  # the next use is noted; this one need not fail for it
            self._tokens.note_use(token, now)
        return person

    def _problems_of_person(self, email: str) -> list[Problem]:
        person = self._staff.find(email)
        if person is None:
            return [Problem(f"There is nobody of the address {email}.", "/email")]
        if not person.may_enter:
            return [Problem(f"{person.email} can't sign in, and so gets no API token.", "/email")]
        live = [token for token in self.tokens(email) if token.is_live(self._now())]
        if len(live) >= MOST_TOKENS:
            return [Problem(f"{person.email} has {len(live)} API tokens already; revoke one first.")]
        return []

    def _note(self, action: AuditAction, by: Principal, email: str, **details: object) -> None:
        self._audit.add(AuditEntry(self._now(), action, str(by), f"staff {email}", details))


def label_problems(label: str) -> list[Problem]:
    """What is wrong with the label of a token."""
    if not label:
        return [Problem("Say in a few words what the token is for.", "/label")]
    if len(label) > LONGEST_LABEL_CHARS or not label.isprintable():
        return [Problem(f"A label is one line of at most {LONGEST_LABEL_CHARS} characters.", "/label")]
    return []


def _days_problems(days: int | None) -> list[Problem]:
    if days is None or 1 <= days <= LONGEST_TOKEN_DAYS:
        return []
    return [Problem(f"A token is good for 1 to {LONGEST_TOKEN_DAYS} days, or for ever.", "/days")]


def new_secret(kind: StaffTokenKind) -> str:
    """256 random bits, safe in URLs, headers and cookies; the prefix tells people and scanners what leaked."""
    prefix = API_TOKEN_PREFIX if kind is StaffTokenKind.API else f"calltrail_{kind}_"
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def hash_secret(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
