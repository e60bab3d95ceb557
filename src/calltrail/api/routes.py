"""The table of routes: every address, and what opens it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.routing import Route

from calltrail.services.call import CallMode

Endpoint = Callable[..., Any]
"""As Starlette's Route takes it: a function of a request, or an object that is an ASGI application."""


class OpenedBy(StrEnum):
    """What a visitor must show."""

    NOTHING = "nothing"

    ENDPOINT_KEY = "endpoint key"
    """A live key of the integration endpoint, where the API method requires one."""

    LINK = "link"
    """A signed link; its owner, or else a signed-in visitor, must hold Integration Logs Export at that moment."""

    SESSION = "session"
    """A session, or an API token, of a person who holds what the console's table asks for."""


@dataclass(frozen=True, slots=True)
class Address:
    """A line of the table."""

    path: str

    methods: tuple[str, ...]
    """Empty: every method comes through, and the application tells which it takes."""

    opened_by: OpenedBy
    endpoint: Endpoint

    def route(self) -> Route:
        return Route(self.path, self.endpoint, methods=self.methods or None)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What stands behind the addresses."""

    operations: Endpoint
    download: Endpoint
    show_sign_in: Endpoint
    sign_in: Endpoint
    sign_out: Endpoint
    healthz: Endpoint
    readyz: Endpoint


def addresses(endpoints: Endpoints) -> Iterator[Address]:
    """The whole table. An address that is not in it does not exist."""
    for mode in CallMode:
        for path in (f"/v3/operations/{mode}", f"/v3/operations/{mode}/"):
            yield Address(path, (), OpenedBy.ENDPOINT_KEY, endpoints.operations)
    yield Address("/exports/{token}/{file_name}", ("GET",), OpenedBy.LINK, endpoints.download)
    yield Address("/sign-in", ("GET",), OpenedBy.NOTHING, endpoints.show_sign_in)
    yield Address("/sign-in", ("POST",), OpenedBy.NOTHING, endpoints.sign_in)
    yield Address("/sign-out", ("POST",), OpenedBy.NOTHING, endpoints.sign_out)
    yield Address("/healthz", ("GET",), OpenedBy.NOTHING, endpoints.healthz)
    yield Address("/readyz", ("GET",), OpenedBy.NOTHING, endpoints.readyz)
