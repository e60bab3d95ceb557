"""Bodies against the JSON Schemas of validation steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from calltrail.domain.catalog import ValidateStep
from calltrail.domain.problems import Problem

_MOST_COMPILED = 4096
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANY_DEPTH = 1_000_000


@dataclass(frozen=True, slots=True)
class _Compiled:
    step: ValidateStep
    """Keeps the step alive, so that no other can have its identity."""

    validator: jsonschema_rs.Validator
    spellings: Mapping[str, str]
    """The schema's property names by their lower-case forms."""

    depth: int
    """How many levels of the data the schema can speak of."""


class SchemaChecks:
    """Checks data, with every schema compiled once."""

    def __init__(self) -> None:
        self._compiled: dict[int, _Compiled] = {}

    def problems(self, step: ValidateStep, data: Any) -> tuple[Problem, ...]:
        """Everything in which the data breaks the schema, by JSON pointer; property names match in any case."""
        compiled = self._compile(step)
        data = _respelled(data, compiled.spellings, compiled.depth)
        if compiled.validator.is_valid(data):
            return ()
        errors = compiled.validator.iter_errors(data)
        return tuple(Problem(error.message, _pointer(error.instance_path)) for error in errors)

    def _compile(self, step: ValidateStep) -> _Compiled:
        known = self._compiled.get(id(step))
        if known is None:
            if len(self._compiled) >= _MOST_COMPILED:
                self._compiled.clear()
            names = _property_names(step.schema)
            validator = jsonschema_rs.validator_for(dict(step.schema), retriever=_refuse_to_fetch)
            known = _Compiled(step, validator, {name.lower(): name for name in names}, _depth(step.schema))
            self._compiled[id(step)] = known
        return known


def _refuse_to_fetch(address: str) -> Any:
    raise ValueError(f"a schema refers to nothing outside the catalog, so not to {address}")


def _property_names(schema: Any) -> set[str]:
    if isinstance(schema, list | tuple):
        return {name for item in schema for name in _property_names(item)}
    if not isinstance(schema, Mapping):
        return set()
    declared = schema.get("properties")
    required = schema.get("required")
    names = set(declared) if isinstance(declared, Mapping) else set()
    names |= {name for name in required if isinstance(name, str)} if isinstance(required, list | tuple) else set()
    return names | {name for item in schema.values() for name in _property_names(item)}


def _depth(schema: Any) -> int:
    """At most how deep it goes: no schema reaches further into the data than it is nested itself, but by references."""
    if isinstance(schema, Mapping):
        if any(name in schema for name in _REFERENCES):
            return _ANY_DEPTH
        return 1 + max(map(_depth, schema.values()), default=0)
    return max(map(_depth, schema), default=0) if isinstance(schema, list | tuple) else 0


def _respelled(data: Any, spellings: Mapping[str, str], depth: int) -> Any:
    """The data, down to that depth, with its property names spelled as the schema spells them."""
    if depth == 0 or not spellings:
        return data
    if isinstance(data, list):
        return [_respelled(item, spellings, depth - 1) for item in data]
    if isinstance(data, dict):
        return {
            spellings.get(name.lower(), name): _respelled(value, spellings, depth - 1) for name, value in data.items()
        }
    return data


def _pointer(path: list[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
