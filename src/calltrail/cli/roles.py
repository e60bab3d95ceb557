"""`calltrail roles`: what people may do."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from calltrail.bootstrap.registry import open_registry
from calltrail.cli.options import DEFAULT_DATA, DataFolder, Json, operator, out, settings_for, told_plainly
from calltrail.domain.access import Permission

app = typer.Typer(help="List, set and remove roles, which are named sets of permissions.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the role.")]


@app.command(name="list")
def list_roles(data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """List the roles with what they permit. Owners hold every permission, also those that come later."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        roles = registry.people.roles()
    if as_json:
        out.print_json(json.dumps([{"name": role.name, "permissions": sorted(role.permissions)} for role in roles]))
        return
    table = Table("role", "permissions")
    for role in roles:
        table.add_row(escape(role.name), ", ".join(sorted(role.permissions)))
    out.print(table)


@app.command(name="set")
def set_role(
    name: Name,
    permission: Annotated[list[Permission] | None, typer.Option(help="A permission; may be repeated.")] = None,
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Let a role, new or known, hold exactly these permissions."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        registry.people.set_role(name, permission or [], operator())
    held = ", ".join(sorted(set(permission))) if permission else "nothing"
    out.print(f"{name} permits {held}.", markup=False)


@app.command()
def remove(name: Name, data: DataFolder = DEFAULT_DATA) -> None:
    """Remove a role that nobody has."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        registry.people.remove_role(name, operator())
    out.print(f"Removed {name}.", markup=False)
