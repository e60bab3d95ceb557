"""`calltrail serve` with one thing changed, recording is off: `python -m bench.unrecorded_server DATA PORT [bare]`.

The records are made, masked and then dropped, since the log says at once that it has them; with `bare` they are not
even made. Routes, steps, envelope and the server's options are those of the product.
"""

import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from unittest.mock import patch

from calltrail import http_server, serving
from calltrail.bootstrap import receiver
from calltrail.domain.answers import Answer
from calltrail.domain.calls import CallOutcome, CallRecord, CallRequest, CallStatus, LoggedBody
from calltrail.domain.exports import Snapshot
from calltrail.domain.masking.call_masking import CallMasking, Masker
from calltrail.services.call import ReceivedRequest
from calltrail.services.calls.admission import Admission
from calltrail.services.calls.recording import Recorder, Recording
from calltrail.services.ports import CallLog, Claim
from calltrail.services.wire import HttpAnswer
from calltrail.settings import Settings

_NO_MASKING = CallMasking(Masker())


class DroppingLog:
    """A `CallLog` that keeps nothing."""

    async def begin(self, request: CallRequest, *, must_survive_power_loss: bool) -> Claim:
        del request, must_survive_power_loss
        return Claim.GRANTED

    async def finish(self, request: CallRequest, outcome: CallOutcome, *, was_begun: bool) -> None:
        pass

    async def probe(self) -> None:
        pass

    def snapshot(self) -> Snapshot:
        return Snapshot(0, datetime.now(UTC))

    def snapshot_before(self, call_id: str) -> Snapshot:
        del call_id
        return self.snapshot()

    def get(self, call_id: str) -> CallRecord | None:
        del call_id
        return None


class IdleRecorder(Recorder):
    """Makes no records; only what the story of a call goes by."""

    def begin(self, call_id: str, received: ReceivedRequest, admission: Admission) -> Recording:
        del admission
        request = CallRequest(call_id, received.arrived_at, "", None, "", None, "", "", "", LoggedBody())
        return Recording(received, request, _NO_MASKING)

    def outcome(
        self, recording: Recording, answer: Answer, sent: HttpAnswer, now: datetime, remarks: tuple[str, ...] = ()
    ) -> CallOutcome:
        del recording, answer, sent, remarks
        return CallOutcome(now, CallStatus.COMPLETED, has_errors=False)


def _open_log(_: Settings) -> AbstractContextManager[CallLog]:
    return nullcontext(DroppingLog())


def main() -> None:
    data, port, *bare = sys.argv[1:]
    application = partial(receiver.open_http_application, open_log=_open_log)
    recorder = IdleRecorder if bare else Recorder
    with patch.object(http_server, "open_http_application", application), patch.object(receiver, "Recorder", recorder):
        serving.serve(Settings(data=Path(data)), "127.0.0.1", int(port), 1, with_export_worker=False)


if __name__ == "__main__":
    main()
