"""`calltrail serve`, `calltrail worker` and `calltrail settings`."""

import json
from typing import Annotated

import typer
from rich.table import Table

from calltrail.cli.options import DEFAULT_DATA, DataFolder, Json, out, settings_for, told_plainly


def serve(
    data: DataFolder = DEFAULT_DATA,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, help="Processes that receive calls.")] = 1,
    export_worker: Annotated[bool, typer.Option(help="Also run a worker process that makes exports.")] = True,
) -> None:
    """Receive calls, and make exports."""
    from calltrail import serving  # noqa: PLC0415 - takes a second, which no other command should

    with told_plainly():
        serving.serve(settings_for(data), host, port, workers, with_export_worker=export_worker)


def worker(data: DataFolder = DEFAULT_DATA) -> None:
    """Make exports until stopped. Any number of workers may share a data folder."""
    from calltrail import serving  # noqa: PLC0415 - as for serve

    with told_plainly():
        serving.work(settings_for(data))


def settings(data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show every setting with its value, where the value comes from, and what it means."""
    rows = settings_for(data).described()
    if as_json:
        out.print_json(json.dumps(rows))
        return
    table = Table("environment variable", "value", "from", "meaning")
    for row in rows:
        table.add_row(row["variable"], row["value"], row["source"], row["meaning"])
    out.print(table)
