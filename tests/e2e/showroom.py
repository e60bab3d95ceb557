"""A running Calltrail with a week of calls behind it and a few remarkable ones of today, for browsers to look at."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from bench.calls import FIRST_DAY, METHODS, make_calls, moved
from bench.journals import with_commits
from PIL import Image

from calltrail.domain.filters import CallFilter
from calltrail.settings import Settings
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.log_pages import LogPages
from tests.e2e.server import PASSWORD, Calltrail

DAYS = 7
HOSTILE = "<script>document.title='broken'</script>\"'><img src=x onerror=\"document.title='broken'\">{{ 7*7 }}"
"""Markup, quotes and template words, for every field that takes text."""

CATALOG = """
[[endpoints]]
external_id = "shop.Website"
integration_name = "Web shop"
permissions = ["integration-logs-export"]

[[endpoints]]
external_id = "shop.Mobile"
integration_name = "Mobile app"

[[endpoints]]
external_id = "shop.Warehouse"
integration_name = "Warehouse of the shop"

[[api_methods]]
system_name = "Website.CreateOrder"
name = "Create an order"
endpoints = ["shop.Website", "shop.Mobile"]
masked_fields = ["loyaltyPin"]
keep_days = 90
[[api_methods.steps]]
kind = "validate"
[api_methods.steps.schema]
type = "object"
required = ["order"]
[api_methods.steps.schema.properties.order]
type = "object"
required = ["number", "customer"]
properties = { number = { type = "integer" }, customer = { type = "string" } }
[[api_methods.steps]]
kind = "accept"

[[api_methods]]
system_name = "Website.RegisterCustomer"
name = "Register a customer"
endpoints = ["shop.Website", "shop.Mobile"]
[[api_methods.steps]]
kind = "validate"
blocking = false
schema = { type = "object", required = ["customer"] }
[[api_methods.steps]]
kind = "accept"

[[api_methods]]
system_name = "Mobile.SendReceipt"
name = "Send a receipt"
endpoints = ["shop.Mobile"]
[[api_methods.steps]]
kind = "forward"
url = "http://127.0.0.1:1/receipts"
retries = 1

[[api_methods]]
system_name = "Warehouse.Import"
name = "Import a file"
endpoints = ["shop.Warehouse"]
[[api_methods.steps]]
kind = "accept"

[[api_methods]]
system_name = "Website.TrackView"
name = "Track a page view"
endpoints = ["shop.Website"]
requires_key = false
[[api_methods.steps]]
kind = "accept"

[[api_methods]]
system_name = "Exports.OperationLogs"
name = "Operation logs"
endpoints = ["shop.Website"]
[[api_methods.steps]]
kind = "export"
"""
_NAMES = {
    "Website.CreateOrder": "Create an order",
    "Website.RegisterCustomer": "Register a customer",
    "Website.TrackView": "Track a page view",
    "Mobile.SendReceipt": "Send a receipt",
    "Warehouse.Import": "Import a file",
}
_ENDPOINTS = ("shop.Website", "shop.Mobile", "shop.Warehouse")
_INTEGRATIONS = ("Web shop", "Mobile app", "Warehouse of the shop")


@dataclass
class Showroom:
    """The server, and what in it is worth a look."""

    server: Calltrail
    keys: dict[str, str] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    """Ids of the remarkable calls, by a word for each."""

    sessions: dict[str, Any] = field(default_factory=dict)
    """What browsers know of people who have signed in, by their address."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def send(
        self, method: str, body: object = None, *, word: str, endpoint: str = "shop.Website", **headers: str
    ) -> None:
        """Call an API method with the endpoint's key; the call is then known by the word."""
        named = {"Authorization": f"SecretKey {self.keys[endpoint]}"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.server.call(method, body, endpoint=endpoint, headers=named, deviceUUID=_DEVICE)
        settings = Settings(data=self.server.data)
        newest = LogPages(settings.journal_path, settings.archive_folder).newest(CallFilter(), ["id"], 1)
        self.calls[word] = newest["id"].item()


_DEVICE = "6f2b7f0e-2f0a-4a52-9f3e-8a4f5f1c2d3e"


@contextmanager
def showroom(data: Path, calls: int = 4_000) -> Iterator[Showroom]:
    """So many calls of the last week, and those of today."""
    server = Calltrail(data, {"CALLTRAIL_ARCHIVE_AFTER_S": "300"})
    server.run("init", "--owner", OWNER)
    server.apply(CATALOG)
    room = Showroom(server, {endpoint: server.new_key(endpoint) for endpoint in _ENDPOINTS})
    _fill_archive(Settings(data=data), calls)
    try:
        server.start()
        _send_remarkable_calls(room)
        yield room
    finally:
        server.close()
        shutil.rmtree(data)


@contextmanager
def empty_room(data: Path) -> Iterator[Showroom]:
    """Just installed: an Owner, and nothing to receive."""
    server = Calltrail(data)
    server.run("init", "--owner", OWNER)
    try:
        server.start()
        yield Showroom(server)
    finally:
        server.close()
        shutil.rmtree(data)


OWNER = "olga@example.com"
OWNER_PASSWORD = PASSWORD
SUPPORT, SUPPORT_PASSWORD = "sam@example.com", "a password of his own"
"""Of somebody who may look at calls only; not there before `invite_supporter`."""


def _fill_archive(settings: Settings, count: int) -> None:
    """The last week, but for the last minutes."""
    table = ArchiveTable(settings.archive_folder)
    table.create()
    later = datetime.now(UTC) - timedelta(days=DAYS, minutes=2) - FIRST_DAY
    batches = [_of_the_shop(moved(batch, later, seed=1)) for batch in make_calls(count, days=DAYS)]
    calls = with_commits(pl.concat(batches), 0)
    position = int(calls["finished_in"][-1])
    table.append(calls, position)
    with closing(sqlite3.connect(settings.journal_path, isolation_level=None)) as journal:
        journal.execute("UPDATE journal_position SET position = ?", (position,))


def _of_the_shop(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls as those of the catalog's methods and endpoints."""
    methods, number = pl.Series(list(_NAMES)), pl.col("method_system_name").replace_strict(METHODS, range(len(METHODS)))
    place, side = number % len(methods), number % len(_ENDPOINTS)
    return calls.with_columns(
        method_system_name=place.replace_strict(range(len(methods)), methods),
        method_name=place.replace_strict(range(len(methods)), list(_NAMES.values())),
        endpoint_external_id=side.replace_strict(range(len(_ENDPOINTS)), _ENDPOINTS),
        integration_name=side.replace_strict(range(len(_ENDPOINTS)), _INTEGRATIONS),
    )


def _send_remarkable_calls(room: Showroom) -> None:
    order = {"order": {"number": 4711, "customer": "Zoë Müller", "lines": [
        {"sku": "Teekanne 🫖", "pieces": 2, "price": 19.90, "gift": True, "note": None},
        {"sku": "Fahrradschlauch", "pieces": 1, "price": 7.5, "gift": False, "note": "28″"},
    ]}, "loyaltyPin": "1234"}  # fmt: skip
    room.send("Website.CreateOrder", order, word="order")
    room.send("Website.CreateOrder", {"order": {"number": "none"}}, word="refused")
    room.send("Website.RegisterCustomer", {"name": HOSTILE}, word="hostile", User_Agent=HOSTILE, X_Hostile=HOSTILE)
    room.send("Mobile.SendReceipt", {"receipt": 1}, endpoint="shop.Mobile", word="unreachable")
    xml = b"<order><number>1</number><line sku='a&amp;b'>two</line></order>"
    room.send("Website.TrackView", xml, word="xml", Content_Type="application/xml")
    form = b"page=%2Fsale&campaign=summer+%26+autumn&campaign=again"
    room.send("Warehouse.Import", form, endpoint="shop.Warehouse", word="form", Content_Type=_FORM)
    room.send("Warehouse.Import", _picture(), endpoint="shop.Warehouse", word="picture", Content_Type="image/png")
    odd = bytes(range(256)) * 3
    room.send("Warehouse.Import", odd, endpoint="shop.Warehouse", word="binary", Content_Type="application/x-odd")
    packed = gzip.compress(json.dumps(order).encode())
    room.send("Website.CreateOrder", packed, word="packed", Content_Encoding="gzip")
    long = {"order": {"number": 1, "customer": "x" * 10_000}}
    room.send("Website.CreateOrder", long, word="long")


def _picture() -> bytes:
    """A PNG."""
    png = BytesIO()
    Image.linear_gradient("L").resize((320, 120)).save(png, "png")
    return png.getvalue()


_FORM = "application/x-www-form-urlencoded"
