"""Which calls are meant."""

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
        )
