"""The few HTML pages of the API: plain HTML and CSS, no script, nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import Response

from calltrail.services.access.rights import FEWEST_PASSWORD_CHARS

_FOLDER = Path(__file__).parent / "templates"
_STYLE = (_FOLDER / "page.css").read_text()
_PAGE, _SIGN_IN, _SIGNED_IN, _WELCOME, _ERROR = (
    Template((_FOLDER / f"{name}.html").read_text()) for name in ("page", "sign_in", "signed_in", "welcome", "error")
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    # Not `no-referrer`: browsers would then name no origin when the form is sent.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def prefers_html(request: Request) -> bool:
    """Whether a browser shows the answer to a person."""
    return "text/html" in request.headers.get("accept", "").lower()


def sign_in_page(
    status_code: int, message: str, *, next_path: str, email: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The form, which leads to `next_path` in the end."""
    return _page(status_code, "Sign in", _SIGN_IN, headers, message=message, next=next_path, email=email)


def signed_in_page(email: str) -> Response:
    return _page(200, "Signed in", _SIGNED_IN, None, email=email)


def welcome_page(status_code: int, message: str, *, email: str) -> Response:
    """The form by which an invited person chooses a password; it is sent to where it is."""
    return _page(
        status_code, "Welcome", _WELCOME, None, message=message, email=email, fewest=str(FEWEST_PASSWORD_CHARS)
    )


def error_page(status_code: int, title: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return _page(status_code, title, _ERROR, headers, message=message)


def _page(status_code: int, title: str, content: Template, headers: Mapping[str, str] | None, **texts: str) -> Response:
    # What went wrong is read out at once.
    texts |= {"role": "alert" if status_code >= 400 else "note"}
    filled = content.substitute({name: escape(text) for name, text in texts.items()})
    html = _PAGE.substitute(title=escape(title), style=_STYLE, content=filled)
    return Response(html, status_code, {**_HEADERS, **(headers or {})}, "text/html; charset=utf-8")
