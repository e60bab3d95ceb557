"""The matrix of roles and permissions: its cells as a form sends them, and what was changed in it.

Of each cell a form sends whether it is ticked, and whether it was when the page was made. So what was changed on the
page is changed, and nothing that somebody else changed meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from calltrail.console.visits import Form
from calltrail.domain.access import OWNERS, Permission, Role
from calltrail.domain.problems import InvalidInput, Problem


@dataclass(frozen=True, slots=True)
class RoleMatrix:
    """The matrix as it was typed."""

    ticked: frozenset[str]
    before: frozenset[str]
    """Cells that were ticked when the page was made."""

    name: str = ""
    """Of a new role; empty when there is to be none."""

    permissions: frozenset[str] = frozenset()
    """Of the new role."""

    def changes(self, roles: Sequence[Role]) -> Mapping[str, frozenset[Permission]]:
        """What roles shall permit that shall permit something else; a new one comes first. Raises InvalidInput."""
        held = {role.name: role.permissions for role in roles}
        changed = sorted({_role_of(cell) for cell in self.ticked ^ self.before})
        if problems := [*self._problems_of_new(held), *_problems_of_changed(changed, held)]:
            raise InvalidInput(problems)
        new = {self.name: _permissions(self.permissions)} if self.name else {}
        return new | {name: self._permissions_of(name, held[name]) for name in changed}

    def _permissions_of(self, name: str, held: frozenset[Permission]) -> frozenset[Permission]:
        added, taken = self.ticked - self.before, self.before - self.ticked
        return (held | _permissions(_of_role(name, added))) - _permissions(_of_role(name, taken))

    def _problems_of_new(self, held: Mapping[str, object]) -> Iterator[Problem]:
        if self.permissions and not self.name:
            yield Problem("Give the new role a name.", "/name")
        if self.name in held:
            yield Problem(f'There is a role "{self.name}" already: tick what it permits in its own row.', "/name")


def cell(permission: Permission, role: str) -> str:
    """The value of a cell."""
    return f"{permission}:{role}"


def current_matrix(roles: Iterable[Role]) -> RoleMatrix:
    """Nothing changed yet."""
    cells = frozenset(
        cell(permission, role.name) for role in roles if role.name != OWNERS for permission in role.permissions
    )
    return RoleMatrix(cells, cells)


def read_matrix(form: Form) -> RoleMatrix:
    return RoleMatrix(
        ticked=frozenset(form.getlist("permits")),
        before=frozenset(form.getlist("before")),
        name=form.get("name", "").strip(),
        permissions=frozenset(form.getlist("new")),
    )


def _problems_of_changed(changed: Sequence[str], held: Mapping[str, object]) -> Iterator[Problem]:
    for name in changed:
        if name == OWNERS:
            yield Problem(f"{OWNERS} hold every permission, and that can't be changed.")
        elif name not in held:
            yield Problem(f'There is no role "{name}" any more.')


def _role_of(cell: str) -> str:
    return cell.partition(":")[2]


def _of_role(name: str, cells: Iterable[str]) -> Iterator[str]:
    return (word for word, _, role in (cell.partition(":") for cell in cells) if role == name)


def _permissions(words: Iterable[str]) -> frozenset[Permission]:
    words = set(words)
    if unknown := sorted(words - set(Permission)):
        raise InvalidInput([Problem(f"There is no permission {', '.join(unknown)}.")])
    return frozenset(Permission(word) for word in words)
