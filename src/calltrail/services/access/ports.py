"""What the services need from the places where people and their secrets are kept."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from calltrail.domain.access import Permission, Role, StaffMember, StaffToken, StaffTokenKind

USES_APART = timedelta(minutes=1)
"""Uses of a token that are closer to each other than that are noted as one."""


class LastOwner(Exception):
    """Nobody would be left who can sign in and is an Owner. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This is the last Owner who can sign in; make somebody else an Owner first.")


class RoleInUse(Exception):
    """People have the role. Nothing was changed."""

    def __init__(self, role: str, people: Sequence[str]) -> None:
        super().__init__(f"The role {role} can't be removed while people have it: {', '.join(people)}.")


class StaffStore(Protocol):
    """People, their roles, and what the roles permit.

    An Owner who is not disabled and has a password stays as long as there is no other: what would change that raises
    LastOwner, whoever else writes at the same time. Every write is durable on return.
    """

    def add(self, email: str, password_hash: str | None, roles: Sequence[str]) -> None:
        """Add a person, who without a password is an invited one.

        ValueError when the address is taken or a role is unknown.
        """

    def find(self, email: str) -> StaffMember | None:
        """The person as they stand now; addresses are matched without regard to case."""

    def all(self) -> tuple[StaffMember, ...]:
        """Everybody, by address."""

    def password_hash(self, email: str) -> str | None:
        """None when there is no such person, or when they have none."""

    def set_password(self, email: str, password_hash: str) -> None:
        """LookupError when there is no such person."""

    def clear_password(self, email: str, *, even_last_owner: bool = False) -> None:
        """Make the person an invited one. LookupError when there is none. LastOwner, unless that is meant."""

    def disable(self, email: str) -> None:
        """Take every permission from a person, until they are enabled. LookupError when there is none. LastOwner."""

    def enable(self, email: str) -> None:
        """LookupError when there is no such person."""

    def assign(self, email: str, roles: Sequence[str]) -> None:
        """Give a person exactly these roles. LookupError when the person or a role is unknown. LastOwner."""

    def roles(self) -> tuple[Role, ...]:
        """Every role, by name. Owners hold all permissions."""

    def grant(self, role: str, permission: Permission) -> None:
        """Let a role, new or known, hold the permission."""

    def set_role(self, name: str, permissions: Collection[Permission]) -> None:
        """Let a role, new or known, hold exactly these permissions; Owners hold all whatever they are set to."""

    def remove_role(self, name: str) -> None:
        """LookupError when there is none, ValueError for Owners, RoleInUse."""


class StaffTokens(Protocol):
    """Sessions, API tokens and invitations of people. Addresses are matched without regard to case.

    Whether the person is still there, and may do anything, is another question. Every write is durable on return.
    """

    def add(  # noqa: PLR0917 - a row of its table
        self, email: str, kind: StaffTokenKind, label: str, sha256: bytes, now: datetime, expires_at: datetime | None
    ) -> StaffToken:
        """Keep the hash of a new secret."""

    def find(self, kind: StaffTokenKind, sha256: bytes, now: datetime) -> StaffToken | None:
        """The one of this kind and hash that is live now."""

    def spend(self, kind: StaffTokenKind, sha256: bytes, now: datetime) -> StaffToken | None:
        """Revoke the one that `find` gives; of those who ask at once, one gets it."""

    def of_person(self, email: str, kind: StaffTokenKind) -> tuple[StaffToken, ...]:
        """All that the person ever had and that are not deleted, oldest first."""

    def revoke(self, email: str, token_id: int, now: datetime) -> StaffToken | None:
        """Revoke it; None when the person has no such token. Revoking twice keeps the first time."""

    def revoke_all(
        self, email: str, kinds: Collection[StaffTokenKind], now: datetime, *, but: int | None = None
    ) -> int:
        """Revoke the person's tokens of these kinds that are not revoked, but for one; say how many."""

    def note_use(self, token: StaffToken, now: datetime) -> None:
        """Keep when it was used last; writes nothing within `USES_APART` of the use that `token` tells of."""

    def delete_over(self, before: datetime) -> int:
        """Delete those that were revoked or ran out before that; say how many. Writes nothing when there are none."""
