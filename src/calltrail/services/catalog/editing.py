"""One endpoint or API method changed within the whole catalog, by whoever has read it as it was."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from calltrail.domain.catalog import ApiMethod, Catalog, IntegrationEndpoint
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.catalog.file import read_tables, tables_of, write_catalog

Thing = ApiMethod | IntegrationEndpoint
"""What the catalog is made of."""

Change = Callable[[Catalog], Catalog]
"""Makes another catalog of the one that there is.

Raises ChangedMeanwhile, and InvalidInput: a location is then a JSON pointer within the table that was put, and empty
when what is wrong stands elsewhere.
"""

_T = TypeVar("_T", bound=Thing)

NO_VERSION = ""
"""That of what does not exist."""


class ChangedMeanwhile(Exception):
    """Somebody else changed or removed it after it was read; `thing` is what it is now."""

    def __init__(self, thing: Thing | None) -> None:
        super().__init__()
        self.thing = thing


def version_of(thing: Thing | None) -> str:
    """A word that is another one whenever the thing is another one."""
    return hashlib.sha256(text_of(thing).encode()).hexdigest()[:32] if thing else NO_VERSION


def text_of(thing: Thing) -> str:
    """The thing as the catalog file has it."""
    if isinstance(thing, ApiMethod):
        return write_catalog(Catalog({}, {thing.system_name: thing}))
    return write_catalog(Catalog({thing.external_id: thing}))


def put_method(table: Mapping[str, Any], system_name: str | None, version: str) -> Change:
    """Put the API method of a table in the place of the one of that name; with None, add it."""

    def changed(catalog: Catalog) -> Catalog:
        _require_version(catalog.methods.get(system_name or ""), version)
        others = replace(catalog, methods=_without(catalog.methods, system_name))
        return _with_table(others, "api_methods", table)

    return changed


def remove_method(system_name: str, version: str) -> Change:
    def changed(catalog: Catalog) -> Catalog:
        _require_version(catalog.methods.get(system_name), version)
        return replace(catalog, methods=_without(catalog.methods, system_name))

    return changed


def put_endpoint(table: Mapping[str, Any], external_id: str | None, version: str) -> Change:
    """Put the endpoint of a table in the place of the one of that id; with None, add it."""

    def changed(catalog: Catalog) -> Catalog:
        _require_version(catalog.endpoints.get(external_id or ""), version)
        others = replace(catalog, endpoints=_without(catalog.endpoints, external_id))
        return _with_table(others, "endpoints", table)

    return changed


def remove_endpoint(external_id: str, version: str) -> Change:
    """Remove the endpoint, also from the API methods that it may call."""

    def changed(catalog: Catalog) -> Catalog:
        _require_version(catalog.endpoints.get(external_id), version)
        methods = {name: _without_caller(method, external_id) for name, method in catalog.methods.items()}
        return Catalog(_without(catalog.endpoints, external_id), methods)

    return changed


def _require_version(thing: Thing | None, version: str) -> None:
    if version_of(thing) != version:
        raise ChangedMeanwhile(thing)


def _without(things: Mapping[str, _T], name: str | None) -> dict[str, _T]:
    return {each: thing for each, thing in things.items() if each != name}


def _without_caller(method: ApiMethod, external_id: str) -> ApiMethod:
    return replace(method, endpoints=tuple(each for each in method.endpoints if each != external_id))


def _with_table(others: Catalog, key: str, table: Mapping[str, Any]) -> Catalog:
    """The others and the table, judged by the rules of the file."""
    data = tables_of(others)
    # The table comes last: a name that is here twice is then told of it, not of the other.
    data[key].append(dict(table))
    try:
        return read_tables(data)
    except InvalidInput as error:
        raise InvalidInput(_seen_from(f"/{key}/{len(data[key]) - 1}", error.problems)) from None


def _seen_from(base: str, problems: Sequence[Problem]) -> Iterator[Problem]:
    for problem in problems:
        if problem.location == base or problem.location.startswith(f"{base}/"):
            yield Problem(problem.message, problem.location.removeprefix(base))
        else:
            yield Problem(f"Elsewhere in the catalog, at {problem.location}: {problem.message}")
