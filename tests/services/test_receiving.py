"""The story of a call, over memory stores."""

import asyncio
from datetime import timedelta

import pytest

from calltrail.domain.calls import CallOutcome, CallRecord, CallRequest, CallStatus
from calltrail.domain.catalog import AcceptStep, PythonStep, ValidateStep
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.call import Call
from calltrail.services.ports import Claim, LogUnavailable
from calltrail.stores.memory_log import MemoryCallLog
from tests.api.platform import Platform, running
from tests.asgi import Response

TRANSACTION = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
ORDER = ValidateStep({"type": "object", "required": ["order"], "properties": {"order": {"type": "integer"}}})


class Steps:
    """Python steps of these tests, and what they saw."""

    calls: list[str] = []  # noqa: RUF012 - reset by a fixture
    has_begun = asyncio.Event()
    may_go_on = asyncio.Event()


@pytest.fixture(autouse=True)
def _fresh_steps() -> None:
    Steps.calls = []
    Steps.has_begun = asyncio.Event()
    Steps.may_go_on = asyncio.Event()


async def held(call: Call) -> dict[str, str]:
    Steps.calls.append(call.id)
    Steps.has_begun.set()
    await Steps.may_go_on.wait()
    return {"echo": call.content().decode()}


def failing(call: Call) -> None:
    Steps.calls.append(call.id)
    raise ZeroDivisionError("the handler's own fault")


def refusing(_: Call) -> None:
    raise InvalidInput([Problem("is unknown", "/customer"), Problem("is empty", "/basket")])


def _step(name: str) -> PythonStep:
    return PythonStep(f"{__name__}:{name}")


def record(platform: Platform, response: Response) -> CallRecord:
    found = platform.log.get(response.headers["calltrail-call-id"])
    assert found
    return found


def outcome(platform: Platform, response: Response) -> CallOutcome:
    found = record(platform, response).outcome
    assert found
    return found


async def test_a_call_is_recorded_with_both_of_its_sides() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Accept", AcceptStep())
        response = await platform.call("Accept", b'{"a":1}', deviceUUID="d-7")
        logged = record(platform, response)
        assert logged.request.body.text == '{"a":1}'
        assert logged.request.device == "d-7"
        assert logged.request.client_address == "192.0.2.7"
        assert "authorization: SecretKey ***" in logged.request.headers
        assert logged.outcome
        assert logged.outcome.status is CallStatus.COMPLETED
        assert logged.outcome.http_status_code == 200
        assert logged.outcome.response_body
        assert logged.outcome.response_body.text == '{"status":"Success"}'
        assert f"calltrail-call-id: {logged.request.id}" in (logged.outcome.response_headers or "")
        assert logged.outcome.finished_at >= logged.request.started_at


async def test_blocking_errors_stop_the_call_and_others_are_noted() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Blocking", ORDER, AcceptStep())
        platform.add_method("Noting", ValidateStep(ORDER.schema, blocking=False), AcceptStep())
        refused = await platform.call("Blocking", b'{"order":"x"}')
        assert refused.json()["status"] == "ValidationError"
        assert [message["location"] for message in refused.json()["validationMessages"]] == ["/order"]
        assert outcome(platform, refused).status is CallStatus.FAILED
        noted = await platform.call("Noting", b"{}")
        assert noted.json()["status"] == "Success"
        assert (outcome(platform, noted).status, outcome(platform, noted).has_errors) == (CallStatus.COMPLETED, True)
        assert "required" in (outcome(platform, noted).error_messages or "")


async def test_property_names_match_in_any_case() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Blocking", ORDER, AcceptStep())
        assert (await platform.call("Blocking", b'{"ORDER":5}')).json()["status"] == "Success"


async def test_a_handler_that_crashes_is_an_internal_error_with_the_reason_in_the_log_only() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Failing", _step("failing"))
        response = await platform.call("Failing")
        assert response.status == 500
        assert response.json()["status"] == "InternalServerError"
        assert response.json()["errorId"] == response.headers["calltrail-call-id"]
        assert "ZeroDivisionError" not in response.text
        assert "ZeroDivisionError: the handler's own fault" in (outcome(platform, response).error_messages or "")


async def test_a_handler_says_everything_that_is_wrong_with_the_data() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Refusing", _step("refusing"))
        response = await platform.call("Refusing")
        assert [message["location"] for message in response.json()["validationMessages"]] == ["/customer", "/basket"]


async def test_a_repeat_of_a_completed_call_runs_no_step_and_is_recorded() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Held", _step("held"))
        Steps.may_go_on.set()
        await platform.call("Held", transactionId=TRANSACTION)
        repeat = await platform.call("Held", transactionId=TRANSACTION.replace("-", "").upper())
        assert repeat.json() == {"status": "TransactionAlreadyProcessed"}
        assert len(Steps.calls) == 1
        logged = record(platform, repeat)
        assert (logged.status, logged.has_errors) == (CallStatus.COMPLETED, False)
        assert logged.request.client_transaction_id == TRANSACTION


async def test_transactions_whose_ids_are_secrets_too_are_told_apart() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Held", _step("held"))
        Steps.may_go_on.set()
        for transaction in (TRANSACTION, TRANSACTION.replace("6fa4", "7fa4")):
            body = f'{{"token":"{transaction}"}}'.encode()
            first = await platform.call("Held", body, transactionId=transaction)
            assert first.json()["status"] == "Success"
            assert transaction not in str(record(platform, first))
            repeat = await platform.call("Held", body, transactionId=transaction)
            assert repeat.json() == {"status": "TransactionAlreadyProcessed"}


async def test_a_repeat_waits_for_the_call_that_is_processing() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Held", _step("held"))
        first = asyncio.create_task(platform.call("Held", transactionId=TRANSACTION))
        await Steps.has_begun.wait()
        repeat = asyncio.create_task(platform.call("Held", transactionId=TRANSACTION))
        await asyncio.sleep(0)
        Steps.may_go_on.set()
        assert (await first).json()["status"] == "Success"
        assert (await repeat).json() == {"status": "TransactionAlreadyProcessed"}
        assert len(Steps.calls) == 1


async def test_a_failed_call_may_be_tried_again_under_its_transaction_id() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Failing", _step("failing"))
        for _ in range(2):
            assert (await platform.call("Failing", transactionId=TRANSACTION)).status == 500
        assert len(Steps.calls) == 2


async def test_an_async_call_is_answered_before_its_steps_and_recorded_after_them() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Held", _step("held"))
        response = await platform.call("Held", mode="async", headers={"Accept": "application/xml"})
        assert response.json() == {"status": "Success"}
        assert record(platform, response).status is CallStatus.PROCESSING
        Steps.may_go_on.set()
    # The application has shut down, and with it what ran behind the answer.
    assert (outcome(platform, response).http_status_code, outcome(platform, response).has_errors) == (200, False)


async def test_async_steps_are_finished_before_the_application_shuts_down() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Held", _step("held"))
        response = await platform.call("Held", mode="async")
        asyncio.get_running_loop().call_later(0.05, Steps.may_go_on.set)
    assert record(platform, response).status is CallStatus.COMPLETED


async def test_async_steps_that_outlast_the_stop_are_recorded_as_failed() -> None:
    async with running(Platform(stop_timeout_s=1)) as platform:
        platform.add_method("Held", _step("held"))
        response = await platform.call("Held", mode="async")
    assert outcome(platform, response).status is CallStatus.FAILED
    assert "stopping" in (outcome(platform, response).error_messages or "")


@pytest.mark.parametrize(
    ("operation", "key", "status", "words"),
    [
        ("Nowhere", "", 404, "no such API method"),
        ("Accept", "wrong", 401, "not a live key"),
        ("Accept", None, 401, "requires a key"),
    ],
)
async def test_a_call_that_is_not_let_in_is_recorded_as_failed(
    operation: str, key: str | None, status: int, words: str
) -> None:
    async with running(Platform()) as platform:
        platform.add_method("Accept", AcceptStep())
        response = await platform.call(operation, key=key)
        assert response.status == status
        assert response.json()["httpStatusCode"] == status
        assert words in response.json()["errorMessage"]
        assert outcome(platform, response).status is CallStatus.FAILED
        assert words in (outcome(platform, response).error_messages or "")


class BrokenLog(MemoryCallLog):
    """A log that can't be written at times."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = True

    async def begin(self, request: CallRequest, *, must_survive_power_loss: bool) -> Claim:
        self._require()
        return await super().begin(request, must_survive_power_loss=must_survive_power_loss)

    async def finish(self, request: CallRequest, outcome: CallOutcome, *, was_begun: bool) -> None:
        self._require()
        await super().finish(request, outcome, was_begun=was_begun)

    async def probe(self) -> None:
        self._require()

    def _require(self) -> None:
        if self.is_broken:
            raise LogUnavailable("the disk is full")


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_a_call_that_cannot_be_recorded_is_refused_before_a_step_runs(mode: str) -> None:
    log = BrokenLog()
    async with running(Platform(log)) as platform:
        platform.add_method("Held", _step("held"))
        platform.add_method("Accept", AcceptStep())
        for operation in ("Held", "Accept"):
            response = await platform.call(operation, mode=mode)
            assert response.status == 503
            assert response.headers["retry-after"] == "1"
            assert response.json()["errorMessage"] == "/: the call can't be recorded"
        assert Steps.calls == []


async def test_a_call_whose_outcome_cannot_be_recorded_is_not_answered_as_done_and_is_recorded_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("calltrail.services.calls.receiving._LATE_FINISH_INTERVAL_S", 0.01)
    log = BrokenLog()
    log.is_broken = False
    async with running(Platform(log)) as platform:
        platform.add_method("Held", _step("held"))
        call = asyncio.create_task(platform.call("Held"))
        await Steps.has_begun.wait()
        log.is_broken = True
        Steps.may_go_on.set()
        response = await call
        assert response.status == 503
        assert record(platform, response).status is CallStatus.PROCESSING
        log.is_broken = False
    late = outcome(platform, response)
    assert (late.status, late.has_errors, late.http_status_code) == (CallStatus.COMPLETED, True, 503)
    assert late.error_messages == "the caller was answered 503: the record could not be written in time"


async def test_a_record_ends_no_earlier_than_it_starts() -> None:
    async with running(Platform()) as platform:
        platform.add_method("Accept", AcceptStep())
        response = await platform.call("Accept")
        logged = record(platform, response)
        assert logged.outcome
        assert timedelta(0) <= logged.outcome.finished_at - logged.request.started_at < timedelta(seconds=10)
