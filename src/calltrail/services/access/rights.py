"""Who may do what, and who is who: keys of endpoints, passwords of staff."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from calltrail.domain.access import ENDPOINT_PERMISSIONS, Permission, Principal, PrincipalKind, StaffMember
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.catalog import EndpointKey
from calltrail.services.access.key_uses import KeyUses
from calltrail.services.access.ports import StaffStore
from calltrail.services.access.throttle import Throttle
from calltrail.services.ports import AuditJournal, CatalogStore

FEWEST_PASSWORD_CHARS = 12

_KEY_PREFIX = "calltrail_key_"
"""Tells a person, and a scanner for leaked secrets, what it is."""

_SECRET_BYTES = 32


class TooManySignIns(Exception):
    """Too many sign-ins with this e-mail address failed of late; the next is looked at in `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many sign-ins with this address failed. Try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class Access:
    """Judges by what the stores hold at this moment: nothing that is revoked works on. Its methods block."""

    def __init__(
        self,
        *,
        staff: StaffStore,
        catalog: CatalogStore,
        audit: AuditJournal,
        now: Callable[[], datetime],
        passwords: PasswordHasher | None = None,
        key_uses: KeyUses | None = None,
    ) -> None:
        self._staff = staff
        self._catalog = catalog
        self._audit = audit
        self._now = now
        self._passwords = passwords or PasswordHasher()
        self._key_uses = key_uses or KeyUses(catalog)
        self._nobodys_hash = self._passwords.hash(generate_password())
        self._sign_ins = Throttle(limit=5, window_s=900, most_subjects=10_000)

    def holds(self, principal: Principal, permission: Permission) -> bool:
        match principal.kind:
            case PrincipalKind.STAFF:
                person = self._staff.find(principal.id)
                return person is not None and person.may_enter and permission in person.permissions
            case PrincipalKind.ENDPOINT_KEY:
                return self._key_holds(principal.id, permission)
            case PrincipalKind.OPERATOR:
                return True
            case PrincipalKind.KEYLESS:
                return False

    def _key_holds(self, principal_id: str, permission: Permission) -> bool:
        external_id, _, key_id = principal_id.rpartition("/")
        endpoint = self._catalog.current().endpoints.get(external_id)
        if endpoint is None or permission not in endpoint.permissions & ENDPOINT_PERMISSIONS:
            return False
        return any(str(key.id) == key_id for key in self._catalog.live_keys(external_id))

    def authenticate_key(self, endpoint_external_id: str, presented: str) -> Principal | None:
        """The principal of the live key that was presented; None when it is none of the endpoint's."""
        sha256 = hash_key(presented)
        # Every key is compared, each in constant time: how long it takes tells nothing of the keys.
        matching = [
            key for key in self._catalog.live_keys(endpoint_external_id) if hmac.compare_digest(key.sha256, sha256)
        ]
        if not matching:
            return None
        self._key_uses.note(matching[0].id, self._now())
        return endpoint_key_principal(matching[0])

    def sign_in(self, email: str, password: str) -> StaffMember | None:
        """The person, when the password is theirs and they are not disabled. Raises TooManySignIns.

        Unknown people take as long as known ones, and are throttled alike.
        """
        address = email.casefold()
        if not self._is_verified(address, password, by="anonymous"):
            return None
        person = self._staff.find(address)
        assert person
        self._note(AuditAction.SIGNED_IN, str(Principal(PrincipalKind.STAFF, address)), f"staff {address}")
        return person

    def confirms(self, email: str, password: str) -> bool:
        """Whether somebody who has signed in knows the person's password. Raises TooManySignIns, as `sign_in` does."""
        address = email.casefold()
        return self._is_verified(address, password, by=str(Principal(PrincipalKind.STAFF, address)))

    def _is_verified(self, address: str, password: str, by: str) -> bool:
        person, password_hash = self._staff.find(address), self._staff.password_hash(address)
        subject = f"staff {address}" if person else ""  # never a stranger's text: it may be a password
        if wait_s := self._sign_ins.seconds_to_wait(address, self._now()):
            self._note(AuditAction.SIGN_IN_REFUSED, by, subject, reason="too many tries")
            raise TooManySignIns(wait_s)
        is_right = self._is_password(password_hash or self._nobodys_hash, password)
        if reason := self._refusal(person, password_hash, is_right=is_right):
            self._note(AuditAction.SIGN_IN_REFUSED, by, subject, reason=reason)
            return False
        self._sign_ins.forget(address)
        return True

    def _refusal(self, person: StaffMember | None, password_hash: str | None, *, is_right: bool) -> str:
        """Why somebody does not get in; empty when they do."""
        if person is None:
            return "unknown address"
        if person.is_disabled:
            return "disabled"
        if password_hash is None:
            return "no password yet"
        if not is_right:
            return "wrong password"
        # A check takes long enough for the password to be changed meanwhile.
        return "" if self._staff.password_hash(person.email) == password_hash else "password just changed"

    def hash_password(self, password: str) -> str:
        """What is kept of a password."""
        return self._passwords.hash(password)

    def add_staff(self, email: str, password: str, roles: Sequence[str], by: Principal) -> None:
        """Let a person sign in. ValueError for a short password, a taken address, an unknown role."""
        if len(password) < FEWEST_PASSWORD_CHARS:
            raise ValueError(f"A password has at least {FEWEST_PASSWORD_CHARS} characters.")
        self._staff.add(email, self.hash_password(password), roles)
        self._note(AuditAction.STAFF_ADDED, str(by), f"staff {email.casefold()}", roles=list(roles))

    def _is_password(self, password_hash: str, password: str) -> bool:
        try:
            return self._passwords.verify(password_hash, password)
        except VerifyMismatchError:
            return False

    def _note(self, action: AuditAction, principal: str, subject: str, **details: object) -> None:
        self._audit.add(AuditEntry(self._now(), action, principal, subject, details))


def endpoint_key_principal(key: EndpointKey) -> Principal:
    return Principal(PrincipalKind.ENDPOINT_KEY, f"{key.endpoint_external_id}/{key.id}")


def new_key() -> str:
    """A key of an endpoint, to be shown once: 256 random bits, safe in URLs and headers."""
    return _KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_key(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


def generate_password() -> str:
    """A password for somebody who has chosen none: 144 random bits in 24 characters."""
    return secrets.token_urlsafe(18)
