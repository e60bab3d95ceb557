"""One's own account: what one may do, the password, and API tokens."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from calltrail.console.catalog.problems import FormProblem, by_field
from calltrail.console.people.words import PERMISSION_WORDS, told
from calltrail.console.routes import ConsoleAddress
from calltrail.console.visits import Answer, Page, Redirect, Visit
from calltrail.domain.access import Permission, StaffToken
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.access.passes import LONGEST_LABEL_CHARS, MOST_TOKENS, Passes
from calltrail.services.access.people import People
from calltrail.services.access.rights import FEWEST_PASSWORD_CHARS

_PATH = "/account"
_NO_DAYS = 0
"""Refused by whoever makes tokens, as every number of days that makes no sense."""

_TIMES: Mapping[str, str] = MappingProxyType(
    {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year", "": "ever, until it is revoked"}
)
"""How long a token may be good, by days."""

_USUAL_DAYS = "90"


@dataclass(frozen=True, slots=True)
class TokenLine:
    """An API token, without its hash."""

    id: int
    label: str
    state: str
    """live, revoked or expired."""

    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    """None: never."""

    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountView:
    email: str
    roles: Sequence[str]
    permissions: frozenset[Permission]
    tokens: Sequence[TokenLine]
    """Newest first."""

    problems: Sequence[FormProblem] = ()


@dataclass(frozen=True, slots=True)
class NewTokenView:
    """A token and its secret, which is shown this once."""

    token: TokenLine
    secret: str


class AccountDesk:
    """`/account` and what belongs to it."""

    def __init__(self, *, people: People, passes: Passes) -> None:
        self._people = people
        self._passes = passes

    def show(self, visit: Visit) -> Answer:
        return self._page(visit)

    def change_password(self, visit: Visit) -> Answer:
        """Every session of the person ends but the one that asks."""
        old, new = visit.form.get("old", ""), visit.form.get("new", "")
        if new != visit.form.get("again", ""):
            return self._page(visit, told([Problem("The new passwords differ.", "/again")]))
        try:
            self._people.change_password(visit.person.email, old, new, session=visit.session)
        except InvalidInput as error:
            return self._page(visit, told(error.problems))
        return Redirect(f"{_PATH}?done=password")

    def sign_out_elsewhere(self, visit: Visit) -> Answer:
        """Every session of the person ends but the one that asks."""
        self._people.sign_out_elsewhere(visit.person.email, session=visit.session)
        return Redirect(f"{_PATH}?done=elsewhere")

    def create_token(self, visit: Visit) -> Answer:
        """Make a token, and show it this once."""
        label, days = visit.form.get("label", ""), _days(visit.form.get("days", ""))
        try:
            token, secret = self._passes.create_token(visit.person.email, label, days, visit.principal)
        except InvalidInput as error:
            return self._page(visit, told(error.problems))
        more = {"command": _example(visit, secret)}
        return Page("account_token", NewTokenView(_line(token, visit.now), secret), more=more)

    def revoke_token(self, visit: Visit) -> Answer:
        try:
            self._passes.revoke_token(visit.person.email, int(visit.parts["token_id"]), visit.principal)
        except InvalidInput as error:
            return self._page(visit, told(error.problems))
        return Redirect(f"{_PATH}?done=revoked")

    def _page(self, visit: Visit, problems: Sequence[FormProblem] = ()) -> Page:
        person = visit.person
        view = AccountView(
            email=person.email,
            roles=sorted(person.roles),
            permissions=person.permissions,
            tokens=[_line(token, visit.now) for token in self._passes.tokens(person.email)[::-1]],
            problems=problems,
        )
        more = {
            "permissions": PERMISSION_WORDS,
            "times": _TIMES,
            "typed_label": visit.form.get("label", ""),
            "typed_days": visit.form.get("days", _USUAL_DAYS),
            "fewest_chars": FEWEST_PASSWORD_CHARS,
            "longest_label": LONGEST_LABEL_CHARS,
            "most_tokens": MOST_TOKENS,
            "wrong": by_field(problems),
        }
        return Page("account", view, 422 if problems else 200, more)


def account_table(desk: AccountDesk) -> Iterator[ConsoleAddress]:
    yield ConsoleAddress("GET", "/account", desk.show)
    yield ConsoleAddress("POST", "/account/password", desk.change_password)
    yield ConsoleAddress("POST", "/account/sign-out-elsewhere", desk.sign_out_elsewhere)
    yield ConsoleAddress("POST", "/account/tokens", desk.create_token)
    yield ConsoleAddress("POST", "/account/tokens/{token_id:int}/revoke", desk.revoke_token)


def _days(word: str) -> int | None:
    """So many days, None for ever."""
    if not word.strip():
        return None
    return int(word) if word.strip().isdecimal() and len(word) < 10 else _NO_DAYS


def _line(token: StaffToken, now: datetime) -> TokenLine:
    state = "live" if token.is_live(now) else "revoked" if token.revoked_at else "expired"
    return TokenLine(
        token.id, token.label, state, token.created_at, token.last_used_at, token.expires_at, token.revoked_at
    )


def _example(visit: Visit, secret: str) -> str:
    """A command that uses the token for something that the person may do."""
    page = "calls" if visit.may(Permission.CALLS_VIEW) else "account"
    return f"curl -H 'Authorization: Bearer {secret}' {shlex.quote(f'{visit.base_url}/{page}.json')}"
