"""What those who look through the log need from it: pages of calls, and what all matching calls come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from calltrail.domain.filters import CallFilter

if TYPE_CHECKING:
    import polars as pl  # heavy, and only named here


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Where a call stands in the log: by start time, then by id."""

    started_at: datetime
    id: str


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """What the matching calls come to, as they stand at one moment."""

    calls: int
    errors: int
    """Those that have errors."""

    size_bytes: int
    """About how much room they take as plain text, and so in an export."""

    first: datetime | None
    """Start of the oldest; None when there is none."""

    last: datetime | None
    """Start of the newest."""

    buckets: "pl.DataFrame"
    """`start`, `calls` and `errors` of each bucket that has calls, in order of time. Buckets begin at whole multiples
    of their length since 1970."""

    methods: "pl.DataFrame"
    """`method_system_name`, `calls`, `errors`, `p50_ms`, `p95_ms` and `last_started_at`, those of most calls first.

    Half, or 95 of a hundred, of its closed calls took no longer than that; right to `ROUNDED_BY`, and null while all
    of them are processing.
    """


ROUNDED_BY = 0.01
"""How far the durations of an overview may be off, of themselves."""


class CallPages(Protocol):
    """The log of calls, as those who look through it see it. Its methods block."""

    def newest(
        self, filter: CallFilter, columns: Sequence[str], count: int, before: CallPlace | None = None
    ) -> "pl.DataFrame":
        """The last `count` matching calls as they stand now, newest first; those before a place when one is given.

        `columns` are names of `LOG_SCHEMA`. The place of the last call of a page is where the next one goes on: calls
        that arrive meanwhile come before the first page and move nothing.
        """

    def next_after(self, filter: CallFilter, columns: Sequence[str], count: int, after: CallPlace) -> "pl.DataFrame":
        """The first `count` matching calls after a place as they stand now, oldest first."""

    def overview(self, filter: CallFilter, bucket: timedelta) -> Overview:
        """What the matching calls come to, with their number in each `bucket`, which is whole microseconds."""

    def extent(self) -> tuple[datetime, datetime] | None:
        """Start of the oldest and the newest call of the log; None while there is none. Cheap at any size."""
