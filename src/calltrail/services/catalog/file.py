"""The catalog as a TOML file, which staff write and keep with their code."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from calltrail.domain.catalog import Catalog, ExportStep, Step
from calltrail.domain.exports import Compression, ExportFormat
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.catalog.tables import CatalogTables, Finding, findings_of
from calltrail.services.catalog.toml_lines import Path, TomlLines

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def read_catalog(text: str) -> Catalog:
    """The catalog that a file describes.

    Raises InvalidInput with every problem, in the order of the lines; a location is `line 12: /api_methods/0/name`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput([_syntax_problem(str(error), text)]) from error
    judged = _judged(data)
    if not isinstance(judged, Catalog):
        raise InvalidInput(_problems(judged, TomlLines(text)))
    return judged


def read_tables(data: Mapping[str, Any]) -> Catalog:
    """The catalog that tables describe, by the rules of the file.

    Raises InvalidInput with every problem; a location is the JSON pointer of what is wrong.
    """
    judged = _judged(data)
    if not isinstance(judged, Catalog):
        raise InvalidInput(Problem(message, _pointer(path)) for path, message in judged)
    return judged


def _judged(data: Mapping[str, Any]) -> Catalog | Sequence[Finding]:
    """The catalog, or else everything that is wrong."""
    findings = list(_contradictions(data))
    try:
        tables = CatalogTables.model_validate(data)
    except ValidationError as error:
        return [*findings, *findings_of(error)]
    return findings or tables.value()


def _syntax_problem(message: str, text: str) -> Problem:
    """The place of an error, which tomllib tells only within its message."""
    if place := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL):
        return Problem(f"{place[1]} (column {place[3]}).", f"line {place[2]}")
    last_line = text.rstrip("\n").count("\n") + 1
    return Problem(f"{message}.", f"line {last_line}")


def _problems(findings: Iterable[Finding], lines: TomlLines) -> Iterator[Problem]:
    for path, message in sorted(findings, key=lambda finding: lines.line_of(finding[0])):
        yield Problem(message, f"line {lines.line_of(path)}: {_pointer(path)}")


def _pointer(path: Path) -> str:
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


def _contradictions(data: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong between values. The data are raw, so that a wrong value elsewhere hides nothing."""
    known_endpoints = {table.get("external_id") for _, table in _tables(data, "endpoints")}
    yield from _repeated(_names(data, "endpoints", "external_id"))
    yield from _repeated(_names(data, "api_methods", "system_name"))
    for method_path, method in _tables(data, "api_methods"):
        endpoints = list(_items(method, "endpoints", method_path))
        yield from _repeated(endpoints)
        for path, name in endpoints:
            if isinstance(name, str) and name not in known_endpoints:
                yield path, f'There is no endpoint "{name}" in this file.'
        yield from _misplaced_answers(method, method_path)
        for step_path, step in _tables(method, "steps", method_path):
            yield from _repeated(_items(step, "columns", step_path))
            yield from _contradicting_options(step, step_path)


def _items(data: Mapping[str, Any], key: str, base: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = data.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        yield (*base, key, index), item


def _tables(data: Mapping[str, Any], key: str, base: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    return ((path, item) for path, item in _items(data, key, base) if isinstance(item, dict))


def _names(data: Mapping[str, Any], key: str, name_key: str) -> Iterator[tuple[Path, Any]]:
    return (((*path, name_key), table.get(name_key)) for path, table in _tables(data, key))


def _repeated(names: Iterable[tuple[Path, Any]]) -> Iterator[Finding]:
    seen = set()
    for path, name in names:
        if isinstance(name, str) and name in seen:
            yield path, f'"{name}" is here twice.'
        if isinstance(name, str):
            seen.add(name)


def _misplaced_answers(method: Mapping[str, Any], method_path: Path) -> Iterator[Finding]:
    kinds = [(path, step.get("kind")) for path, step in _tables(method, "steps", method_path)]
    for path, kind in kinds[:-1]:
        if kind in ("accept", "export", "forward", "python"):
            yield path, "Only the last step answers, and all before it validate."
    if "steps" in method and (not kinds or kinds[-1][1] == "validate"):
        yield (*method_path, "steps"), "The last step must be one that answers: accept, export, forward or python."


def _contradicting_options(step: Mapping[str, Any], step_path: Path) -> Iterator[Finding]:
    if step.get("format", ExportFormat.CSV) != ExportFormat.CSV:
        for key in ("delimiter", "bom", "spreadsheet_safe", "max_field_chars"):
            if key in step:
                yield (*step_path, key), "This is an option of CSV only."
    if step.get("format") == ExportFormat.PARQUET and step.get("compression", Compression.NONE) != Compression.NONE:
        yield (*step_path, "compression"), "A Parquet file is compressed within: leave this out."
    if step.get("format") == ExportFormat.HAR:
        for key in ("columns", "extra_columns"):
            if step.get(key):
                yield (*step_path, key), "A HAR file has a form of its own: leave this out."
        return
    if step.get("columns") and step.get("extra_columns"):
        yield (*step_path, "extra_columns"), "This has no effect when `columns` chooses: name the extra ones there."


def write_catalog(catalog: Catalog) -> str:
    """A file that reads back as this catalog, without what is as it is by default."""
    data = tables_of(catalog)
    texts = [_table_text("endpoints", endpoint) for endpoint in data["endpoints"]]
    for method in data["api_methods"]:
        texts.append(_table_text("api_methods", {key: value for key, value in method.items() if key != "steps"}))
        texts += [_table_text("api_methods.steps", step) for step in method["steps"]]
    return "\n".join(texts)


def tables_of(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    """The tables of its file, as TOML reads them: `read_tables` makes the same catalog of them."""
    return {
        "endpoints": [_settings(endpoint) for endpoint in catalog.endpoints.values()],
        "api_methods": [
            {**_settings(method), "steps": [step_table(step) for step in method.steps]}
            for method in catalog.methods.values()
        ],
    }


def step_table(step: Step) -> dict[str, Any]:
    """The table of a step, without what is as it is by default."""
    return {"kind": step.kind, **_settings(step.options if isinstance(step, ExportStep) else step)}


def _settings(value: "DataclassInstance") -> dict[str, Any]:
    named = {field.name: (getattr(value, field.name), field.default) for field in fields(value)}
    return {name: _plain(current) for name, (current, default) in named.items() if current != default}


def _plain(value: Any) -> Any:
    match value:
        case frozenset():
            return sorted(value)
        case tuple():
            return list(value)
    return value


def _table_text(name: str, settings: Mapping[str, Any]) -> str:
    lines = [f"{_key_text(key)} = {_value_text(value)}\n" for key, value in settings.items()]
    return f"[[{name}]]\n{''.join(lines)}"


def _key_text(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _string_text(key)


def _string_text(text: str) -> str:
    """JSON writes strings as TOML does, but for the one control character that only TOML escapes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value_text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _string_text(value)
        case int() | float():
            return repr(value)
        case list():
            return f"[{', '.join(map(_value_text, value))}]"
        case Mapping():
            pairs = [f"{_key_text(key)} = {_value_text(inner)}" for key, inner in value.items()]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    raise TypeError(f"TOML has no {type(value).__name__}")


def catalog_changes(before: Catalog, after: Catalog) -> tuple[str, ...]:
    """What putting `after` in the place of `before` changes, a sentence each; empty when it changes nothing."""
    return (
        *_changes("endpoint", before.endpoints, after.endpoints),
        *_changes("API method", before.methods, after.methods),
    )


def _changes(
    noun: str, before: Mapping[str, "DataclassInstance"], after: Mapping[str, "DataclassInstance"]
) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield f"+ {noun} {name}"
        elif name not in after:
            yield f"- {noun} {name}"
        elif before[name] != after[name]:
            yield f"~ {noun} {name}: {_changed_fields(before[name], after[name])} changed"


def _changed_fields(before: "DataclassInstance", after: "DataclassInstance") -> str:
    names = [field.name for field in fields(after) if getattr(before, field.name) != getattr(after, field.name)]
    return ", ".join(name.replace("_", " ") for name in names)
