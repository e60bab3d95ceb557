"""The catalog as a TOML file, which staff write and keep with their code."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
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
    findings = list(_contradictions(data))
    try:
        tables = CatalogTables.model_validate(data)
    except ValidationError as error:
        findings += findings_of(error)
    if findings:
        raise InvalidInput(_problems(findings, TomlLines(text)))
    return tables.value()


def _syntax_problem(message: str, text: str) -> Problem:
    """The place of an error, which tomllib tells only within its message."""
    if place := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL):
        return Problem(f"{place[1]} (column {place[3]}).", f"line {place[2]}")
    last_line = text.rstrip("\n").count("\n") + 1
    return Problem(f"{message}.", f"line {last_line}")


def _problems(findings: Iterable[Finding], lines: TomlLines) -> Iterator[Problem]:
    for path, message in sorted(findings, key=lambda finding: lines.line_of(finding[0])):
        pointer = "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)
        yield Problem(message, f"line {lines.line_of(path)}: {pointer}")


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
    tables = [_table_text("endpoints", _settings(endpoint)) for endpoint in catalog.endpoints.values()]
    for method in catalog.methods.values():
        settings = _settings(method)
        steps = settings.pop("steps")
        tables.append(_table_text("api_methods", settings))
        tables += [_table_text("api_methods.steps", _step_settings(step)) for step in steps]
    return "\n".join(tables)


def _settings(value: "DataclassInstance") -> dict[str, Any]:
    named = {field.name: (getattr(value, field.name), field.default) for field in fields(value)}
    return {name: current for name, (current, default) in named.items() if current != default}


def _step_settings(step: Step) -> dict[str, Any]:
    return {"kind": step.kind, **_settings(step.options if isinstance(step, ExportStep) else step)}


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
        case frozenset():
            return _value_text(sorted(value))
        case list() | tuple():
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
