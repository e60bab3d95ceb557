"""The tables of a catalog file: their keys, the types and limits of their values, and what they stand for."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import jsonschema_rs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from calltrail.domain.access import ENDPOINT_PERMISSIONS, Permission
from calltrail.domain.catalog import (
    AcceptStep,
    ApiMethod,
    Catalog,
    ExportStep,
    ForwardStep,
    IntegrationEndpoint,
    PythonStep,
    ValidateStep,
)
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.formats.columns import COLUMNS
from calltrail.services.catalog.toml_lines import Path

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Finding = tuple[Path, str]
"""Where something is wrong, and what."""


def _suggestion(word: Any, known: Iterable[str]) -> str:
    return "".join(f' Did you mean "{match}"?' for match in difflib.get_close_matches(str(word), list(known), n=1))


def _name(text: str) -> str:
    if not text or text != text.strip() or not text.isprintable():
        raise ValueError("A name has printable characters, and no space around it.")
    return text


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    jsonschema_rs.validator_for(schema, retriever=_refuse_to_fetch)
    return schema


def _refuse_to_fetch(address: str) -> Any:
    raise ValueError(f"a schema refers to nothing outside the file, so not to {address}")


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    names_a_host = bool(parts.hostname) and parts.port != 0
    if parts.scheme not in ("http", "https") or not names_a_host or not text.isprintable() or " " in text:
        raise ValueError("This is no URL: it begins with http:// or https://, and names a host.")
    return text


def _handler(text: str) -> str:
    module, _, function = text.partition(":")
    if not function.isidentifier() or not all(name.isidentifier() for name in module.split(".")):
        raise ValueError("A handler is written package.module:function.")
    return text


def _delimiter(text: str) -> str:
    if not re.fullmatch(r"[\t\x20-\x7e]", text) or text == '"':
        raise ValueError("A delimiter is one ASCII character: a tab or a printable one other than the quote.")
    return text


def _column(name: str) -> str:
    if name not in COLUMNS:
        raise ValueError(f'There is no column "{name}".{_suggestion(name, COLUMNS)}')
    return name


def _endpoint_permission(word: Any) -> Permission:
    if not isinstance(word, str) or word not in ENDPOINT_PERMISSIONS:
        known = sorted(ENDPOINT_PERMISSIONS)
        raise ValueError(f"This must be one of {', '.join(known)}.{_suggestion(word, known)}")
    return Permission(word)


Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], Field(strict=False)]

_DOMAIN_DEFAULT: Any = None
"""Of a key that may be left out: only keys in the file are handed on, so that the default is the domain's own."""


_A_CENTURY_DAYS = 36_525


class _Table(BaseModel):
    """A table of the file. Unknown keys are errors, and so are values of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set - {"kind", "steps"}}


class _Endpoint(_Table):
    external_id: Name
    integration_name: Name
    permissions: Annotated[
        frozenset[Annotated[Permission, BeforeValidator(_endpoint_permission)]], Field(strict=False)
    ] = _DOMAIN_DEFAULT

    def value(self) -> IntegrationEndpoint:
        return IntegrationEndpoint(**self.given())


class _ValidateStep(_Table):
    kind: Literal["validate"]
    json_schema: Annotated[dict[str, Any], AfterValidator(_json_schema)] = Field(alias="schema")
    blocking: bool = True

    def value(self) -> ValidateStep:
        return ValidateStep(self.json_schema, self.blocking)


class _AcceptStep(_Table):
    kind: Literal["accept"]

    def value(self) -> AcceptStep:
        return AcceptStep()


class _ForwardStep(_Table):
    kind: Literal["forward"]
    url: Annotated[str, AfterValidator(_http_url)]
    timeout_s: float = Field(_DOMAIN_DEFAULT, gt=0, le=600, allow_inf_nan=False)
    retries: int = Field(_DOMAIN_DEFAULT, ge=0, le=10)

    def value(self) -> ForwardStep:
        return ForwardStep(**self.given())


class _PythonStep(_Table):
    kind: Literal["python"]
    handler: Annotated[str, AfterValidator(_handler)]

    def value(self) -> PythonStep:
        return PythonStep(self.handler)


class _ExportStep(_Table):
    kind: Literal["export"]
    format: ExportFormat = Field(_DOMAIN_DEFAULT, strict=False)
    compression: Compression = Field(_DOMAIN_DEFAULT, strict=False)
    part_bytes: int = Field(_DOMAIN_DEFAULT, ge=1024, le=2**40)
    columns: Annotated[tuple[Annotated[str, AfterValidator(_column)], ...], Field(strict=False)] = _DOMAIN_DEFAULT
    extra_columns: bool = _DOMAIN_DEFAULT
    delimiter: Annotated[str, AfterValidator(_delimiter)] = _DOMAIN_DEFAULT
    bom: bool = _DOMAIN_DEFAULT
    spreadsheet_safe: bool = _DOMAIN_DEFAULT
    max_field_chars: int = Field(_DOMAIN_DEFAULT, ge=0)

    def value(self) -> ExportStep:
        return ExportStep(ExportOptions(**self.given()))


_STEPS: Mapping[str, type[BaseModel]] = {
    "accept": _AcceptStep,
    "export": _ExportStep,
    "forward": _ForwardStep,
    "python": _PythonStep,
    "validate": _ValidateStep,
}


class _ApiMethod(_Table):
    system_name: Name
    name: Name
    endpoints: Names
    steps: list[
        Annotated[_AcceptStep | _ExportStep | _ForwardStep | _PythonStep | _ValidateStep, Field(discriminator="kind")]
    ]
    requires_key: bool = _DOMAIN_DEFAULT
    masked_fields: Names = _DOMAIN_DEFAULT
    keep_days: int = Field(_DOMAIN_DEFAULT, ge=1, le=_A_CENTURY_DAYS)
    keep_bodies_days: int = Field(_DOMAIN_DEFAULT, ge=1, le=_A_CENTURY_DAYS)

    def value(self) -> ApiMethod:
        return ApiMethod(**self.given(), steps=tuple(step.value() for step in self.steps))


class CatalogTables(_Table):
    """The whole file."""

    endpoints: list[_Endpoint] = []
    api_methods: list[_ApiMethod] = []

    def value(self) -> Catalog:
        return Catalog(
            {endpoint.external_id: endpoint.value() for endpoint in self.endpoints},
            {method.system_name: method.value() for method in self.api_methods},
        )


def findings_of(error: ValidationError) -> Iterator[Finding]:
    """What the tables found wrong, each thing alone, in our words."""
    return map(_finding, error.errors(include_url=False))


def _finding(error: "ErrorDetails") -> Finding:
    """An error of pydantic in our words."""
    path, table = _path_and_table(error["loc"])
    cause = error.get("ctx", {}).get("error")
    match error["type"]:
        case "missing":
            message = "This key is missing."
        case "extra_forbidden":
            known = [field.alias or name for name, field in table.model_fields.items()]
            message = f'There is no key "{path[-1]}" here.{_suggestion(path[-1], known)}'
        case "union_tag_not_found" | "union_tag_invalid":
            path = (*path, "kind")
            message = f"A step is one of {', '.join(_STEPS)}.{_suggestion(error['input'].get('kind'), _STEPS)}"
        case "enum":
            known = re.findall("'(.*?)'", error["msg"])
            message = f"This must be one of {', '.join(known)}.{_suggestion(error['input'], known)}"
        case "value_error" if isinstance(cause, jsonschema_rs.ValidationError):
            path = (*path, *cause.instance_path)
            message = f"This is no JSON Schema: {cause.message}."
        case "value_error":
            message = str(cause)
        case _:
            message = _in_words_of_toml(error["msg"])
    return path, message


def _in_words_of_toml(message: str) -> str:
    for pattern, word in (("Input should", "This must"), ("tuple|frozenset|list", "array"), ("dictionary.*", "table")):
        message = re.sub(pattern, word, message)
    return f"{message}."


def _path_and_table(location: Path) -> tuple[Path, type[BaseModel]]:
    """The path in the file of a location of pydantic, which names the kind of a step after its index; and its table."""
    match location:
        case ("api_methods", _, "steps", _, str(kind), *_):
            return (*location[:4], *location[5:]), _STEPS[kind]
        case ("api_methods", _, _, *_):
            return location, _ApiMethod
        case ("endpoints", _, _, *_):
            return location, _Endpoint
    return location, CatalogTables
