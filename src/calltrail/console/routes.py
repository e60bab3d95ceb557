"""The console's addresses: who may open each, and how a request becomes a visit and an answer a response."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, quote

import anyio
import orjson
import structlog
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from calltrail.api.errors import error_response
from calltrail.api.origins import is_same_origin
from calltrail.api.routes import Address, OpenedBy
from calltrail.api.sessions import Sessions, api_token, session_secret
from calltrail.api.sign_in import SIGN_IN_CHALLENGE, SIGN_IN_PATH
from calltrail.console.rendering import PAGE_HEADERS, STATIC, render
from calltrail.console.visits import Answer, Download, Form, NotFound, Page, Redirect, Refused, Visit
from calltrail.domain.access import Permission, StaffMember
from calltrail.domain.problems import InvalidInput
from calltrail.services.access.ports import StaffStore
from calltrail.services.ports import StoreUnavailable

_log = structlog.get_logger()

_LARGEST_FORM_BYTES = 4 * 1024 * 1024
_VISITS_AT_ONCE = 4
"""Pages are made in threads of the process that receives calls; more wait."""

_FILE_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

Handler = Callable[[Visit], Answer]


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """A line of the console's table."""

    method: str
    """GET or POST. A page that is got has its JSON under the same path with `.json`."""

    path: str
    handler: Handler
    permissions: tuple[Permission, ...] = ()
    """One of them opens it; without any, everybody who has signed in."""


class ConsoleDoor:
    """Lets people in, each where they may go."""

    def __init__(
        self, *, sessions: Sessions, staff: StaffStore, public_url: str | None, now: Callable[[], datetime]
    ) -> None:
        self._sessions = sessions
        self._staff = staff
        self._public_url = public_url
        self._now = now
        self._visits = anyio.CapacityLimiter(_VISITS_AT_ONCE)

    def addresses(self, table: Sequence[ConsoleAddress]) -> Iterator[Address]:
        """The table as routes, and the static files."""
        for line in table:
            endpoint = self._endpoint(line)
            if line.method == "GET":
                yield Address(f"{line.path.rstrip('/') or '/index'}.json", ("GET",), OpenedBy.SESSION, endpoint)
            yield Address(line.path, (line.method,), OpenedBy.SESSION, endpoint)
        yield Address("/static/{name}", ("GET",), OpenedBy.NOTHING, _static)

    def _endpoint(self, line: ConsoleAddress) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            form = await _read_form(request) if line.method == "POST" else Form()
            if form is None:
                return error_response(request, 413, "The form is too large.")
            return await anyio.to_thread.run_sync(self._answer, line, request, form, limiter=self._visits)

        return endpoint

    def _answer(self, line: ConsoleAddress, request: Request, form: Form) -> Response:
        visitor = self._sessions.visitor(request)
        person = self._staff.find(visitor.id) if visitor else None
        if person is None:
            return _sign_in_first(request)
        visit = self._visit(request, person, form)
        if line.method == "POST" and not self._is_own(request, form):
            reason = (
                "This form was not made by this site, or in an earlier session. Go back, reload the page, try again."
            )
            return _respond(request, visit, _error(403, "Refused", reason))
        if line.permissions and not visit.may(*line.permissions):
            return _respond(request, visit, self._missing(line.permissions))
        try:
            return _respond(request, visit, _answered(line.handler, visit))
        except StoreUnavailable:
            raise  # the application has an answer for it
        except Exception:  # noqa: BLE001 - whatever it is, the visitor gets a page and the log the reason
            _log.exception("page-failed", path=line.path)
            message = "The page could not be made. What went wrong stands in the server's log, under page-failed."
            return _respond(request, visit, _error(500, "Something broke", message))

    def _visit(self, request: Request, person: StaffMember, form: Form) -> Visit:
        return Visit(
            person=person,
            address=request.url.path.removesuffix(".json"),
            parts=request.path_params,
            query=QueryParams(request.url.query),
            form=form,
            form_token=self._sessions.form_token(request),
            session=session_secret(request),
            base_url=(self._public_url or f"{request.url.scheme}://{request.url.netloc}").rstrip("/"),
            now=self._now(),
            is_head=request.method == "HEAD",
        )

    def _is_own(self, request: Request, form: Form) -> bool:
        """Whether the person meant to send this. No site can make a browser send a token of ours in a header."""
        if api_token(request):
            return True
        return is_same_origin(request) and self._sessions.is_own_form(request, form.get("form_token", ""))

    def _missing(self, permissions: Sequence[Permission]) -> Page:
        askable = [person.email for person in self._staff.all() if Permission.STAFF_EDIT in person.permissions]
        missing = [permission.title for permission in permissions]
        return Page("refused", {"status": 403, "missing": missing, "ask": askable}, 403)


def _answered(handler: Handler, visit: Visit) -> Answer:
    try:
        return handler(visit)
    except NotFound as error:
        return _error(404, "Not found", str(error))
    except Refused as error:
        return _error(403, "Refused", str(error))
    except InvalidInput as error:
        problems = [{"message": problem.message, "location": problem.location} for problem in error.problems]
        return Page("problems", {"status": 422, "problems": problems}, 422)


def _error(status_code: int, title: str, message: str) -> Page:
    return Page("error", {"status": status_code, "title": title, "message": message}, status_code)


def _sign_in_first(request: Request) -> Response:
    if request.method == "GET" and not _wants_json(request):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = {"Cache-Control": "no-store"}
        return RedirectResponse(f"{SIGN_IN_PATH}?next={quote(here, safe='')}", 303, headers)
    return error_response(request, 401, "Sign in, or bring an API token.", headers=SIGN_IN_CHALLENGE)


def _respond(request: Request, visit: Visit, answer: Answer) -> Response:
    match answer:
        case Redirect():
            return RedirectResponse(answer.path, 303, {"Cache-Control": "no-store"})
        case Download():
            return _file(answer)
        case Page() if _wants_json(request):
            data = orjson.dumps(answer.view, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
            return Response(data, answer.status_code, {**PAGE_HEADERS, **answer.headers}, "application/json")
        case Page():
            html = render(answer.template, view=answer.view, visit=visit, Permission=Permission, **answer.more)
            return Response(html, answer.status_code, {**PAGE_HEADERS, **answer.headers}, "text/html; charset=utf-8")


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "").lower()
    return request.url.path.endswith(".json") or ("application/json" in accept and "text/html" not in accept)


def _plain(value: object) -> object:
    """What JSON has no word for."""
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _file(answer: Download) -> Response:
    headers = {**PAGE_HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox", **answer.headers}
    if answer.name:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(answer.name, safe='')}"
    if answer.size_bytes is not None:
        headers["Content-Length"] = str(answer.size_bytes)
    if isinstance(answer.content, bytes):
        return Response(answer.content, 200, headers, answer.media_type)
    return StreamingResponse(answer.content, 200, headers, answer.media_type)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        return error_response(request, 404, "There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(STATIC[name], 200, headers, _FILE_TYPES[name.rpartition(".")[2]])


async def _read_form(request: Request) -> Form | None:
    """The fields of a form; None when it is too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM_BYTES:
            return None
    return Form(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
