"""Who has signed in, as a cookie or an API token says. What they may do is looked up at every use."""

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from calltrail.domain.access import Principal, PrincipalKind, StaffMember
from calltrail.services.access.passes import API_TOKEN_PREFIX, SESSION_TIME, Passes

SESSION_COOKIE = "calltrail_session"

_FORM_PURPOSE = b"calltrail.form.1\0"


class Sessions:
    """Begins, reads and ends sessions of staff. What takes a request or a response blocks, but for form tokens.

    Every process with the same registry and the same secret reads what another began.
    """

    def __init__(self, passes: Passes, secret: bytes) -> None:
        self._passes = passes
        self._secret = secret

    def begin(self, request: Request, response: Response, email: str) -> None:
        """Make the response sign its reader in."""
        secret = self._passes.begin_session(email)
        age_s, is_secure = int(SESSION_TIME.total_seconds()), request.url.scheme == "https"
        response.set_cookie(SESSION_COOKIE, secret, max_age=age_s, secure=is_secure, httponly=True, samesite="lax")

    def end(self, request: Request, response: Response) -> None:
        """End the session for good, and make the response sign its reader out."""
        if secret := session_secret(request):
            self._passes.end_session(secret)
        is_secure = request.url.scheme == "https"
        response.delete_cookie(SESSION_COOKIE, secure=is_secure, httponly=True, samesite="lax")

    def visitor(self, request: Request) -> Principal | None:
        """The person who signed in, however little they may do by now.

        None when the session is over or made up, or the person is disabled. A request that brings an API token is its
        person's, or nobody's: its cookie does not count.
        """
        person = self._person(request)
        return Principal(PrincipalKind.STAFF, person.email) if person else None

    def _person(self, request: Request) -> StaffMember | None:
        if token := api_token(request):
            return self._passes.token_person(token)
        secret = session_secret(request)
        return self._passes.session_person(secret) if secret else None

    def form_token(self, request: Request) -> str:
        """What a form of the visitor's session must bring along; empty without a session cookie."""
        secret = session_secret(request)
        return hmac.new(self._secret, _FORM_PURPOSE + secret.encode(), hashlib.sha256).hexdigest() if secret else ""

    def is_own_form(self, request: Request, presented: str) -> bool:
        """Whether a form was made for this session; never without a session cookie."""
        expected = self.form_token(request)
        return bool(expected) and hmac.compare_digest(expected.encode(), presented.encode("utf-8", "replace"))


def session_secret(request: Request) -> str:
    """What the session cookie says; empty without one."""
    return request.cookies.get(SESSION_COOKIE, "")


def api_token(request: Request) -> str:
    """The API token that a program brings as `Authorization: Bearer`; empty without one.

    No other site can make a browser send one, as it can make it send cookies and passwords of HTTP Basic.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip().startswith(API_TOKEN_PREFIX) else ""
