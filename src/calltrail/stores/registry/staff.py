"""People and roles in the registry."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from calltrail.domain.access import OWNERS, Permission, StaffMember
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import role_permissions, roles, staff, staff_roles


class RegistryStaffStore:
    """A StaffStore in the registry. E-mail addresses are kept and given in their case-folded form."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def add(self, email: str, password_hash: str, roles: Sequence[str]) -> None:
        address = email.casefold()
        with self._registry.writing() as connection:
            if _is_known(connection, address):
                raise ValueError(f"There is a person of the address {address} already.")
            if unknown := _unknown_roles(connection, roles):
                raise ValueError(f"There are no such roles: {', '.join(unknown)}.")
            connection.execute(insert(staff).values(email=address, password_hash=password_hash))
            _give(connection, address, roles)

    def find(self, email: str) -> StaffMember | None:
        address = email.casefold()
        with self._registry.reading() as connection:
            if not _is_known(connection, address):
                return None
            held = frozenset(connection.scalars(select(staff_roles.c.role).where(staff_roles.c.email == address)))
            return StaffMember(address, held, _permissions(connection, held))

    def password_hash(self, email: str) -> str | None:
        with self._registry.reading() as connection:
            return connection.scalar(select(staff.c.password_hash).where(staff.c.email == email.casefold()))

    def grant(self, role: str, permission: Permission) -> None:
        with self._registry.writing() as connection:
            if _unknown_roles(connection, [role]):
                connection.execute(insert(roles).values(name=role))
            if permission not in _granted(connection, frozenset({role})):
                connection.execute(insert(role_permissions).values(role=role, permission=permission))

    def assign(self, email: str, roles: Sequence[str]) -> None:
        address = email.casefold()
        with self._registry.writing() as connection:
            if not _is_known(connection, address):
                raise LookupError(f"There is no person of the address {address}.")
            if unknown := _unknown_roles(connection, roles):
                raise LookupError(f"There are no such roles: {', '.join(unknown)}.")
            connection.execute(delete(staff_roles).where(staff_roles.c.email == address))
            _give(connection, address, roles)


def _is_known(connection: Connection, address: str) -> bool:
    return connection.scalar(select(staff.c.email).where(staff.c.email == address)) is not None


def _unknown_roles(connection: Connection, names: Sequence[str]) -> list[str]:
    known = set(connection.scalars(select(roles.c.name)))
    return [name for name in names if name not in known]


def _give(connection: Connection, address: str, names: Sequence[str]) -> None:
    for name in dict.fromkeys(names):
        connection.execute(insert(staff_roles).values(email=address, role=name))


def _permissions(connection: Connection, held: frozenset[str]) -> frozenset[Permission]:
    return frozenset(Permission) if OWNERS in held else _granted(connection, held)


def _granted(connection: Connection, held: frozenset[str]) -> frozenset[Permission]:
    granted = select(role_permissions.c.permission).where(role_permissions.c.role.in_(held))
    return frozenset(connection.scalars(granted))
