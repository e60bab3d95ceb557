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
    KEY_CREATED = "key-created"
    """An endpoint got a key."""
    KEY_REVOKED = "key-revoked"
    """A key of an endpoint was revoked."""
    STAFF_ADDED = "staff-added"
    """A person was let in, with these roles."""
    SIGNED_IN = "signed-in"
    """A person signed in."""
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
