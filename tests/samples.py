"""Values that tests are made of, with everything unremarkable filled in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from calltrail.domain.call_ids import new_call_id
from calltrail.domain.calls import CallOutcome, CallRequest, CallStatus, LoggedBody

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def a_request(started_at: datetime = NOON, **changes: Any) -> CallRequest:
    request = CallRequest(
        id=new_call_id(started_at),
        started_at=started_at,
        method_system_name="Website.CreateOrder",
        method_name="Create an order",
        endpoint_external_id="demo.Website",
        integration_name="Web shop",
        http_method="POST",
        url="http://127.0.0.1/v3/operations/sync?endpointId=demo.Website&operation=Website.CreateOrder",
        headers="host: 127.0.0.1\nauthorization: SecretKey ***",
        body=LoggedBody('{"order":{"id":1}}', 18),
        masked="headers",
    )
    return replace(request, **changes)


def an_outcome(request: CallRequest, status: CallStatus = CallStatus.COMPLETED, **changes: Any) -> CallOutcome:
    outcome = CallOutcome(
        finished_at=request.started_at + timedelta(milliseconds=12),
        status=status,
        has_errors=status is CallStatus.FAILED,
        http_status_code=200,
        response_headers="content-type: application/json",
        response_body=LoggedBody('{"status":"Success"}', 20),
    )
    return replace(outcome, **changes)
