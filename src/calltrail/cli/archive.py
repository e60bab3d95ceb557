"""`calltrail archive`: how the archive stands, whether it is whole, and what is taken away from it."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import structlog
import typer
from rich.progress import Progress
from rich.table import Table

from calltrail.cli import holds
from calltrail.cli.options import DEFAULT_DATA, DataFolder, Json, err, operator, out, settings_for, told_plainly
from calltrail.cli.windows import Wait, parsed_milliseconds, parsed_moment, tell_of_waiting
from calltrail.domain.calls import CallStatus
from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import KeepingTime, Matching, Retired
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.settings import Settings

if TYPE_CHECKING:
    from calltrail.services.keeping.erasing import Erasure
    from calltrail.stores.inventory import Inventory

# What stands on the stores is imported where it is used: it takes half a second, which no other command should.

HttpStatusClass = Literal["1xx", "2xx", "3xx", "4xx", "5xx"]

app = typer.Typer(
    help="See how the archive stands, prove it whole, and take calls away: by retention or by erasure.",
    no_args_is_help=True,
)
app.add_typer(holds.app, name="hold")


@app.callback()
def _archive() -> None:
    # Standard output is for results; what the services note of their work says nothing more than those.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@app.command()
def status(data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show what journal and archive hold, live holds, and the retention in force. Reads no call."""
    from calltrail.bootstrap.keeping import open_keeping  # noqa: PLC0415 - see above

    settings = settings_for(data)
    with told_plainly(), open_keeping(settings) as keeping:
        found = keeping.inventory()
        live_holds = [holds.described(hold) for hold in keeping.registry.holds.live()]
        retention = keeping.retiring.retention()
    kept = {
        "calls": _described_time(settings, "keep_days", retention.calls),
        "bodies": _described_time(settings, "keep_bodies_days", retention.bodies),
    }
    if as_json:
        out.print_json(json.dumps({**asdict(found), "holds": live_holds, "retention": kept}, default=str))
        return
    table = Table(show_header=False)
    for name, value in _status_rows(found, live_holds, kept):
        table.add_row(name, value)
    out.print(table)


def _described_time(settings: Settings, name: str, time: KeepingTime) -> list[dict[str, Any]]:
    """How long something is kept, and who says so: the setting first, then API methods."""
    variable = f"CALLTRAIL_{name.upper()}"
    (source,) = (row["source"] for row in settings.described() if row["variable"] == variable)
    of_methods = [{"of": method, "days": days, "source": "catalog"} for method, days in sorted(time.of_methods.items())]
    return [{"of": None, "days": time.days, "source": f"{variable}, {source}"}, *of_methods]


def _status_rows(
    found: "Inventory", live_holds: list[dict[str, Any]], kept: Mapping[str, list[dict[str, Any]]]
) -> Iterator[tuple[str, str]]:
    yield "archive", f"{found.archived_calls:,} calls, {_size(found.archived_bytes)} in {found.files} files"
    if found.first_day:
        yield "days", f"{found.first_day} to {found.last_day}"
    yield "small files", f"{found.small_files}, to be put together"
    yield "files out of use", f"{found.unused_files}, to be deleted"
    yield "version", "no archive yet" if found.version is None else str(found.version)
    books = found.books
    yield "books", f"{books.archived:,} calls came, {books.removed:,} were taken away; up to commit {books.through}"
    yield "waiting in the journal", f"{found.waiting_calls:,} calls, {_size(found.waiting_bytes)} of plain text"
    if found.oldest_waiting:
        yield "waiting longest", f"{(datetime.now(UTC) - found.oldest_waiting).total_seconds():.0f} s"
    yield "processing", f"{found.processing_calls:,} calls"
    yield "journal", f"{_size(found.journal_bytes)} on disk"
    for hold in live_holds:
        yield f"hold {hold['id']}", f"{hold['since']} to {hold['till']}: {hold['reason']}"
    for what, times in kept.items():
        for time in times:
            days = "for ever" if time["days"] is None else f"{time['days']} days"
            yield f"{what} are kept", f"{days}{' of ' + time['of'] if time['of'] else ''} ({time['source']})"


@app.command()
def verify(data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """Read all of journal and archive, and prove that they are whole and agree with their own books.

    Ends with 1 when anything is wrong. Nothing is changed, and others may work meanwhile.
    """
    from calltrail.bootstrap.keeping import open_keeping  # noqa: PLC0415 - see above

    with told_plainly(), open_keeping(settings_for(data)) as keeping, _progress("reading") as tell:
        found = keeping.verify(tell)
    if as_json:
        out.print_json(json.dumps(asdict(found)))
    else:
        for problem in found.problems:
            out.print(problem, markup=False)
        out.print(
            f"{found.calls:,} calls in {found.files} files of the archive, {_size(found.size_bytes)}; "
            f"{found.journal_calls:,} calls in the journal. {found.unused_files} files are out of use, "
            f"{found.replaced_files} were replaced meanwhile."
        )
        out.print(f"{len(found.problems)} problems." if found.problems else "All is well.")
    if found.problems:
        raise typer.Exit(1)


@app.command()
def compact(wait: Wait = 600, data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """Put small files together now, all that are worthwhile. The archiver does so too, whenever it has moved calls."""
    from calltrail.bootstrap.keeping import KEPT_FOR_READERS, open_keeping  # noqa: PLC0415 - see above

    with told_plainly(), open_keeping(settings_for(data)) as keeping, keeping.alone(wait, tell_of_waiting):
        with _progress("putting together") as tell:
            files = keeping.table.compact(tell)
        keeping.table.tidy_log(KEPT_FOR_READERS)
    if as_json:
        out.print_json(json.dumps({"files": files}))
    else:
        out.print(f"{files} files were put together." if files else "Nothing to put together.")


@app.command()
def retain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is due.")] = False,
    wait: Wait = 600,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Take away the calls and bodies whose time is over. The archiver does so too, once an hour.

    Calls of a window under a hold stay, and so do calls that are still in the journal.
    """
    from calltrail.bootstrap.keeping import KEPT_FOR_READERS, open_keeping  # noqa: PLC0415 - see above

    with told_plainly(), open_keeping(settings_for(data)) as keeping:
        if dry_run:
            _show_retired(keeping.retiring.rehearse(), as_json=as_json, done="are due")
            return
        with keeping.alone(wait, tell_of_waiting), _progress("taking away") as tell:
            retired = keeping.retiring.run(str(operator()), tell=tell)
            keeping.table.delete_unused(KEPT_FOR_READERS)
    _show_retired(retired, as_json=as_json, done="were taken away")


def _show_retired(retired: Retired, *, as_json: bool, done: str) -> None:
    if as_json:
        out.print_json(json.dumps(asdict(retired)))
        return
    for what, counts in asdict(retired).items():
        for reason, count in counts.items():
            out.print(
                f"{count:,} {'calls' if what == 'calls' else 'calls: their bodies'} {done} ({reason})", markup=False
            )
    if retired.is_nothing:
        out.print("Nothing is due.")


@app.command()
def erase(  # noqa: PLR0917 - options
    since: Annotated[str | None, typer.Option(help="Started at this time or later; UTC.")] = None,
    till: Annotated[str | None, typer.Option(help="Started before this time; UTC.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="External id of the integration endpoint.")] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="System name of an API method; several may be given.")
    ] = None,
    status_: Annotated[CallStatus | None, typer.Option("--status", help="How the call ended.")] = None,
    errors: Annotated[bool | None, typer.Option(help="Whether it had errors.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="The caller's deviceUUID.")] = None,
    text: Annotated[str | None, typer.Option(help="Occurs in the URL, the error messages or a body.")] = None,
    http: Annotated[HttpStatusClass | None, typer.Option(help="HTTP status of the answer.")] = None,
    least_ms: Annotated[float | None, typer.Option(help="Took so many milliseconds or more.", min=0)] = None,
    most_ms: Annotated[float | None, typer.Option(help="Took so many milliseconds or less.", min=0)] = None,
    count: Annotated[bool, typer.Option("--count", help="Only say which calls match.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Wait = 600,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Erase the calls that match all criteria given: from the archive, and from the disk.

    Calls of a window under a hold stay, and so do calls that are still processing.
    """
    from calltrail.bootstrap.keeping import open_keeping  # noqa: PLC0415 - see above

    with told_plainly(), open_keeping(settings_for(data)) as keeping:
        if as_json and not (yes or count):
            raise InvalidInput([Problem("--json asks nothing, so give --yes or --count with it")])
        asked = CallFilter(
            since=parsed_moment(since, "--since"),
            till=parsed_moment(till, "--till"),
            status=status_,
            has_errors=errors,
            endpoint_external_id=endpoint,
            method_system_names=tuple(sorted(set(method or ()))),
            device=device,
            text=text,
            http_status_class=int(http[0]) if http else None,
            least_duration=parsed_milliseconds(least_ms, "--least-ms"),
            most_duration=parsed_milliseconds(most_ms, "--most-ms"),
        )
        if not yes:
            counted_at = datetime.now(UTC)
            found = keeping.erasing.count(asked)
            _show_matching(found, as_json=as_json)
            if count:
                return
            _require_consent(found)
            # What arrived since nobody has agreed to.
            asked = replace(asked, till=min(asked.till or counted_at, counted_at))
        with keeping.alone(wait, tell_of_waiting), _progress("erasing") as tell:
            erasure = keeping.erasing.run(asked, operator(), tell)
    _show_erasure(erasure, as_json=as_json)
    if not erasure.is_journal_clean:
        raise typer.Exit(1)


def _require_consent(found: Matching) -> None:
    if not found.calls:
        return  # what an erasure that was killed left behind is still to be deleted
    typed = typer.prompt(f"To erase them for good, type their number ({found.calls})", err=True)
    if typed.strip() != str(found.calls):
        err.print("Nothing was erased.")
        raise typer.Exit(1)


def _show_matching(found: Matching, *, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(_described(found)))
        return
    if found.calls:
        out.print(
            f"{found.calls:,} calls match, {_size(found.size_bytes)} of plain text, "
            f"started from {found.first:%F %T} to {found.last:%F %T} UTC."
        )
    else:
        out.print("No call matches that could be erased.")
    if found.held:
        out.print(f"{found.held:,} more match and stay: they are under a hold.")
    if found.processing:
        out.print(f"Still processing, and staying: {', '.join(found.processing)}")


def _show_erasure(erasure: "Erasure", *, as_json: bool) -> None:
    if as_json:
        result = {"erased": erasure.erased, "journal_is_clean": erasure.is_journal_clean, "exports": erasure.exports}
        out.print_json(json.dumps({**_described(erasure.matching), **result}))
        return
    found = erasure.matching
    out.print(f"Erased {erasure.erased:,} calls.")
    if found.held:
        out.print(f"{found.held:,} more match and stay: they are under a hold.")
    if found.processing:
        out.print(f"Still processing, and staying: {', '.join(found.processing)}")
    if erasure.exports:
        ids = ", ".join(map(str, erasure.exports))
        out.print(f"Files of these exports may hold such calls until they expire: {ids}")
    if not erasure.is_journal_clean:
        err.print("error: somebody reads the journal, whose files may still hold bytes of them; run this again")


def _described(found: Matching) -> dict[str, object]:
    return {
        "calls": found.calls,
        "bytes": found.size_bytes,
        "first": found.first.isoformat() if found.first else None,
        "last": found.last.isoformat() if found.last else None,
        "held": found.held,
        "processing": list(found.processing),
    }


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
