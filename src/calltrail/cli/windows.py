"""Options of the commands that work on the archive: moments, durations, and how long to wait for others."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from calltrail.cli.options import err
from calltrail.domain.problems import InvalidInput, Problem

Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for others that are at work on the archive.")]


def parsed_moment(text: str | None, option: str) -> datetime | None:
    """A moment in ISO 8601, of UTC unless it says otherwise; None stays None. Raises InvalidInput."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        message = f'"{text}" is no time; one is written 2026-11-03, 2026-11-03T12:30 or 2026-11-03T12:30:15.5+01:00'
        raise InvalidInput([Problem(message, option)]) from None


def parsed_milliseconds(ms: float | None, option: str) -> timedelta | None:
    """A duration; None stays None. Raises InvalidInput."""
    if ms is None:
        return None
    try:
        return timedelta(milliseconds=ms)
    except (ValueError, OverflowError):
        raise InvalidInput([Problem("this is no number of milliseconds", option)]) from None


def tell_of_waiting() -> None:
    err.print("Waiting for another process that is at work on the archive.")
