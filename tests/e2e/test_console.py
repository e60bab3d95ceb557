"""The console in a real browser, on a real server."""

import gzip
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.e2e.browser import chromium, invite_supporter, sign_in, signed_in
from tests.e2e.screens import addresses, screens, windows
from tests.e2e.showroom import HOSTILE, OWNER, SUPPORT_PASSWORD, Showroom, empty_room, showroom


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    with showroom(tmp_path_factory.mktemp("showroom") / "data", calls=1_500) as room:
        yield room


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    with empty_room(tmp_path_factory.mktemp("empty") / "data") as empty:
        yield empty


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, room: Showroom) -> Iterator[Page]:
    """An Owner's, signed in."""
    with signed_in(browser, room) as page:
        yield page


@pytest.fixture(scope="module")
def supporter(browser: Browser, room: Showroom) -> str:
    """The address of somebody who may look at calls only."""
    return invite_supporter(browser, room)


def ids_shown(page: Page) -> list[str]:
    """Ids of the calls in the table, newest first."""
    links = page.locator(".calls-table a.open").all()
    return [(link.get_attribute("href") or "").rpartition("/")[2] for link in links]


@pytest.mark.parametrize(
    ("fields", "found", "left_out"),
    [
        ({"endpoint": "shop.Mobile"}, "unreachable", "order"),
        ({"status": "failed"}, "refused", "order"),
        ({"errors": "true"}, "hostile", "order"),
        ({"http": "5xx"}, "unreachable", "order"),
        ({"text": "campaign=summer"}, "form", "order"),
        ({"most_ms": "100000"}, "order", None),
        ({"device": "6f2b7f0e-2f0a-4a52-9f3e-8a4f5f1c2d3e"}, "order", None),
        ({"method": "Warehouse.Import"}, "binary", "order"),
        ({"since": "2020-01-01", "till": "2099-01-01 00:00"}, "order", None),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_call_is_found_by_each_filter(
    page: Page, room: Showroom, fields: dict[str, str], found: str, left_out: str | None
) -> None:
    page.goto("/calls?last=15m")
    page.get_by_text("More criteria and columns").click()
    for name, value in fields.items():
        if name == "method":
            page.locator("details.menu summary").click()
            page.get_by_label(value).check()
        elif name in ("status", "errors", "http"):
            page.locator(f"#{name}").select_option(value)
        else:
            page.locator(f"#{name}").fill(value)
    page.get_by_role("button", name="Find").click()
    shown = ids_shown(page)
    assert room.calls[found] in shown
    assert left_out is None or room.calls[left_out] not in shown


def test_the_filter_is_in_the_address_and_another_person_sees_the_same(browser: Browser, room: Showroom) -> None:
    with signed_in(browser, room) as one:
        one.goto("/calls?last=15m")
        one.locator("#status").select_option("failed")
        one.get_by_role("button", name="Find").click()
        address, shown = one.url, ids_shown(one)
    with signed_in(browser, room) as other:
        other.goto(address)
        assert ids_shown(other) == shown != []


def test_pages_stay_where_they_are_while_calls_come_in(page: Page, room: Showroom) -> None:
    page.goto("/calls?last=7d")
    first = ids_shown(page)
    page.get_by_role("link", name="Older").click()
    second = ids_shown(page)
    room.send("Website.TrackView", {"page": "/new"}, word="new")
    page.reload()
    assert ids_shown(page) == second
    assert not set(first) & set(second)
    page.get_by_role("link", name="Newer").click()
    assert ids_shown(page) == first


def test_new_calls_appear_by_themselves_while_following(page: Page, room: Showroom) -> None:
    page.goto("/calls?last=15m")
    page.get_by_role("link", name="Follow", exact=True).click()
    room.send("Website.TrackView", {"page": "/followed"}, word="followed")
    page.locator(f".calls-table a[href='/calls/{room.calls['followed']}']").wait_for()


def test_a_stretch_of_the_timeline_becomes_the_window(page: Page) -> None:
    page.goto("/calls?last=7d")
    before = page.locator("dl.figures dd").first.inner_text()
    box = page.locator("svg.timeline").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 50, steps=4)
    page.mouse.up()
    page.wait_for_url("**since=**")
    narrowed = page.locator("dl.figures dd").first.inner_text()
    assert 0 < int(narrowed.replace(",", "")) < int(before.replace(",", ""))


def test_the_copied_command_makes_the_call_again(browser: Browser, room: Showroom) -> None:
    with signed_in(browser, room, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(f"/calls/{room.calls['order']}")
        page.locator("#curl-command + button").click()
        page.get_by_text("Copied").wait_for()
        command = page.evaluate("navigator.clipboard.readText()")
        runnable = command.replace("SecretKey ***", f"SecretKey {room.keys['shop.Website']}")
        answer = subprocess.run(["bash", "-c", runnable], capture_output=True, text=True, check=True, timeout=30)
        assert answer.stdout == '{"status":"Success"}'
        page.get_by_text("Same endpoint").get_by_role("link", name="after").or_(
            page.get_by_role("link", name="after →").nth(1)
        ).first.click()
        assert page.get_by_role("heading", name="Create an order").is_visible() or page.url.count("/calls/")


def test_what_an_endpoint_sent_that_failed_is_a_file_within_a_minute(
    browser: Browser, room: Showroom, tmp_path: Path
) -> None:
    with signed_in(browser, room, accept_downloads=True) as page:
        page.set_default_timeout(60_000)
        page.goto("/calls")
        page.locator("#endpoint").fill("shop.Mobile")
        page.locator("#status").select_option("failed")
        page.get_by_role("button", name="Find").click()
        calls = int(page.locator("dl.figures dd").first.inner_text().replace(",", ""))
        page.get_by_role("link", name="Export these calls").click()
        page.get_by_label("Compression").select_option("gzip")
        page.get_by_role("button", name="Start").click()
        with page.expect_download() as download:
            page.locator("main a[href*='.csv.gz']").first.click()
        file = tmp_path / "failed.csv.gz"
        download.value.save_as(file)
        assert hashlib.sha256(file.read_bytes()).hexdigest() in page.inner_text("main")
        assert gzip.decompress(file.read_bytes()).decode("utf-8-sig").count("shop.Mobile;") == calls


def test_an_export_is_cancelled(page: Page) -> None:
    page.goto("/exports/new?last=7d")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/exports/*")
    cancel = page.get_by_role("button", name="Cancel")
    if cancel.count():  # a fast machine may have made it already
        cancel.click()
    page.get_by_text("cancelled").or_(page.get_by_text("ready")).first.wait_for()


def test_a_key_is_rotated_without_a_call_refused(page: Page, room: Showroom) -> None:
    page.goto("/endpoints/shop.Warehouse")
    page.get_by_label("Label").fill("rotated")
    page.get_by_role("button", name="Create the key").click()
    new_key = page.locator("#secret").inner_text().strip()
    for key in (room.keys["shop.Warehouse"], new_key):
        assert _answered(room, key)
    page.goto("/endpoints/shop.Warehouse")
    assert new_key not in page.content()
    old = page.locator("tr", has_text="main").filter(has_not_text="rotated")
    old.locator("summary").click()
    old.get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked").first.wait_for()
    assert not _answered(room, room.keys["shop.Warehouse"])
    assert _answered(room, new_key)
    room.keys["shop.Warehouse"] = new_key


def _answered(room: Showroom, key: str) -> bool:
    headers = {"Authorization": f"SecretKey {key}"}
    answer = room.server.call("Warehouse.Import", {"a": 1}, endpoint="shop.Warehouse", headers=headers)
    return bool(answer.json["status"] == "Success")


def test_who_lacks_the_export_permission_is_told_whom_to_ask(browser: Browser, room: Showroom, supporter: str) -> None:
    with signed_in(browser, room, supporter, SUPPORT_PASSWORD) as page:
        page.goto("/calls")
        page.get_by_role("link", name="Export these calls").click()
        assert page.get_by_role("heading", name="Permission missing").is_visible()
        main = page.inner_text("main")
        assert "Integration Logs Export" in main
        assert OWNER in main
        assert page.goto("/people").status == 403  # type: ignore[union-attr]


def test_everything_works_without_scripts(browser: Browser, room: Showroom, tmp_path: Path) -> None:
    with signed_in(browser, room, java_script_enabled=False, accept_downloads=True) as page:
        page.goto("/calls?last=15m")
        page.locator("#text").fill("4711")
        page.get_by_role("button", name="Find").click()
        page.locator(f"a[href='/calls/{room.calls['order']}']").click()
        assert "Zoë Müller" in page.inner_text("main")
        assert "--data-raw" in page.inner_text("#curl-command")
        page.goto("/exports/new?last=15m&text=4711")
        page.get_by_role("button", name="Start").click()
        for _ in range(200):  # the page reloads itself; a reload at once is as good
            if page.locator("main a[href*='.csv']").count():
                break
            page.reload()
        with page.expect_download() as download:
            page.locator("main a[href*='.csv']").first.click()
        download.value.save_as(tmp_path / "file.csv")
        assert "4711" in (tmp_path / "file.csv").read_text("utf-8-sig")


@pytest.mark.parametrize("name", ["call-hostile", "calls"])
def test_a_hostile_string_shows_as_text(page: Page, room: Showroom, name: str) -> None:
    page.goto(addresses(room)[name])
    assert "broken" not in page.title()
    if name == "call-hostile":
        assert HOSTILE in page.inner_text("main")


def test_hostile_criteria_show_as_text(page: Page) -> None:
    for field in ("text", "endpoint", "method", "device", "status", "since", "last", "column", "before", "least_ms"):
        response = page.request.get("/calls", params={field: HOSTILE})
        assert response.status in (200, 422)
        assert "<script>document" not in response.text()
        assert "<img src=x" not in response.text()


@pytest.mark.parametrize(("scheme", "rules"), [("light", {}), ("dark", {"runOnly": ["color-contrast"]})])
@pytest.mark.usefixtures("supporter")
def test_no_page_keeps_anybody_out(
    browser: Browser, room: Showroom, empty: Showroom, scheme: str, rules: dict[str, list[str]]
) -> None:
    """Axe finds no violation, nothing is wider than a phone, and no page breaks its own policy."""
    violations = {}
    with windows(browser, color_scheme=scheme, viewport={"width": 390, "height": 844}) as reached:
        for name, screen in screens(room, empty).items():
            page = reached(screen)
            for violation in Axe().run(page, options=rules).response["violations"]:
                nodes = [node["html"][:160] for node in violation["nodes"][:3]]
                violations[f"{name}: {violation['id']}"] = nodes
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                violations[f"{name}: wider than the window"] = []
    assert not violations


def test_the_sign_in_page_keeps_nobody_out(browser: Browser, room: Showroom) -> None:
    page = browser.new_context(base_url=room.url).new_page()
    page.goto("/calls")
    assert not Axe().run(page).response["violations"]
    sign_in(page)
    page.context.close()


def test_a_call_is_found_opened_and_exported_by_the_keyboard_alone(page: Page, room: Showroom) -> None:
    page.goto("/calls?last=15m")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.locator("#text").focus()
    page.keyboard.type("4711")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=4711**")
    page.locator(".calls-table a.open").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls/0*")
