"""The page that an invitation leads to: whoever has it chooses a password, and is signed in."""

from collections.abc import Iterator, Mapping

import anyio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from calltrail.api.errors import error_response
from calltrail.api.origins import is_same_origin
from calltrail.api.pages import error_page, welcome_page
from calltrail.api.routes import Address, OpenedBy
from calltrail.api.sessions import Sessions
from calltrail.api.sign_in import read_form
from calltrail.domain.problems import InvalidInput
from calltrail.services.access.people import People

_PATH = "/welcome/{secret}"
_PASSWORDS_AT_ONCE = 1
"""Beside those of people who sign in; each takes 64 MiB and all of a core. Whoever joins can wait a moment."""


class Welcome:
    """`GET` and `POST /welcome/{secret}`. Nothing but the secret opens it: its reader can't have signed in yet."""

    def __init__(self, *, people: People, sessions: Sessions) -> None:
        self._people = people
        self._sessions = sessions
        self._joining = anyio.CapacityLimiter(_PASSWORDS_AT_ONCE)

    def addresses(self) -> Iterator[Address]:
        yield Address(_PATH, ("GET",), OpenedBy.NOTHING, self.show)
        yield Address(_PATH, ("POST",), OpenedBy.NOTHING, self.accept)

    async def show(self, request: Request) -> Response:
        """The form, which spends nothing: whatever looks at links beforehand may do so."""
        person = await anyio.to_thread.run_sync(self._people.invited, request.path_params["secret"])
        return welcome_page(200, "Choose a password; it signs you in.", email=person.email) if person else _over()

    async def accept(self, request: Request) -> Response:
        """Spend the invitation, and lead on with a session."""
        if not is_same_origin(request):
            return error_response(request, 403, "A form of another site can't choose a password.")
        form = await read_form(request)
        if form is None:
            return error_response(request, 413, "The form is too large.")
        return await anyio.to_thread.run_sync(self._join, request, form, limiter=self._joining)

    def _join(self, request: Request, form: Mapping[str, str]) -> Response:
        secret, password = request.path_params["secret"], form.get("password", "")
        person = self._people.invited(secret)
        if person is None:
            return _over()
        if password != form.get("again", ""):
            return welcome_page(422, "The passwords differ.", email=person.email)
        try:
            self._people.accept(secret, password)
        except InvalidInput as error:
            message = " ".join(problem.message for problem in error.problems)
            return welcome_page(422, message, email=person.email)
        response = RedirectResponse("/", 303, {"Cache-Control": "no-store"})
        self._sessions.begin(request, response, person.email)
        return response


def _over() -> Response:
    message = "It was used, its time is over, or its address is not complete. Ask whoever invited you for a new one."
    return error_page(404, "This invitation is over", message)
