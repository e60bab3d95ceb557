"""One call: both sides of it, its errors and its times, to look at and to take along."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from calltrail.console.calls.bodies import body_bytes, header_of, header_pairs, is_image_type, shown_body
from calltrail.console.calls.curl import curl_command
from calltrail.console.visits import Answer, Download, NotFound, Page, Redirect, Visit
from calltrail.domain.call_ids import window_of_call_id
from calltrail.domain.calls import CallRecord, LoggedBody
from calltrail.domain.filters import CallFilter
from calltrail.formats.columns import CONTRACT_COLUMNS, EXTRA_COLUMNS
from calltrail.services.looking import CallPages, CallPlace
from calltrail.services.ports import CallLog

_SAME: Mapping[str, Callable[[CallRecord], CallFilter]] = {
    "device": lambda call: CallFilter(device=call.request.device),
    "endpoint": lambda call: CallFilter(endpoint_external_id=call.request.endpoint_external_id),
    "method": lambda call: CallFilter(method_system_names=(call.request.method_system_name,)),
}
"""What the neighbours of a call have in common with it."""

_MOST_AT_ONCE = 10_000
"""Calls of one microsecond."""

_HAR_COLUMNS = tuple(column.source for column in CONTRACT_COLUMNS + EXTRA_COLUMNS if column.source)


@dataclass(frozen=True, slots=True)
class CallView:
    call: CallRecord


class CallDesk:
    """`/calls/{call_id}` and what belongs to it."""

    def __init__(self, log: CallLog, pages: Callable[[], CallPages]) -> None:
        self._log = log
        self._pages = pages

    def show(self, visit: Visit) -> Answer:
        call = self._find(visit)
        return Page("call", CallView(call), more=_sides(call))

    def har(self, visit: Visit) -> Answer:
        """The call as HAR 1.2."""
        from calltrail.formats.har_part import HarPart  # noqa: PLC0415 - heavy, and seldom asked for

        call = self._find(visit).request
        within_its_millisecond = CallFilter(since=call.started_at, till=call.started_at + timedelta(microseconds=1))
        rows = self._pages().newest(within_its_millisecond, _HAR_COLUMNS, _MOST_AT_ONCE)
        har = HarPart()
        content = har.head() + har.rows(rows.filter(rows["id"] == call.id)) + har.tail()
        return Download(f"call-{call.id}.har", "application/json", content, len(content))

    def request_body(self, visit: Visit) -> Answer:
        call = self._find(visit)
        return _body_download(call, "request", call.request.body, call.request.headers)

    def response_body(self, visit: Visit) -> Answer:
        call = self._find(visit)
        if call.outcome is None or call.outcome.response_body is None:
            raise NotFound("This call has no response body.")
        return _body_download(call, "response", call.outcome.response_body, call.outcome.response_headers or "")

    def neighbour(self, visit: Visit) -> Answer:
        """The next call, or the one before, of the same device, endpoint or API method."""
        call = self._find(visit)
        same = _SAME.get(visit.parts["same"])
        if same is None or visit.parts["side"] not in ("previous", "next"):
            raise NotFound("There are neighbours of the same device, endpoint or method: previous and next.")
        place = CallPlace(call.request.started_at, call.request.id)
        pages = self._pages()
        find = pages.newest if visit.parts["side"] == "previous" else pages.next_after
        found = find(same(call), ["id"], 1, place)["id"].to_list()
        if not found:
            raise NotFound(f"No call of the same {visit.parts['same']} comes {_SIDES[visit.parts['side']]} this one.")
        return Redirect(f"/calls/{found[0]}")

    def _find(self, visit: Visit) -> CallRecord:
        call_id = visit.parts["call_id"].lower()
        call = self._log.get(call_id) if window_of_call_id(call_id) else None
        if call is None:
            raise NotFound(f"The log has no call {visit.parts['call_id']}. It may have been removed by its retention.")
        return call


_SIDES = {"previous": "before", "next": "after"}


def _sides(call: CallRecord) -> dict[str, Any]:
    request, outcome = call.request, call.outcome
    response_headers = (outcome.response_headers if outcome else "") or ""
    response_body = outcome.response_body if outcome else None
    return {
        "curl": curl_command(request),
        "request_headers": header_pairs(request.headers),
        "request_body": shown_body(request.body, request.headers),
        "response_headers": header_pairs(response_headers),
        "response_body": shown_body(response_body, response_headers) if response_body else None,
        "errors": (outcome.error_messages or "").splitlines() if outcome else [],
        "took": outcome.finished_at - request.started_at if outcome else None,
    }


def _body_download(call: CallRecord, side: str, body: LoggedBody, headers: str) -> Download:
    """The bytes that the log has of a body; shown by the browser only when they are a picture."""
    media_type = header_of(headers, "content-type").partition(";")[0].strip().lower()
    data = body_bytes(body)
    if is_image_type(media_type):
        return Download("", media_type, data, len(data))
    return Download(f"{side}-{call.request.id}", "application/octet-stream", data, len(data))
