"""The HTTP application: the table of routes, and an answer for everything that is not in it."""

from collections.abc import Iterable

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Lifespan

from calltrail.api.errors import error_response
from calltrail.api.routes import Address, Endpoints, addresses
from calltrail.services.ports import StoreUnavailable

_log = structlog.get_logger()


def application(endpoints: Endpoints, console: Iterable[Address], lifespan: Lifespan[Starlette]) -> ASGIApp:
    """The application of one process; `lifespan` opens and closes what stands behind it."""
    app = Starlette(
        routes=[address.route() for address in (*addresses(endpoints), *console)],
        exception_handlers={HTTPException: _refused, StoreUnavailable: _unavailable},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # clients of the contract follow no redirect
    return app


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(request, error.status_code, str(error.detail))


def _unavailable(request: Request, error: Exception) -> Response:
    _log.error("store-unavailable", path=request.scope["route"].path, error=str(error))
    return error_response(request, 503, "This can't be done now; try again.", headers={"Retry-After": "1"})
