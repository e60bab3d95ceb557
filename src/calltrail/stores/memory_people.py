"""The reference of the ports of people: simple, in memory, for one process and any number of threads."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any

from calltrail.domain.access import OWNERS, Permission, Role, StaffMember, StaffToken, StaffTokenKind
from calltrail.services.access.ports import USES_APART, LastOwner, RoleInUse


@dataclass(frozen=True, slots=True)
class _Person:
    password_hash: str | None
    roles: frozenset[str]
    is_disabled: bool = False

    @property
    def is_ruling_owner(self) -> bool:
        return OWNERS in self.roles and self.password_hash is not None and not self.is_disabled


class MemoryStaffStore:
    def __init__(self) -> None:
        self._lock = Lock()
        self._people: dict[str, _Person] = {}
        """By case-folded address."""
        self._granted: dict[str, set[Permission]] = {OWNERS: set()}

    def add(self, email: str, password_hash: str | None, roles: Sequence[str]) -> None:
        address = email.casefold()
        with self._lock:
            if address in self._people:
                raise ValueError(f"There is a person of the address {address} already.")
            if unknown := self._unknown(roles):
                raise ValueError(f"There are no such roles: {', '.join(unknown)}.")
            self._people[address] = _Person(password_hash, frozenset(roles))

    def find(self, email: str) -> StaffMember | None:
        address = email.casefold()
        with self._lock:
            return self._member(address) if address in self._people else None

    def all(self) -> tuple[StaffMember, ...]:
        with self._lock:
            return tuple(self._member(address) for address in sorted(self._people))

    def password_hash(self, email: str) -> str | None:
        with self._lock:
            person = self._people.get(email.casefold())
            return None if person is None else person.password_hash

    def set_password(self, email: str, password_hash: str) -> None:
        self._change(email, password_hash=password_hash)

    def clear_password(self, email: str, *, even_last_owner: bool = False) -> None:
        self._change(email, even_last_owner=even_last_owner, password_hash=None)

    def disable(self, email: str) -> None:
        self._change(email, is_disabled=True)

    def enable(self, email: str) -> None:
        self._change(email, is_disabled=False)

    def assign(self, email: str, roles: Sequence[str]) -> None:
        self._change(email, roles=frozenset(roles))

    def roles(self) -> tuple[Role, ...]:
        with self._lock:
            return tuple(Role(name, self._permissions(frozenset({name}))) for name in sorted(self._granted))

    def grant(self, role: str, permission: Permission) -> None:
        with self._lock:
            self._granted.setdefault(role, set()).add(permission)

    def set_role(self, name: str, permissions: Collection[Permission]) -> None:
        with self._lock:
            self._granted[name] = set(permissions)

    def remove_role(self, name: str) -> None:
        with self._lock:
            if name == OWNERS:
                raise ValueError(f"The role {OWNERS} can't be removed.")
            if name not in self._granted:
                raise LookupError(f"There is no role {name}.")
            if people := sorted(address for address, person in self._people.items() if name in person.roles):
                raise RoleInUse(name, people)
            del self._granted[name]

    def _change(self, email: str, *, even_last_owner: bool = False, **values: Any) -> None:
        """The only way to another state of a person."""
        address = email.casefold()
        with self._lock:
            if address not in self._people:
                raise LookupError(f"There is no person of the address {address}.")
            if unknown := self._unknown(values.get("roles", ())):
                raise LookupError(f"There are no such roles: {', '.join(unknown)}.")
            before, after = self._people[address], replace(self._people[address], **values)
            others = (person for known, person in self._people.items() if known != address)
            is_loss = before.is_ruling_owner and not after.is_ruling_owner
            if is_loss and not even_last_owner and not any(person.is_ruling_owner for person in others):
                raise LastOwner
            self._people[address] = after

    def _member(self, address: str) -> StaffMember:
        person = self._people[address]
        permissions = frozenset() if person.is_disabled else self._permissions(person.roles)
        return StaffMember(address, person.roles, permissions, person.is_disabled, person.password_hash is None)

    def _unknown(self, roles: Collection[str]) -> list[str]:
        return [role for role in roles if role not in self._granted]

    def _permissions(self, roles: frozenset[str]) -> frozenset[Permission]:
        if OWNERS in roles:
            return frozenset(Permission)
        return frozenset().union(*(self._granted[role] for role in roles))


class MemoryStaffTokens:
    def __init__(self) -> None:
        self._lock = Lock()
        self._tokens: dict[int, StaffToken] = {}
        self._hashes: dict[bytes, int] = {}
        self._last_id = 0

    def add(  # noqa: PLR0917 - as the port has it
        self, email: str, kind: StaffTokenKind, label: str, sha256: bytes, now: datetime, expires_at: datetime | None
    ) -> StaffToken:
        with self._lock:
            self._last_id += 1
            token = StaffToken(self._last_id, email.casefold(), kind, label, now, expires_at)
            self._tokens[token.id] = token
            self._hashes[sha256] = token.id
            return token

    def find(self, kind: StaffTokenKind, sha256: bytes, now: datetime) -> StaffToken | None:
        with self._lock:
            return self._live(kind, sha256, now)

    def spend(self, kind: StaffTokenKind, sha256: bytes, now: datetime) -> StaffToken | None:
        with self._lock:
            token = self._live(kind, sha256, now)
            return self._revoked(token, now) if token else None

    def of_person(self, email: str, kind: StaffTokenKind) -> tuple[StaffToken, ...]:
        address = email.casefold()
        with self._lock:
            return tuple(token for token in self._tokens.values() if token.email == address and token.kind is kind)

    def revoke(self, email: str, token_id: int, now: datetime) -> StaffToken | None:
        with self._lock:
            token = self._tokens.get(token_id)
            return self._revoked(token, now) if token and token.email == email.casefold() else None

    def revoke_all(
        self, email: str, kinds: Collection[StaffTokenKind], now: datetime, *, but: int | None = None
    ) -> int:
        address = email.casefold()
        with self._lock:
            of_person = [token for token in self._tokens.values() if token.email == address and token.kind in kinds]
            revoked = [token for token in of_person if token.revoked_at is None and token.id != but]
            for token in revoked:
                self._revoked(token, now)
            return len(revoked)

    def note_use(self, token: StaffToken, now: datetime) -> None:
        if token.last_used_at and now - token.last_used_at < USES_APART:
            return
        with self._lock:
            if token.id in self._tokens:
                self._tokens[token.id] = replace(self._tokens[token.id], last_used_at=now)

    def delete_over(self, before: datetime) -> int:
        with self._lock:
            over = {
                token.id
                for token in self._tokens.values()
                if any(end is not None and end < before for end in (token.revoked_at, token.expires_at))
            }
            self._tokens = {number: token for number, token in self._tokens.items() if number not in over}
            self._hashes = {sha256: number for sha256, number in self._hashes.items() if number not in over}
            return len(over)

    def _live(self, kind: StaffTokenKind, sha256: bytes, now: datetime) -> StaffToken | None:
        token = self._tokens.get(self._hashes.get(sha256, 0))
        return token if token and token.kind is kind and token.is_live(now) else None

    def _revoked(self, token: StaffToken, now: datetime) -> StaffToken:
        revoked = self._tokens[token.id] = replace(token, revoked_at=token.revoked_at or now)
        return revoked
