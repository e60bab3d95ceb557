"""A request of somebody who has signed in, and what it may be answered with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.datastructures import ImmutableMultiDict, QueryParams

from calltrail.domain.access import Permission, Principal, PrincipalKind, StaffMember

Form = ImmutableMultiDict[str, str]
"""The fields of a form, in the order sent; a name may occur several times."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a person who may make it."""

    person: StaffMember

    address: str
    """Its path, without `.json`."""

    parts: Mapping[str, str]
    """What stands in the variable parts of the path."""

    query: QueryParams
    form: Form

    form_token: str
    """What a form must bring along, so that no other site can have made it."""

    session: str
    """Secret of the session; empty for a program."""

    base_url: str
    """Scheme and host that addresses begin with: as set, or as the visitor reached us."""

    now: datetime

    is_head: bool = False
    """Whether only the head of the answer is wanted."""

    @property
    def principal(self) -> Principal:
        return Principal(PrincipalKind.STAFF, self.person.email)

    def may(self, *permissions: Permission) -> bool:
        """Whether the person holds one of the permissions."""
        return any(permission in self.person.permissions for permission in permissions)


@dataclass(frozen=True, slots=True)
class Page:
    """A page for people, and the same as JSON for programs."""

    template: str
    """Name of a file in `templates/`, without its suffix."""

    view: Any
    """What the page shows: a dataclass or a JSON value. It is the JSON, and `view` in the template."""

    status_code: int = 200

    more: Mapping[str, Any] = field(default_factory=dict)
    """Further values for the template, which only people look at."""

    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another page has the answer."""

    path: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file, made as it is sent."""

    name: str
    """The name under which a browser saves it; empty when it is to be shown."""

    media_type: str
    content: bytes | Iterable[bytes]
    size_bytes: int | None = None
    """Known beforehand, or None."""

    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Page | Redirect | Download


class NotFound(Exception):
    """There is no such thing; the message says what was looked for, for people."""


class Refused(Exception):
    """The person may not do this; the message says why and what would help."""
