"""Which calls a page is asked for: the words of its address, and what they mean."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from calltrail.api.fields import Field, read_flag, read_moment, read_status
from calltrail.domain.calls import from_micros, to_micros
from calltrail.domain.filters import CallFilter
from calltrail.domain.problems import Problem
from calltrail.services.looking import CallPlace

QUICK_WINDOWS: Mapping[str, timedelta | None] = MappingProxyType(
    {
        "15m": timedelta(minutes=15),
        "1h": timedelta(hours=1),
        "24h": timedelta(hours=24),
        "7d": timedelta(days=7),
        "30d": timedelta(days=30),
        "all": None,
    }
)
"""How far back from now, by the word for it; None: as far as there is."""

USUAL_WINDOW = "24h"

_CRITERIA = (
    "last", "since", "till", "text", "method", "endpoint", "status", "errors", "http", "least_ms", "most_ms", "device",
)  # fmt: skip
_SHOWING = ("column", "before", "after", "follow")
"""How the calls are shown; not which."""

_LONGEST_MS = 10**12
_LONGEST_MICROS = 16
"""Digits; enough until the year 2286."""

_FIRST_YEAR, _LAST_YEAR = 1971, 2199


@dataclass(frozen=True, slots=True)
class AskedCalls:
    """The criteria of an address, as they were written and as they are understood."""

    words: Mapping[str, tuple[str, ...]]
    """What stands in the address, by name, blanks left out."""

    window: str
    """The quick window that is meant; empty when times are given."""

    filter: CallFilter
    problems: tuple[Problem, ...]
    """What could not be understood, and is not part of the filter."""

    before: CallPlace | None = None
    """The place that the page of calls ends before; the other pages go on from there."""

    after: CallPlace | None = None
    """The place that it begins after."""

    def word(self, name: str) -> str:
        """The last value of a name, or nothing."""
        return self.words.get(name, ("",))[-1]

    def query(self, **changes: object) -> str:
        """The address's query for these calls: `?…`, with some words put in place of others; None takes one away.

        Whatever changes, paging begins anew, unless it is what changes.
        """
        words = {name: values for name, values in self.words.items() if name not in ("before", "after")}
        for name, value in changes.items():
            values = value if isinstance(value, list | tuple) else () if value is None else (str(value),)
            words[name] = tuple(str(item) for item in values)
        pairs = [(name, value) for name in (*_CRITERIA, *_SHOWING) for value in words.get(name, ())]
        return f"?{urlencode(pairs)}" if pairs else "?"

    def query_up_to(self, name: str) -> str:
        """The query for these calls of one value of a name, up to that value, which follows quoted."""
        others = self.query(**{name: None})
        return f"{others}{'&' if len(others) > 1 else ''}{name}="

    def within(self, since: datetime, till: datetime) -> str:
        """The query for the same calls of another window."""
        return self.query(last=None, since=f"{since:%Y-%m-%dT%H:%M:%S}", till=f"{till:%Y-%m-%dT%H:%M:%S}")

    @property
    def fixed(self) -> str:
        """The query for the same calls, whenever it is asked: a window of fixed times in the place of a moving one."""
        if not self.window or self.filter.since is None:
            return self.query()
        return self.query(last=None, since=_written(self.filter.since), till=_written(self.filter.till))

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Names of the criteria beside the window."""
        return tuple(name for name in _CRITERIA[3:] if self.words.get(name))


def place_word(place: CallPlace) -> str:
    """A place as a word of an address."""
    return f"{to_micros(place.started_at)}_{place.id}"


def read_asked(query: QueryParams, now: datetime) -> AskedCalls:
    """What the query of an address asks for, everything that can't be understood noted."""
    words = dict(_words(query))
    problems: list[Problem] = []
    window = _window(words, problems)
    since, till = (_moment(_field(words, name, problems)) for name in ("since", "till"))
    if since and till and since >= till:
        problems.append(Problem("The window must end after it begins.", "/till"))
    if back := QUICK_WINDOWS.get(window):
        # As far as the clock goes, not to this moment, so that calls which arrive now are in the window.
        since = now - back
    calls_filter = CallFilter(
        since=since,
        till=till,
        status=read_status(_field(words, "status", problems)),
        has_errors=read_flag(_field(words, "errors", problems)),
        endpoint_external_id=_last(words, "endpoint"),
        method_system_names=tuple(sorted(set(words.get("method", ())))),
        device=_last(words, "device"),
        text=_last(words, "text"),
        http_status_class=_http_status_class(_field(words, "http", problems)),
        least_duration=_duration(_field(words, "least_ms", problems)),
        most_duration=_duration(_field(words, "most_ms", problems)),
    )
    before, after = (_place(_field(words, name, problems)) for name in ("before", "after"))
    return AskedCalls(words, window, calls_filter, tuple(problems), before, after)


def has_blanks(query: QueryParams) -> bool:
    """Whether a form filled in nothing somewhere, which makes for a long address."""
    return any(not value.strip() for _, value in query.multi_items())


def _words(query: QueryParams) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in (*_CRITERIA, *_SHOWING):
        values = tuple(value.strip() for value in query.getlist(name) if value.strip())
        if values:
            yield name, values


def _window(words: dict[str, tuple[str, ...]], problems: list[Problem]) -> str:
    if "since" in words or "till" in words:
        words.pop("last", None)
        return ""
    window = words.get("last", (USUAL_WINDOW,))[-1]
    if window not in QUICK_WINDOWS:
        problems.append(Problem(f"This must be one of {', '.join(QUICK_WINDOWS)}.", "/last"))
        return USUAL_WINDOW
    return window


def _moment(field: Field) -> datetime | None:
    moment = read_moment(field)
    if moment and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        field.refuse(f"The years go from {_FIRST_YEAR} to {_LAST_YEAR}.")
        return None
    return moment


def _place(field: Field) -> CallPlace | None:
    if field.is_blank:
        return None
    micros, _, call_id = field.value.partition("_")
    if micros.isdecimal() and len(micros) <= _LONGEST_MICROS and call_id:
        return CallPlace(from_micros(int(micros)), call_id)
    field.refuse("This is no place in the log: take it from the links of a page.")
    return None


def _last(words: Mapping[str, tuple[str, ...]], name: str) -> str | None:
    return words[name][-1] if name in words else None


def _field(words: Mapping[str, tuple[str, ...]], name: str, problems: list[Problem]) -> Field:
    return Field(_last(words, name), f"/{name}", problems)


def _http_status_class(field: Field) -> int | None:
    if field.is_blank:
        return None
    if field.value in ("1xx", "2xx", "3xx", "4xx", "5xx"):
        return int(field.value[0])
    field.refuse("This must be one of 1xx, 2xx, 3xx, 4xx, 5xx.")
    return None


def _duration(field: Field) -> timedelta | None:
    if field.is_blank:
        return None
    try:
        ms = float(field.value)
    except ValueError:
        ms = -1
    if 0 <= ms <= _LONGEST_MS:
        return timedelta(milliseconds=ms)
    field.refuse("This must be a number of milliseconds.")
    return None


def _written(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}" if moment else None
