"""The form of a new export: what was filled in, whatever it is, and the options that it means."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from calltrail.console.visits import Form
from calltrail.domain.catalog import ExportStep
from calltrail.domain.exports import ExportFormat, ExportOptions
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.formats.columns import CONTRACT_COLUMNS
from calltrail.services.catalog.file import read_tables

PART_SIZES = ("16777216", "67108864", "268435456", "1073741824")
"""Choices, in bytes; others may be asked for all the same."""

_USUAL = ExportOptions()
_USUAL_COLUMNS = tuple(column.name for column in CONTRACT_COLUMNS)


@dataclass(frozen=True, slots=True)
class ExportForm:
    """What was filled in, or, of what was left out, what is usual."""

    format: str = _USUAL.format.value
    compression: str = _USUAL.compression.value
    part_bytes: str = str(_USUAL.part_bytes)
    columns: tuple[str, ...] = _USUAL_COLUMNS
    delimiter: str = _USUAL.delimiter
    bom: str = str(_USUAL.bom).lower()
    spreadsheet_safe: str = str(_USUAL.spreadsheet_safe).lower()
    max_field_chars: str = str(_USUAL.max_field_chars)


def read_export_form(form: Form) -> ExportForm:
    """What was sent. A box that is not ticked is sent as `false`, by a hidden field before it."""
    usual = ExportForm()
    return ExportForm(
        format=form.get("format", usual.format),
        compression=form.get("compression", usual.compression),
        part_bytes=form.get("part_bytes", usual.part_bytes),
        columns=tuple(form.getlist("columns")) or usual.columns,
        delimiter=form.get("delimiter", usual.delimiter),
        bom=form.get("bom", usual.bom),
        spreadsheet_safe=form.get("spreadsheet_safe", usual.spreadsheet_safe),
        max_field_chars=form.get("max_field_chars", usual.max_field_chars),
    )


def read_options(form: ExportForm) -> ExportOptions:
    """The options, judged as those of an export step of the catalog file; what the format has no use for is left out.

    Raises InvalidInput with every problem; a location is `/delimiter` or `/columns/3`.
    """
    method = {"system_name": "Export", "name": "Export", "endpoints": [], "steps": [dict(_step(form))]}
    try:
        catalog = read_tables({"api_methods": [method]})
    except InvalidInput as error:
        raise InvalidInput(map(_seen_from_the_step, error.problems)) from None
    (step,) = catalog.methods["Export"].steps
    assert isinstance(step, ExportStep)
    return step.options


def _seen_from_the_step(problem: Problem) -> Problem:
    return Problem(problem.message, problem.location.removeprefix("/api_methods/0/steps/0"))


def _step(form: ExportForm) -> Iterator[tuple[str, Any]]:
    """The table of an export step."""
    yield "kind", "export"
    yield "format", form.format
    yield "part_bytes", _number(form.part_bytes)
    if form.format != ExportFormat.PARQUET:
        yield "compression", form.compression
    if form.format != ExportFormat.HAR and form.columns != _USUAL_COLUMNS:
        yield "columns", list(form.columns)
    if form.format == ExportFormat.CSV:
        yield "delimiter", form.delimiter.replace("\\t", "\t")
        yield "bom", _flag(form.bom)
        yield "spreadsheet_safe", _flag(form.spreadsheet_safe)
        yield "max_field_chars", _number(form.max_field_chars)


def _number(text: str) -> int | str:
    """The text itself when it is no number, which the rules then tell."""
    return int(text) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", text) else text


def _flag(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text, text)
