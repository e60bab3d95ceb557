"""Calls and errors over a window, as a drawing: where the bars stand, and what is written below them.

Across, everything is in percent of the width, so that a drawing of any width is sharp; down, in pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from calltrail.domain.calls import EPOCH

_TOP, _BASE = 6.0, 100.0
_MOST_BUCKETS = 120
_MOST_LABELS = 8
_LAST_LABEL = 0.94
"""How far across the last one may begin."""

BUCKETS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
        2 * 86_400, 7 * 86_400, 14 * 86_400, 28 * 86_400, 91 * 86_400, 364 * 86_400,
    )
)  # fmt: skip
"""How long a bar of the timeline may be."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket that has calls."""

    x: float
    width: float
    y: float
    height: float
    errors_y: float
    errors_height: float
    start: datetime
    calls: int
    errors: int


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing. It lies between `since` and `till`, which are the edges of its first and last bucket."""

    since: datetime
    till: datetime
    bucket: timedelta
    bars: Sequence[Bar]
    labels: Sequence[Label]
    most: int
    """Calls of the highest bar."""


def bucket_of(since: datetime, till: datetime) -> timedelta:
    """The shortest bucket of which the window has few enough."""
    return next((bucket for bucket in BUCKETS if till - since <= bucket * (_MOST_BUCKETS - 1)), BUCKETS[-1])


def draw(since: datetime, till: datetime, bucket: timedelta, counts: Iterable[tuple[datetime, int, int]]) -> Timeline:
    """The timeline of buckets, each with its start, calls and errors; buckets begin at multiples since 1970."""
    rows = list(counts)
    first = EPOCH + (since - EPOCH) // bucket * bucket
    number = max(1, -((first - till) // bucket))  # rounded up
    width = 100 / number
    most = max((calls for _, calls, _ in rows), default=0)
    return Timeline(
        since=first,
        till=first + number * bucket,
        bucket=bucket,
        bars=tuple(
            _bar(start, calls, errors, x=(start - first) // bucket * width, width=width, most=most)
            for start, calls, errors in rows
        ),
        labels=tuple(_labels(first, number * bucket)),
        most=most,
    )


def _bar(start: datetime, calls: int, errors: int, *, x: float, width: float, most: int) -> Bar:
    scale = (_BASE - _TOP) / most
    # One call, and one error, can be seen beside the most.
    height, errors_height = max(calls * scale, 1.5), max(errors * scale, 1.5) if errors else 0.0
    return Bar(
        x=round(x + width / 10, 3),
        width=round(width * 0.8, 3),
        y=round(_BASE - height, 2),
        height=round(height, 2),
        errors_y=round(_BASE - errors_height, 2),
        errors_height=round(errors_height, 2),
        start=start,
        calls=calls,
        errors=errors,
    )


def _labels(first: datetime, length: timedelta) -> Iterator[Label]:
    """At round times, as many as have room."""
    step = next((step for step in BUCKETS if length <= step * _MOST_LABELS), BUCKETS[-1])
    moment = EPOCH - (EPOCH - first) // step * step  # rounded up
    while moment <= first + length * _LAST_LABEL:
        yield Label(round((moment - first) / length * 100, 3), _written(moment, step))
        moment += step


def _written(moment: datetime, step: timedelta) -> str:
    utc = moment.astimezone(UTC)
    if step >= timedelta(days=1):
        return f"{utc:%Y-%m-%d}"
    if utc.hour == utc.minute == utc.second == 0:
        return f"{utc:%m-%d}"
    return f"{utc:%H:%M:%S}" if step < timedelta(minutes=1) else f"{utc:%H:%M}"
