"""Endpoints in the console: the list, one of them with its keys, and its form."""

from dataclasses import replace
from datetime import timedelta

import pytest

from calltrail.domain.access import Permission
from calltrail.domain.audit import AuditAction
from calltrail.domain.catalog import AcceptStep, ApiMethod, Catalog, IntegrationEndpoint, KeyKind
from tests.api.platform import STRANGER
from tests.api.site import CLERK, ENDPOINT
from tests.asgi import Response
from tests.console.forms import fields_of, links_of, texts_at, wrong_fields
from tests.console.house import VIEWER, House, text_of

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
PAGE = f"/endpoints/{STRANGER}"


def a_house() -> House:
    """Two endpoints: one with a key, one with two, and an API method that both may call."""
    house = House()
    house.platform.add_method("Shop.Order", AcceptStep())
    return house


def endpoint(house: House, external_id: str = STRANGER) -> IntegrationEndpoint:
    return house.site.catalog.current().endpoints[external_id]


def put(house: House, changed: IntegrationEndpoint) -> None:
    catalog = house.site.catalog.current()
    house.site.catalog.save(replace(catalog, endpoints={**catalog.endpoints, changed.external_id: changed}))


def secret_on(page: Response) -> str:
    (secret,) = texts_at(page, "//pre[@id='secret']")
    return secret


# Looking


async def test_the_list_tells_who_may_call_how_much() -> None:
    house = a_house()
    person = await house.person()
    assert "Somebody else demo.Stranger 1 1 –" in text_of(await person.get("/endpoints"))
    lines = (await person.json("/endpoints"))["endpoints"]
    assert lines[1] == {
        "external_id": ENDPOINT,
        "integration_name": "Web shop",
        "permissions": ["Integration Logs Export"],
        "methods": 1,
        "live_keys": 2,
    }


async def test_an_empty_list_says_so() -> None:
    house = House()
    house.site.catalog.save(Catalog())
    assert "nobody can call" in text_of(await (await house.person()).get("/endpoints"))


async def test_a_page_shows_its_keys_its_methods_and_their_figures() -> None:
    house = a_house()
    await house.add_call(method_system_name="Shop.Order", endpoint_external_id=STRANGER)
    await house.add_call(method_system_name="Shop.Order", endpoint_external_id=ENDPOINT)
    (key,) = house.site.catalog.keys(STRANGER)
    house.site.catalog.note_key_uses({key.id: house.now})
    data = await (await house.person()).json(PAGE)
    assert [(each["id"], each["kind"], each["revoked_at"]) for each in data["keys"]] == [(key.id, "main", None)]
    assert data["keys"][0]["last_used_at"]
    assert "sha256" not in data["keys"][0]
    assert [(each["system_name"], each["last_day"]["calls"]) for each in data["methods"]] == [("Shop.Order", 1)]
    page = await (await house.person()).get(PAGE)
    assert f"/calls?method=Shop.Order&endpoint={STRANGER}" in links_of(page)


async def test_an_endpoint_without_anything_says_so() -> None:
    house = House()
    put(house, IntegrationEndpoint("new", "Newcomer"))
    person = await house.person()
    (path,) = [link for link in links_of(await person.get("/endpoints")) if "%256Eew" in link]
    text = text_of(await person.get(path))
    assert "It has no keys" in text
    assert "None yet." in text


async def test_what_is_not_in_the_catalog_is_not_found() -> None:
    person = await a_house().person()
    for path in ("/endpoints/none", "/endpoints/none/edit", "/endpoints/none.json"):
        assert (await person.get(path)).status == 404


# Creating and changing


async def test_an_endpoint_is_made_and_changed() -> None:
    house = a_house()
    person = await house.person()
    typed = {"external_id": " shop.Kiosk ", "integration_name": "Kiosk", "permissions": "integration-logs-export"}
    answer = await person.post("/endpoints", {**fields_of(await person.get("/endpoints/new"), "/endpoints"), **typed})
    assert (answer.status, answer.headers["location"]) == (303, "/endpoints/shop.Kiosk?done=saved")
    permissions = frozenset({Permission.INTEGRATION_LOGS_EXPORT})
    assert endpoint(house, "shop.Kiosk") == IntegrationEndpoint("shop.Kiosk", "Kiosk", permissions)
    form = fields_of(await person.get("/endpoints/shop.Kiosk/edit"), "/edit")
    assert form["permissions"] == ["integration-logs-export"]
    changed = {**form, "integration_name": "Kiosk 2", "permissions": []}
    assert (await person.post("/endpoints/shop.Kiosk/edit", changed)).status == 303
    assert endpoint(house, "shop.Kiosk") == IntegrationEndpoint("shop.Kiosk", "Kiosk 2")


async def test_every_problem_is_told_at_its_field_and_nothing_typed_is_lost() -> None:
    house = a_house()
    before = house.site.catalog.current()
    person = await house.person()
    typed = {"external_id": ENDPOINT, "integration_name": "\x07 bell", "permissions": "staff-edit"}
    page = await person.post("/endpoints", typed)
    assert page.status == 422
    assert wrong_fields(page) == {
        "external_id": f'"{ENDPOINT}" is here twice.',
        "integration_name": "A name has printable characters, and no space around it.",
        "permissions": "This must be one of integration-logs-export.",
    }
    assert fields_of(page, "/endpoints")["external_id"] == [ENDPOINT]
    assert house.site.catalog.current() == before


async def test_the_id_of_an_endpoint_stays_whatever_the_form_says() -> None:
    house = a_house()
    person = await house.person()
    form = fields_of(await person.get(f"{PAGE}/edit"), "/edit")
    assert (
        await person.post(f"{PAGE}/edit", {**form, "external_id": "other", "integration_name": "Renamed"})
    ).status == 303
    assert endpoint(house).integration_name == "Renamed"
    assert "other" not in house.site.catalog.current().endpoints
    assert house.site.catalog.live_keys(STRANGER)


async def test_a_change_of_somebody_else_is_not_overwritten_unseen() -> None:
    house = a_house()
    person = await house.person()
    form = fields_of(await person.get(f"{PAGE}/edit"), "/edit")
    put(house, replace(endpoint(house), integration_name="Theirs"))
    page = await person.post(f"{PAGE}/edit", {**form, "integration_name": "Mine"})
    assert page.status == 422
    assert "Somebody else changed this meanwhile" in text_of(page)
    assert 'integration_name = "Theirs"' in text_of(page)
    assert endpoint(house).integration_name == "Theirs"
    assert (await person.post(f"{PAGE}/edit", fields_of(page, "/edit"))).status == 303
    assert endpoint(house).integration_name == "Mine"


# Removing


async def test_removing_an_endpoint_says_what_goes_with_it_and_takes_it_along() -> None:
    house = a_house()
    person = await house.person()
    page = await person.get(PAGE)
    text = text_of(page)
    assert "Its live key is revoked, for good." in text
    assert "It is taken from the API methods that name it: Shop.Order ." in text
    answer = await person.post(f"{PAGE}/remove", fields_of(page, "/remove"))
    assert answer.headers["location"] == "/endpoints?done=removed"
    catalog = house.site.catalog.current()
    assert STRANGER not in catalog.endpoints
    assert catalog.methods["Shop.Order"].endpoints == (ENDPOINT,)
    assert not house.site.catalog.live_keys(STRANGER)


async def test_what_changed_meanwhile_is_not_removed() -> None:
    house = a_house()
    person = await house.person()
    form = fields_of(await person.get(PAGE), "/remove")
    put(house, replace(endpoint(house), integration_name="Theirs"))
    page = await person.post(f"{PAGE}/remove", form)
    assert page.status == 409
    assert endpoint(house).integration_name == "Theirs"


# Keys


async def test_a_new_key_is_shown_once_and_opens_its_endpoint() -> None:
    house = a_house()
    person = await house.person()
    page = await person.post(f"{PAGE}/keys", {"label": " Till 4 ", "kind": "test"})
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    secret = secret_on(page)
    (command,) = texts_at(page, "//pre[@id='command']")
    assert command.startswith(f"KEY={secret}\ncurl 'http://calltrail.test/v3/operations/sync?endpointId={STRANGER}&")
    key = house.site.catalog.keys(STRANGER)[-1]
    assert (key.kind, key.label, key.created_at) == (KeyKind.TEST, "Till 4", house.now)
    assert house.site.access.authenticate_key(STRANGER, secret)
    later = await person.get(PAGE)
    assert secret not in later.text
    assert "Till 4 test live" in text_of(later)


async def test_a_third_live_key_of_a_kind_is_refused_and_the_label_kept() -> None:
    house = a_house()
    person = await house.person()
    assert (await person.post(f"{PAGE}/keys", {"label": "", "kind": "main"})).status == 200
    page = await person.post(f"{PAGE}/keys", {"label": "third", "kind": "main"})
    assert page.status == 422
    assert "revoke one first" in text_of(page)
    assert fields_of(page, "/keys")["label"] == ["third"]


@pytest.mark.parametrize("fields", [{"kind": "master"}, {}, {"kind": "main", "label": "x" * 101}])
async def test_a_key_that_can_not_be_is_refused(fields: dict[str, str]) -> None:
    house = a_house()
    assert (await (await house.person()).post(f"{PAGE}/keys", fields)).status == 422
    assert len(house.site.catalog.keys(STRANGER)) == 1


async def test_a_key_is_revoked() -> None:
    house = a_house()
    person = await house.person()
    (key,) = house.site.catalog.keys(STRANGER)
    house.site.now += timedelta(hours=1)
    answer = await person.post(f"{PAGE}/keys/{key.id}/revoke")
    assert answer.headers["location"] == f"{PAGE}?done=revoked"
    assert not house.site.catalog.live_keys(STRANGER)
    assert house.site.audited(AuditAction.KEY_REVOKED).details == {"key": key.id}
    text = text_of(await person.get(PAGE))
    assert f"revoked {house.site.now:%Y-%m-%d %H:%M:%S}" in text


async def test_a_key_of_another_endpoint_is_not_revoked_here() -> None:
    house = a_house()
    (key,) = house.site.catalog.keys(STRANGER)
    page = await (await house.person()).post(f"/endpoints/{ENDPOINT}/keys/{key.id}/revoke")
    assert page.status == 422
    assert house.site.catalog.live_keys(STRANGER)


# Permissions and hostile words


async def test_who_may_only_look_finds_no_buttons_and_is_refused() -> None:
    house = a_house()
    viewer = await house.person(VIEWER)
    for path in ("/endpoints", PAGE):
        page = await viewer.get(path)
        assert page.status == 200
        assert not [link for link in links_of(page) if link.endswith(("/new", "/edit", "/remove", "/keys", "/revoke"))]
    before, keys = house.site.catalog.current(), house.site.catalog.keys(STRANGER)
    for path in ("/endpoints", f"{PAGE}/edit", f"{PAGE}/remove", f"{PAGE}/keys", f"{PAGE}/keys/{keys[0].id}/revoke"):
        refused = await viewer.post(path, {"kind": "main"})
        assert refused.status == 403
        assert "Catalog Edit" in text_of(refused)
    assert (await viewer.get("/endpoints/new")).status == 403
    assert (house.site.catalog.current(), house.site.catalog.keys(STRANGER)) == (before, keys)


async def test_who_may_do_nothing_sees_nothing() -> None:
    clerk = await a_house().person(CLERK)
    for path in ("/endpoints", PAGE, f"{PAGE}.json"):
        assert (await clerk.get(path)).status == 403


async def test_hostile_words_show_as_words() -> None:
    house = House()
    house.site.catalog.save(
        Catalog(
            {HOSTILE: IntegrationEndpoint(HOSTILE, HOSTILE)},
            {HOSTILE: ApiMethod(HOSTILE, HOSTILE, (HOSTILE,), (AcceptStep(),))},
        )
    )
    house.site.catalog.add_key(HOSTILE, KeyKind.MAIN, b"", house.now, HOSTILE)
    person = await house.person()
    pages = [await person.get("/endpoints")]
    (path,) = [link for link in links_of(pages[0]) if link.startswith("/endpoints/%")]
    pages += [await person.get(path), await person.get(f"{path}/edit")]
    pages += [await person.post(f"{path}/keys", {"kind": "main", "label": HOSTILE})]
    pages += [await person.post("/endpoints", {"external_id": HOSTILE, "integration_name": HOSTILE})]
    for page in pages:
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert HOSTILE in text_of(page) or HOSTILE in str(fields_of(page, "/endpoints"))
    assert pages[3].status == 200
