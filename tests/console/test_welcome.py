"""Where an invitation leads."""

import re
from datetime import timedelta
from importlib.resources import files
from urllib.parse import urlencode

import pytest

from tests.api.site import OPERATOR
from tests.asgi import Response, request
from tests.console.attributes import attributes_at
from tests.console.forms import texts_at
from tests.console.house import House, Person, text_of

INES = "ines@example.com"
CHOSEN = "battery staple horse"


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def path(house: House) -> str:
    """Where the invitation of Ines leads, who may look at calls."""
    return f"/welcome/{house.site.people.invite(INES, ['Support'], OPERATOR)}"


async def send(house: House, path: str, password: str = CHOSEN, again: str | None = None, **headers: str) -> Response:
    body = urlencode({"password": password, "again": password if again is None else again}).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await request(house.platform.app, "POST", path, headers=sent, body=body)


async def test_an_invited_person_chooses_a_password_and_is_signed_in(house: House, path: str) -> None:
    page = await (await house.stranger()).get(path)
    assert page.status == 200
    assert attributes_at(page, "//input[@autocomplete='username']/@value") == [INES]
    assert attributes_at(page, "//input[@autocomplete='new-password']/@name") == ["password", "again"]
    assert texts_at(page, "//label") == ["E-mail address", "Password", "Repeat password"]
    answer = await send(house, path)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    ines = Person(house, answer.headers["set-cookie"].partition(";")[0])
    assert (await ines.get("/calls")).status == 200
    assert house.site.access.confirms(INES, CHOSEN)


async def test_looking_at_an_invitation_spends_nothing(house: House, path: str) -> None:
    for _ in range(3):
        assert (await (await house.stranger()).get(path)).status == 200


async def test_an_invitation_is_good_once(house: House, path: str) -> None:
    await send(house, path)
    for page in (await (await house.stranger()).get(path), await send(house, path, "another password")):
        assert page.status == 404
        assert "This invitation is over" in text_of(page)
        assert "set-cookie" not in page.headers
    assert house.site.access.confirms(INES, CHOSEN)


async def test_an_invitation_is_over_after_three_days(house: House, path: str) -> None:
    house.site.now += timedelta(days=3)
    assert (await (await house.stranger()).get(path)).status == 404
    assert (await send(house, path)).status == 404


@pytest.mark.parametrize("secret", ["x", "%00", "calltrail_invitation_", "%F0%9F", "'--"])
async def test_a_made_up_invitation_is_none(house: House, secret: str) -> None:
    assert (await (await house.stranger()).get(f"/welcome/{secret}")).status == 404
    assert (await send(house, f"/welcome/{secret}")).status == 404


async def test_a_disabled_person_can_not_join(house: House, path: str) -> None:
    house.site.people.disable(INES, OPERATOR)
    assert (await send(house, path)).status == 404


@pytest.mark.parametrize(
    ("password", "again", "problem"),
    [
        ("short", "short", "A password has at least 12 characters."),
        (CHOSEN, "another password", "The passwords differ."),
        ("", "", "A password has at least 12 characters."),
    ],
)
async def test_a_password_that_will_not_do_is_told_and_spends_nothing(
    house: House, path: str, password: str, again: str, problem: str
) -> None:
    page = await send(house, path, password, again)
    assert page.status == 422
    assert texts_at(page, "//*[@role='alert']") == [problem]
    assert CHOSEN not in page.text
    assert (await send(house, path)).status == 303


@pytest.mark.parametrize("headers", [{"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_a_form_of_another_site_spends_nothing(house: House, path: str, headers: dict[str, str]) -> None:
    answer = await send(house, path, **headers)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert (await send(house, path)).status == 303


async def test_a_form_that_is_too_large_is_not_read(house: House, path: str) -> None:
    assert (await send(house, path, "x" * 10_000)).status == 413


async def test_the_address_of_an_invitation_goes_to_no_other_site(house: House, path: str) -> None:
    page = await (await house.stranger()).get(path)
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img| src=| style=|url\(|https?:|@import", page.text)


def test_the_pages_before_signing_in_have_the_colours_of_the_console() -> None:
    before = files("calltrail.api") / "templates" / "page.css"
    console = files("calltrail.console") / "static" / "console.css"
    colours = re.findall(r"--[\w-]+: light-dark\([^;]*;", before.read_text())
    assert colours
    assert all(colour in console.read_text() for colour in colours)
