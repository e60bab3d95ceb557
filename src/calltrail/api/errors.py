"""Errors outside the contract's envelope: JSON, or a page for a browser."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from calltrail.api.pages import error_page, prefers_html


def error_response(
    request: Request,
    status_code: int,
    message: str,
    *,
    location: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`{"error": {"message": …, "location": …}}`, or a page where `Accept` names HTML.

    `location` is the JSON pointer of what is wrong in the request, where there is one.
    """
    if prefers_html(request):
        return error_page(status_code, HTTPStatus(status_code).phrase, message, headers)
    error = {"message": message} | ({"location": location} if location is not None else {})
    safe_headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    return JSONResponse({"error": error}, status_code, safe_headers)
