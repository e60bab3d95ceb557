"""Who belongs to the staff: people come by invitation, have roles, and go."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from calltrail.domain.access import (
    OWNERS,
    Permission,
    Principal,
    PrincipalKind,
    Role,
    StaffMember,
    StaffTokenKind,
)
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.access.passes import hash_secret, new_secret
from calltrail.services.access.ports import LastOwner, RoleInUse, StaffStore, StaffTokens
from calltrail.services.access.rights import FEWEST_PASSWORD_CHARS, Access, TooManySignIns
from calltrail.services.ports import AuditJournal

INVITATION_TIME = timedelta(days=3)
LONGEST_PASSWORD_CHARS = 1000
LONGEST_EMAIL_CHARS = 254
LONGEST_ROLE_CHARS = 64

_EMAIL = re.compile(r'[^@\s"(),:;<>\[\]\\]{1,64}@([^\W_]([\w-]*[^\W_])?\.)+[^\W_]([\w-]*[^\W_])?')


class People:
    """Where people and roles are changed, whoever changes them. Wrong inputs raise InvalidInput. Its methods block."""

    def __init__(
        self,
        *,
        staff: StaffStore,
        tokens: StaffTokens,
        access: Access,
        audit: AuditJournal,
        now: Callable[[], datetime],
    ) -> None:
        self._staff = staff
        self._tokens = tokens
        self._access = access
        self._audit = audit
        self._now = now

    def all(self) -> tuple[StaffMember, ...]:
        """Everybody, by address."""
        return self._staff.all()

    def roles(self) -> tuple[Role, ...]:
        """Every role, by name."""
        return self._staff.roles()

    def invite(self, email: str, roles: Sequence[str], by: Principal) -> str:
        """Add a person without a password, and give the secret of their invitation, good once in `INVITATION_TIME`."""
        address = email.strip().casefold()
        problems = [*email_problems(address), *self._unknown_roles(roles)]
        if self._staff.find(address):
            problems.append(Problem(f"{address} is here already.", "/email"))
        if problems:
            raise InvalidInput(problems)
        with _told_as_problems():
            self._staff.add(address, None, roles)
        self._note(AuditAction.STAFF_INVITED, by, _person(address), roles=sorted(set(roles)))
        return self._new_invitation(address)

    def reset(self, email: str, by: Principal) -> str:
        """Take a person's password, sessions and API tokens away, and give the secret of a new invitation.

        The last Owner who can sign in is reset by an operator only, who can always let another one in.
        """
        person = self._known(email)
        if person.is_disabled:
            raise InvalidInput([Problem(f"{person.email} is disabled; enable them first.", "/email")])
        with _told_as_problems():
            self._staff.clear_password(person.email, even_last_owner=by.kind is PrincipalKind.OPERATOR)
        self._revoke(person.email)
        self._note(AuditAction.STAFF_RESET, by, _person(person.email))
        return self._new_invitation(person.email)

    def invited(self, secret: str) -> StaffMember | None:
        """Whose invitation it is; None when it is spent or over, or the person is disabled."""
        invitation = self._tokens.find(StaffTokenKind.INVITATION, hash_secret(secret), self._now())
        person = self._staff.find(invitation.email) if invitation else None
        return person if person and person.is_invited and not person.is_disabled else None

    def accept(self, secret: str, password: str) -> StaffMember:
        """Spend an invitation: its person has this password from now on."""
        person, problems = self.invited(secret), _password_problems(password)
        if person is None:
            problems.append(Problem("This invitation was used, or its time is over. Ask for a new one."))
        if problems:
            raise InvalidInput(problems)
        password_hash = self._access.hash_password(password)
        spent = self._tokens.spend(StaffTokenKind.INVITATION, hash_secret(secret), self._now())
        if spent is None:
            raise InvalidInput([Problem("This invitation was used just now.")])
        self._revoke(spent.email)
        self._staff.set_password(spent.email, password_hash)
        self._note(AuditAction.STAFF_JOINED, Principal(PrincipalKind.STAFF, spent.email), _person(spent.email))
        return self._known(spent.email)

    def assign(self, email: str, roles: Sequence[str], by: Principal) -> None:
        """Give a person exactly these roles."""
        person = self._staff.find(email)
        if problems := [*_nobody(email, person), *self._unknown_roles(roles)]:
            raise InvalidInput(problems)
        assert person
        if frozenset(roles) == person.roles:
            return
        with _told_as_problems():
            self._staff.assign(person.email, roles)
        before, after = sorted(person.roles), sorted(set(roles))
        self._note(AuditAction.ROLES_ASSIGNED, by, _person(person.email), before=before, roles=after)

    def disable(self, email: str, by: Principal) -> None:
        """Shut a person out at once: they may do nothing, and their sessions, tokens and links open nothing."""
        person = self._known(email)
        with _told_as_problems():
            self._staff.disable(person.email)
        self._revoke(person.email)
        if not person.is_disabled:
            self._note(AuditAction.STAFF_DISABLED, by, _person(person.email))

    def enable(self, email: str, by: Principal) -> None:
        """Let a disabled person in again, with their password and roles; sessions and tokens stay over."""
        person = self._known(email)
        if person.is_disabled:
            self._revoke(person.email)
            self._staff.enable(person.email)
            self._note(AuditAction.STAFF_ENABLED, by, _person(person.email))

    def set_role(self, name: str, permissions: Collection[Permission], by: Principal) -> None:
        """Let a role, new or known, hold exactly these permissions."""
        name = name.strip()
        if problems := _role_problems(name):
            raise InvalidInput(problems)
        before = {role.name: role.permissions for role in self.roles()}
        if before.get(name) == frozenset(permissions):
            return
        self._staff.set_role(name, permissions)
        held = sorted(before[name]) if name in before else None
        self._note(AuditAction.ROLE_CHANGED, by, f"role {name}", before=held, permissions=sorted(set(permissions)))

    def remove_role(self, name: str, by: Principal) -> None:
        """Remove a role that nobody has."""
        with _told_as_problems():
            self._staff.remove_role(name)
        self._note(AuditAction.ROLE_REMOVED, by, f"role {name}")

    def change_password(self, email: str, old: str, new: str, *, session: str = "") -> None:
        """Change a person's own password; every session of theirs ends but the one whose secret this is."""
        person, problems = self._known(email), _password_problems(new, "/new")
        try:
            if not self._access.confirms(person.email, old):
                problems.append(Problem("The old password is wrong.", "/old"))
        except TooManySignIns as error:
            problems.append(Problem(str(error), "/old"))
        if problems:
            raise InvalidInput(problems)
        self._staff.set_password(person.email, self._access.hash_password(new))
        self._end_other_sessions(person, session)
        self._note(AuditAction.PASSWORD_CHANGED, Principal(PrincipalKind.STAFF, person.email), _person(person.email))

    def sign_out_elsewhere(self, email: str, *, session: str = "") -> None:
        """End every session of a person but the one whose secret this is."""
        person = self._known(email)
        ended = self._end_other_sessions(person, session)
        by = Principal(PrincipalKind.STAFF, person.email)
        self._note(AuditAction.SIGNED_OUT, by, _person(person.email), other_sessions=ended)

    def _end_other_sessions(self, person: StaffMember, session: str) -> int:
        now = self._now()
        kept = self._tokens.find(StaffTokenKind.SESSION, hash_secret(session), now)
        return self._tokens.revoke_all(person.email, (StaffTokenKind.SESSION,), now, but=kept.id if kept else None)

    def _new_invitation(self, email: str) -> str:
        now, secret = self._now(), new_secret(StaffTokenKind.INVITATION)
        self._tokens.add(email, StaffTokenKind.INVITATION, "", hash_secret(secret), now, now + INVITATION_TIME)
        return secret

    def _revoke(self, email: str) -> None:
        self._tokens.revoke_all(email, tuple(StaffTokenKind), self._now())

    def _known(self, email: str) -> StaffMember:
        person = self._staff.find(email)
        if person is None:
            raise InvalidInput(_nobody(email, person))
        return person

    def _unknown_roles(self, roles: Sequence[str]) -> list[Problem]:
        known = {role.name for role in self.roles()}
        return [Problem(f'There is no role "{name}".', "/roles") for name in roles if name not in known]

    def _note(self, action: AuditAction, by: Principal, subject: str, **details: object) -> None:
        self._audit.add(AuditEntry(self._now(), action, str(by), subject, details))


@contextmanager
def _told_as_problems() -> Iterator[None]:
    """What a store refuses, in its words; also what was right a moment ago and is no more."""
    try:
        yield
    except (LastOwner, RoleInUse, LookupError, ValueError) as error:
        raise InvalidInput([Problem(str(error))]) from None


def email_problems(address: str) -> list[Problem]:
    """What is wrong with an e-mail address: it need not exist, but it must be one that could."""
    if len(address) <= LONGEST_EMAIL_CHARS and address.isprintable() and _EMAIL.fullmatch(address):
        return []
    return [Problem("An e-mail address is written name@example.com.", "/email")]


def _person(address: str) -> str:
    return f"staff {address}"


def _nobody(email: str, person: StaffMember | None) -> list[Problem]:
    return [] if person else [Problem(f"There is nobody of the address {email}.", "/email")]


def _password_problems(password: str, location: str = "/password") -> list[Problem]:
    if len(password) < FEWEST_PASSWORD_CHARS:
        return [Problem(f"A password has at least {FEWEST_PASSWORD_CHARS} characters.", location)]
    if len(password) > LONGEST_PASSWORD_CHARS:
        return [Problem(f"A password has at most {LONGEST_PASSWORD_CHARS} characters.", location)]
    return []


def _role_problems(name: str) -> list[Problem]:
    if name == OWNERS:
        return [Problem(f"{OWNERS} hold every permission, and that can't be changed.", "/name")]
    if not name or len(name) > LONGEST_ROLE_CHARS or not name.isprintable():
        return [Problem(f"The name of a role has 1 to {LONGEST_ROLE_CHARS} printable characters.", "/name")]
    return []
