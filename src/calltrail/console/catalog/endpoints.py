"""Integration endpoints: all of them, one of them with its keys, and its form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calltrail.console.catalog.method_figures import DayFigures, day_figures
from calltrail.console.catalog.problems import LABELS, FormProblem, by_field, conflict, form_problems
from calltrail.console.catalog.trying import new_try, try_command
from calltrail.console.paths import ENDPOINTS_PATH, endpoint_path, method_path, name_in
from calltrail.console.visits import Answer, Form, NotFound, Page, Redirect, Visit
from calltrail.domain.access import ENDPOINT_PERMISSIONS
from calltrail.domain.catalog import EndpointKey, IntegrationEndpoint, KeyKind
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.catalog.desk import LIVE_KEYS_OF_A_KIND, LONGEST_LABEL_CHARS, CatalogDesk
from calltrail.services.catalog.editing import (
    NO_VERSION,
    ChangedMeanwhile,
    put_endpoint,
    remove_endpoint,
    text_of,
    version_of,
)
from calltrail.services.ports import CallPages, CatalogStore


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """An endpoint in the list."""

    external_id: str
    integration_name: str
    permissions: Sequence[str]
    methods: int
    """How many API methods it may call."""

    live_keys: int


@dataclass(frozen=True, slots=True)
class EndpointsView:
    endpoints: Sequence[EndpointLine]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key, without its hash."""

    id: int
    kind: KeyKind
    label: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallableMethod:
    """An API method that the endpoint may call."""

    system_name: str
    name: str
    requires_key: bool
    last_day: DayFigures | None
    """Of its calls from this endpoint; None for who may not look at calls."""


@dataclass(frozen=True, slots=True)
class EndpointView:
    endpoint: IntegrationEndpoint
    keys: Sequence[KeyLine]
    """Newest first."""

    methods: Sequence[CallableMethod]
    problems: Sequence[FormProblem] = ()


@dataclass(frozen=True, slots=True)
class NewKeyView:
    """A key and its secret, which is shown this once."""

    endpoint_external_id: str
    key: KeyLine
    secret: str


@dataclass(frozen=True, slots=True)
class EndpointForm:
    """An endpoint as it was typed."""

    external_id: str = ""
    integration_name: str = ""
    permissions: tuple[str, ...] = ()

    def table(self) -> dict[str, Any]:
        """As the catalog file has it."""
        return {
            "external_id": self.external_id.strip(),
            "integration_name": self.integration_name.strip(),
            "permissions": list(self.permissions),
        }


@dataclass(frozen=True, slots=True)
class EndpointFormView:
    """The form of an endpoint, as it was typed, and what is wrong with it."""

    external_id: str | None
    """Of the one that is edited; None: a new one."""

    form: EndpointForm
    version: str
    """Of the endpoint as it was when the form was filled."""

    problems: Sequence[FormProblem] = ()
    theirs: str | None = None
    """What somebody else made of it meanwhile, as the catalog file has it; empty when they removed it."""


class EndpointsDesk:
    """`/endpoints` and what belongs to it."""

    def __init__(self, *, catalog: CatalogStore, desk: CatalogDesk, pages: Callable[[], CallPages]) -> None:
        self._catalog = catalog
        self._desk = desk
        self._pages = pages

    def show_all(self, visit: Visit) -> Answer:  # noqa: ARG002 - the same for everybody
        endpoints = self._catalog.current().endpoints
        return Page(
            "endpoints", EndpointsView([self._line(endpoints[name]) for name in sorted(endpoints)]), more=_PATHS
        )

    def show(self, visit: Visit) -> Answer:
        return self._page(visit, self._find(visit))

    def new(self, visit: Visit) -> Answer:  # noqa: ARG002 - the same for everybody
        return _form_page(EndpointFormView(None, EndpointForm(), NO_VERSION))

    def create(self, visit: Visit) -> Answer:
        return self._submit(visit, None)

    def edit(self, visit: Visit) -> Answer:
        endpoint = self._find(visit)
        form = EndpointForm(endpoint.external_id, endpoint.integration_name, tuple(sorted(endpoint.permissions)))
        return _form_page(EndpointFormView(endpoint.external_id, form, version_of(endpoint)))

    def save(self, visit: Visit) -> Answer:
        return self._submit(visit, name_in(visit.parts["external_id"]))

    def remove(self, visit: Visit) -> Answer:
        """Remove it; its keys are revoked, and no API method names it any more."""
        endpoint = self._find(visit)
        try:
            self._desk.change(remove_endpoint(endpoint.external_id, visit.form.get("version", "")), visit.principal)
        except ChangedMeanwhile:
            problem = FormProblem("", "", "Somebody else changed this endpoint meanwhile. Look at it as it is now.")
            return self._page(visit, endpoint, (problem,), 409)
        return Redirect(f"{ENDPOINTS_PATH}?done=removed")

    def create_key(self, visit: Visit) -> Answer:
        """Make a key, and show it this once."""
        endpoint = self._find(visit)
        kind, label = visit.form.get("kind", ""), visit.form.get("label", "")
        try:
            key, secret = self._desk.create_key(endpoint.external_id, _key_kind(kind), visit.principal, label)
        except InvalidInput as error:
            return self._page(visit, endpoint, form_problems(error.problems), 422)
        view = NewKeyView(endpoint.external_id, _key_line(key), secret)
        return Page("endpoint_key", view, more={**_PATHS, "command": self._example(visit, endpoint, secret)})

    def revoke_key(self, visit: Visit) -> Answer:
        endpoint = self._find(visit)
        self._desk.revoke_key(endpoint.external_id, int(visit.parts["key_id"]), visit.principal)
        return Redirect(f"{endpoint_path(endpoint.external_id)}?done=revoked")

    def _submit(self, visit: Visit, external_id: str | None) -> Answer:
        """Save the form, or show what is wrong with it; nothing that was typed is lost."""
        form, version = _read_form(visit.form, external_id), visit.form.get("version", "")
        theirs = None
        try:
            self._desk.change(put_endpoint(form.table(), external_id, version), visit.principal)
            return Redirect(f"{endpoint_path(form.external_id.strip())}?done=saved")
        except InvalidInput as error:
            problems = form_problems(error.problems)
        except ChangedMeanwhile as meanwhile:
            version, theirs = version_of(meanwhile.thing), text_of(meanwhile.thing) if meanwhile.thing else ""
            problems = form_problems([conflict(theirs)])
        return _form_page(EndpointFormView(external_id, form, version, problems, theirs))

    def _page(
        self,
        visit: Visit,
        endpoint: IntegrationEndpoint,
        problems: Sequence[FormProblem] = (),
        status_code: int = 200,
    ) -> Page:
        keys = [_key_line(key) for key in self._catalog.keys(endpoint.external_id)]
        methods = self._methods(endpoint, day_figures(self._pages, visit, endpoint.external_id))
        view = EndpointView(endpoint, keys[::-1], methods, problems)
        more = {
            **_PATHS,
            "version": version_of(endpoint),
            "wrong": by_field(problems),
            "kinds": tuple(KeyKind),
            "most_live": LIVE_KEYS_OF_A_KIND,
            "longest_label": LONGEST_LABEL_CHARS,
            "typed_label": visit.form.get("label", ""),
            "typed_kind": visit.form.get("kind", KeyKind.MAIN),
        }
        return Page("endpoint", view, status_code, more)

    def _methods(
        self, endpoint: IntegrationEndpoint, figures: Mapping[str, DayFigures] | None
    ) -> Sequence[CallableMethod]:
        methods = self._catalog.current().methods
        return [
            CallableMethod(
                name, method.name, method.requires_key, None if figures is None else figures.get(name, DayFigures())
            )
            for name, method in sorted(methods.items())
            if endpoint.external_id in method.endpoints
        ]

    def _line(self, endpoint: IntegrationEndpoint) -> EndpointLine:
        return EndpointLine(
            external_id=endpoint.external_id,
            integration_name=endpoint.integration_name,
            permissions=[permission.title for permission in sorted(endpoint.permissions)],
            methods=len(self._methods(endpoint, None)),
            live_keys=len(self._catalog.live_keys(endpoint.external_id)),
        )

    def _example(self, visit: Visit, endpoint: IntegrationEndpoint, secret: str) -> str:
        """A command that makes a first call with the key; empty when the endpoint may call nothing."""
        callable_methods = self._methods(endpoint, None)
        method = self._catalog.current().methods.get(callable_methods[0].system_name) if callable_methods else None
        if method is None:
            return ""
        typed = new_try(method, endpoint.external_id)
        return f"KEY={secret}\n{try_command(visit.base_url, method, typed)}"

    def _find(self, visit: Visit) -> IntegrationEndpoint:
        external_id = name_in(visit.parts["external_id"])
        endpoint = self._catalog.current().endpoints.get(external_id)
        if endpoint is None:
            raise NotFound(f"The catalog has no endpoint {external_id}.")
        return endpoint


_PATHS: Mapping[str, Any] = {"method_path": method_path, "endpoint_path": endpoint_path}


def _read_form(form: Form, external_id: str | None) -> EndpointForm:
    """What was typed; the id of an endpoint that there is stays, because keys and calls go by it."""
    return EndpointForm(
        external_id=form.get("external_id", "") if external_id is None else external_id,
        integration_name=form.get("integration_name", ""),
        permissions=tuple(form.getlist("permissions")),
    )


def _form_page(view: EndpointFormView) -> Page:
    more = {
        **_PATHS,
        "action": f"{endpoint_path(view.external_id)}/edit" if view.external_id else ENDPOINTS_PATH,
        "back": endpoint_path(view.external_id) if view.external_id else ENDPOINTS_PATH,
        "permissions": sorted(ENDPOINT_PERMISSIONS),
        "labels": LABELS,
        "wrong": by_field(view.problems),
    }
    return Page("endpoint_form", view, 422 if view.problems else 200, more)


def _key_kind(word: str) -> KeyKind:
    if word not in list(KeyKind):
        raise InvalidInput([Problem(f"This must be one of {', '.join(KeyKind)}.", "/kind")])
    return KeyKind(word)


def _key_line(key: EndpointKey) -> KeyLine:
    return KeyLine(key.id, key.kind, key.label, key.created_at, key.last_used_at, key.revoked_at)
