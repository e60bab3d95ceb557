"""Examples made of JSON Schemas: what people begin with when they try a call."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.services.catalog.examples import example_of


def fulfils(schema: dict[str, Any]) -> bool:
    example = example_of([schema])
    return jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(example)


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["integer", "number"]))
    schema: dict[str, Any] = {"type": kind}
    least = draw(st.none() | st.integers(-1_000, 1_000))
    if least is not None:
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = least
    if draw(st.booleans()):
        room = draw(st.integers(50, 500))
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = (-700 if least is None else least) + room
    if draw(st.booleans()):
        schema["multipleOf"] = draw(st.integers(1, 20))
    return schema


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if draw(st.booleans()):
        return schema | {"format": draw(st.sampled_from(["date", "date-time", "uuid", "email", "uri", "ipv4", "time"]))}
    fewest = draw(st.none() | st.integers(0, 30))
    if fewest is not None:
        schema["minLength"] = fewest
    if draw(st.booleans()):
        schema["maxLength"] = (fewest or 0) + draw(st.integers(0, 30))
    return schema


SCALARS = (
    numbers()
    | strings()
    | st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["null", "string"]}])
    | st.lists(st.integers() | st.text() | st.none(), min_size=1, max_size=3).map(lambda choices: {"enum": choices})
    | (st.integers() | st.text()).map(lambda value: {"const": value})
)


def objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.text(max_size=5), inner, max_size=4)

    def described(drawn: tuple[dict[str, Any], bool, int]) -> dict[str, Any]:
        known, is_required, fewest = drawn
        return {
            "type": "object",
            "properties": known,
            "required": sorted(known)[: 2 if is_required else 0],
            "minProperties": fewest,
        }

    return st.tuples(properties, st.booleans(), st.integers(0, 6)).map(described)


def arrays(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    counts = st.tuples(st.integers(0, 4), st.integers(0, 3))
    return st.tuples(inner, counts).map(
        lambda drawn: {"type": "array", "items": drawn[0], "minItems": drawn[1][0], "maxItems": sum(drawn[1])}
    )


SCHEMAS = st.recursive(SCALARS, lambda inner: objects(inner) | arrays(inner), max_leaves=8)


@given(SCHEMAS)
def test_an_example_fulfils_its_schema(schema: dict[str, Any]) -> None:
    assert fulfils(schema)


@given(SCHEMAS, SCHEMAS)
def test_an_example_fulfils_what_its_schema_refers_to(one: dict[str, Any], other: dict[str, Any]) -> None:
    schema = {
        "$defs": {"a/b": one, "other": other},
        "type": "object",
        "required": ["one", "other", "both"],
        "properties": {
            "one": {"$ref": "#/$defs/a~1b"},
            "other": {"oneOf": [{"$ref": "#/$defs/other"}]},
            "both": {"allOf": [{"$ref": "#/$defs/a%7E1b"}, {"description": "the same"}]},
        },
    }
    assert fulfils(schema)


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({}, {}),
        ({"type": "object", "required": ["order"]}, {"order": "text"}),
        ({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}, {"a": 1, "b": "text"}),
        ({"type": "string", "examples": ["blue"]}, "blue"),
        ({"type": "string", "default": "red", "enum": ["red", "blue"]}, "red"),
        ({"type": "array", "items": {"type": "string"}}, ["text"]),
        ({"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 2, "uniqueItems": True}, [1, 2]),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True}, ["text", "tex1"]),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": "a"}]}, [1, "a"]),
        ({"minimum": 3, "exclusiveMinimum": True, "type": "integer"}, 4),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, True),
        (
            {"allOf": [{"required": ["a"]}, {"required": ["b"], "properties": {"a": {"const": 1}}}]},
            {"a": 1, "b": "text"},
        ),
        ({"$ref": "https://elsewhere.example/schema"}, {}),
    ],
)
def test_an_example_looks_like_one_of_a_person(schema: dict[str, Any], example: Any) -> None:
    assert example_of([schema]) == example


def test_a_schema_that_needs_itself_comes_to_an_end() -> None:
    example_of([{"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}])
    example_of([{"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}])
    bush = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefghij"}}
    assert set(example_of([bush])) == set("abcdefghij")


def test_several_validations_make_one_example() -> None:
    assert example_of([{"required": ["a"]}, {"required": ["b"]}]) == {"a": "text", "b": "text"}
    assert example_of([]) == {}


WORDS = [
    "type",
    "properties",
    "required",
    "items",
    "allOf",
    "minimum",
    "minItems",
    "minProperties",
    "$ref",
    "enum",
    "a",
]
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(WORDS), NONSENSE))
def test_whatever_stands_in_a_schema_there_is_an_example(schema: dict[str, Any]) -> None:
    example_of([schema])
