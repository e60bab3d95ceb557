"""`calltrail archive hold`: legal holds."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from calltrail.bootstrap.registry import open_registry
from calltrail.cli.options import DEFAULT_DATA, DataFolder, Json, operator, out, settings_for, told_plainly
from calltrail.cli.windows import Wait, parsed_moment, tell_of_waiting
from calltrail.domain.keeping import Hold

app = typer.Typer(
    help="Place, list and release legal holds: their calls are neither retired nor erased.", no_args_is_help=True
)


@app.command()
def place(  # noqa: PLR0917 - options
    since: Annotated[str, typer.Option(help="Calls that start at this time or later; UTC.")],
    till: Annotated[str, typer.Option(help="Calls that start before this time; UTC.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit journal.")],
    wait: Wait = 600,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Put the calls that start in a window under a legal hold, also those that are still to come."""
    from calltrail.bootstrap.keeping import open_keeping  # noqa: PLC0415 - takes half a second

    with told_plainly():
        from_, to = parsed_moment(since, "--since"), parsed_moment(till, "--till")
        assert from_
        assert to
        with open_keeping(settings_for(data)) as keeping, keeping.alone(wait, tell_of_waiting):
            hold = keeping.holding.place(from_, to, reason, operator())
    if as_json:
        out.print_json(json.dumps(described(hold)))
    else:
        out.print(f"Hold {hold.id} keeps the calls from {hold.since:%F %T} to {hold.till:%F %T} UTC.")


@app.command(name="list")
def list_holds(data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """List the holds that there ever were."""
    with told_plainly(), open_registry(settings_for(data)) as registry:
        holds = registry.holds.all()
    if as_json:
        out.print_json(json.dumps([described(hold) for hold in holds]))
        return
    table = Table("id", "since (UTC)", "till (UTC)", "reason", "placed by", "placed (UTC)", "released (UTC)")
    for hold in holds:
        released = f"{hold.released_at:%F %T}" if hold.released_at else ""
        window = (f"{hold.since:%F %T}", f"{hold.till:%F %T}")
        table.add_row(str(hold.id), *window, hold.reason, hold.placed_by, f"{hold.placed_at:%F %T}", released)
    out.print(table)


@app.command()
def release(
    hold_id: Annotated[int, typer.Argument(metavar="ID", help="As `hold list` shows it.")],
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Release a hold. What is due of its calls goes with the next run of the retention."""
    from calltrail.bootstrap.keeping import open_keeping  # noqa: PLC0415 - takes half a second

    with told_plainly(), open_keeping(settings_for(data)) as keeping:
        hold = keeping.holding.release(hold_id, operator())
    if as_json:
        out.print_json(json.dumps(described(hold)))
    else:
        out.print(f"Released hold {hold.id}.")


def described(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "since": hold.since.isoformat(),
        "till": hold.till.isoformat(),
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_at": hold.placed_at.isoformat(),
        "released_by": hold.released_by,
        "released_at": hold.released_at.isoformat() if hold.released_at else None,
    }
