import base64
import hashlib
import re
from datetime import timedelta
from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.api.sign_in import local_path
from calltrail.domain.audit import AuditAction
from tests.api.site import CLERK, OPERATOR, OWNER, PASSWORD, Site
from tests.asgi import HOST, Response, request


@pytest.fixture
def site() -> Site:
    return Site()


async def sign_in(
    site: Site, email: str = OWNER, password: str = PASSWORD, next_path: str = "", **headers: str
) -> Response:
    body = f"email={quote(email)}&password={quote(password)}&next={quote(next_path)}"
    return await site.request("POST", "/sign-in", body.encode(), headers)


async def test_the_page_asks_for_address_and_password_and_remembers_the_way(site: Site) -> None:
    page = await site.get("/sign-in?next=/exports/a-token/part.csv")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'name="next" value="/exports/a-token/part.csv"' in page.text
    assert re.search(r'name="password" type="password" autocomplete="current-password"', page.text)


async def test_the_page_runs_no_script_and_loads_nothing(site: Site) -> None:
    page = await site.get("/sign-in")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    style = re.search(r"<style>(.*)</style>", page.text, re.DOTALL)
    assert style
    style_hash = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{style_hash}'" in policy
    assert not re.search(r"<script|<link|<img| src=| style=|url\(|https?:|@import", page.text)
    assert page.headers["cache-control"] == "no-store"


async def test_what_a_visitor_typed_is_shown_as_text(site: Site) -> None:
    page = await sign_in(site, email='"><script>alert(1)</script>$message', password="a wrong password")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_the_right_password_leads_on_with_a_session(site: Site) -> None:
    response = await sign_in(site, next_path="/exports/a-token/part.csv")
    assert response.status == 303
    assert response.headers["location"] == "/exports/a-token/part.csv"
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    page = await site.get("/sign-in", cookie=cookie.partition(";")[0])
    assert f"You are signed in as <strong>{OWNER}</strong>" in page.text
    assert '<a href="/">' in page.text


async def test_a_session_that_began_over_https_never_travels_without_it(site: Site) -> None:
    body = f"email={OWNER}&password={quote(PASSWORD)}".encode()
    response = await request(site.app, "POST", "/sign-in", body=body, scheme="https")
    assert "Secure" in response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("email", "password"), [(OWNER, "a wrong password"), ("nobody@example.com", PASSWORD), ("", "")]
)
async def test_a_wrong_password_shows_the_form_again_and_tells_nothing(site: Site, email: str, password: str) -> None:
    response = await sign_in(site, email, password, "/exports/a-token/part.csv")
    assert response.status == 401
    assert "set-cookie" not in response.headers
    assert "The address or the password is wrong." in response.text
    assert 'value="/exports/a-token/part.csv"' in response.text
    assert not password or password not in response.text


async def test_somebody_who_keeps_failing_is_told_when_to_try_again(site: Site) -> None:
    for _ in range(5):
        assert (await sign_in(site, password="a wrong password")).status == 401
    response = await sign_in(site)
    assert response.status == 429
    assert response.headers["retry-after"] == "900"
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "next_path",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "evil",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "",
        "///evil.example",
    ],
)
async def test_signing_in_never_leads_to_another_site(site: Site, next_path: str) -> None:
    response = await sign_in(site, next_path=next_path)
    assert response.status == 303
    assert response.headers["location"] == "/"


@given(st.text(alphabet="/\\:.?#@%\t\r\n \x00aé\u2028", max_size=12))
def test_a_path_to_go_on_to_is_always_one_of_ours(text: str) -> None:
    as_browsers_read_it = re.sub(r"[\t\r\n]", "", local_path(text)).strip().replace("\\", "/")
    assert urlsplit(urljoin(f"https://{HOST}/sign-in", as_browsers_read_it)).netloc == HOST


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": f"http://{HOST}"},
        {"origin": "https://evil.example"},
        {"origin": f"https://{HOST}.evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
async def test_a_form_of_another_site_neither_signs_in_nor_out(site: Site, path: str, headers: dict[str, str]) -> None:
    body = f"email={OWNER}&password={quote(PASSWORD)}".encode()
    response = await site.request("POST", path, body, headers)
    assert response.status == 403
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "headers", [{"sec_fetch_site": "same-origin"}, {"sec_fetch_site": "none"}, {"origin": f"http://{HOST}"}]
)
async def test_our_own_form_signs_in(site: Site, headers: dict[str, str]) -> None:
    assert (await sign_in(site, **headers)).status == 303


async def test_signing_out_takes_the_session_away(site: Site) -> None:
    response = await site.request("POST", "/sign-out", headers={"cookie": await site.cookie(OWNER)})
    assert response.status == 303
    assert response.headers["location"] == "/sign-in"
    assert response.headers["set-cookie"].startswith('calltrail_session=""; expires=')
    assert "Max-Age=0" in response.headers["set-cookie"]


async def test_a_session_that_was_signed_out_is_over_also_for_whoever_copied_the_cookie(site: Site) -> None:
    copied, other = await site.cookie(OWNER), await site.cookie(OWNER)
    await site.request("POST", "/sign-out", headers={"cookie": copied})
    assert OWNER not in (await site.get("/sign-in", cookie=copied)).text
    assert OWNER in (await site.get("/sign-in", cookie=other)).text
    assert site.audited(AuditAction.SIGNED_OUT).principal == f"staff:{OWNER}"


async def test_signing_out_without_a_session_leads_to_the_page_too(site: Site) -> None:
    response = await site.request("POST", "/sign-out")
    assert (response.status, response.headers["location"]) == (303, "/sign-in")
    assert not site.audit.entries(AuditAction.SIGNED_OUT)


async def test_a_disabled_person_is_signed_out_everywhere_at_once(site: Site) -> None:
    cookie = await site.cookie(CLERK)
    site.people.disable(CLERK, OPERATOR)
    assert CLERK not in (await site.get("/sign-in", cookie=cookie)).text
    assert (await sign_in(site, CLERK)).status == 401


async def test_a_session_ends_after_twelve_hours(site: Site) -> None:
    cookie = await site.cookie(CLERK)
    site.now += timedelta(hours=12, seconds=-1)
    assert CLERK in (await site.get("/sign-in", cookie=cookie)).text
    site.now += timedelta(seconds=1)
    assert CLERK not in (await site.get("/sign-in", cookie=cookie)).text


@pytest.mark.parametrize("value", ["", "x", "x.y", '"', "eyJhIjoxfQ.c2lnbmF0dXJl"])
async def test_a_made_up_session_is_none(site: Site, value: str) -> None:
    page = await site.get("/sign-in", cookie=f"calltrail_session={value}")
    assert "You are signed in" not in page.text


async def test_a_form_that_is_too_large_is_not_read(site: Site) -> None:
    assert (await sign_in(site, password="x" * 10_000)).status == 413


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"email", b"=&=&;", b"email=a&email=b", b"%00=%00&email=%00%ff"])
async def test_a_form_that_makes_no_sense_signs_nobody_in(site: Site, body: bytes) -> None:
    assert (await site.request("POST", "/sign-in", body)).status == 401
