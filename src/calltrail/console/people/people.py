"""People and roles: who belongs to the staff, what the roles permit, and what is done with one person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calltrail.console.catalog.problems import FormProblem, by_field
from calltrail.console.paths import PEOPLE_PATH, ROLES_PATH, name_in, person_path, role_path
from calltrail.console.people.role_matrix import cell, current_matrix, read_matrix
from calltrail.console.people.words import (
    PERMISSION_WORDS,
    state_of,
    told,
)
from calltrail.console.routes import ConsoleAddress
from calltrail.console.visits import Answer, NotFound, Page, Redirect, Visit
from calltrail.domain.access import OWNERS, Permission, Role, StaffMember
from calltrail.domain.problems import InvalidInput
from calltrail.services.access.people import INVITATION_TIME, People

_EDIT = (Permission.STAFF_EDIT,)
_WORDS: Mapping[str, Any] = {
    "OWNERS": OWNERS,
    "permissions": PERMISSION_WORDS,
    "person_path": person_path,
    "role_path": role_path,
}


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person in the list."""

    email: str
    roles: Sequence[str]

    state: str
    """enabled, disabled or invited."""


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A row of the matrix."""

    name: str
    permissions: frozenset[Permission]

    people: int
    """How many have it."""


@dataclass(frozen=True, slots=True)
class PeopleView:
    people: Sequence[PersonLine]
    roles: Sequence[RoleLine]
    """Owners first."""

    problems: Sequence[FormProblem] = ()


@dataclass(frozen=True, slots=True)
class PersonView:
    email: str
    roles: Sequence[str]
    state: str
    """enabled, disabled or invited."""

    permissions: frozenset[Permission]
    """What the roles permit; none while the person is disabled."""

    is_last_owner: bool
    """Whether there is no other Owner who can sign in, so that this one stays."""

    problems: Sequence[FormProblem] = ()


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation, which is shown this once."""

    email: str

    url: str
    """Whoever opens it chooses the password."""

    ends_at: datetime


class PeopleDesk:
    """`/people`, `/roles` and what belongs to them."""

    def __init__(self, *, people: People) -> None:
        self._people = people

    def show_all(self, visit: Visit) -> Answer:
        return self._all(visit)

    def invite(self, visit: Visit) -> Answer:
        """Add a person, and show the address by which they choose their password."""
        email = visit.form.get("email", "")
        try:
            secret = self._people.invite(email, visit.form.getlist("roles"), visit.principal)
        except InvalidInput as error:
            return self._all(visit, told(error.problems))
        return _invitation(visit, email.strip().casefold(), secret)

    def set_roles(self, visit: Visit) -> Answer:
        """Change what roles permit, and make a new one, as the matrix says."""
        try:
            for name, permissions in read_matrix(visit.form).changes(self._people.roles()).items():
                self._people.set_role(name, permissions, visit.principal)
        except InvalidInput as error:
            return self._all(visit, told(error.problems))
        return Redirect(f"{PEOPLE_PATH}?done=saved")

    def remove_role(self, visit: Visit) -> Answer:
        try:
            self._people.remove_role(name_in(visit.parts["name"]), visit.principal)
        except InvalidInput as error:
            return self._all(visit, told(error.problems))
        return Redirect(f"{PEOPLE_PATH}?done=removed")

    def show(self, visit: Visit) -> Answer:
        return self._one(visit, self._find(visit))

    def assign(self, visit: Visit) -> Answer:
        """Give the person exactly the roles that are ticked."""
        person = self._find(visit)
        try:
            self._people.assign(person.email, visit.form.getlist("roles"), visit.principal)
        except InvalidInput as error:
            return self._one(visit, person, told(error.problems))
        return _back(visit, person, "saved")

    def reset(self, visit: Visit) -> Answer:
        """Take the person's password away, and show the address by which they choose a new one."""
        person = self._find(visit)
        try:
            secret = self._people.reset(person.email, visit.principal)
        except InvalidInput as error:
            return self._one(visit, person, told(error.problems))
        return _invitation(visit, person.email, secret)

    def disable(self, visit: Visit) -> Answer:
        person = self._find(visit)
        try:
            self._people.disable(person.email, visit.principal)
        except InvalidInput as error:
            return self._one(visit, person, told(error.problems))
        return _back(visit, person, "disabled")

    def enable(self, visit: Visit) -> Answer:
        person = self._find(visit)
        self._people.enable(person.email, visit.principal)
        return _back(visit, person, "enabled")

    def _all(self, visit: Visit, problems: Sequence[FormProblem] = ()) -> Page:
        people, roles = self._people.all(), self._people.roles()
        view = PeopleView(
            people=[PersonLine(person.email, sorted(person.roles), state_of(person)) for person in people],
            roles=[
                RoleLine(role.name, role.permissions, sum(role.name in person.roles for person in people))
                for role in _in_order(roles)
            ],
            problems=problems,
        )
        more = {
            **_WORDS,
            "cell": cell,
            "matrix": read_matrix(visit.form) if visit.address == ROLES_PATH else current_matrix(roles),
            "typed_email": visit.form.get("email", ""),
            "typed_roles": visit.form.getlist("roles"),
            "wrong": by_field(problems),
        }
        return Page("people", view, 422 if problems else 200, more)

    def _one(self, visit: Visit, person: StaffMember, problems: Sequence[FormProblem] = ()) -> Page:
        view = PersonView(
            email=person.email,
            roles=sorted(person.roles),
            state=state_of(person),
            permissions=person.permissions,
            is_last_owner=_is_last_owner(person, self._people.all()),
            problems=problems,
        )
        more = {
            **_WORDS,
            "all_roles": _in_order(self._people.roles()),
            "ticked": visit.form.getlist("roles") if visit.address.endswith("/roles") else view.roles,
            "wrong": by_field(problems),
        }
        return Page("person", view, 422 if problems else 200, more)

    def _find(self, visit: Visit) -> StaffMember:
        email = name_in(visit.parts["email"])
        person = next((person for person in self._people.all() if person.email == email.casefold()), None)
        if person is None:
            raise NotFound(f"There is nobody of the address {email}.")
        return person


def people_table(desk: PeopleDesk) -> Iterator[ConsoleAddress]:
    """Fixed addresses stand before those with variable parts."""
    yield ConsoleAddress("GET", "/people", desk.show_all, _EDIT)
    yield ConsoleAddress("POST", "/people/invite", desk.invite, _EDIT)
    yield ConsoleAddress("GET", "/people/{email}", desk.show, _EDIT)
    yield ConsoleAddress("POST", "/people/{email}/roles", desk.assign, _EDIT)
    yield ConsoleAddress("POST", "/people/{email}/reset", desk.reset, _EDIT)
    yield ConsoleAddress("POST", "/people/{email}/disable", desk.disable, _EDIT)
    yield ConsoleAddress("POST", "/people/{email}/enable", desk.enable, _EDIT)
    yield ConsoleAddress("POST", "/roles", desk.set_roles, _EDIT)
    yield ConsoleAddress("POST", "/roles/{name}/remove", desk.remove_role, _EDIT)


def _in_order(roles: Sequence[Role]) -> Sequence[Role]:
    """Owners first, then by name."""
    return sorted(roles, key=lambda role: (role.name != OWNERS, role.name))


def _invitation(visit: Visit, email: str, secret: str) -> Page:
    view = InvitationView(email, f"{visit.base_url}/welcome/{secret}", visit.now + INVITATION_TIME)
    return Page("invitation", view, more={**_WORDS, "days": INVITATION_TIME.days})


def _back(visit: Visit, person: StaffMember, done: str) -> Redirect:
    """The page of the person; of oneself the account, because the other may be closed by now."""
    path = "/account" if person.email == visit.person.email else person_path(person.email)
    return Redirect(f"{path}?done={done}")


def _is_last_owner(person: StaffMember, people: Sequence[StaffMember]) -> bool:
    owners = [each.email for each in people if OWNERS in each.roles and each.may_enter]
    return owners == [person.email]
