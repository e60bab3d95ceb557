"""Who may do what."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Permission(StrEnum):
    """A named right. Roles hold permissions; so may an integration endpoint."""

    INTEGRATION_LOGS_EXPORT = "integration-logs-export"
    """To read exported logs, and to give an API method an export step."""

    CALLS_VIEW = "calls-view"
    """To look at calls in the console."""

    CATALOG_EDIT = "catalog-edit"
    """To change endpoints, API methods and keys."""

    STAFF_EDIT = "staff-edit"
    """To change people, their roles, and what the roles permit; so also to come to hold every other permission."""

    AUDIT_VIEW = "audit-view"
    """To look at the audit journal and at the state of the system."""

    @property
    def title(self) -> str:  # type: ignore[override]  # its name for people, which no `str` has
        """As people read it, such as `Integration Logs Export`."""
        return self.value.replace("-", " ").title()


ENDPOINT_PERMISSIONS = frozenset({Permission.INTEGRATION_LOGS_EXPORT})
"""What an integration endpoint may hold; the rest is for people."""

OWNERS = "Owners"
"""The role that holds every permission, also those that come later."""


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions, which people have."""

    name: str
    permissions: frozenset[Permission]


class PrincipalKind(StrEnum):
    STAFF = "staff"
    """A person with a password; holds the permissions of their roles."""

    ENDPOINT_KEY = "endpoint-key"
    """A live key of an integration endpoint; holds the permissions of the endpoint."""

    KEYLESS = "keyless"
    """A caller of an API method that requires no key; holds no permission."""

    OPERATOR = "operator"
    """Whoever may run commands on the data folder; holds every permission."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts, as the audit journal names them and as links are bound to them."""

    kind: PrincipalKind

    id: str
    """Unique within its kind: an e-mail address; `<endpoint external id>/<key id>`; an endpoint's external id; a user
    of the machine."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Principal":
        """The principal that `str()` turned into `text`; ValueError when it is none."""
        kind, _, id_ = text.partition(":")
        return cls(PrincipalKind(kind), id_)


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person who may sign in, unless they are disabled or have only been invited so far."""

    email: str
    roles: frozenset[str]

    permissions: frozenset[Permission]
    """Those of the roles; none while the person is disabled."""

    is_disabled: bool = False

    is_invited: bool = False
    """Whether they have no password, because they have not accepted their invitation yet."""

    @property
    def may_enter(self) -> bool:
        return not self.is_disabled and not self.is_invited


class StaffTokenKind(StrEnum):
    SESSION = "session"
    """A browser's, from sign-in to sign-out."""

    API = "api"
    """A program's, which acts for the person."""

    INVITATION = "invitation"
    """Whoever has it may choose the person's password, once."""


@dataclass(frozen=True, slots=True)
class StaffToken:
    """A secret that stands for a person, of which only the hash is kept."""

    id: int
    email: str
    kind: StaffTokenKind

    label: str
    """What it is for, in the words of whoever made it; empty but for API tokens."""

    created_at: datetime

    expires_at: datetime | None
    """From then on it is over; None: never."""

    last_used_at: datetime | None = None
    """To the minute."""

    revoked_at: datetime | None = None
    """When it was taken back or spent."""

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
