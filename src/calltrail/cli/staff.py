"""`calltrail staff`: the people who may sign in."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from calltrail.bootstrap.registry import open_registry
from calltrail.cli.options import DEFAULT_DATA, DataFolder, Json, operator, out, settings_for, told_plainly
from calltrail.domain.access import StaffMember
from calltrail.services.access.people import INVITATION_TIME

app = typer.Typer(help="List, invite, reset, disable and enable people, and give them roles.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="E-mail address of the person.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role, as `roles list` shows it; may be repeated.")]


@app.command(name="list")
def list_staff(data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """List everybody with their roles."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        people = registry.people.all()
    if as_json:
        out.print_json(json.dumps([_described(person) for person in people]))
        return
    table = Table("person", "roles", "state")
    for person in people:
        table.add_row(escape(person.email), escape(", ".join(sorted(person.roles))), _state(person))
    out.print(table)


@app.command()
def invite(email: Email, role: Roles = None, data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """Add a person, and show the address where they choose their password, once: it is good for 3 days."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        secret = registry.people.invite(email, role or [], operator())
    _show_invitation(email, secret, as_json=as_json)


@app.command()
def reset(email: Email, data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """Take a person's password, sessions and API tokens away, and invite them anew, as `invite` does."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        secret = registry.people.reset(email, operator())
    _show_invitation(email, secret, as_json=as_json)


@app.command()
def disable(email: Email, data: DataFolder = DEFAULT_DATA) -> None:
    """Shut a person out at once; their sessions, API tokens and download links end. The last Owner stays."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        registry.people.disable(email, operator())
    out.print(f"Disabled {email}.", markup=False)


@app.command()
def enable(email: Email, data: DataFolder = DEFAULT_DATA) -> None:
    """Let a disabled person in again, with the password and the roles that they had."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        registry.people.enable(email, operator())
    out.print(f"Enabled {email}.", markup=False)


@app.command()
def assign(email: Email, role: Roles = None, data: DataFolder = DEFAULT_DATA) -> None:
    """Give a person exactly these roles; without any, they may do nothing. The last Owner stays one."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        registry.people.assign(email, role or [], operator())
    out.print(f"{email} has {', '.join(sorted(set(role))) if role else 'no roles'}.", markup=False)


def _show_invitation(email: str, secret: str, *, as_json: bool) -> None:
    path, days = f"/welcome/{secret}", INVITATION_TIME.days
    if as_json:
        out.print_json(json.dumps({"email": email, "path": path, "days": days}))
        return
    out.print(f"{email} chooses a password within {days} days, at this address of the server,", markup=False)
    out.print("shown only now:", markup=False)
    out.print(path, markup=False)


def _state(person: StaffMember) -> str:
    if person.is_disabled:
        return "disabled"
    return "invited" if person.is_invited else "active"


def _described(person: StaffMember) -> dict[str, object]:
    return {
        "email": person.email,
        "roles": sorted(person.roles),
        "permissions": sorted(person.permissions),
        "state": _state(person),
    }
