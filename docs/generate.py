"""Fills the generated parts of the docs, which stand between `<!-- generated: NAME -->` and `<!-- end -->`.

`python docs/generate.py` writes the pages that differ from the code; a test fails while any does.
"""  # noqa: INP001 - a script beside the pages, not a package

import ast
import hashlib
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import typer
from lxml import etree
from typer.main import get_command

from calltrail.api import contract
from calltrail.cli.main import app
from calltrail.console.table import console_table
from calltrail.domain.answers import (
    AlreadyProcessed,
    Answer,
    InternalFault,
    ProtocolRefusal,
    Success,
    ValidationRefusal,
)
from calltrail.domain.audit import AuditAction
from calltrail.domain.exports import (
    NEXT_STATUSES,
    ExportFile,
    ExportJob,
    ExportOptions,
    ExportOrder,
    ExportStatus,
    Shard,
    Snapshot,
)
from calltrail.domain.filters import CallFilter
from calltrail.domain.masking.names import SECRET_NAMES, SECRET_PARAMETERS
from calltrail.domain.problems import Problem
from calltrail.formats.columns import COLUMNS, CONTRACT_COLUMNS, EXTRA_COLUMNS, Column
from calltrail.formats.manifest import manifest
from calltrail.settings import Settings
from calltrail.stores.archive.schema import DELTA_TYPES, MEANINGS, SCHEMA_VERSION

FOLDER = Path(__file__).parent
_HELP_WIDTH = 100
_GENERATED = re.compile(r"(?<=<!-- generated: )([a-z-]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def outdated_pages() -> dict[Path, str]:
    """The pages whose generated parts differ from the code, as they should be."""
    pages = {path: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.md"))}
    filled = {path: _GENERATED.sub(_fill, text) for path, text in pages.items()}
    return {path: text for path, text in filled.items() if text != pages[path]}


def _fill(marker: re.Match[str]) -> str:
    name, end_of_marker = marker.groups()
    return f"{name}{end_of_marker}\n{SECTIONS[name]().strip()}\n\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```\n"


def _columns(columns: Sequence[Column], first: int) -> str:
    rows = ((str(number), f"`{each.name}`", each.kind, each.meaning) for number, each in enumerate(columns, first))
    return _table(["", "column", "kind", "meaning"], rows)


def _settings() -> str:
    prefix = Settings.model_config["env_prefix"]
    rows = (
        (f"`{prefix}{name.upper()}`", "" if field.default is None else f"`{field.default}`", field.description or "")
        for name, field in Settings.model_fields.items()
    )
    return _table(["environment variable", "default", "meaning"], rows)


def _meanings(words: type[StrEnum]) -> Mapping[str, str]:
    """The docstrings below the members of an enumeration, which Python itself forgets."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(words))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for member, docstring in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(docstring, ast.Expr):
            found[ast.unparse(member.targets[0])] = ast.literal_eval(docstring.value)
    return found


def _audit_actions() -> str:
    meanings = _meanings(AuditAction)
    return _table(["action", "meaning"], ((f"`{each}`", meanings.get(each.name, "")) for each in AuditAction))


def _job_states() -> str:
    meanings = _meanings(ExportStatus)
    following = {each: [f"`{word}`" for word in ExportStatus if word in NEXT_STATUSES[each]] for each in ExportStatus}
    rows = ((f"`{each}`", meanings[each.name], ", ".join(following[each]) or "none") for each in ExportStatus)
    return _table(["state", "meaning", "next"], rows)


def _secret_names() -> str:
    everywhere = ", ".join(f"`{name}`" for name in SECRET_NAMES)
    in_queries = ", ".join(f"`{name}`" for name in sorted(SECRET_PARAMETERS))
    return f"Everywhere: {everywhere}.\n\nIn queries of URLs also: {in_queries}."


def _commands() -> str:
    return "\n".join(f"## `{path}`\n\n{_block('text', help_text)}" for path, help_text in _help(get_command(app), None))


def _help(command: Any, parent: typer.Context | None) -> Iterator[tuple[str, str]]:
    """Each command under its whole name, with what its `--help` says, without boxes and colours."""
    command.rich_markup_mode = None
    name = command.name if parent else "calltrail"
    context = typer.Context(command, parent=parent, info_name=name, terminal_width=_HELP_WIDTH)
    yield context.command_path, command.get_help(context)
    for each in getattr(command, "commands", {}).values():
        yield from _help(each, context)


_STARTED_AT = datetime(2026, 7, 1, 9, 5, tzinfo=UTC)
_READY_AT = _STARTED_AT + timedelta(seconds=2)
_ERROR_ID = "019f1cfa-9be0-7000-8000-000000000000"
_NO_EMAIL = Problem('"email" is a required property', "/customer")
_NO_METHOD = Problem("there is no such API method", "/operation")
_QUEUED = ExportJob(
    id=7,
    order=ExportOrder(
        "demo.Website",
        "Exports.OperationLogs",
        CallFilter(till=_STARTED_AT, method_system_names=("Website.CreateOrder",)),
        ExportOptions(columns=("OperationLogTransactionId", "OperationLogStatus")),
    ),
    started_by="endpoint-key:demo.Website/1",
    snapshot=Snapshot(90_210, _STARTED_AT),
    created_at=_STARTED_AT,
)
_READY = replace(
    _QUEUED,
    status=ExportStatus.READY,
    shards=(Shard(_STARTED_AT - timedelta(days=1), _STARTED_AT, rows=512, size_bytes=1_310_720),),
    files=(ExportFile(1, "calltrail-7-part-00001.csv", 512, 1_245_184, hashlib.sha256(b"part").hexdigest()),),
    expires_at=_READY_AT + timedelta(days=7),
)
_LINK = "https://calls.example.com/exports/WzcsIm…/"


def _answers() -> str:
    answers: Mapping[str, Answer] = {
        "Success": Success(),
        "Success with validation errors that did not stop the flow": Success(problems=(_NO_EMAIL,)),
        "ValidationError, HTTP 200": ValidationRefusal((_NO_EMAIL, Problem('"2" is not of type "integer"', "/count"))),
        "ProtocolError, HTTP status as `httpStatusCode`": ProtocolRefusal(404, _NO_METHOD),
        "InternalServerError, HTTP 500 or 503": InternalFault(503, "/: the call can't be recorded", retry_after_s=1),
        "TransactionAlreadyProcessed, HTTP 200": AlreadyProcessed(),
    }
    return "\n".join(f"{title}:\n\n{_rendered(answer)}" for title, answer in answers.items())


def _reports() -> str:
    started = contract.export_report(_QUEUED, is_duplicate=False)
    ready = contract.export_report(
        _READY,
        is_duplicate=False,
        urls=[_LINK + file.name for file in _READY.files],
        manifest_url=f"{_LINK}manifest.json",
    )
    return (
        f"The answer to a start:\n\n{_rendered(Success(started))}\n"
        f"The answer to a poll once the files are there:\n\n{_rendered(Success(ready))}"
    )


def _rendered(answer: Answer) -> str:
    as_json = json.loads(contract.render(answer, "application/json", _ERROR_ID).body)
    as_xml = etree.fromstring(contract.render(answer, "application/xml", _ERROR_ID).body)
    etree.indent(as_xml)
    return "\n".join(
        (
            _block("json", json.dumps(as_json, indent=2, ensure_ascii=False)),
            _block("xml", etree.tostring(as_xml, encoding="unicode")),
        )
    )


def _manifest() -> str:
    return _block("json", manifest(_READY, _READY.files, _READY_AT).decode())


def _archive_columns() -> str:
    exported = {column.source: f"`{column.name}`" for column in COLUMNS.values()}
    rows = ((f"`{name}`", type_, exported.get(name, ""), MEANINGS[name]) for name, type_ in DELTA_TYPES.items())
    return _table(["column", "Delta type", "in exported files", "meaning"], rows)


def _console_addresses() -> str:
    lines = console_table(MagicMock())  # which desk answers does not matter here
    return _table(
        ["", "address", "opened by"],
        (
            (line.method, f"`{line.path}`", ", ".join(permission.title for permission in line.permissions))
            for line in lines
        ),
    )


SECTIONS: Mapping[str, Callable[[], str]] = {
    "contract-columns": lambda: _columns(CONTRACT_COLUMNS, first=1),
    "extra-columns": lambda: _columns(EXTRA_COLUMNS, first=len(CONTRACT_COLUMNS) + 1),
    "archive-columns": _archive_columns,
    "archive-version": lambda: f"The schema has version **{SCHEMA_VERSION}**.",
    "settings": _settings,
    "audit-actions": _audit_actions,
    "secret-names": _secret_names,
    "job-states": _job_states,
    "commands": _commands,
    "console-addresses": _console_addresses,
    "answers": _answers,
    "export-reports": _reports,
    "manifest": _manifest,
}


if __name__ == "__main__":
    for path, text in outdated_pages().items():
        path.write_text(text, "utf-8")
