"""The sign-in page: a person with a password gets a session."""

import re
from urllib.parse import parse_qsl

import anyio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from calltrail.api.errors import error_response
from calltrail.api.origins import is_same_origin
from calltrail.api.pages import sign_in_page, signed_in_page
from calltrail.api.sessions import Sessions
from calltrail.services.access.rights import Access, TooManySignIns

SIGN_IN_PATH = "/sign-in"

SIGN_IN_CHALLENGE = {"WWW-Authenticate": f'Cookie realm="Calltrail", form-action="{SIGN_IN_PATH}"'}
"""HTTP wants a challenge with every 401; browsers pass over one of a scheme they don't know."""

_LARGEST_FORM_BYTES = 8 * 1024
_PASSWORDS_AT_ONCE = 2
"""Each takes 64 MiB and all of a core while it is checked."""


class SignIn:
    """`GET` and `POST /sign-in`, `POST /sign-out`."""

    def __init__(self, access: Access, sessions: Sessions) -> None:
        self._access = access
        self._sessions = sessions
        self._password_checks = anyio.CapacityLimiter(_PASSWORDS_AT_ONCE)

    async def show(self, request: Request) -> Response:
        """The form; whoever has signed in sees as whom, unless they are on their way somewhere."""
        next_path = request.query_params.get("next")
        visitor = await anyio.to_thread.run_sync(self._sessions.visitor, request)
        if visitor and next_path is None:
            return signed_in_page(visitor.id)
        return sign_in_page(200, "For members of staff.", next_path=local_path(next_path))

    async def submit(self, request: Request) -> Response:
        """Check the password; the right one leads on to `next` with a session."""
        if not is_same_origin(request):
            return error_response(request, 403, "A form of another site can't sign anybody in.")
        form = await read_form(request)
        if form is None:
            return error_response(request, 413, "The form is too large.")
        email, next_path = form.get("email", "").strip(), local_path(form.get("next"))
        try:
            person = await anyio.to_thread.run_sync(
                self._access.sign_in, email, form.get("password", ""), limiter=self._password_checks
            )
        except TooManySignIns as error:
            headers = {"Retry-After": str(error.retry_after_s)}
            return sign_in_page(429, str(error), next_path=next_path, email=email, headers=headers)
        if person is None:
            message = "The address or the password is wrong."
            return sign_in_page(401, message, next_path=next_path, email=email, headers=SIGN_IN_CHALLENGE)
        response = RedirectResponse(next_path, 303, {"Cache-Control": "no-store"})
        await anyio.to_thread.run_sync(self._sessions.begin, request, response, person.email)
        return response

    async def sign_out(self, request: Request) -> Response:
        if not is_same_origin(request):
            return error_response(request, 403, "A form of another site can't sign anybody out.")
        response = RedirectResponse(SIGN_IN_PATH, 303, {"Cache-Control": "no-store"})
        await anyio.to_thread.run_sync(self._sessions.end, request, response)
        return response


def local_path(path: str | None) -> str:
    """`path` when it can only lead to this server; `/` otherwise.

    Browsers read a backslash as a slash and drop control characters, so that neither may stand in it.
    """
    return path if path and re.fullmatch(r"/(?!/)[^\\\x00-\x20\x7f]*", path) else "/"


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a form; None when it is too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM_BYTES:
            return None
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
