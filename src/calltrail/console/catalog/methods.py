"""API methods: all of them, one of them, its form, and a call of it to try."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from calltrail.console.calls.bodies import ShownBody, shown_body
from calltrail.console.catalog.method_figures import DayFigures, day_figures
from calltrail.console.catalog.method_form import (
    STEP_KINDS,
    MethodForm,
    form_of,
    place_of_new,
    read_form,
    rearranged,
    schema_text,
    table_of,
)
from calltrail.console.catalog.problems import LABELS, FormProblem, by_field, conflict, form_problems
from calltrail.console.catalog.trying import (
    CONTENT_TYPES,
    MODE_WORDS,
    TriedAnswer,
    TryCall,
    TryForm,
    call_url,
    new_try,
    read_try,
    tried_call,
    try_command,
)
from calltrail.console.paths import METHODS_PATH, endpoint_path, method_path, name_in
from calltrail.console.visits import Answer, Download, NotFound, Page, Redirect, Visit
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.calls import LoggedBody
from calltrail.domain.catalog import ApiMethod, ExportStep, ForwardStep, PythonStep, Step, ValidateStep
from calltrail.domain.exports import Compression, ExportFormat
from calltrail.domain.problems import InvalidInput
from calltrail.formats.columns import COLUMNS
from calltrail.services.catalog.desk import CatalogDesk
from calltrail.services.catalog.editing import (
    NO_VERSION,
    ChangedMeanwhile,
    put_method,
    remove_method,
    text_of,
    version_of,
)
from calltrail.services.catalog.file import write_catalog
from calltrail.services.ports import AuditJournal, CallPages, CatalogStore


@dataclass(frozen=True, slots=True)
class MethodLine:
    """An API method in the list."""

    system_name: str
    name: str
    endpoints: Sequence[str]
    steps: Sequence[str]
    """Each in a few words."""

    requires_key: bool
    last_day: DayFigures | None
    """None for who may not look at calls."""


@dataclass(frozen=True, slots=True)
class MethodsView:
    methods: Sequence[MethodLine]


@dataclass(frozen=True, slots=True)
class MethodView:
    method: ApiMethod
    last_day: DayFigures | None
    problems: Sequence[FormProblem] = ()


@dataclass(frozen=True, slots=True)
class MethodFormView:
    """The form of an API method, as it was typed, and what is wrong with it."""

    system_name: str | None
    """Of the one that is edited; None: a new one."""

    form: MethodForm
    version: str
    """Of the API method as it was when the form was filled."""

    problems: Sequence[FormProblem] = ()
    theirs: str | None = None
    """What somebody else made of it meanwhile, as the catalog file has it; empty when they removed it."""


@dataclass(frozen=True, slots=True)
class TryView:
    """A call that was made, and its answer."""

    method_system_name: str
    form: TryForm
    problems: Sequence[FormProblem]
    is_answered: bool
    status_code: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: str = ""
    """Its text; empty for what is none."""

    call_id: str | None = None


class MethodsDesk:
    """`/methods` and what belongs to it, and the catalog as a file."""

    def __init__(
        self,
        *,
        catalog: CatalogStore,
        desk: CatalogDesk,
        pages: Callable[[], CallPages],
        try_call: TryCall,
        audit: AuditJournal,
    ) -> None:
        self._catalog = catalog
        self._desk = desk
        self._pages = pages
        self._try_call = try_call
        self._audit = audit

    def show_all(self, visit: Visit) -> Answer:
        figures = day_figures(self._pages, visit)
        lines = [_line(method, figures) for method in self._catalog.current().methods.values()]
        return Page("methods", MethodsView(sorted(lines, key=lambda line: line.system_name)), more=_PATHS)

    def catalog_file(self, visit: Visit) -> Answer:  # noqa: ARG002 - the same for everybody
        """The whole catalog as TOML."""
        content = write_catalog(self._catalog.current()).encode()
        return Download("catalog.toml", "application/toml", content, len(content))

    def show(self, visit: Visit) -> Answer:
        return self._page(visit, self._find(visit))

    def new(self, visit: Visit) -> Answer:  # noqa: ARG002 - the same for everybody
        return self._form(MethodFormView(None, MethodForm(), NO_VERSION))

    def create(self, visit: Visit) -> Answer:
        return self._submit(visit, None)

    def edit(self, visit: Visit) -> Answer:
        method = self._find(visit)
        return self._form(MethodFormView(method.system_name, form_of(method), version_of(method)))

    def save(self, visit: Visit) -> Answer:
        return self._submit(visit, name_in(visit.parts["name"]))

    def remove(self, visit: Visit) -> Answer:
        method = self._find(visit)
        try:
            self._desk.change(remove_method(method.system_name, visit.form.get("version", "")), visit.principal)
        except ChangedMeanwhile:
            problem = FormProblem("", "", "Somebody else changed this API method meanwhile. Look at it as it is now.")
            return self._page(visit, method, (problem,), 409)
        return Redirect(f"{METHODS_PATH}?done=removed")

    def try_it(self, visit: Visit) -> Answer:
        """Make a call; the key is used for it, and forgotten."""
        method = self._find(visit)
        typed, key, problems = read_try(visit.form)
        answer = None if problems else self._try_call(tried_call(visit.base_url, method, typed, key))
        if not problems:
            details = {"endpoint": typed.endpoint, "call": answer.call_id if answer else None}
            subject = f"method {method.system_name}"
            self._audit.add(AuditEntry(visit.now, AuditAction.CALL_TRIED, str(visit.principal), subject, details))
        body = answer.shown() if answer else None
        view = TryView(method.system_name, typed, problems, is_answered=answer is not None)
        if answer and body:
            view = _answered(view, answer, body.raw)
        more = {**_try_more(visit, method, typed), "method": method, "body": body, "wrong": by_field(problems)}
        return Page("try", view, 422 if problems else 200, more)

    def _submit(self, visit: Visit, system_name: str | None) -> Answer:
        """Save the form, or change its steps, or show what is wrong with it; nothing that was typed is lost."""
        form, version = read_form(visit.form), visit.form.get("version", "")
        wish = visit.form.get("do", "save")
        if wish != "save":
            return self._form(MethodFormView(system_name, rearranged(form, wish), version))
        table, problems = table_of(form)
        change = put_method(table, system_name, version)
        theirs = None
        try:
            if not problems:
                self._desk.change(change, visit.principal)
                return Redirect(f"{method_path(table['system_name'])}?done=saved")
            change(self._catalog.current())  # for what the rules find wrong beside
        except InvalidInput as error:
            problems += error.problems
        except ChangedMeanwhile as meanwhile:
            version, theirs = version_of(meanwhile.thing), text_of(meanwhile.thing) if meanwhile.thing else ""
            problems.append(conflict(theirs))
        return self._form(MethodFormView(system_name, form, version, form_problems(problems), theirs))

    def _form(self, view: MethodFormView) -> Page:
        """The form; its boxes are the endpoints that there are, and those that were ticked."""
        known = self._catalog.current().endpoints
        more = {
            **_PATHS,
            "action": f"{method_path(view.system_name)}/edit" if view.system_name else METHODS_PATH,
            "back": method_path(view.system_name) if view.system_name else METHODS_PATH,
            "endpoints": sorted({*known, *view.form.endpoints}),
            "integration_names": {name: endpoint.integration_name for name, endpoint in known.items()},
            "labels": LABELS,
            "wrong": by_field(view.problems),
            "step_kinds": STEP_KINDS,
            "formats": tuple(ExportFormat),
            "compressions": tuple(Compression),
            "columns": COLUMNS.values(),
            "place_of_new": partial(place_of_new, view.form.steps),
        }
        return Page("method_form", view, 422 if view.problems else 200, more)

    def _page(
        self, visit: Visit, method: ApiMethod, problems: Sequence[FormProblem] = (), status_code: int = 200
    ) -> Page:
        figures = day_figures(self._pages, visit)
        of_method = None if figures is None else figures.get(method.system_name, DayFigures())
        more = {
            **_try_more(visit, method, new_try(method)),
            "version": version_of(method),
            "wrong": {},
            "schemas": [_schema(step) for step in method.steps],
        }
        return Page("method", MethodView(method, of_method, problems), status_code, more)

    def _find(self, visit: Visit) -> ApiMethod:
        name = name_in(visit.parts["name"])
        method = self._catalog.current().methods.get(name)
        if method is None:
            raise NotFound(f"The catalog has no API method {name}.")
        return method


_PATHS: Mapping[str, Any] = {"method_path": method_path, "endpoint_path": endpoint_path}


def step_words(step: Step) -> str:
    """A step in a few words."""
    match step:
        case ValidateStep():
            return "validate" if step.blocking else "validate, go on"
        case ForwardStep():
            return f"forward to {urlsplit(step.url).netloc.rpartition('@')[2]}"
        case PythonStep():
            return f"run {step.handler}"
        case ExportStep():
            return f"export {step.options.format}"
    return step.kind


def _line(method: ApiMethod, figures: Mapping[str, DayFigures] | None) -> MethodLine:
    return MethodLine(
        system_name=method.system_name,
        name=method.name,
        endpoints=method.endpoints,
        steps=[step_words(step) for step in method.steps],
        requires_key=method.requires_key,
        last_day=None if figures is None else figures.get(method.system_name, DayFigures()),
    )


def _schema(step: Step) -> ShownBody | None:
    """The schema of a validation, as people read it."""
    if not isinstance(step, ValidateStep):
        return None
    text = schema_text(step.schema)
    return shown_body(LoggedBody(text, len(text)), "content-type: application/json")


def _try_more(visit: Visit, method: ApiMethod, typed: TryForm) -> dict[str, Any]:
    return {
        **_PATHS,
        "typed": typed,
        "modes": MODE_WORDS,
        "content_types": CONTENT_TYPES,
        "url": call_url(visit.base_url, method, typed),
        "command": try_command(visit.base_url, method, typed),
    }


def _answered(view: TryView, answer: TriedAnswer, text: str) -> TryView:
    return TryView(
        view.method_system_name,
        view.form,
        view.problems,
        is_answered=True,
        status_code=answer.status_code,
        headers=answer.headers,
        body=text,
        call_id=answer.call_id,
    )
