"""A value that a JSON Schema describes, for people to begin with. It fulfils the schema where that can be told."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

_DEEPEST = 12
_MOST_VALUES = 500
_MOST_ITEMS = 20
_LONGEST_CHARS = 1_000
_FILLING = "text"

_FORMATS: Mapping[str, str] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "name@example.com",
    "idn-email": "name@example.com",
    "hostname": "host.example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "https://example.com/",
    "iri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

_WORDS_OF_TYPES: Sequence[tuple[str, frozenset[str]]] = (
    ("object", frozenset({"properties", "required", "minProperties", "additionalProperties"})),
    ("array", frozenset({"items", "prefixItems", "minItems"})),
    ("number", frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})),
    ("string", frozenset({"format", "minLength", "maxLength", "pattern"})),
)
"""What a schema without a type is about, by the words in it."""


def example_of(schemas: Sequence[Mapping[str, Any]]) -> Any:
    """A value for all of them, as far as one can be found; an object where they say nothing."""
    examples = [_Examples(schema).of(schema, 0) for schema in schemas]
    objects = [example for example in examples if isinstance(example, dict)]
    if len(objects) == len(examples):
        return {name: value for example in objects for name, value in example.items()}
    return examples[0]


class _Examples:
    """Examples of the parts of one schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MOST_VALUES

    def of(self, schema: Any, depth: int) -> Any:
        self._left -= 1
        schema = self._flat(schema) if isinstance(schema, Mapping) else {}
        given = _given(schema)
        return given[0] if given else self._made(schema, depth)

    def _made(self, schema: Mapping[str, Any], depth: int) -> Any:
        """By the type, or by what the words of the schema are about."""
        kind = _type_of(schema)
        if kind == "object" or (not kind and depth == 0):
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        return _scalar(kind, schema)

    def _flat(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """With what it refers to, all of `allOf` and the first of `oneOf` and `anyOf` put into it."""
        for _ in range(_DEEPEST):
            parts = [self._referred(schema["$ref"])] if isinstance(schema.get("$ref"), str) else []
            parts += _listed(schema.get("allOf"))
            parts += [part for word in ("oneOf", "anyOf") for part in _listed(schema.get(word))[:1]]
            if not parts:
                break
            schema = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "oneOf", "anyOf")}
            for part in parts:
                schema = _both(part, schema)
        return schema

    def _referred(self, reference: str) -> Mapping[str, Any]:
        """The part that `#/…` points at; of other references, nothing is known."""
        found: Any = self._root if reference.startswith("#") else {}
        for word in unquote(reference).split("/")[1:]:
            key = word.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def _is_enough(self, depth: int) -> bool:
        return depth >= _DEEPEST or self._left <= 0

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """What is required; where nothing is, all that is described."""
        properties = schema.get("properties")
        described = properties if isinstance(properties, Mapping) else {}
        required = [name for name in _listed_values(schema.get("required")) if isinstance(name, str)]
        names = list(dict.fromkeys(required or described))
        fewest = _bounded(schema.get("minProperties"), _MOST_ITEMS)
        further = [*described, *(f"property{number + 1}" for number in range(fewest))]
        names += [name for name in further if name not in names][: max(0, fewest - len(names))]
        if self._is_enough(depth):
            names = []
        rest = schema.get("additionalProperties")
        return {name: self.of(described.get(name, rest), depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = _listed(schema.get("prefixItems")) or _listed(schema.get("items"))
        each = schema.get("items") if isinstance(schema.get("items"), Mapping) else None
        fewest = _bounded(schema.get("minItems"), _MOST_ITEMS)
        most = _bounded(schema.get("maxItems", _MOST_ITEMS), _MOST_ITEMS)
        count = max(fewest, min(most, max(len(first), 1 if each is not None else 0)))
        if self._is_enough(depth):
            count = 0
        items = [self.of(first[index] if index < len(first) else each, depth + 1) for index in range(count)]
        if not schema.get("uniqueItems"):
            return items
        choices = _listed_values(self._flat(each).get("enum")) if each is not None else []
        return choices[:count] if len(choices) >= count > 0 else [_varied(item, at) for at, item in enumerate(items)]


def _given(schema: Mapping[str, Any]) -> list[Any]:
    """Values that the schema itself names, the best first."""
    if "const" in schema:
        return [schema["const"]]
    examples = _listed_values(schema.get("examples"))
    default = [schema["default"]] if "default" in schema else []
    choices = _listed_values(schema.get("enum"))
    return [value for value in (*examples, *default, *choices) if not choices or value in choices]


def _type_of(schema: Mapping[str, Any]) -> str:
    named = schema.get("type")
    types = [word for word in named if word != "null"] or ["null"] if isinstance(named, list) else [named]
    if isinstance(types[0], str):
        return types[0]
    return next((name for name, words in _WORDS_OF_TYPES if not words.isdisjoint(schema)), "")


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that asks for what both ask for, as far as words can be put together."""
    merged = {**one, **other}
    for word in ("properties", "$defs"):
        maps = [schema[word] for schema in (one, other) if isinstance(schema.get(word), Mapping)]
        if len(maps) > 1:
            merged[word] = {**maps[0], **maps[1]}
    lists = [_listed_values(schema.get("required")) for schema in (one, other)]
    if any(lists):
        merged["required"] = [*lists[0], *(name for name in lists[1] if name not in lists[0])]
    for word, choose in (("minimum", max), ("minLength", max), ("minItems", max), ("maximum", min), ("maxLength", min)):
        bounds = [schema[word] for schema in (one, other) if _is_number(schema.get(word))]
        if bounds:
            merged[word] = choose(bounds)
    return merged


def _scalar(kind: str, schema: Mapping[str, Any]) -> Any:
    match kind:
        case "integer" | "number":
            return _number(schema, is_whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
    return _string(schema)


def _string(schema: Mapping[str, Any]) -> str:
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    fewest = _bounded(schema.get("minLength"), _LONGEST_CHARS)
    most = _bounded(schema.get("maxLength", _LONGEST_CHARS), _LONGEST_CHARS)
    return (_FILLING * (fewest // len(_FILLING) + 1))[: max(fewest, min(most, len(_FILLING)))]


def _number(schema: Mapping[str, Any], *, is_whole: bool) -> float:
    """A number within the bounds, near the lower one."""
    least, most, above, below = _bounds(schema)
    step = _known(schema.get("multipleOf")) or (1 if is_whole else None)
    if step and step > 0:
        return _multiple(step, least, most, is_above=above == least, is_below=below == most, is_whole=is_whole)
    if least is not None and (above == least or most is not None):
        return least + 1 if most is None else (least + most) / 2
    if least is not None:
        return least
    return 1 if most is None or most > 1 else most - 1


def _bounds(schema: Mapping[str, Any]) -> tuple[float | None, float | None, float | None, float | None]:
    """Least and most, and those of them that are themselves out of bounds; in draft 4, `true` says that they are."""
    least, most = _known(schema.get("minimum")), _known(schema.get("maximum"))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    above = least if above is True else _known(above)
    below = most if below is True else _known(below)
    least = max((bound for bound in (least, above) if bound is not None), default=None)
    most = min((bound for bound in (most, below) if bound is not None), default=None)
    return least, most, above, below


def _multiple(
    step: float, least: float | None, most: float | None, *, is_above: bool, is_below: bool, is_whole: bool
) -> float:
    """A multiple of the step: the first within the lower bound, or the last within the upper one."""
    if least is not None:
        number = math.ceil(least / step)
        number += is_above and number * step <= least
    elif most is not None and most < step:
        number = math.floor(most / step)
        number -= is_below and number * step >= most
    else:
        number = 1
    value = number * step
    return int(value) if is_whole and float(value).is_integer() else value


def _varied(value: Any, index: int) -> Any:
    """Another value for every index."""
    if isinstance(value, bool):
        return value if index == 0 else not value
    if isinstance(value, int | float):
        return value + index
    if isinstance(value, str) and index:
        suffix = str(index)
        return value[: -len(suffix)] + suffix if len(value) > len(suffix) else value + suffix
    return value


def _known(value: Any) -> float | None:
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _bounded(value: Any, most: int) -> int:
    return max(0, min(int(value), most)) if _is_number(value) else 0


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _listed_values(value) if isinstance(item, Mapping)]


def _listed_values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
