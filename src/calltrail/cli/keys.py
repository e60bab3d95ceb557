"""`calltrail keys`: the keys of an integration endpoint."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from calltrail.bootstrap.registry import open_registry
from calltrail.cli.options import DEFAULT_DATA, DataFolder, Json, operator, out, settings_for, told_plainly
from calltrail.domain.catalog import EndpointKey, KeyKind
from calltrail.domain.problems import InvalidInput, Problem

app = typer.Typer(help="Create, list and revoke the keys of an integration endpoint.", no_args_is_help=True)

Endpoint = Annotated[str, typer.Argument(help="External id of the integration endpoint.")]


@app.command()
def create(
    endpoint: Endpoint,
    kind: Annotated[KeyKind, typer.Option(help="For production, or for tests.")] = KeyKind.MAIN,
    label: Annotated[str, typer.Option(help="What the key is for; people see it beside the key.")] = "",
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Create a key and show it, once: only its hash is kept. Two of a kind may live at a time, for rotation."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        key, secret = registry.desk.create_key(endpoint, kind, operator(), label)
    if as_json:
        out.print_json(json.dumps({**_described(key), "key": secret}))
    else:
        out.print(f"Key {key.id} ({kind}) of {endpoint}, shown only now:", markup=False)
        out.print(secret, markup=False)


@app.command(name="list")
def list_keys(endpoint: Endpoint, data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """List the keys that the endpoint ever had."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        if endpoint not in registry.catalog.current().endpoints:
            raise InvalidInput([Problem(f"there is no integration endpoint {endpoint}")])
        keys = registry.catalog.keys(endpoint)
    if as_json:
        out.print_json(json.dumps([_described(key) for key in keys]))
        return
    table = Table("id", "kind", "label", "created (UTC)", "last used (UTC)", "revoked (UTC)")
    for key in keys:
        moments = (key.created_at, key.last_used_at, key.revoked_at)
        table.add_row(str(key.id), key.kind, escape(key.label), *(f"{at:%F %T}" if at else "" for at in moments))
    out.print(table)


@app.command()
def revoke(
    endpoint: Endpoint,
    key_id: Annotated[int, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Revoke a key at once, and with it the download links that were handed out for it."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        key = registry.desk.revoke_key(endpoint, key_id, operator())
    if as_json:
        out.print_json(json.dumps(_described(key)))
    else:
        out.print(f"Revoked key {key.id} of {endpoint}.", markup=False)


def _described(key: EndpointKey) -> dict[str, object]:
    return {
        "id": key.id,
        "endpoint": key.endpoint_external_id,
        "kind": key.kind,
        "label": key.label,
        "created_at": key.created_at.isoformat(),
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
