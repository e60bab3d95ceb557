"""One's own account: password and API tokens."""

from datetime import timedelta

import pytest

from calltrail.domain.audit import AuditAction
from calltrail.services.access.passes import hash_secret
from tests.api.site import CLERK, OWNER, PASSWORD
from tests.asgi import Response, request
from tests.console.attributes import attributes_at
from tests.console.forms import texts_at, wrong_fields
from tests.console.house import VIEWER, House, text_of

HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"
NEW_PASSWORD = "battery staple horse"


def secret_of(page: Response) -> str:
    """The API token that a page shows."""
    (secret,) = texts_at(page, "//*[@id='new-token']")
    assert secret.startswith("calltrail_token_")
    return secret


async def test_the_page_says_what_its_person_may_do() -> None:
    house = House()
    page = await (await house.person(VIEWER)).get("/account")
    assert "Your role: Support ." in text_of(page)
    assert "Calls View Look at calls." in text_of(page)
    assert "Staff Edit" not in text_of(page)
    view = await (await house.person(VIEWER)).json("/account")
    assert view == {
        "email": VIEWER,
        "roles": ["Support"],
        "permissions": ["calls-view"],
        "tokens": [],
        "problems": [],
    }
    assert "You have no role yet" in text_of(await (await house.person(CLERK)).get("/account"))


# The password


async def test_a_new_password_ends_every_other_session_and_no_token() -> None:
    house = House()
    here, elsewhere = await house.person(VIEWER), await house.person(VIEWER)
    token = secret_of(await here.post("/account/tokens", {"label": "nightly", "days": ""}))
    fields = {"old": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    page = await here.post("/account/password", fields)
    assert (page.status, page.headers["location"]) == (303, "/account?done=password")
    assert (await here.get("/account")).status == 200
    assert (await elsewhere.get("/account")).status == 303
    assert (await (await house.stranger()).get("/account.json", Authorization=f"Bearer {token}")).status == 200
    assert house.site.access.confirms(VIEWER, NEW_PASSWORD)
    assert house.site.audited(AuditAction.PASSWORD_CHANGED).principal == f"staff:{VIEWER}"


async def test_other_sessions_can_be_ended() -> None:
    house = House()
    here, elsewhere, other = await house.person(VIEWER), await house.person(VIEWER), await house.person(CLERK)
    page = await here.post("/account/sign-out-elsewhere")
    assert (page.status, page.headers["location"]) == (303, "/account?done=elsewhere")
    assert "You are signed out everywhere else." in text_of(await here.get("/account?done=elsewhere"))
    assert (await elsewhere.get("/account")).status == 303
    assert (await other.get("/account")).status == 200
    ended = house.site.audited(AuditAction.SIGNED_OUT)
    assert (ended.principal, ended.details) == (f"staff:{VIEWER}", {"other_sessions": 1})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"new": NEW_PASSWORD, "again": "another"}, {"again": "The new passwords differ."}),
        ({"new": "short", "again": "short"}, {"new": "A password has at least 12 characters."}),
        ({"old": "a wrong one", "new": NEW_PASSWORD, "again": NEW_PASSWORD}, {"old": "The old password is wrong."}),
    ],
)
async def test_a_password_that_will_not_do_changes_nothing(fields: dict[str, str], wrong: dict[str, str]) -> None:
    house = House()
    here, elsewhere = await house.person(VIEWER), await house.person(VIEWER)
    page = await here.post("/account/password", {"old": PASSWORD, **fields})
    assert page.status == 422
    told = {field: text for field, text in wrong_fields(page).items() if field in wrong}
    assert told == wrong
    assert NEW_PASSWORD not in page.text
    assert (await elsewhere.get("/account")).status == 200
    assert house.site.access.confirms(VIEWER, PASSWORD)


# API tokens


async def test_a_token_is_shown_once_and_acts_for_its_person() -> None:
    house = House()
    viewer = await house.person(VIEWER)
    page = await viewer.post("/account/tokens", {"label": "nightly report", "days": "30"})
    secret = secret_of(page)
    assert f"curl -H 'Authorization: Bearer {secret}' http://calltrail.test/calls.json" in text_of(page)
    assert page.headers["cache-control"] == "no-store"
    assert secret not in (await viewer.get("/account")).text
    (line,) = (await viewer.json("/account"))["tokens"]
    assert (line["label"], line["state"], line["last_used_at"]) == ("nightly report", "live", None)
    program = await house.stranger()
    view = (await program.get("/account.json", Authorization=f"Bearer {secret}")).json()
    assert view["email"] == VIEWER
    assert (await viewer.json("/account"))["tokens"][0]["last_used_at"]
    assert (await program.get("/people.json", Authorization=f"Bearer {secret}")).status == 403


async def test_no_page_of_the_account_shows_a_secret_or_what_is_kept_of_it() -> None:
    house = House()
    viewer = await house.person(VIEWER)
    secret = secret_of(await viewer.post("/account/tokens", {"label": "nightly", "days": ""}))
    kept = (hash_secret(secret).hex(), house.site.staff.password_hash(VIEWER), viewer.cookie.partition("=")[2])
    for path in ("/account", "/account.json"):
        text = (await viewer.get(path)).text
        assert not [word for word in (secret, *kept) if not word or word in text]


async def test_who_may_not_look_at_calls_gets_an_example_that_works() -> None:
    page = await (await House().person(CLERK)).post("/account/tokens", {"label": "mine", "days": ""})
    assert "http://calltrail.test/account.json" in text_of(page)


async def test_a_revoked_token_opens_nothing() -> None:
    house = House()
    viewer = await house.person(VIEWER)
    secret = secret_of(await viewer.post("/account/tokens", {"label": HOSTILE, "days": ""}))
    (path,) = attributes_at(await viewer.get("/account"), "//form[contains(@action, '/revoke')]/@action")
    assert (await viewer.post(path)).headers["location"] == "/account?done=revoked"
    assert (await (await house.stranger()).get("/account.json", Authorization=f"Bearer {secret}")).status == 401
    page = await viewer.get("/account")
    assert "revoked" in text_of(page)
    assert "<script>alert" not in page.text


async def test_nobody_revokes_the_token_of_somebody_else() -> None:
    house = House()
    secret = secret_of(await (await house.person(OWNER)).post("/account/tokens", {"label": "mine", "days": ""}))
    (token,) = house.site.passes.tokens(OWNER)
    page = await (await house.person(VIEWER)).post(f"/account/tokens/{token.id}/revoke")
    assert page.status == 422
    assert f"{VIEWER} has no API token {token.id}." in text_of(page)
    assert (await (await house.stranger()).get("/account.json", Authorization=f"Bearer {secret}")).status == 200


async def test_a_token_is_over_when_its_days_are() -> None:
    house = House()
    viewer = await house.person(VIEWER)
    secret = secret_of(await viewer.post("/account/tokens", {"label": "a week", "days": "7"}))
    house.site.now += timedelta(days=7)
    assert (await (await house.stranger()).get("/account.json", Authorization=f"Bearer {secret}")).status == 401


@pytest.mark.parametrize("days", ["0", "3651", "-1", "soon", "1" * 5000, "1.5"])
async def test_days_that_make_no_sense_are_told_and_the_label_stays(days: str) -> None:
    page = await (await House().person(VIEWER)).post("/account/tokens", {"label": "nightly", "days": days})
    assert page.status == 422
    assert wrong_fields(page)["days"] == "A token is good for 1 to 3650 days, or for ever."
    assert attributes_at(page, "//input[@id='label']/@value") == ["nightly"]


async def test_a_token_without_a_label_is_not_made() -> None:
    page = await (await House().person(VIEWER)).post("/account/tokens", {"label": " ", "days": "30"})
    assert (page.status, wrong_fields(page)) == (422, {"label": "Say in a few words what the token is for."})
    assert attributes_at(page, "//option[@selected]/@value") == ["30"]


async def test_a_program_makes_tokens_without_a_form_token() -> None:
    house = House()
    secret = secret_of(await (await house.person(VIEWER)).post("/account/tokens", {"label": "first", "days": ""}))
    headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
    page = await request(house.platform.app, "POST", "/account/tokens", headers=headers, body=b"label=second&days=1")
    assert page.json()["token"]["label"] == "second"
    assert page.json()["secret"].startswith("calltrail_token_")


@pytest.mark.parametrize("path", ["/account/password", "/account/tokens", "/account/tokens/1/revoke"])
async def test_a_form_without_the_token_of_the_session_changes_nothing(path: str) -> None:
    house = House()
    viewer = await house.person(VIEWER)
    await viewer.post("/account/tokens", {"label": "first", "days": ""})
    before = house.site.passes.tokens(VIEWER)
    fields = {"old": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD, "label": "x"}
    assert (await viewer.post(path, fields, token="")).status == 403
    assert house.site.passes.tokens(VIEWER) == before
    assert house.site.access.confirms(VIEWER, PASSWORD)
