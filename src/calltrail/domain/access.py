"""Who may do what."""

from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """A named right. Roles hold permissions; so may an integration endpoint."""

    INTEGRATION_LOGS_EXPORT = "integration-logs-export"
    """To read exported logs, and to give an API method an export step."""


OWNERS = "Owners"
"""The role that holds every permission, also those that come later."""


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
    """A person who may sign in."""

    email: str
    roles: frozenset[str]
    permissions: frozenset[Permission]
