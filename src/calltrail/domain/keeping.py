"""How long calls are kept, what keeps them longer, and what takes them away before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True)
class DueMethods:
    """The API methods whose time is over."""

    names: frozenset[str] = frozenset()
    """System names."""

    are_exceptions: bool = False
    """Whether it is over for all methods but those named."""

    @property
    def are_none(self) -> bool:
        return not self.names and not self.are_exceptions


@dataclass(frozen=True, slots=True)
class KeepingTime:
    """How many days something of a call is kept. Days are those of UTC, and go by the start of the call."""

    days: int | None = None
    """Of API methods that say nothing, and of those that the catalog does not know; None: for ever."""

    of_methods: Mapping[str, int] = field(default_factory=dict)
    """Of API methods that say so themselves, by system name."""

    def due_methods(self, day: date, now: datetime) -> DueMethods:
        """Those whose calls of that day are due: the whole day is older than so many days."""
        due = frozenset(name for name, days in self.of_methods.items() if _is_over(day, days, now))
        if self.days is not None and _is_over(day, self.days, now):
            return DueMethods(frozenset(self.of_methods) - due, are_exceptions=True)
        return DueMethods(due)

    def reason(self, method_system_name: str) -> str:
        """Why calls of an API method are due."""
        if method_system_name in self.of_methods:
            return f"{method_system_name}: {self.of_methods[method_system_name]} days"
        return f"by default: {self.days} days"


def _is_over(day: date, days: int, now: datetime) -> bool:
    # A century and more would lie before the first year that there is.
    return day.toordinal() < now.astimezone(UTC).date().toordinal() - days


@dataclass(frozen=True, slots=True)
class Retention:
    """How long calls are kept, and how long their bodies."""

    calls: KeepingTime = KeepingTime()
    bodies: KeepingTime = KeepingTime()


@dataclass(frozen=True, slots=True)
class Retired:
    """What retention took away."""

    calls: Mapping[str, int] = field(default_factory=dict)
    """How many calls, by API method, or by reason."""

    bodies: Mapping[str, int] = field(default_factory=dict)
    """How many calls lost their bodies, by API method, or by reason."""

    @property
    def is_nothing(self) -> bool:
        return not self.calls and not self.bodies


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: calls that start in its window are neither retired nor erased while it lives."""

    id: int
    since: datetime
    """Inclusive; aware UTC."""

    till: datetime
    """Exclusive; aware UTC."""

    reason: str
    placed_by: str
    """`str()` of the Principal."""

    placed_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None
    """None while it lives."""


@dataclass(frozen=True, slots=True)
class Matching:
    """The final calls that match a filter, wherever they are."""

    calls: int = 0
    """Those that no hold keeps."""

    size_bytes: int = 0
    """About as much as those are as plain text."""

    first: datetime | None = None
    """When the first of those started; None when there are none."""

    last: datetime | None = None

    held: int = 0
    """Those that a hold keeps."""

    processing: Sequence[str] = ()
    """Ids of matching calls that are not final."""
