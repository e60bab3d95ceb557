"""What is wrong with a form, each at its field."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from calltrail.domain.problems import Problem

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "system_name": "System name",
        "external_id": "External id",
        "name": "Name",
        "integration_name": "Integration name",
        "permissions": "Permissions",
        "endpoints": "Endpoints that may call it",
        "requires_key": "Requires a key",
        "masked_fields": "Masked fields",
        "keep_days": "Keep calls, days",
        "keep_bodies_days": "Keep bodies, days",
        "steps": "Steps",
        "schema": "JSON Schema",
        "blocking": "Blocking",
        "url": "URL",
        "timeout_s": "Time-out, seconds",
        "retries": "Retries",
        "handler": "Handler",
        "format": "Format",
        "compression": "Compression",
        "part_bytes": "Size of a part, bytes",
        "columns": "Columns",
        "extra_columns": "Extra columns",
        "delimiter": "Delimiter",
        "bom": "Byte order mark",
        "spreadsheet_safe": "Safe in spreadsheets",
        "max_field_chars": "Cut body cells, characters",
    }
)
"""Of fields, by their keys in the catalog file, in the order of the page."""

_ORDER = {key: number for number, key in enumerate(LABELS)}


@dataclass(frozen=True, slots=True)
class FormProblem:
    """One thing that is wrong with a form."""

    field: str
    """Id of the field, or of the step; empty when it is the form as a whole."""

    where: str
    """As people call it."""

    message: str


def form_problems(problems: Iterable[Problem]) -> tuple[FormProblem, ...]:
    """Problems of a table at the fields of its form, in the order of the page."""
    return tuple(sorted((_placed(problem) for problem in problems), key=_order))


def _order(problem: FormProblem) -> tuple[int, int]:
    """The form as a whole, its fields, then step by step."""
    step = re.fullmatch(r"step-(\d+)-?(.*)", problem.field)
    key = step[2] if step else problem.field
    return int(step[1]) if step else -1, _ORDER.get(key, -1)


def conflict(theirs: str) -> Problem:
    """That somebody else changed what is edited; `theirs` is empty when they removed it."""
    if not theirs:
        return Problem("Somebody else removed this meanwhile. Saving again brings it back.")
    return Problem("Somebody else changed this meanwhile. Saving again puts yours in the place of theirs, shown below.")


def by_field(problems: Iterable[FormProblem]) -> Mapping[str, list[str]]:
    """What is wrong with each field."""
    wrong: dict[str, list[str]] = {}
    for problem in problems:
        wrong.setdefault(problem.field, []).append(problem.message)
    return wrong


def _placed(problem: Problem) -> FormProblem:
    _, _, path = problem.location.partition("/")
    field, _, rest = path.partition("/")
    if field != "steps" or not rest:
        return FormProblem(field, LABELS.get(field, field), _sentence(problem.message))
    step, key, within = re.fullmatch(r"(\d+)/?([^/]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    name = f"Step {int(step) + 1}"
    if key in ("", "kind"):
        return FormProblem(f"step-{step}", name, problem.message)
    message = f"{within}: {problem.message}" if key == "schema" and within else problem.message
    return FormProblem(f"step-{step}-{key}", f"{name}, {LABELS.get(key, key)}", message)


def _sentence(message: str) -> str:
    """Services write for the command line, where a message follows a colon."""
    return f"{message[:1].upper()}{message[1:]}"
