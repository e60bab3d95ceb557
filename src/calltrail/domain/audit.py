"""Who did what with the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AuditAction(StrEnum):
    EXPORT_STARTED = "export-started"
    """A new export was queued."""
    EXPORT_LINKED = "export-linked"
    """Links to the parts of an export were handed out."""
    EXPORT_DOWNLOADED = "export-downloaded"
    """A file of an export, or a range of it, was handed out."""
    EXPORT_REFUSED = "export-refused"
    """A download was refused; the details say why."""
    EXPORT_CANCELLED = "export-cancelled"
    """A live export was cancelled; the details say why."""
    EXPORT_EXPIRED = "export-expired"
    """The files of an export were deleted because their time was over."""
    CALLS_RETIRED = "calls-retired"
    """Calls or bodies whose time was over were taken away; the details say how many, and why."""
    ERASURE_BEGUN = "erasure-begun"
    """Calls that match a filter are about to be erased; the details have the filter and how many match."""
    CALLS_ERASED = "calls-erased"
    """They are; the details say how many."""
    HOLD_PLACED = "hold-placed"
    """The calls of a window were put under a legal hold; the details say why."""
    HOLD_RELEASED = "hold-released"
    """A legal hold was released."""
    CATALOG_APPLIED = "catalog-applied"
    """Endpoints and API methods were changed; the details say which."""
    CALL_TRIED = "call-tried"
    """A call of an API method was made from the console; the details have the endpoint and the id of the call."""
    KEY_CREATED = "key-created"
    """An endpoint got a key."""
    KEY_REVOKED = "key-revoked"
    """A key of an endpoint was revoked."""
    STAFF_ADDED = "staff-added"
    """A person was let in, with these roles."""
    STAFF_INVITED = "staff-invited"
    """A person was invited, with these roles; they have no password yet."""
    STAFF_JOINED = "staff-joined"
    """A person accepted their invitation, and has a password from now on."""
    STAFF_RESET = "staff-reset"
    """A person's password, sessions and API tokens were taken away, and they were invited anew."""
    STAFF_DISABLED = "staff-disabled"
    """A person was shut out: they may do nothing any more."""
    STAFF_ENABLED = "staff-enabled"
    """A disabled person was let in again."""
    ROLES_ASSIGNED = "roles-assigned"
    """A person got other roles; the details have them before and after."""
    ROLE_CHANGED = "role-changed"
    """A role was made, or permits something else; the details have its permissions before and after."""
    ROLE_REMOVED = "role-removed"
    """A role that nobody had was removed."""
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - an action
    """A person changed their password."""
    TOKEN_CREATED = "token-created"  # noqa: S105 - an action
    """A person got an API token; the details have its number and label."""
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - an action
    """An API token was revoked."""
    SIGNED_IN = "signed-in"
    """A person signed in."""
    SIGNED_OUT = "signed-out"
    """A person signed out, and so ended their session, or their other ones; the details say how many."""
    SIGN_IN_REFUSED = "sign-in-refused"
    """Somebody did not; the details say why."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line of the append-only audit journal."""

    at: datetime
    action: AuditAction

    principal: str
    """`str()` of a Principal, or `anonymous`."""

    subject: str = ""
    """What it was done to, such as `export 7` or `endpoint demo.Website`."""

    details: Mapping[str, object] = field(default_factory=dict)
    """Facts of the action; JSON values, never a secret."""


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """An entry and its number in the journal; a later one has a higher number."""

    id: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Criteria of entries; all must hold, and what is None or empty holds for every one."""

    since: datetime | None = None
    """Inclusive."""

    till: datetime | None = None
    """Exclusive."""

    action: AuditAction | None = None

    principal: str = ""
    """Text that the principal contains, without regard to the case of ASCII letters."""

    subject: str = ""
    """Text that the subject contains, as for `principal`."""

    def matches(self, entry: AuditEntry) -> bool:
        return (
            (self.since is None or self.since <= entry.at)
            and (self.till is None or entry.at < self.till)
            and self.action in (None, entry.action)
            and _contains(entry.principal, self.principal)
            and _contains(entry.subject, self.subject)
        )


def _contains(text: str, part: str) -> bool:
    return part.encode().lower() in text.encode().lower()
