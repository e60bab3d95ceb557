"""The command `calltrail`."""

from typing import Annotated

import typer

from calltrail import __version__
from calltrail.cli import archive, catalog, keys, roles, serve, staff
from calltrail.cli.options import out

app = typer.Typer(
    name="calltrail",
    help="Receives calls of API methods, records every one in full, and exports the log as files.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(catalog.init)
app.command()(catalog.apply)
app.add_typer(keys.app, name="keys")
app.add_typer(staff.app, name="staff")
app.add_typer(roles.app, name="roles")
app.add_typer(archive.app, name="archive")
app.command()(serve.serve)
app.command()(serve.worker)
app.command()(serve.settings)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def _calltrail(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    app()
