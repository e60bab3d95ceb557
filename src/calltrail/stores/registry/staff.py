"""People and roles in the registry."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, delete, insert, select, update

from calltrail.domain.access import OWNERS, Permission, Role, StaffMember
from calltrail.services.access.ports import LastOwner, RoleInUse
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import role_permissions, roles, staff, staff_roles

_PEOPLE = select(staff.c.email, staff.c.is_disabled, staff.c.password_hash.is_(None)).order_by(staff.c.email)
_RULING_OWNERS = (
    select(staff.c.email)
    .join(staff_roles, staff_roles.c.email == staff.c.email)
    .where(staff_roles.c.role == OWNERS, staff.c.is_disabled.is_(False), staff.c.password_hash.is_not(None))
)


class RegistryStaffStore:
    """A StaffStore in the registry. E-mail addresses are kept and given in their case-folded form."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def add(self, email: str, password_hash: str | None, roles: Sequence[str]) -> None:
        address = email.casefold()
        with self._registry.writing() as connection:
            if _is_known(connection, address):
                raise ValueError(f"There is a person of the address {address} already.")
            if unknown := _unknown_roles(connection, roles):
                raise ValueError(f"There are no such roles: {', '.join(unknown)}.")
            connection.execute(insert(staff).values(email=address, password_hash=password_hash, is_disabled=False))
            _give(connection, address, roles)

    def find(self, email: str) -> StaffMember | None:
        with self._registry.reading() as connection:
            row = connection.execute(_PEOPLE.where(staff.c.email == email.casefold())).one_or_none()
            if row is None:
                return None
            held = connection.scalars(select(staff_roles.c.role).where(staff_roles.c.email == row.email)).all()
            return _member(*row, held, _permissions(connection))

    def all(self) -> tuple[StaffMember, ...]:
        with self._registry.reading() as connection:
            held: dict[str, list[str]] = {}
            for email, role in connection.execute(select(staff_roles.c.email, staff_roles.c.role)):
                held.setdefault(email, []).append(role)
            permissions = _permissions(connection)
            return tuple(_member(*row, held.get(row[0], ()), permissions) for row in connection.execute(_PEOPLE))

    def password_hash(self, email: str) -> str | None:
        with self._registry.reading() as connection:
            return connection.scalar(select(staff.c.password_hash).where(staff.c.email == email.casefold()))

    def set_password(self, email: str, password_hash: str) -> None:
        self._change(email, password_hash=password_hash)

    def clear_password(self, email: str, *, even_last_owner: bool = False) -> None:
        self._change(email, even_last_owner=even_last_owner, password_hash=None)

    def disable(self, email: str) -> None:
        self._change(email, is_disabled=True)

    def enable(self, email: str) -> None:
        self._change(email, is_disabled=False)

    def assign(self, email: str, roles: Sequence[str]) -> None:
        address = email.casefold()
        with self._registry.writing() as connection, _ruled_on(connection):
            _require_person(connection, address)
            if unknown := _unknown_roles(connection, roles):
                raise LookupError(f"There are no such roles: {', '.join(unknown)}.")
            connection.execute(delete(staff_roles).where(staff_roles.c.email == address))
            _give(connection, address, roles)

    def roles(self) -> tuple[Role, ...]:
        with self._registry.reading() as connection:
            permissions = _permissions(connection)
            return tuple(Role(name, permissions[name]) for name in sorted(permissions))

    def grant(self, role: str, permission: Permission) -> None:
        held = (role_permissions.c.role == role) & (role_permissions.c.permission == permission)
        with self._registry.writing() as connection:
            _make_role(connection, role)
            connection.execute(delete(role_permissions).where(held))
            connection.execute(insert(role_permissions).values(role=role, permission=permission))

    def set_role(self, name: str, permissions: Collection[Permission]) -> None:
        with self._registry.writing() as connection:
            _make_role(connection, name)
            connection.execute(delete(role_permissions).where(role_permissions.c.role == name))
            for permission in set(permissions):
                connection.execute(insert(role_permissions).values(role=name, permission=permission))

    def remove_role(self, name: str) -> None:
        having = select(staff_roles.c.email).where(staff_roles.c.role == name).order_by(staff_roles.c.email)
        with self._registry.writing() as connection:
            if name == OWNERS:
                raise ValueError(f"The role {OWNERS} can't be removed.")
            if _unknown_roles(connection, [name]):
                raise LookupError(f"There is no role {name}.")
            if people := connection.scalars(having).all():
                raise RoleInUse(name, people)
            connection.execute(delete(role_permissions).where(role_permissions.c.role == name))
            connection.execute(delete(roles).where(roles.c.name == name))

    def _change(self, email: str, *, even_last_owner: bool = False, **values: object) -> None:
        address = email.casefold()
        with self._registry.writing() as connection, _ruled_on(connection, is_required=not even_last_owner):
            _require_person(connection, address)
            connection.execute(update(staff).where(staff.c.email == address).values(**values))


@contextmanager
def _ruled_on(connection: Connection, *, is_required: bool = True) -> Iterator[None]:
    """A change that leaves somebody who is an Owner and can sign in, if there was one before."""
    had_owner = connection.scalar(_RULING_OWNERS.limit(1)) is not None
    yield
    if is_required and had_owner and connection.scalar(_RULING_OWNERS.limit(1)) is None:
        raise LastOwner


def _is_known(connection: Connection, address: str) -> bool:
    return connection.scalar(select(staff.c.email).where(staff.c.email == address)) is not None


def _require_person(connection: Connection, address: str) -> None:
    if not _is_known(connection, address):
        raise LookupError(f"There is no person of the address {address}.")


def _unknown_roles(connection: Connection, names: Sequence[str]) -> list[str]:
    known = set(connection.scalars(select(roles.c.name)))
    return [name for name in names if name not in known]


def _make_role(connection: Connection, name: str) -> None:
    if _unknown_roles(connection, [name]):
        connection.execute(insert(roles).values(name=name))


def _give(connection: Connection, address: str, names: Sequence[str]) -> None:
    for name in dict.fromkeys(names):
        connection.execute(insert(staff_roles).values(email=address, role=name))


def _permissions(connection: Connection) -> Mapping[str, frozenset[Permission]]:
    """What each role permits."""
    permitted = {name: frozenset[Permission]() for name in connection.scalars(select(roles.c.name))}
    for role, permission in connection.execute(select(role_permissions.c.role, role_permissions.c.permission)):
        permitted[role] |= {permission}
    return permitted | {OWNERS: frozenset(Permission)}


def _member(
    email: str,
    is_disabled: bool,
    is_invited: bool,
    held: Sequence[str],
    permissions: Mapping[str, frozenset[Permission]],
) -> StaffMember:
    permitted = () if is_disabled else (permissions[role] for role in held)
    return StaffMember(email, frozenset(held), frozenset[Permission]().union(*permitted), is_disabled, is_invited)
