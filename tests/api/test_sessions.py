"""Who visits, as their cookie or their API token says, and which forms are theirs."""

import pytest
from starlette.requests import Request

from calltrail.api.sessions import SESSION_COOKIE, Sessions, api_token, session_secret
from calltrail.domain.access import Principal, PrincipalKind
from tests.api.site import CLERK, OPERATOR, OWNER, SECRET, Site


@pytest.fixture
def site() -> Site:
    return Site()


def request(cookie: str = "", **headers: str) -> Request:
    """A request with this session cookie."""
    sent = headers | ({"cookie": f"theme=dark; {SESSION_COOKIE}={cookie}"} if cookie else {})
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw})


def visitor(site: Site, sent: Request) -> str:
    """Their address, or nothing."""
    principal = site.sessions.visitor(sent)
    assert principal is None or principal == Principal(PrincipalKind.STAFF, principal.id)
    return principal.id if principal else ""


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_the_visitor_is_whose_session_or_token_it_is(site: Site) -> None:
    session = site.passes.begin_session(OWNER)
    _, token = site.passes.create_token(CLERK, "jobs", None, OPERATOR)
    assert visitor(site, request(session)) == OWNER
    assert visitor(site, request(**bearer(token))) == CLERK
    assert visitor(site, request(authorization=f"bEARER  {token} ")) == CLERK
    assert visitor(site, request()) == ""


def test_a_request_with_a_token_is_its_persons_or_nobodys(site: Site) -> None:
    session = site.passes.begin_session(OWNER)
    row, token = site.passes.create_token(CLERK, "jobs", None, OPERATOR)
    assert visitor(site, request(session, **bearer(token))) == CLERK
    site.passes.revoke_token(CLERK, row.id, OPERATOR)
    assert visitor(site, request(session, **bearer(token))) == ""


@pytest.mark.parametrize("header", ["Basic b2xnYTpwYXNz", "SecretKey calltrail_key_x", "Bearer of.another.kind", ""])
def test_other_authorization_such_as_a_proxys_is_no_matter(site: Site, header: str) -> None:
    sent = request(site.passes.begin_session(OWNER), authorization=header)
    assert visitor(site, sent) == OWNER
    assert api_token(sent) == ""


def test_a_token_in_the_cookie_and_a_session_in_the_header_open_nothing(site: Site) -> None:
    session = site.passes.begin_session(OWNER)
    _, token = site.passes.create_token(CLERK, "jobs", None, OPERATOR)
    assert visitor(site, request(token)) == visitor(site, request(**bearer(session))) == ""


def test_a_form_of_the_session_is_known_by_every_process_with_the_secret(site: Site) -> None:
    sent = request(site.passes.begin_session(OWNER))
    token = site.sessions.form_token(sent)
    assert site.sessions.is_own_form(sent, token)
    assert Sessions(site.passes, SECRET).is_own_form(sent, token)
    assert not Sessions(site.passes, b"another secret" * 3).is_own_form(sent, token)


def test_a_form_of_another_session_is_not_ours(site: Site) -> None:
    mine, other = (request(site.passes.begin_session(OWNER)) for _ in range(2))
    assert not site.sessions.is_own_form(mine, site.sessions.form_token(other))


@pytest.mark.parametrize("presented", ["", "0" * 64, "é", "\udc80", "\x00"])
def test_a_made_up_form_token_is_none(site: Site, presented: str) -> None:
    assert not site.sessions.is_own_form(request(site.passes.begin_session(OWNER)), presented)


def test_without_a_session_no_form_is_ours(site: Site) -> None:
    _, token = site.passes.create_token(CLERK, "jobs", None, OPERATOR)
    for sent in (request(), request(**bearer(token))):
        assert session_secret(sent) == site.sessions.form_token(sent) == ""
        assert not site.sessions.is_own_form(sent, "")


def test_a_form_token_tells_nothing_of_the_session(site: Site) -> None:
    session = site.passes.begin_session(OWNER)
    token = site.sessions.form_token(request(session))
    assert session not in token
    assert visitor(site, request(token)) == ""
