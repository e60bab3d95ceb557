"""Every page of the console as a picture: `make screenshots` (`python -m tests.e2e.screens`) makes docs/screenshots/.

Each in light and dark, on a desktop and on a phone. `--only calls,call` makes some, `--folder` puts them elsewhere.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page
from rich.progress import Progress

from tests.e2e.browser import chromium, sign_in
from tests.e2e.showroom import Showroom, showroom

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"

_DEVICES: Mapping[str, Mapping[str, Any]] = {
    "desktop": {"viewport": {"width": 1360, "height": 850}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
_SCHEMES = ("light", "dark")


def addresses(room: Showroom) -> Mapping[str, str]:
    """Every page that can be looked at, by a name for it; the log and the catalog are those of the showroom."""
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


def prepare(page: Page) -> None:
    """Things done by hand that pages show: an export, people, a token."""
    page.goto("/exports/new?last=7d&errors=true")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/exports/1**")
    page.get_by_text("SHA256SUMS").wait_for()


def take(room: Showroom, folder: Path, only: frozenset[str]) -> Iterator[Path]:
    """The pictures, one after the other."""
    with chromium() as browser:
        context = browser.new_context(base_url=room.url)
        page = context.new_page()
        sign_in(page)
        prepare(page)
        state = context.storage_state()
        for device, options in _DEVICES.items():
            context = browser.new_context(base_url=room.url, storage_state=state, **options)
            page = context.new_page()
            for name, address in addresses(room).items():
                if only and name not in only:
                    continue
                page.goto(address)
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
    with tempfile.TemporaryDirectory() as folder, showroom(Path(folder) / "data") as room, Progress() as progress:
        number = len(only) or len(addresses(room))
        bar = progress.add_task("pictures", total=number * len(_DEVICES) * len(_SCHEMES))
        for _ in take(room, arguments.folder, only):
            progress.advance(bar)


if __name__ == "__main__":
    main()
