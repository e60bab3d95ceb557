"""Which calls are meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from calltrail.domain.calls import CallOutcome, CallRecord, CallRequest, CallStatus


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Criteria of calls, all of which must hold; a criterion left out (None, empty) holds for every call."""

    since: datetime | None = None
    """Start time from here, inclusive; aware UTC."""

    till: datetime | None = None
    """Start time up to here, exclusive; aware UTC."""

    status: CallStatus | None = None
    has_errors: bool | None = None
    endpoint_external_id: str | None = None

    method_system_names: tuple[str, ...] = ()
    """Any of these API methods; sorted, without repeats."""

    device: str | None = None
    """The caller's `deviceUUID`."""

    text: str | None = None
    """Occurs, letter for letter, in the URL, the error messages or a body."""

    http_status_class: int | None = None
    """The first digit of the answer's HTTP status, 1 to 5; a call without a status has none."""

    least_duration: timedelta | None = None
    """From start to end, inclusive; a call that is processing has no duration, and matches neither bound."""

    most_duration: timedelta | None = None
    """As `least_duration`."""

    def matches(self, record: CallRecord) -> bool:
        """The meaning of a filter, in one place: every store selects exactly the records that this accepts."""
        request = record.request
        return (
            (self.since is None or self.since <= request.started_at)
            and (self.till is None or request.started_at < self.till)
            and (self.status is None or record.status is self.status)
            and (self.has_errors is None or record.has_errors == self.has_errors)
            and (self.endpoint_external_id is None or request.endpoint_external_id == self.endpoint_external_id)
            and (not self.method_system_names or request.method_system_name in self.method_system_names)
            and (self.device is None or request.device == self.device)
            and (self.text is None or any(self.text in searched for searched in _searched_texts(record)))
            and self._accepts(record.request, record.outcome)
        )

    def _accepts(self, request: CallRequest, outcome: CallOutcome | None) -> bool:
        """The criteria that a call which is processing can't meet."""
        status = outcome.http_status_code if outcome else None
        duration = outcome.finished_at - request.started_at if outcome else None
        return (
            (self.http_status_class is None or (status is not None and status // 100 == self.http_status_class))
            and (self.least_duration is None or (duration is not None and self.least_duration <= duration))
            and (self.most_duration is None or (duration is not None and duration <= self.most_duration))
        )


def _searched_texts(record: CallRecord) -> Iterator[str]:
    yield record.request.url
    yield record.request.body.text
    if record.outcome:
        yield record.outcome.error_messages or ""
        yield record.outcome.response_body.text if record.outcome.response_body else ""
