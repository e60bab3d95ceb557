"""Who has signed in, as a signed cookie says. What they may do is looked up at every use, not kept in it."""

from collections.abc import Callable
from datetime import datetime

from itsdangerous import BadData
from starlette.requests import Request
from starlette.responses import Response

from calltrail.domain.access import Principal, PrincipalKind
from calltrail.services.access.links import token_serializer

SESSION_COOKIE = "calltrail_session"
SESSION_S = 12 * 60 * 60


class Sessions:
    """Begins, reads and ends sessions of staff. Every process with the same secret reads what another began."""

    def __init__(self, secret: bytes, now: Callable[[], datetime]) -> None:
        self._tokens = token_serializer(secret, "calltrail.session.1")
        self._now = now

    def begin(self, request: Request, response: Response, email: str) -> None:
        """Make the response sign its reader in."""
        token = self._tokens.dumps([email, int(self._now().timestamp())])
        is_secure = request.url.scheme == "https"
        response.set_cookie(SESSION_COOKIE, token, max_age=SESSION_S, secure=is_secure, httponly=True, samesite="lax")

    def end(self, request: Request, response: Response) -> None:
        """Make the response sign its reader out."""
        is_secure = request.url.scheme == "https"
        response.delete_cookie(SESSION_COOKIE, secure=is_secure, httponly=True, samesite="lax")

    def visitor(self, request: Request) -> Principal | None:
        """The person who signed in, however little they may do by now; None for a forged or an old cookie too."""
        try:
            email, began_at = self._tokens.loads(request.cookies.get(SESSION_COOKIE, ""))
        except BadData:
            return None
        age_s = self._now().timestamp() - began_at
        return Principal(PrincipalKind.STAFF, email) if age_s < SESSION_S else None
