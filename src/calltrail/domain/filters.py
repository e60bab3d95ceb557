"""Which calls are meant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from calltrail.domain.calls import CallRecord, CallStatus


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
        )


def _searched_texts(record: CallRecord) -> Iterator[str]:
    yield record.request.url
    yield record.request.body.text
    if record.outcome:
        yield record.outcome.error_messages or ""
        yield record.outcome.response_body.text if record.outcome.response_body else ""
