"""Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.showroom import OWNER, OWNER_PASSWORD, SUPPORT, SUPPORT_PASSWORD, Showroom

_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "the browser tests need Chromium: `make browser` installs Debian's"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        yield browser
        browser.close()


@contextmanager
def signed_in(
    browser: Browser, room: Showroom, email: str = OWNER, password: str = OWNER_PASSWORD, **options: Any
) -> Iterator[Page]:
    """A page of its own in which that person has signed in; it fails as `signed_out` does."""
    if email not in room.sessions:
        first = browser.new_context(base_url=room.url)
        sign_in(first.new_page(), email, password)
        room.sessions[email] = first.storage_state()
        first.close()
    with signed_out(browser, room, storage_state=room.sessions[email], **options) as page:
        yield page


@contextmanager
def signed_out(browser: Browser, room: Showroom, **options: Any) -> Iterator[Page]:
    """A page of its own in which nobody has signed in; it fails what it should not do: errors in scripts, and
    whatever the policy of a page forbids.
    """
    context = browser.new_context(base_url=room.url, **options)
    page = context.new_page()
    mistakes = watched(page)
    yield page
    context.close()
    assert not mistakes, mistakes


def sign_in(page: Page, email: str = OWNER, password: str = OWNER_PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def invite_supporter(browser: Browser, room: Showroom) -> str:
    """The address of somebody who may look at calls only: invited by an Owner, they choose a password."""
    with signed_in(browser, room) as page:
        room.server.run("roles", "set", "Support", "--permission", "calls-view")
        page.goto("/people")
        page.get_by_label("E-mail address").fill(SUPPORT)
        page.locator("form[action='/people/invite']").get_by_label("Support").check()
        page.get_by_role("button", name="Invite").click()
        invitation = page.locator("#invitation").inner_text().strip()
    guest = browser.new_context().new_page()
    guest.goto(invitation)
    for field in guest.locator("input[type=password]").all():
        field.fill(SUPPORT_PASSWORD)
    guest.get_by_role("button").first.click()
    guest.wait_for_url("**/calls**")
    guest.context.close()
    return SUPPORT


def watched(page: Page) -> list[str]:
    """What scripts and policies complain of."""
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda message: (
            mistakes.append(f"{page.url}: {message.text}")
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    return mistakes
