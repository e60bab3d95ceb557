"""An API method as a form: what was typed, whatever it is, and the table of the catalog file that it makes."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from calltrail.console.visits import Form
from calltrail.domain.catalog import ApiMethod, ExportStep, ForwardStep, Step
from calltrail.domain.exports import ExportOptions
from calltrail.domain.problems import Problem

_MOST_STEPS = 100
_DEEPEST_SCHEMA = 100
_TICKED = "true"


@dataclass(frozen=True, slots=True)
class StepForm:
    """A step as it was typed."""

    kind: str

    values: Mapping[str, str]
    """By the keys of the catalog file; a box that is not ticked is empty."""


@dataclass(frozen=True, slots=True)
class MethodForm:
    """An API method as it was typed."""

    system_name: str = ""
    name: str = ""
    endpoints: tuple[str, ...] = ()
    requires_key: bool = True
    masked_fields: str = ""
    """One a line."""
    keep_days: str = ""
    keep_bodies_days: str = ""
    steps: tuple[StepForm, ...] = ()


def _words(text: str) -> Any:
    return text.strip()


def _as_typed(text: str) -> Any:
    return text.replace("\\t", "\t")


def _flag(text: str) -> Any:
    return text == _TICKED


def _lines(text: str) -> Any:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(text: str) -> Any:
    """A number; None when there is nothing, and the text itself when it is none, which the rules then tell."""
    text = text.strip()
    try:
        return None if not text else int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        return text


def _schema(text: str) -> Any:
    """What the JSON text says; ValueError for what is none, or can't stand in a catalog file."""
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"This is no JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from None
    _refuse_what_toml_lacks(schema)
    return schema


def _refuse_what_toml_lacks(schema: Any) -> None:
    layer = [schema]
    for _ in range(_DEEPEST_SCHEMA):
        if any(value is None for value in layer):
            raise ValueError('A catalog file, which is TOML, has no null. To allow one, write it as a type: "null".')
        layer = [child for value in layer for child in _children(value)]
        if not layer:
            return
    raise ValueError(f"This is nested more than {_DEEPEST_SCHEMA} levels deep.")


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


_READERS: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "validate": {"schema": _schema, "blocking": _flag},
    "accept": {},
    "forward": {"url": _words, "timeout_s": _number, "retries": _number},
    "python": {"handler": _words},
    "export": {
        "format": _words,
        "compression": _words,
        "part_bytes": _number,
        "columns": _lines,
        "extra_columns": _flag,
        "delimiter": _as_typed,
        "bom": _flag,
        "spreadsheet_safe": _flag,
        "max_field_chars": _number,
    },
}
"""What the fields of a step mean, by its kind."""

STEP_KINDS = tuple(_READERS)

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "validate": {"schema": {"type": "object"}, "blocking": True},
    "forward": {field.name: field.default for field in fields(ForwardStep) if field.name in _READERS["forward"]},
    "export": {field.name: field.default for field in fields(ExportOptions)},
}
"""What a new step is filled with."""


def read_form(form: Form) -> MethodForm:
    """What was typed into the page."""
    return MethodForm(
        system_name=form.get("system_name", ""),
        name=form.get("name", ""),
        endpoints=tuple(form.getlist("endpoints")),
        requires_key=form.get("requires_key") == _TICKED,
        masked_fields=form.get("masked_fields", ""),
        keep_days=form.get("keep_days", ""),
        keep_bodies_days=form.get("keep_bodies_days", ""),
        steps=tuple(_read_steps(form)),
    )


def _read_steps(form: Form) -> Iterator[StepForm]:
    for number in range(_MOST_STEPS):
        kind = form.get(f"step-{number}-kind")
        if kind is None:
            return
        keys = _READERS.get(kind, {})
        yield StepForm(kind, {key: form.get(f"step-{number}-{key}", "") for key in keys})


def form_of(method: ApiMethod) -> MethodForm:
    """The form filled with what there is."""
    return MethodForm(
        system_name=method.system_name,
        name=method.name,
        endpoints=method.endpoints,
        requires_key=method.requires_key,
        masked_fields="\n".join(method.masked_fields),
        keep_days=_text(method.keep_days),
        keep_bodies_days=_text(method.keep_bodies_days),
        steps=tuple(_step_form(step) for step in method.steps),
    )


def _step_form(step: Step) -> StepForm:
    filled = step.options if isinstance(step, ExportStep) else step
    return StepForm(step.kind, {key: _text(getattr(filled, key)) for key in _READERS[step.kind]})


def _new_step(kind: str) -> StepForm:
    defaults = _DEFAULTS.get(kind, {})
    return StepForm(kind, {key: _text(defaults.get(key, "")) for key in _READERS[kind]})


def _text(value: Any) -> str:
    """A value as people type it."""
    match value:
        case None:
            return ""
        case bool():
            return _TICKED if value else ""
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case list() | tuple():
            return "\n".join(value)
        case Mapping():
            return schema_text(value)
    return str(value).replace("\t", "\\t")


def schema_text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)


def rearranged(form: MethodForm, wish: str) -> MethodForm:
    """The form after a button that changes its steps; as it is after any other.

    Buttons are `add-step:validate`, `up:2`, `down:2` and `remove:2`; steps count from 0.
    """
    action, _, what = wish.partition(":")
    steps = list(form.steps)
    if action == "add-step" and what in _READERS and len(steps) < _MOST_STEPS:
        steps.insert(place_of_new(steps, what), _new_step(what))
    elif action in ("up", "down", "remove") and what.isdecimal() and int(what) < len(steps):
        step = steps.pop(int(what))
        if action != "remove":
            steps.insert(max(0, int(what) + (-1 if action == "up" else 1)), step)
    return replace(form, steps=tuple(steps))


def place_of_new(steps: Sequence[StepForm], kind: str) -> int:
    """At the end; a validation stands before the step that answers."""
    return len(steps) - 1 if kind == "validate" and steps and steps[-1].kind != "validate" else len(steps)


def table_of(form: MethodForm) -> tuple[dict[str, Any], list[Problem]]:
    """The table of the catalog file, and what can't even be put into it."""
    problems: list[Problem] = []
    table: dict[str, Any] = {
        "system_name": form.system_name.strip(),
        "name": form.name.strip(),
        "endpoints": list(form.endpoints),
        "requires_key": form.requires_key,
        "masked_fields": _lines(form.masked_fields),
        "keep_days": _number(form.keep_days),
        "keep_bodies_days": _number(form.keep_bodies_days),
        "steps": [_step_table(step, f"/steps/{number}", problems) for number, step in enumerate(form.steps)],
    }
    return {key: value for key, value in table.items() if value is not None}, problems


def _step_table(step: StepForm, pointer: str, problems: list[Problem]) -> dict[str, Any]:
    """Without what is as it is by default: some options may not be named beside others."""
    table: dict[str, Any] = {"kind": step.kind}
    for key, read in _READERS.get(step.kind, {}).items():
        try:
            value = read(step.values[key])
        except ValueError as error:
            problems.append(Problem(str(error), f"{pointer}/{key}"))
            value = {}
        is_given = key in ("schema", "url", "handler") or value != _DEFAULTS[step.kind].get(key)
        if value is not None and is_given:
            table[key] = value
    return table
