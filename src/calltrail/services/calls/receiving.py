"""The story of a call: let in, recorded, carried out, recorded, answered."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache
from traceback import extract_tb
from typing import Any

import structlog

from calltrail.domain.answers import AlreadyProcessed, Answer, InternalFault, ProtocolRefusal, Success
from calltrail.domain.call_ids import new_call_id
from calltrail.domain.problems import Problem
from calltrail.services.call import Call, CallMode, ReceivedRequest
from calltrail.services.calls.admission import Admission, Doorkeeper
from calltrail.services.calls.recording import Recorder, Recording
from calltrail.services.ports import CallLog, Claim, LogUnavailable, StoreUnavailable
from calltrail.services.steps.forwarding import CALL_ID_HEADER
from calltrail.services.steps.runner import StepRunner
from calltrail.services.wire import HttpAnswer, UnwritableAnswer, Wire

_log = structlog.get_logger()

_RETRY_AFTER_S = 1
_CLAIM_PATIENCE_S = 3.0
"""How long a repeat waits for the call that holds its transaction id; below the shortest time-out of clients."""
_CLAIM_INTERVAL_S = 0.05
_LATE_FINISH_INTERVAL_S = 1.0

_LAST_RECORDS_S = 1.0
_LARGE_BODY_BYTES = 256 * 1024
"""From here a body is masked in a thread: a hostile one takes seconds, and other calls must not wait for it."""

_ANSWERED_503 = ("the caller was answered 503: the record could not be written in time",)
_UNRECORDED = InternalFault(503, "/: the call can't be recorded", _RETRY_AFTER_S)


class Receiving:
    """Receives calls. One instance serves all calls of a process."""

    def __init__(
        self,
        *,
        log: CallLog,
        doorkeeper: Doorkeeper,
        recorder: Recorder,
        steps: StepRunner,
        wire: Wire,
        largest_body_bytes: int,
        now: Callable[[], datetime],
    ) -> None:
        self._log = log
        self._doorkeeper = doorkeeper
        self._recorder = recorder
        self._steps = steps
        self._wire = wire
        self._largest_body_bytes = largest_body_bytes
        self._now = now
        self._background: set[asyncio.Task[None]] = set()

    async def receive(self, request: ReceivedRequest) -> HttpAnswer:
        """Carry out a call and give its answer; by then its record is complete and durable.

        A call that can't be recorded is answered 503. When that is known before its steps, they do not run.
        """
        admission = self._doorkeeper.admit(request)
        recording = await self._begin_recording(request, admission)
        if admission.refusal:
            return await self._close(recording, admission.refusal)
        call = self._call(recording, request, admission)
        try:
            refusal = await self._open(recording, call)
        except LogUnavailable as error:
            return self._unrecorded(recording, error)
        if refusal:
            return await self._close(recording, refusal)
        if request.mode is CallMode.ASYNC:
            return self._carry_out_later(recording, call)
        return await self._close(recording, await self._carry_out(call))

    async def finish_background(self, timeout_s: float) -> None:
        """Wait for the steps of async calls, and for records that are still to be closed; then stop what is left.

        What is stopped is recorded as failed; a record that is still open then is closed at the next start.
        """
        if not self._background:
            return
        _, unfinished = await asyncio.wait(self._background, timeout=timeout_s)
        if unfinished:
            _log.warning("steps-stopped", calls=len(unfinished))
            for task in unfinished:
                task.cancel()
            await asyncio.wait(unfinished, timeout=_LAST_RECORDS_S)

    async def _begin_recording(self, request: ReceivedRequest, admission: Admission) -> Recording:
        call_id = new_call_id(request.arrived_at)
        if len(request.body) < _LARGE_BODY_BYTES:
            return self._recorder.begin(call_id, request, admission)
        return await asyncio.to_thread(self._recorder.begin, call_id, request, admission)

    async def _open(self, recording: Recording, call: Call) -> Answer | None:
        """Write the first half when it must be on disk before the steps; the answer, when the call ends here."""
        is_async = call.request.mode is CallMode.ASYNC
        if not (is_async or call.method.has_effect or recording.request.client_transaction_id):
            return None
        patience_ends_at = asyncio.get_running_loop().time() + _CLAIM_PATIENCE_S
        while True:
            claim = await self._log.begin(recording.request, must_survive_power_loss=is_async)
            if claim is Claim.GRANTED:
                recording.was_begun = True
                return None
            if claim is Claim.SPENT:
                return AlreadyProcessed()
            if asyncio.get_running_loop().time() > patience_ends_at:
                return ProtocolRefusal(409, Problem("a call of this transaction is processing", "/transactionId"))
            await asyncio.sleep(_CLAIM_INTERVAL_S)

    async def _carry_out(self, call: Call) -> Answer:
        try:
            return await self._steps.run(call)
        except asyncio.CancelledError:  # only when the server stops and has waited long enough
            return InternalFault(503, "/: the server is stopping", _RETRY_AFTER_S)
        except StoreUnavailable as error:
            return InternalFault(503, "/: the platform is busy", _RETRY_AFTER_S, detail=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, the call has an answer
            # What the error says may be secret; it stands, masked, in the record.
            places = [f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
            _log.error(
                "steps-crashed", call=call.id, method=call.method.system_name, error=type(error).__name__, at=places
            )
            return InternalFault(500, "/: the API method failed", detail=f"{type(error).__name__}: {error}")

    async def _close(self, recording: Recording, answer: Answer) -> HttpAnswer:
        """Render, record, answer: in this order."""
        try:
            http_answer = self._render(recording, answer)
        except UnwritableAnswer as error:
            answer = InternalFault(500, "/: the API method failed", detail=str(error))
            http_answer = self._render(recording, answer)
        try:
            await self._finish(recording, answer, http_answer)
        except LogUnavailable as error:
            refused = self._unrecorded(recording, error)
            if recording.was_begun:
                self._in_background(self._finish_late(recording, answer, refused, _ANSWERED_503))
            return refused
        return http_answer

    def _carry_out_later(self, recording: Recording, call: Call) -> HttpAnswer:
        """Answer an async call, which is recorded by now, and run its steps behind the answer."""
        acknowledged = self._render(recording, Success(), as_json=True)

        async def carry_out() -> None:
            await self._finish_late(recording, await self._carry_out(call), acknowledged)

        self._in_background(carry_out())
        return acknowledged

    async def _finish(
        self, recording: Recording, answer: Answer, sent: HttpAnswer, remarks: tuple[str, ...] = ()
    ) -> None:
        if len(sent.body) < _LARGE_BODY_BYTES:
            outcome = self._recorder.outcome(recording, answer, sent, self._now(), remarks)
        else:
            outcome = await asyncio.to_thread(self._recorder.outcome, recording, answer, sent, self._now(), remarks)
        await self._log.finish(recording.request, outcome, was_begun=recording.was_begun)

    async def _finish_late(
        self, recording: Recording, answer: Answer, sent: HttpAnswer, remarks: tuple[str, ...] = ()
    ) -> None:
        """Close the record of a call that is answered already, however long the log is unavailable.

        It says what the steps came to, so that a transaction that was carried out is not carried out again.
        """
        while True:
            try:
                return await self._finish(recording, answer, sent, remarks)
            except LogUnavailable as error:
                _log.error("record-still-open", call=recording.request.id, error=str(error))
                await asyncio.sleep(_LATE_FINISH_INTERVAL_S)

    def _unrecorded(self, recording: Recording, error: LogUnavailable) -> HttpAnswer:
        _log.error("call-not-recorded", call=recording.request.id, error=str(error))
        return self._render(recording, _UNRECORDED)

    def _render(self, recording: Recording, answer: Answer, *, as_json: bool = False) -> HttpAnswer:
        accept = None if as_json else recording.received.header(b"accept")
        rendered = self._wire.render(answer, accept, error_id=recording.request.id)
        ours = [(CALL_ID_HEADER, recording.request.id.encode())]
        if not any(name.lower() == b"date" for name, _ in rendered.headers):
            ours.append((b"date", _date(int(self._now().timestamp()))))
        return HttpAnswer(rendered.http_status_code, (*rendered.headers, *ours), rendered.body)

    def _call(self, recording: Recording, request: ReceivedRequest, admission: Admission) -> Call:
        assert admission.endpoint
        assert admission.method
        assert admission.principal
        return Call(
            id=recording.request.id,
            request=request,
            endpoint=admission.endpoint,
            method=admission.method,
            principal=admission.principal,
            wire=self._wire,
            largest_body_bytes=self._largest_body_bytes,
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
