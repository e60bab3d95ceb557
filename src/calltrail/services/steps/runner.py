"""What an API method does: its steps, one after the other."""

from typing import Protocol

from calltrail.domain.answers import Answer, Success, ValidationRefusal
from calltrail.domain.catalog import AcceptStep, ExportStep, ForwardStep, PythonStep, Step, ValidateStep
from calltrail.domain.problems import Problem
from calltrail.services.call import Call
from calltrail.services.steps.forwarding import Forwarder
from calltrail.services.steps.handlers import run_handler
from calltrail.services.steps.schema_checks import SchemaChecks
from calltrail.services.wire import RefusedBody


class ExportAnswers(Protocol):
    """Who answers an export step."""

    async def answer(self, step: ExportStep, call: Call) -> Answer: ...


class StepRunner:
    """Runs the steps of a call and gives its answer."""

    def __init__(self, forwarder: Forwarder, exports: ExportAnswers) -> None:
        self._forwarder = forwarder
        self._exports = exports
        self._schemas = SchemaChecks()

    async def run(self, call: Call) -> Answer:
        """Run until a step answers. Errors of a handler pass through; whatever the caller did wrong is an answer."""
        noted: list[Problem] = []
        try:
            for step in call.method.steps:
                if isinstance(step, ValidateStep):
                    problems = self._schemas.problems(step, call.data())
                    if problems and step.blocking:
                        return ValidationRefusal((*noted, *problems))
                    noted += problems
                else:
                    return await self._answer(step, call, tuple(noted))
        except RefusedBody as error:
            return error.refusal
        raise AssertionError("the catalog ends every method with a step that answers")

    async def _answer(self, step: Step, call: Call, noted: tuple[Problem, ...]) -> Answer:
        match step:
            case AcceptStep():
                call.data()
                return Success(problems=noted)
            case ForwardStep():
                return await self._forwarder.forward(step, call, noted)
            case PythonStep():
                return await run_handler(step.handler, call, noted)
            case ExportStep():
                return await self._exports.answer(step, call)
            case ValidateStep():
                raise AssertionError("a validation does not answer")
