"""Sessions, API tokens and invitations of people in the registry."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, or_, select, update

from calltrail.domain.access import StaffToken, StaffTokenKind
from calltrail.services.access.ports import USES_APART
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import staff_tokens

_TOKENS = select(
    staff_tokens.c.id,
    staff_tokens.c.email,
    staff_tokens.c.kind,
    staff_tokens.c.label,
    staff_tokens.c.created_at,
    staff_tokens.c.expires_at,
    staff_tokens.c.last_used_at,
    staff_tokens.c.revoked_at,
).order_by(staff_tokens.c.id)
_IS_KEPT = staff_tokens.c.revoked_at.is_(None)


class RegistryStaffTokens:
    """StaffTokens that all processes share."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def add(  # noqa: PLR0917 - as the port has it
        self, email: str, kind: StaffTokenKind, label: str, sha256: bytes, now: datetime, expires_at: datetime | None
    ) -> StaffToken:
        values = {"email": email.casefold(), "kind": kind, "label": label, "sha256": sha256}
        new = insert(staff_tokens).values(**values, created_at=now, expires_at=expires_at)
        with self._registry.writing() as connection:
            token_id = connection.execute(new.returning(staff_tokens.c.id)).scalar_one()
        return StaffToken(token_id, email.casefold(), kind, label, now, expires_at)

    def find(self, kind: StaffTokenKind, sha256: bytes, now: datetime) -> StaffToken | None:
        with self._registry.reading() as connection:
            row = connection.execute(_TOKENS.where(_is_live(kind, sha256, now))).one_or_none()
            return None if row is None else StaffToken(*row)

    def spend(self, kind: StaffTokenKind, sha256: bytes, now: datetime) -> StaffToken | None:
        spent = update(staff_tokens).where(_is_live(kind, sha256, now)).values(revoked_at=now)
        with self._registry.writing() as connection:
            token_id = connection.scalar(spent.returning(staff_tokens.c.id))
            row = connection.execute(_TOKENS.where(staff_tokens.c.id == token_id)).one_or_none()
            return None if row is None else StaffToken(*row)

    def of_person(self, email: str, kind: StaffTokenKind) -> tuple[StaffToken, ...]:
        wanted = _TOKENS.where(staff_tokens.c.email == email.casefold(), staff_tokens.c.kind == kind)
        with self._registry.reading() as connection:
            return tuple(StaffToken(*row) for row in connection.execute(wanted))

    def revoke(self, email: str, token_id: int, now: datetime) -> StaffToken | None:
        this_token = (staff_tokens.c.id == token_id) & (staff_tokens.c.email == email.casefold())
        with self._registry.writing() as connection:
            connection.execute(update(staff_tokens).where(this_token, _IS_KEPT).values(revoked_at=now))
            row = connection.execute(_TOKENS.where(this_token)).one_or_none()
            return None if row is None else StaffToken(*row)

    def revoke_all(
        self, email: str, kinds: Collection[StaffTokenKind], now: datetime, *, but: int | None = None
    ) -> int:
        of_person = (staff_tokens.c.email == email.casefold()) & staff_tokens.c.kind.in_(kinds)
        revoked = update(staff_tokens).where(of_person, _IS_KEPT, staff_tokens.c.id != (but or 0))
        with self._registry.writing() as connection:
            return connection.execute(revoked.values(revoked_at=now)).rowcount

    def note_use(self, token: StaffToken, now: datetime) -> None:
        if token.last_used_at and now - token.last_used_at < USES_APART:
            return
        used = update(staff_tokens).where(staff_tokens.c.id == token.id).values(last_used_at=now)
        with self._registry.writing() as connection:
            connection.execute(used)

    def delete_over(self, before: datetime) -> int:
        is_over = or_(staff_tokens.c.revoked_at < before, staff_tokens.c.expires_at < before)
        with self._registry.reading() as connection:
            if connection.scalar(select(staff_tokens.c.id).where(is_over).limit(1)) is None:
                return 0
        with self._registry.writing() as connection:
            return connection.execute(delete(staff_tokens).where(is_over)).rowcount


def _is_live(kind: StaffTokenKind, sha256: bytes, now: datetime) -> ColumnElement[bool]:
    expires_at = staff_tokens.c.expires_at
    this_token = (staff_tokens.c.sha256 == sha256) & (staff_tokens.c.kind == kind)
    return this_token & _IS_KEPT & or_(expires_at.is_(None), expires_at > now)
