"""`calltrail init` and `calltrail apply`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from calltrail.bootstrap.folder import create_data_folder
from calltrail.bootstrap.registry import open_registry
from calltrail.cli.options import DEFAULT_DATA, DataFolder, Json, operator, out, settings_for, told_plainly
from calltrail.domain.access import OWNERS
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.access.rights import FEWEST_PASSWORD_CHARS, generate_password
from calltrail.services.catalog.file import read_catalog
from calltrail.settings import OwnerPassword


def init(
    owner: Annotated[str, typer.Option(help="E-mail address of the first Owner.")],
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Create a data folder and its first Owner.

    The password is read from CALLTRAIL_OWNER_PASSWORD, or made up and printed once.
    """
    given = OwnerPassword().owner_password
    password = given.get_secret_value() if given else generate_password()
    settings = settings_for(data)
    with told_plainly():
        if len(password) < FEWEST_PASSWORD_CHARS:
            raise InvalidInput([Problem(f"a password has at least {FEWEST_PASSWORD_CHARS} characters")])
        create_data_folder(settings)
        with open_registry(settings) as registry:
            registry.access.add_staff(owner, password, [OWNERS], operator())
    out.print(f"Created {data} with the Owner {owner}.", markup=False)
    if given is None:
        out.print(f"Password, shown only now: {password}", markup=False)


def apply(
    file: Annotated[Path, typer.Argument(help="The catalog, as TOML.", exists=True, dir_okay=False)],
    data: DataFolder = DEFAULT_DATA,
    check: Annotated[bool, typer.Option("--check", help="Only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Put the endpoints and API methods of FILE in the place of those before. Applying twice changes nothing."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        catalog = read_catalog(_text(file))
        changes = registry.desk.changes(catalog) if check else registry.desk.apply(catalog, operator())
    if as_json:
        out.print_json(json.dumps({"changes": changes, "applied": not check}))
        return
    for change in changes:
        out.print(change, markup=False)
    if not changes:
        out.print("Nothing to change.")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput([Problem(f"{file} is not UTF-8: {error}")]) from None
