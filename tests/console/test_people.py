"""People, their roles, and what the roles permit."""

from collections.abc import Sequence

import pytest

from calltrail.domain.access import OWNERS, Permission
from calltrail.domain.audit import AuditAction
from calltrail.services.access.passes import hash_secret
from tests.api.site import CLERK, OPERATOR, OWNER
from tests.asgi import Response
from tests.console.attributes import attributes_at
from tests.console.forms import texts_at, wrong_fields
from tests.console.house import VIEWER, House, text_of

HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"
INES = "ines@example.com"
LAST_OWNER = "This is the last Owner who can sign in; make somebody else an Owner first."


def ticked(page: Response, name: str) -> Sequence[str]:
    """Values of the ticked boxes of this name."""
    return attributes_at(page, f"//input[@name='{name}' and @checked]/@value")


def sent_matrix(page: Response, *, untick: str = "", **changes: str) -> dict[str, str | list[str]]:
    """What the matrix of a page sends, but for a box that is unticked meanwhile."""
    before = list(attributes_at(page, "//input[@name='before']/@value"))
    permits = [cell for cell in ticked(page, "permits") if cell != untick]
    return {"before": before, "permits": permits, **changes}


async def test_everybody_is_listed_with_roles_and_state() -> None:
    house = House()
    house.site.people.invite(INES, ["Support"], OPERATOR)
    house.site.people.disable(CLERK, OPERATOR)
    view = await (await house.person()).json("/people")
    assert view["people"] == [
        {"email": CLERK, "roles": [], "state": "disabled"},
        {"email": INES, "roles": ["Support"], "state": "invited"},
        {"email": OWNER, "roles": [OWNERS], "state": "enabled"},
        {"email": VIEWER, "roles": ["Support"], "state": "enabled"},
    ]
    assert view["roles"] == [
        {"name": OWNERS, "permissions": sorted(Permission), "people": 1},
        {"name": "Support", "permissions": ["calls-view"], "people": 2},
    ]


# Invitations


async def test_an_invitation_is_shown_once_with_how_long_it_is_good() -> None:
    house = House()
    owner = await house.person()
    page = await owner.post("/people/invite", {"email": "Ines@Example.com", "roles": ["Support"]})
    (url,) = texts_at(page, "//*[starts-with(@id, 'invitation')]")
    assert url.startswith("http://calltrail.test/welcome/calltrail_invitation_")
    assert "3 days, and once" in text_of(page)
    assert page.headers["cache-control"] == "no-store"
    secret = url.rpartition("/")[2]
    invited = house.site.people.invited(secret)
    assert invited
    assert invited.email == INES
    assert invited.roles == {"Support"}
    kept = (hash_secret(secret).hex(), house.site.staff.password_hash(OWNER))
    for path in ("/people", f"/people/{INES}", "/audit"):
        for text in ((await owner.get(path)).text, (await owner.get(f"{path}.json")).text):
            assert not [word for word in (secret, *kept) if not word or word in text]
    assert house.site.audited(AuditAction.STAFF_INVITED).principal == f"staff:{OWNER}"


async def test_an_invitation_with_mistakes_shows_them_at_their_fields_and_keeps_what_was_typed() -> None:
    owner = await House().person()
    page = await owner.post("/people/invite", {"email": HOSTILE, "roles": ["Support", "Gone"]})
    assert page.status == 422
    assert wrong_fields(page) == {
        "email": "An e-mail address is written name@example.com.",
        "roles": 'There is no role "Gone".',
    }
    assert attributes_at(page, "//input[@id='email']/@value") == [HOSTILE]
    assert ticked(page, "roles") == ["Support"]
    assert "<script>alert" not in page.text


async def test_who_is_here_already_is_not_invited_again() -> None:
    page = await (await House().person()).post("/people/invite", {"email": VIEWER.upper()})
    assert (page.status, wrong_fields(page)) == (422, {"email": f"{VIEWER} is here already."})


# One person


@pytest.mark.parametrize("email", ["o'neil+a/b%2f@example.com", "x@example.json", "ünï@exämple.com"])
async def test_every_address_has_its_page(email: str) -> None:
    house = House()
    house.site.people.invite(email, [], OPERATOR)
    owner = await house.person()
    place = [person.email for person in house.site.people.all()].index(email)
    path = attributes_at(await owner.get("/people"), "//tbody//th/a/@href")[place]
    page = await owner.get(path)
    assert (page.status, texts_at(page, "//h1")) == (200, [email])


async def test_nobody_has_no_page() -> None:
    owner = await House().person()
    page = await owner.get("/people/nobody@example.com")
    assert page.status == 404
    assert "There is nobody of the address nobody@example.com." in text_of(page)
    assert (await owner.post("/people/nobody@example.com/disable")).status == 404


async def test_a_role_that_is_given_permits_at_once() -> None:
    house = House()
    owner, clerk = await house.person(), await house.person(CLERK)
    assert (await clerk.get("/calls")).status == 403
    page = await owner.post(f"/people/{CLERK}/roles", {"roles": ["Support"]})
    assert (page.status, page.headers["location"]) == (303, f"/people/{CLERK}?done=saved")
    assert (await clerk.get("/calls")).status == 200
    await owner.post(f"/people/{CLERK}/roles", {"roles": []})
    assert (await clerk.get("/calls")).status == 403


async def test_an_unknown_role_is_told_and_the_ticks_stay() -> None:
    owner = await House().person()
    page = await owner.post(f"/people/{CLERK}/roles", {"roles": ["Support", "Gone"]})
    assert (page.status, wrong_fields(page)) == (422, {"roles": 'There is no role "Gone".'})
    assert ticked(page, "roles") == ["Support"]


async def test_a_reset_ends_the_sessions_of_the_person_and_invites_them_anew() -> None:
    house = House()
    owner, viewer = await house.person(), await house.person(VIEWER)
    _, token = house.site.passes.create_token(VIEWER, "nightly", None, OPERATOR)
    page = await owner.post(f"/people/{VIEWER}/reset")
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    (url,) = texts_at(page, "//*[@id='invitation']")
    assert house.site.people.invited(url.rpartition("/")[2])
    assert (await viewer.get("/calls")).headers["location"].startswith("/sign-in")
    assert (await (await house.stranger()).get("/calls.json", Authorization=f"Bearer {token}")).status == 401
    assert "invited" in text_of(await owner.get(f"/people/{VIEWER}"))


async def test_a_disabled_person_is_out_at_once_and_back_when_enabled() -> None:
    house = House()
    owner, viewer = await house.person(), await house.person(VIEWER)
    page = await owner.post(f"/people/{VIEWER}/disable")
    assert page.headers["location"] == f"/people/{VIEWER}?done=disabled"
    assert (await viewer.get("/calls")).headers["location"].startswith("/sign-in")
    page = await owner.get(f"/people/{VIEWER}")
    assert attributes_at(page, "//main//form/@action") == [f"/people/{VIEWER}/roles", f"/people/{VIEWER}/enable"]
    assert (await owner.post(f"/people/{VIEWER}/reset")).status == 422
    await owner.post(f"/people/{VIEWER}/enable")
    assert (await (await house.person(VIEWER)).get("/calls")).status == 200


async def test_the_last_owner_stays_and_whoever_tries_is_told_why() -> None:
    house = House()
    owner = await house.person()
    for path, fields in (("disable", {}), ("reset", {}), ("roles", {"roles": ["Support"]})):
        page = await owner.post(f"/people/{OWNER}/{path}", fields)
        assert page.status == 422
        assert LAST_OWNER in text_of(page)
    page = await owner.get(f"/people/{OWNER}")
    assert attributes_at(page, "//main//form/@action") == [f"/people/{OWNER}/roles"]
    assert "last Owner who can sign in" in text_of(page)


async def test_who_takes_their_own_role_is_led_to_a_page_that_is_theirs() -> None:
    house = House()
    owner = await house.person()
    await owner.post(f"/people/{VIEWER}/roles", {"roles": [OWNERS]})
    page = await owner.post(f"/people/{OWNER}/roles", {"roles": []})
    assert page.headers["location"] == "/account?done=saved"
    assert (await owner.get("/account")).status == 200
    assert (await owner.get("/people")).status == 403


# The matrix


async def test_what_is_changed_in_the_matrix_counts_at_once() -> None:
    house = House()
    owner, viewer = await house.person(), await house.person(VIEWER)
    sent = sent_matrix(await owner.get("/people"), untick="calls-view:Support")
    page = await owner.post("/roles", {**sent, "permits": [*sent["permits"], "audit-view:Support"]})
    assert page.headers["location"] == "/people?done=saved"
    assert (await viewer.get("/calls")).status == 403
    assert (await viewer.get("/audit")).status == 200
    assert house.site.audited(AuditAction.ROLE_CHANGED).details == {
        "before": ["calls-view"],
        "permissions": ["audit-view"],
    }


async def test_a_page_that_was_made_before_others_changed_a_role_takes_nothing_of_it_back() -> None:
    house = House()
    house.site.people.set_role("Auditors", [Permission.AUDIT_VIEW], OPERATOR)
    owner = await house.person()
    sent = sent_matrix(await owner.get("/people"), untick="audit-view:Auditors")
    house.site.people.set_role("Support", [Permission.AUDIT_VIEW, Permission.CATALOG_EDIT], OPERATOR)
    await owner.post("/roles", sent)
    roles = {role.name: role.permissions for role in house.site.people.roles()}
    assert roles["Auditors"] == set()
    assert roles["Support"] == {Permission.AUDIT_VIEW, Permission.CATALOG_EDIT}


async def test_a_new_role_is_made_beside_the_others() -> None:
    house = House()
    owner = await house.person()
    sent = sent_matrix(await owner.get("/people"), name=f" {HOSTILE} ")
    await owner.post("/roles", {**sent, "new": ["calls-view", "audit-view"]})
    roles = {role.name: role.permissions for role in house.site.people.roles()}
    assert roles[HOSTILE] == {Permission.CALLS_VIEW, Permission.AUDIT_VIEW}
    page = await owner.get("/people")
    assert "<script>alert" not in page.text
    assert f"audit-view:{HOSTILE}" in ticked(page, "permits")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"new": ["calls-view"]}, "Give the new role a name."),
        ({"name": "Support"}, 'There is a role "Support" already'),
        ({"name": OWNERS}, f'There is a role "{OWNERS}" already'),
        ({"name": "x" * 65}, "The name of a role has 1 to 64 printable characters."),
        ({"permits": ["calls-view:Gone"]}, 'There is no role "Gone" any more.'),
        ({"before": [f"calls-view:{OWNERS}"]}, "Owners hold every permission, and that can't be changed."),
        ({"permits": ["fly:Support"]}, "There is no permission fly."),
        ({"name": "Pilots", "new": ["fly"]}, "There is no permission fly."),
        ({"permits": ["Support"]}, 'There is no role "" any more.'),
    ],
)
async def test_a_matrix_with_mistakes_changes_nothing_and_loses_nothing(
    fields: dict[str, str | list[str]], problem: str
) -> None:
    house = House()
    before = house.site.people.roles()
    page = await (await house.person()).post("/roles", fields)
    assert page.status == 422
    assert problem in text_of(page)
    assert house.site.people.roles() == before
    assert attributes_at(page, "//input[@id='name']/@value") == [fields.get("name", "")]
    known = [cell for cell in fields.get("permits", []) if cell == "calls-view:Support"]
    assert ticked(page, "permits") == known


@pytest.mark.parametrize("name", ["Night shift", "a/b", "..", "report.json", HOSTILE])
async def test_a_role_that_nobody_has_is_removed_whatever_its_name(name: str) -> None:
    house = House()
    house.site.people.set_role(name, [], OPERATOR)
    owner = await house.person()
    (path,) = attributes_at(await owner.get("/people"), "//form[starts-with(@action, '/roles/')]/@action")
    assert (await owner.post(path)).headers["location"] == "/people?done=removed"
    assert name not in [role.name for role in house.site.people.roles()]


async def test_a_role_that_somebody_has_is_not_removed() -> None:
    page = await (await House().person()).post("/roles/Support/remove")
    assert page.status == 422
    assert f"The role Support can't be removed while people have it: {VIEWER}." in text_of(page)


# Who may


FORMS = (
    "/people/invite",
    f"/people/{CLERK}/roles",
    f"/people/{CLERK}/reset",
    f"/people/{CLERK}/disable",
    f"/people/{CLERK}/enable",
    "/roles",
    "/roles/Support/remove",
)


@pytest.mark.parametrize("path", ["/people", f"/people/{CLERK}", "/people/nobody@example.com"])
async def test_nobody_is_shown_without_the_permission(path: str) -> None:
    house = House()
    viewer = await house.person(VIEWER)
    for page in (await viewer.get(path), await viewer.get(f"{path}.json")):
        assert page.status == 403
        assert CLERK not in page.text
    assert (await (await house.stranger()).get(path)).headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", FORMS)
async def test_nothing_is_changed_without_the_permission_or_by_a_form_of_another_site(path: str) -> None:
    house = House()
    owner, viewer = await house.person(), await house.person(VIEWER)
    before = house.site.people.all(), house.site.people.roles()
    fields = {"email": INES, "roles": [OWNERS], "permits": ["staff-edit:Support"]}
    refused = await viewer.post(path, fields)
    assert refused.status == 403
    assert "Staff Edit" in text_of(refused)
    assert (await owner.post(path, fields, token="")).status == 403
    assert (house.site.people.all(), house.site.people.roles()) == before
