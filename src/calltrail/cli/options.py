"""What commands have in common: options, the operator who runs them, and how they fail."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from calltrail.bootstrap.folder import CannotStart
from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.problems import InvalidInput
from calltrail.services.ports import StoreUnavailable
from calltrail.settings import Settings

DataFolder = Annotated[
    Path, typer.Option("--data", help="The data folder.", envvar="CALLTRAIL_DATA", show_default=True)
]
DEFAULT_DATA = Path("calltrail-data")
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def settings_for(data: Path) -> Settings:
    """The settings of the environment, for this data folder."""
    return Settings(data=data.absolute())


def operator() -> Principal:
    """Whoever runs the command: the data folder is in their hands."""
    return Principal(PrincipalKind.OPERATOR, getpass.getuser())


@contextmanager
def told_plainly() -> Iterator[None]:
    """Tell what is wrong with an input, a line a problem, and exit 2; other errors pass."""
    try:
        yield
    except InvalidInput as error:
        for problem in error.problems:
            err.print(f"error: {problem}" if problem.location else f"error: {problem.message}", markup=False)
        raise typer.Exit(2) from None
    except (CannotStart, StoreUnavailable) as error:
        err.print(f"error: {error}", markup=False)
        raise typer.Exit(2) from None
