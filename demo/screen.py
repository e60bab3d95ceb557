"""What the demo prints."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.status import Status
from rich.table import Table

from demo.analyst import DownloadedExport
from demo.checks import Row
from demo.partner import AnsweredCall
from demo.traffic import Story

_MOST_FAILURES = 12
_STATUS_COLOURS = {"completed": "green", "failed": "red", "processing": "yellow"}

_WIDTH_BESIDE_ERRORS = 69
_NARROWEST_ERRORS = 11

console = Console(highlight=False)


def title(text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]\n")


def done(what: str, detail: str) -> None:
    console.print(f"[green]✓[/green] {what:<10} {escape(detail)}", soft_wrap=True)


def fact(what: str, value: str) -> None:
    console.print(f"  [dim]{what:<10}[/dim] {escape(value)}", soft_wrap=True)


def to_copy(command: str) -> None:
    """As it is, without wrapping or colour."""
    console.print(f"\n{command}", markup=False, soft_wrap=True)


def heading(text: str) -> None:
    console.print(f"\n[bold]{escape(text)}[/bold]", soft_wrap=True)


def failed(problems: Sequence[str]) -> None:
    console.print()
    for problem in problems[:_MOST_FAILURES]:
        console.print(f"[red]✗[/red] {escape(problem)}", soft_wrap=True)
    if len(problems) > _MOST_FAILURES:
        console.print(f"  … and {len(problems) - _MOST_FAILURES} more")


def working(what: str) -> Status:
    """A spinner, for as long as one is within it."""
    return console.status(f"[dim]{what}[/dim]")


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar that the function it gives moves on by one."""
    columns = (TextColumn("  calls     "), BarColumn(36), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def stories(answered: Iterable[AnsweredCall]) -> None:
    """What became of the calls, a line a kind."""
    table = _table("", "calls", "http", "logged as")
    table.columns[1].justify = "right"
    calls = list(answered)
    for story in Story:
        told = [call for call in calls if call.planned.story is story]
        codes = Counter(call.http_status_code for call in told)
        shown = "" if story is Story.STILL_PROCESSING else ", ".join(map(str, sorted(codes)))
        noted = ", errors" if story is Story.NOTED else ""
        table.add_row(story.title, str(len(told)), shown, f"{_coloured(story.log_status)}{noted}")
    console.print(table)


def exports(downloaded: Iterable[DownloadedExport]) -> None:
    table = _table("export", "file format", "rows", "parts", "bytes")
    for column in table.columns[2:]:
        column.justify = "right"
    for export in downloaded:
        manifest = export.manifest
        packing = "" if manifest["compression"] == "none" else f", {manifest['compression']}"
        size = f"{manifest['bytes']:,}"
        table.add_row(
            escape(export.planned.title),
            f"{manifest['format']}{packing}",
            str(manifest["rows"]),
            str(len(manifest["parts"])),
            size,
        )
    console.print(table)


def first_rows(rows: Iterable[Row]) -> None:
    table = _table("start (UTC)", "API method", "endpoint", "status", "http", "errors")
    # Only the errors give way on a narrow terminal.
    table.columns[-1].max_width = max(_NARROWEST_ERRORS, console.width - _WIDTH_BESIDE_ERRORS)
    for row in rows:
        table.add_row(
            row["OperationLogStartDateTimeUtc"][11:19],
            escape(row["OperationLogOperationSystemName"]),
            escape(row["OperationLogEndpointExternalId"].removeprefix("demo.")),
            _coloured(row["OperationLogStatus"]),
            row["OperationLogHTTPStatusCode"],
            escape(row["OperationLogErrorMessages"].partition("\n")[0]),
        )
    console.print(table)


def shown_path(path: Path) -> str:
    """Short, when it is below the folder that the reader is in."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _coloured(status: str) -> str:
    return f"[{_STATUS_COLOURS[status]}]{status}[/]"
