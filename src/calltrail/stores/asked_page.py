"""Which calls a page is to have, wherever they are."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from calltrail.domain.filters import CallFilter
from calltrail.services.looking import CallPlace

KEYS = ("started_at", "id")
"""Columns by which calls are in order."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AskedPage:
    """The last of the matching calls, or the first."""

    filter: CallFilter
    count: int

    is_newest: bool
    """The last ones, newest first; otherwise the first, oldest first."""

    place: CallPlace | None = None
    """Only those before it, where the last are wanted; otherwise those after it."""

    @property
    def within(self) -> CallFilter:
        """The filter, without what starts on the wrong side of the place."""
        if self.place is None:
            return self.filter
        return (_through if self.is_newest else _from)(self.filter, self.place.started_at)

    @property
    def is_beyond_place(self) -> pl.Expr:
        """Of calls within: whether they are on the right side of the place."""
        if self.place is None:
            return pl.lit(value=True)
        start, call_id = pl.col("started_at"), pl.col("id")
        is_beyond = call_id < self.place.id if self.is_newest else call_id > self.place.id
        return (start != self.place.started_at) | is_beyond

    def beside(self, found: pl.DataFrame) -> "AskedPage":
        """The page, without what starts farther away than all of those that were found elsewhere."""
        if found.height < self.count:
            return self
        return replace(self, filter=(_from if self.is_newest else _through)(self.filter, found["started_at"][-1]))

    def of(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Those of the calls that the page has, in order."""
        return calls.sort(KEYS, descending=self.is_newest).head(self.count)


def _from(filter: CallFilter, moment: datetime) -> CallFilter:
    return replace(filter, since=max(filter.since, moment) if filter.since else moment)


def _through(filter: CallFilter, moment: datetime) -> CallFilter:
    end = moment + _MICROSECOND
    return replace(filter, till=min(filter.till, end) if filter.till else end)
