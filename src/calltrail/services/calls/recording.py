"""Both halves of a record, made from what came in and what goes out; nothing secret comes through here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from calltrail.domain.answers import (
    AlreadyProcessed,
    Answer,
    InternalFault,
    ProtocolRefusal,
    Success,
    UpstreamAnswer,
    ValidationRefusal,
)
from calltrail.domain.calls import CallOutcome, CallRequest, CallStatus
from calltrail.domain.masking.call_masking import CallMasking, Masker
from calltrail.services.call import ReceivedRequest
from calltrail.services.calls.admission import Admission
from calltrail.services.calls.body_log import log_half
from calltrail.services.wire import HttpAnswer, Wire


@dataclass(slots=True)
class Recording:
    """A record in the making."""

    received: ReceivedRequest
    request: CallRequest
    masking: CallMasking
    """Knows the secrets of this call, so that they are found in its answer too."""

    was_begun: bool = False
    """The first half is written."""


_masker = lru_cache(maxsize=1024)(Masker)


class Recorder:
    """Makes records. It writes nothing."""

    def __init__(self, wire: Wire, *, kept_body_bytes: int) -> None:
        self._wire = wire
        self._kept_body_bytes = kept_body_bytes

    def begin(self, call_id: str, received: ReceivedRequest, admission: Admission) -> Recording:
        """The first half."""
        method, endpoint = admission.method, admission.endpoint
        known_secrets = (received.presented_key,) if received.presented_key else ()
        masking = CallMasking(_masker(method.masked_fields if method else ()), known_secrets)
        parameters = received.parameters
        half = log_half(
            masking,
            received.headers,
            received.body,
            received.body_size_bytes,
            self._kept_body_bytes,
            url=received.url,
        )
        request = CallRequest(
            id=call_id,
            started_at=received.arrived_at,
            method_system_name=method.system_name if method else masking.text(parameters.get("operation", "")),
            method_name=method.name if method else None,
            endpoint_external_id=endpoint.external_id if endpoint else masking.text(parameters.get("endpointid", "")),
            integration_name=endpoint.integration_name if endpoint else None,
            http_method=received.http_method,
            url=half.url,
            headers=half.headers,
            body=half.body,
            device=masking.text(parameters.get("deviceuuid", "")) or None,
            client_transaction_id=_transaction_id(masking, admission.transaction_id),
            client_address=received.client_address,
            masked=half.masked,
        )
        return Recording(received, request, masking)

    def outcome(
        self, recording: Recording, answer: Answer, sent: HttpAnswer, now: datetime, remarks: tuple[str, ...] = ()
    ) -> CallOutcome:
        """The second half, of a call whose steps came to `answer` and whose caller gets `sent`.

        `remarks` say why the two differ, when they do; they count as errors that did not stop the flow.
        """
        errors = self._errors(answer)
        status = CallStatus.FAILED if _is_failure(answer, errors) else CallStatus.COMPLETED
        errors += remarks
        half = log_half(
            recording.masking,
            sent.headers,
            sent.body,
            len(sent.body),
            self._kept_body_bytes,
            errors="\n".join(errors) if errors else None,
            secrets=answer.secrets if isinstance(answer, Success) else (),
        )
        return CallOutcome(
            finished_at=max(now, recording.request.started_at),
            status=status,
            has_errors=bool(errors),
            error_messages=half.errors,
            http_status_code=sent.http_status_code,
            response_headers=half.headers,
            response_body=half.body,
            masked=half.masked,
        )

    def _errors(self, answer: Answer) -> tuple[str, ...]:
        """What went wrong, a line each; empty when nothing did."""
        match answer:
            case AlreadyProcessed():
                return ()
            case Success(problems=problems) | ValidationRefusal(problems=problems):
                return tuple(map(str, problems))
            case ProtocolRefusal(problem=problem):
                return (str(problem),)
            case InternalFault(message=message, detail=detail):
                return (message, detail) if detail else (message,)
            case UpstreamAnswer(http_status_code=code, problems=problems):
                told = self._wire.upstream_errors(answer)
                refused = (f"the upstream answered {code}",) if code >= 400 else ()
                return (*map(str, problems), *refused, *told)


def _transaction_id(masking: CallMasking, sent: str | None) -> str | None:
    """As sent; of one that is a secret too its digest, since ids that differ must not look alike."""
    if sent is None or masking.text(sent) == sent:
        return sent
    return f"*** {sha256(sent.encode()).hexdigest()}"


def _is_failure(answer: Answer, errors: Sequence[str]) -> bool:
    match answer:
        case ValidationRefusal() | ProtocolRefusal() | InternalFault():
            return True
        case UpstreamAnswer(problems=problems):
            return len(errors) > len(problems)
    return False
