"""Every page of the console as a picture: `make screenshots` (`python -m tests.e2e.screens`) makes docs/screenshots/.

Each in light and dark, on a desktop and on a phone. `--only calls,call` makes some, `--folder` puts them elsewhere.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page
from rich.progress import Progress

from tests.e2e.browser import chromium, invite_supporter, signed_in, signed_out
from tests.e2e.showroom import OWNER, OWNER_PASSWORD, SUPPORT, SUPPORT_PASSWORD, Showroom, empty_room, showroom

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"

_DEVICES: Mapping[str, Mapping[str, Any]] = {
    "desktop": {"viewport": {"width": 1360, "height": 850}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
_SCHEMES = ("light", "dark")
_PASSWORDS = {OWNER: OWNER_PASSWORD, SUPPORT: SUPPORT_PASSWORD}


@dataclass(frozen=True)
class Screen:
    """A page, and who reaches it how."""

    room: Showroom
    reach: Callable[[Page], object]

    visitor: str | None = OWNER
    """Their address; None: nobody has signed in."""


@contextmanager
def windows(browser: Browser, **options: Any) -> Iterator[Callable[[Screen], Page]]:
    """What reaches screens, those of a visitor in the same window; it fails as `signed_out` does."""
    with ExitStack() as stack:
        pages: dict[tuple[str, str | None], Page] = {}

        def reached(screen: Screen) -> Page:
            whose = (screen.room.url, screen.visitor)
            if whose not in pages:
                pages[whose] = stack.enter_context(_window(browser, screen, options))
            screen.reach(pages[whose])
            return pages[whose]

        yield reached


def _window(browser: Browser, screen: Screen, options: Mapping[str, Any]) -> AbstractContextManager[Page]:
    if screen.visitor is None:
        return signed_out(browser, screen.room, **options)
    return signed_in(browser, screen.room, screen.visitor, _PASSWORDS[screen.visitor], **options)


def screens(room: Showroom, empty: Showroom) -> Mapping[str, Screen]:
    """Every page that can be looked at, by a name for it; `invite_supporter` comes before.

    Those that answer a form are reached by sending it. None can be reached more than twice: of the keys that are made,
    no more may live.
    """
    return {
        "sign-in": Screen(room, _at("/sign-in"), visitor=None),
        "first-steps": Screen(empty, _at("/")),
        **{name: Screen(room, _at(address)) for name, address in addresses(room).items()},
        "method-tried": Screen(room, lambda page: _try_a_call(page, room)),
        "method-tried-refused": Screen(room, lambda page: _try_a_call(page, room, '{"order": {"number": "none"}}')),
        "endpoint-key": Screen(room, _create_a_key),
        "permission-missing": Screen(room, _at("/exports/new?last=7d&errors=true"), visitor=SUPPORT),
    }


def _at(address: str) -> Callable[[Page], object]:
    return lambda page: page.goto(address)


def _try_a_call(page: Page, room: Showroom, body: str | None = None) -> None:
    """Make a call from the page of its API method; without a body, with the example that stands in the form."""
    page.goto("/methods/Website.CreateOrder")
    page.locator("#key").fill(room.keys["shop.Website"])
    if body:
        page.locator("#body").fill(body)
    page.get_by_role("button", name="Make the call").click()
    page.get_by_role("heading", name="Answered").wait_for()


def _create_a_key(page: Page) -> None:
    page.goto("/endpoints/shop.Mobile")
    page.locator("#label").fill("Try-outs of the new app, until March")
    page.locator("#kind").select_option("test")
    page.get_by_role("button", name="Create the key").click()
    page.locator("#secret").wait_for()


def addresses(room: Showroom) -> Mapping[str, str]:
    """Every page that has an address; the log and the catalog are those of the showroom."""
    calls = room.calls
    return {
        "calls": "/calls?last=7d",
        "calls-filtered": "/calls?last=7d&method=Website.CreateOrder&errors=true&column=status&column=url&column=id",
        "calls-none": "/calls?last=15m&text=nothing-like-this",
        "call": f"/calls/{calls['order']}",
        "call-refused": f"/calls/{calls['refused']}",
        "call-hostile": f"/calls/{calls['hostile']}",
        "call-unreachable": f"/calls/{calls['unreachable']}",
        "call-xml": f"/calls/{calls['xml']}",
        "call-form": f"/calls/{calls['form']}",
        "call-picture": f"/calls/{calls['picture']}",
        "call-binary": f"/calls/{calls['binary']}",
        "call-long": f"/calls/{calls['long']}",
        "call-unknown": "/calls/0192f0c1-0000-7000-8000-000000000000",
        "exports": "/exports",
        "export-new": "/exports/new?last=7d&errors=true",
        "export": "/exports/1",
        "methods": "/methods",
        "method": "/methods/Website.CreateOrder",
        "method-edit": "/methods/Website.CreateOrder/edit",
        "method-new": "/methods/new",
        "endpoints": "/endpoints",
        "endpoint": "/endpoints/shop.Website",
        "endpoint-edit": "/endpoints/shop.Website/edit",
        "people": "/people",
        "person": "/people/olga@example.com",
        "account": "/account",
        "audit": "/audit",
        "system": "/system",
    }


def prepare(browser: Browser, room: Showroom) -> None:
    """Things done by hand that pages show: an export, people."""
    with signed_in(browser, room) as page:
        page.goto("/exports/new?last=7d&errors=true")
        page.get_by_role("button", name="Start").click()
        page.wait_for_url("**/exports/1**")
        page.get_by_text("SHA256SUMS").wait_for()
    invite_supporter(browser, room)


def take(wanted: Mapping[str, Screen], room: Showroom, folder: Path) -> Iterator[Path]:
    """The pictures, one after the other."""
    with chromium() as browser:
        prepare(browser, room)
        for device, options in _DEVICES.items():
            with windows(browser, **options) as reached:
                for name, screen in wanted.items():
                    page = reached(screen)
                    for scheme in _SCHEMES:
                        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                        path = folder / f"{name}-{device}-{scheme}.png"
                        picture = page.screenshot(full_page=name != "calls", animations="disabled")
                        _saved_small(picture, path)
                        yield path


def _saved_small(picture: bytes, path: Path) -> None:
    """Few colours are enough for pages, and take a third of the room."""
    with Image.open(BytesIO(picture)) as image:
        few = image.convert("RGB").quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", default="", help="Names, comma separated; all when left out.")
    arguments = parser.parse_args()
    only = frozenset(name for name in arguments.only.split(",") if name)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        room = stack.enter_context(showroom(folder / "data"))
        empty = stack.enter_context(empty_room(folder / "empty"))
        wanted = {name: screen for name, screen in screens(room, empty).items() if not only or name in only}
        progress = stack.enter_context(Progress())
        bar = progress.add_task("pictures", total=len(wanted) * len(_DEVICES) * len(_SCHEMES))
        for _ in take(wanted, room, arguments.folder):
            progress.advance(bar)


if __name__ == "__main__":
    main()
