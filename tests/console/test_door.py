"""Who gets into the console, and what its answers carry."""

import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from calltrail.api.routes import Endpoints, addresses
from calltrail.domain.catalog import AcceptStep
from tests.api.site import CLERK, OPERATOR, OWNER
from tests.console.house import VIEWER, House, form_token, text_of


async def test_a_stranger_is_led_to_the_sign_in_page_and_back() -> None:
    stranger = await House().stranger()
    page = await stranger.get("/calls?text=a%26b&status=failed")
    assert (page.status, page.headers["location"]) == (
        303,
        "/sign-in?next=%2Fcalls%3Ftext%3Da%2526b%26status%3Dfailed",
    )


async def test_a_program_without_a_token_is_told_in_json() -> None:
    stranger = await House().stranger()
    page = await stranger.get("/calls.json", Accept="*/*")
    assert page.status == 401
    assert page.json() == {"error": {"message": "Sign in, or bring an API token."}}


async def test_an_api_token_opens_what_its_person_may_see() -> None:
    house = House()
    _, secret = house.site.passes.create_token(VIEWER, "nightly", None, OPERATOR)
    stranger = await house.stranger()
    assert (await stranger.get("/calls.json", Authorization=f"Bearer {secret}")).status == 200


async def test_who_lacks_a_permission_reads_which_and_whom_to_ask() -> None:
    clerk = await House().person(CLERK)
    page = await clerk.get("/calls")
    assert page.status == 403
    assert "Calls View" in text_of(page)
    assert OWNER in text_of(page)


async def test_a_form_without_the_token_of_the_session_does_nothing() -> None:
    house = House()
    owner = await house.person()
    other = await house.person(VIEWER)
    stolen = form_token(await other.get("/calls"))
    for token in ("", "made up", stolen):
        assert (await owner.post("/account/tokens", {"label": "x"}, token=token)).status == 403


@pytest.mark.parametrize("path", ["/calls", "/calls/unknown", "/calls.json"])
async def test_no_page_may_be_framed_or_load_anything_from_elsewhere(path: str) -> None:
    owner = await House().person()
    page = await owner.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-store"


async def test_addresses_that_are_handed_on_begin_as_set() -> None:
    owner = await House("https://calltrail.example.com/").person()
    page = await owner.post("/people/invite", {"email": "new@example.com"})
    assert "https://calltrail.example.com/welcome/" in page.text


def _gettable() -> list[str]:
    """The address of every page, its variable parts filled in."""
    app = House().platform.app
    assert isinstance(app, Starlette)
    routes = [
        route for route in app.routes[_OF_THE_API:] if isinstance(route, Route) and "GET" in (route.methods or ())
    ]
    return [re.sub(r"\{[^}]+\}", "1", route.path) for route in routes]


_OF_THE_API = len(tuple(addresses(Endpoints(*[print] * 7))))
_OPEN = ("/static/1", "/welcome/1")
PAGES = [path for path in _gettable() if path not in _OPEN]
FOR_ANYBODY = {"/": 303, "/index.json": 303, "/account": 200, "/account.json": 200}


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_closed_to_strangers_and_to_who_lacks_its_permission(path: str) -> None:
    house = House()
    await house.add_call()
    house.platform.add_method("Website.CreateOrder", AcceptStep())
    stranger, clerk, owner = await house.stranger(), await house.person(CLERK), await house.person()
    assert (await stranger.get(path)).status == (401 if path.endswith(".json") else 303)
    assert (await clerk.get(path)).status == FOR_ANYBODY.get(path, 403)
    assert (await owner.get(path)).status in (200, 303, 404)
