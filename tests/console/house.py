"""A console over memory stores: people of several roles, and a log with calls, driven without a socket."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from calltrail.domain.access import Permission
from calltrail.domain.calls import CallOutcome, CallRequest
from tests.api.platform import Platform
from tests.api.site import OPERATOR, OWNER, PASSWORD
from tests.asgi import Response, request
from tests.samples import a_request, an_outcome

VIEWER = "vera@example.com"
"""May look at calls, and at nothing else."""


class House:
    """The whole HTTP application, with a log that tests fill."""

    def __init__(self, public_url: str | None = None) -> None:
        self.platform = Platform(public_url=public_url)
        self.site = self.platform.site
        self.log = self.platform.log
        self.site.staff.set_role("Support", [Permission.CALLS_VIEW])
        self.site.access.add_staff(VIEWER, PASSWORD, ["Support"], OPERATOR)

    @property
    def now(self) -> datetime:
        """When the house was built; calls of the last 24 hours are shown at first."""
        return self.site.now

    async def add_call(
        self, started_at: datetime | None = None, *, is_open: bool = False, **changes: Any
    ) -> CallRequest:
        """Log a call; changes are of either half of the record."""
        of_request = {name: value for name, value in changes.items() if name in CallRequest.__slots__}
        call = a_request(started_at or self.now, **of_request)
        if is_open:
            await self.log.begin(call, must_survive_power_loss=False)
        else:
            of_outcome = {name: value for name, value in changes.items() if name in CallOutcome.__slots__}
            await self.log.finish(call, an_outcome(call, **of_outcome), was_begun=False)
        return call

    async def person(self, email: str = OWNER) -> "Person":
        """Somebody who has signed in."""
        body = urlencode({"email": email, "password": PASSWORD}).encode()
        response = await request(self.platform.app, "POST", "/sign-in", body=body)
        assert response.status == 303, response.text
        return Person(self, response.headers["set-cookie"].partition(";")[0])

    async def stranger(self) -> "Person":
        """Somebody who has not."""
        return Person(self, "")


@dataclass(frozen=True, slots=True)
class Person:
    """A browser and who sits before it."""

    house: House
    cookie: str

    async def get(self, path: str, method: str = "GET", **headers: str) -> Response:
        """A page as a browser asks for it; header names may stand with underscores for dashes."""
        sent = {"Accept": "text/html,*/*", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookie:
            sent["Cookie"] = self.cookie
        return await request(self.house.platform.app, method, path, headers=sent)

    async def json(self, path: str) -> Any:
        """The JSON of a page."""
        address, _, query = path.partition("?")
        response = await self.get(f"{address}.json" + (f"?{query}" if query else ""))
        assert response.headers["content-type"] == "application/json", response.text
        return response.json()

    async def post(
        self,
        path: str,
        fields: Mapping[str, str | Sequence[str]] = MappingProxyType({}),
        *,
        token: str | None = None,
    ) -> Response:
        """Send a form with the token of this person's session, unless another is given."""
        filled = {"form_token": self._form_token() if token is None else token, **fields}
        headers = {
            "Accept": "text/html,*/*",
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": "http://calltrail.test",
        }
        if self.cookie:
            headers["Cookie"] = self.cookie
        body = urlencode(filled, doseq=True).encode()
        return await request(self.house.platform.app, "POST", path, headers=headers, body=body)

    def _form_token(self) -> str:
        scope = {"type": "http", "headers": [(b"cookie", self.cookie.encode())]}
        return self.house.site.sessions.form_token(Request(scope))


def form_token(page: Response) -> str:
    """The token that a form of the page brings along."""
    match = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert match
    return match[1]


def text_of(page: Response) -> str:
    """What a person reads of a page: no tags, whitespace as one blank."""
    without_tags = re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]*>", " ", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(without_tags).split())
