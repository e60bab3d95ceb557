"""The addresses of API methods and endpoints."""

from collections.abc import Iterator

from calltrail.console.catalog.endpoints import EndpointsDesk
from calltrail.console.catalog.methods import MethodsDesk
from calltrail.console.routes import ConsoleAddress
from calltrail.domain.access import Permission

_LOOK = (Permission.CALLS_VIEW, Permission.CATALOG_EDIT)
_EDIT = (Permission.CATALOG_EDIT,)


def catalog_table(methods: MethodsDesk, endpoints: EndpointsDesk) -> Iterator[ConsoleAddress]:
    """Fixed addresses stand before those with variable parts."""
    yield ConsoleAddress("GET", "/catalog.toml", methods.catalog_file, _LOOK)
    yield from _methods(methods)
    yield from _endpoints(endpoints)


def _methods(desk: MethodsDesk) -> Iterator[ConsoleAddress]:
    yield ConsoleAddress("GET", "/methods", desk.show_all, _LOOK)
    yield ConsoleAddress("POST", "/methods", desk.create, _EDIT)
    yield ConsoleAddress("GET", "/methods/new", desk.new, _EDIT)
    yield ConsoleAddress("GET", "/methods/{name}", desk.show, _LOOK)
    yield ConsoleAddress("GET", "/methods/{name}/edit", desk.edit, _EDIT)
    yield ConsoleAddress("POST", "/methods/{name}/edit", desk.save, _EDIT)
    yield ConsoleAddress("POST", "/methods/{name}/remove", desk.remove, _EDIT)
    yield ConsoleAddress("POST", "/methods/{name}/try", desk.try_it, _LOOK)


def _endpoints(desk: EndpointsDesk) -> Iterator[ConsoleAddress]:
    yield ConsoleAddress("GET", "/endpoints", desk.show_all, _LOOK)
    yield ConsoleAddress("POST", "/endpoints", desk.create, _EDIT)
    yield ConsoleAddress("GET", "/endpoints/new", desk.new, _EDIT)
    yield ConsoleAddress("GET", "/endpoints/{external_id}", desk.show, _LOOK)
    yield ConsoleAddress("GET", "/endpoints/{external_id}/edit", desk.edit, _EDIT)
    yield ConsoleAddress("POST", "/endpoints/{external_id}/edit", desk.save, _EDIT)
    yield ConsoleAddress("POST", "/endpoints/{external_id}/remove", desk.remove, _EDIT)
    yield ConsoleAddress("POST", "/endpoints/{external_id}/keys", desk.create_key, _EDIT)
    yield ConsoleAddress("POST", "/endpoints/{external_id}/keys/{key_id:int}/revoke", desk.revoke_key, _EDIT)
