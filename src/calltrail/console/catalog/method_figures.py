"""What the calls of the last day came to, by API method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from calltrail.console.visits import Visit
from calltrail.domain.access import Permission
from calltrail.domain.filters import CallFilter
from calltrail.services.ports import CallPages

_WINDOW = timedelta(hours=24)
_BUCKET = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What the calls of the last 24 hours came to."""

    calls: int = 0
    errors: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    last_started_at: datetime | None = None


def day_figures(
    pages: Callable[[], CallPages], visit: Visit, endpoint_external_id: str | None = None
) -> Mapping[str, DayFigures] | None:
    """By system name, those that were called; of one endpoint when it is named. None for who may not look at calls."""
    if not visit.may(Permission.CALLS_VIEW):
        return None
    window = CallFilter(since=visit.now - _WINDOW, endpoint_external_id=endpoint_external_id)
    methods = pages().overview(window, _BUCKET).methods
    return {name: DayFigures(*figures) for name, *figures in methods.iter_rows()}
