"""The calls of a filter: the newest, a timeline, and figures by API method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from calltrail.console.calls.asked_calls import QUICK_WINDOWS, AskedCalls, has_blanks, place_word, read_asked
from calltrail.console.calls.timeline import bucket_of, draw
from calltrail.console.visits import Answer, Page, Redirect, Visit
from calltrail.domain.problems import Problem
from calltrail.services.looking import CallPages, CallPlace
from calltrail.services.ports import CatalogStore

_PAGE = 50

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "status": "Status",
        "method_system_name": "API method",
        "endpoint_external_id": "Endpoint",
        "http_status_code": "HTTP",
        "took_ms": "Took",
        "error_messages": "Errors",
        "integration_name": "Integration",
        "device": "Device",
        "http_method": "Verb",
        "url": "URL",
        "client_address": "Address",
        "client_transaction_id": "Transaction id",
        "request_body_bytes": "Request bytes",
        "response_body_bytes": "Response bytes",
        "id": "Call id",
    }
)
"""What a table of calls can show, beside the start time, with the headings."""

USUAL_COLUMNS = (
    "status",
    "method_system_name",
    "endpoint_external_id",
    "http_status_code",
    "took_ms",
    "error_messages",
)

_ALWAYS_READ = ("id", "started_at", "finished_at", "status", "has_errors")


@dataclass(frozen=True, slots=True)
class MethodFigures:
    """What the calls of an API method came to."""

    method_system_name: str
    calls: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    last_started_at: datetime


@dataclass(frozen=True, slots=True)
class CallsView:
    """A page of calls, and what all matching calls come to."""

    problems: tuple[Problem, ...]
    since: datetime | None
    till: datetime | None
    calls: int
    errors: int
    size_bytes: int
    """Of all matching calls as plain text, about."""

    page: Sequence[Mapping[str, Any]]
    """Newest first."""

    older: str | None
    """Where the next page is; None at the end."""

    newer: str | None
    methods: Sequence[MethodFigures]
    buckets: Sequence[Mapping[str, Any]]


class CallsDesk:
    """`/calls`"""

    def __init__(self, pages: Callable[[], CallPages], catalog: CatalogStore) -> None:
        self._pages = pages
        self._catalog = catalog

    def show(self, visit: Visit) -> Answer:
        asked = read_asked(visit.query, visit.now)
        if short := _short_address(visit, asked):
            return Redirect(short)
        rows, older, newer = self._page(asked)
        since, till = self._window(asked, visit.now)
        bucket = bucket_of(since, till)
        overview = self._pages().overview(asked.filter, bucket)
        view = CallsView(
            problems=asked.problems,
            since=asked.filter.since,
            till=asked.filter.till,
            calls=overview.calls,
            errors=overview.errors,
            size_bytes=overview.size_bytes,
            page=rows,
            older=older,
            newer=newer,
            methods=[MethodFigures(*row) for row in overview.methods.iter_rows()],
            buckets=overview.buckets.to_dicts(),
        )
        more = {
            "asked": asked,
            "catalog": self._catalog.current(),
            "drawing": draw(since, till, bucket, overview.buckets.iter_rows()),
            "columns": shown_columns(asked),
            "all_columns": COLUMNS,
            "quick_windows": QUICK_WINDOWS,
        }
        return Page("calls", view, 422 if asked.problems else 200, more)

    def _page(self, asked: AskedCalls) -> tuple[Sequence[Mapping[str, Any]], str | None, str | None]:
        """The calls of a page, newest first, and the addresses of the pages beside it."""
        read = [column for column in shown_columns(asked) if column != "took_ms"]
        columns = list(dict.fromkeys((*_ALWAYS_READ, *read)))
        if asked.after:
            found = self._pages().next_after(asked.filter, columns, _PAGE + 1, asked.after).to_dicts()[::-1]
            is_first, is_last = len(found) <= _PAGE, False
            found = found[-_PAGE:]
        else:
            found = self._pages().newest(asked.filter, columns, _PAGE + 1, asked.before).to_dicts()
            is_first, is_last = asked.before is None, len(found) <= _PAGE
            found = found[:_PAGE]
        rows = [row | {"took_ms": _took_ms(row)} for row in found]
        older = None if is_last or not rows else "/calls" + asked.query(before=_place(rows[-1]), follow=None)
        newer = None if is_first or not rows else "/calls" + asked.query(after=_place(rows[0]), follow=None)
        return rows, older, newer

    def _window(self, asked: AskedCalls, now: datetime) -> tuple[datetime, datetime]:
        """The window that is drawn: as asked, where it is open as far as there are calls."""
        since, till = asked.filter.since, asked.filter.till
        if since is None or till is None:
            extent = self._pages().extent()
            since = since or (extent[0] if extent else now - timedelta(days=1))
            till = till or max(now, extent[1] if extent else now)
        return since, max(till, since + timedelta(seconds=1))


def _short_address(visit: Visit, asked: AskedCalls) -> str | None:
    """The same address without what a form sends in vain: blanks, and the usual columns; None when it is short."""
    has_usual_columns = set(asked.words.get("column", ())) == set(USUAL_COLUMNS)
    if not has_blanks(visit.query) and not has_usual_columns:
        return None
    return "/calls" + (asked.query(column=None) if has_usual_columns else asked.query())


def shown_columns(asked: AskedCalls) -> Sequence[str]:
    """The columns that were chosen, those that there are."""
    return [name for name in asked.words.get("column", ()) if name in COLUMNS] or USUAL_COLUMNS


def _took_ms(row: Mapping[str, Any]) -> float | None:
    end = row["finished_at"]
    return None if end is None else (end - row["started_at"]) / timedelta(milliseconds=1)


def _place(row: Mapping[str, Any]) -> str:
    return place_word(CallPlace(row["started_at"], row["id"]))
