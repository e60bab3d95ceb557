"""Every address, with every kind of visitor."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette

from calltrail.api.routes import Address, Endpoints, OpenedBy, addresses
from calltrail.domain.access import Permission, Principal, PrincipalKind
from calltrail.domain.catalog import AcceptStep
from tests.api.platform import STRANGER, Platform, running
from tests.api.site import CLERK, ENDPOINT, OWNER
from tests.asgi import Response, request


def _nothing() -> None:
    """Stands behind no address."""


TABLE = tuple(addresses(Endpoints(*[_nothing] * 7)))

VISITORS = (
    "nobody",
    "forged key",
    "revoked key",
    "stranger's key",
    "live key",
    "clerk",
    "owner",
)


def test_the_application_has_the_addresses_of_the_table_first() -> None:
    """Those of the console, which tests/console/test_door.py walks, come after."""
    app = Platform().app
    assert isinstance(app, Starlette)
    paths = [route.path for route in app.routes]  # type: ignore[attr-defined]
    assert paths[: len(TABLE)] == [address.path for address in TABLE]


@dataclass
class Visit:
    """A visitor's headers, and the link they were given."""

    headers: dict[str, str]
    link: str


async def _visit(platform: Platform, visitor: str) -> Visit:
    site = platform.site
    job_id = site.export({"part.csv": b"data"})
    headers: dict[str, str] = {}
    minted_for = Principal(PrincipalKind.KEYLESS, ENDPOINT)
    match visitor:
        case "forged key":
            headers["Authorization"] = "SecretKey forged"
            minted_for = Principal(PrincipalKind.ENDPOINT_KEY, f"{ENDPOINT}/999")
        case "revoked key":
            headers["Authorization"] = f"SecretKey {platform.key}"
            key_id = site.catalog.keys(ENDPOINT)[-1].id
            site.catalog.revoke_key(key_id, site.now)
            minted_for = Principal(PrincipalKind.ENDPOINT_KEY, f"{ENDPOINT}/{key_id}")
        case "stranger's key":
            headers["Authorization"] = f"SecretKey {platform.strangers_key}"
            minted_for = Principal(PrincipalKind.ENDPOINT_KEY, f"{STRANGER}/{site.catalog.keys(STRANGER)[-1].id}")
        case "live key":
            headers["Authorization"] = f"SecretKey {platform.key}"
            minted_for = Principal(PrincipalKind.ENDPOINT_KEY, f"{ENDPOINT}/{site.catalog.keys(ENDPOINT)[-1].id}")
        case "clerk":
            headers["Cookie"] = await site.cookie(CLERK)
        case "owner":
            headers["Cookie"] = await site.cookie(OWNER)
    return Visit(headers, site.link(job_id, "part.csv", minted_for))


async def _knock(platform: Platform, address: Address, visit: Visit) -> Response:
    path = address.path
    if address.opened_by is OpenedBy.ENDPOINT_KEY:
        path += f"?endpointId={ENDPOINT}&operation=Closed"
    if address.opened_by is OpenedBy.LINK:
        path = visit.link
    method = address.methods[0] if address.methods else "POST"
    headers = {**visit.headers, "Content-Type": "application/json"}
    return await request(platform.app, method, path, headers=headers)


OPENS: dict[OpenedBy, Callable[[str], bool]] = {
    OpenedBy.NOTHING: lambda _: True,
    OpenedBy.ENDPOINT_KEY: lambda visitor: visitor == "live key",
    OpenedBy.LINK: lambda visitor: visitor in ("live key", "owner"),
}

REFUSED = (401, 403)


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("address", TABLE, ids=lambda address: f"{'|'.join(address.methods)}{address.path}")
async def test_each_address_opens_to_whom_it_is_for_and_to_nobody_else(address: Address, visitor: str) -> None:
    async with running(Platform()) as platform:
        platform.add_method("Closed", AcceptStep())
        visit = await _visit(platform, visitor)
        response = await _knock(platform, address, visit)
        if OPENS[address.opened_by](visitor):
            assert response.status not in REFUSED or address.path == "/sign-in"
        else:
            assert response.status in REFUSED
            assert b"data" not in response.body


async def test_a_permission_that_is_taken_back_closes_the_links_that_were_handed_out() -> None:
    async with running(Platform()) as platform:
        visit = await _visit(platform, "live key")
        assert (await request(platform.app, "GET", visit.link)).body == b"data"
        platform.site.permit(ENDPOINT)
        assert (await request(platform.app, "GET", visit.link)).status == 401
        platform.site.permit(ENDPOINT, Permission.INTEGRATION_LOGS_EXPORT)


@pytest.mark.parametrize("path", ["/v3/operations/other", "/v3", "/exports/x/y/z", "/sign-in/", "/healthz/"])
async def test_what_is_not_in_the_table_is_not_found(path: str) -> None:
    async with running(Platform()) as platform:
        response = await request(platform.app, "GET", path)
        assert response.status == 404
        assert response.json() == {"error": {"message": "Not Found"}}


async def test_readiness_and_health_answer() -> None:
    async with running(Platform()) as platform:
        assert (await request(platform.app, "GET", "/healthz")).json() == {"status": "ok"}
        assert (await request(platform.app, "GET", "/readyz")).json() == {"status": "ready"}
