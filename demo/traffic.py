"""The calls that the demo sends, what each must be answered, and how the log must show it."""

import gzip
import json
import random
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from xml.sax.saxutils import escape

WEBSITE, APP, WAREHOUSE = "demo.Website", "demo.MobileApp", "demo.Warehouse"
ENDPOINTS = (WEBSITE, APP, WAREHOUSE)

_JSON = ("Content-Type", "application/json; charset=utf-8")
_XML = (("Content-Type", "application/xml"), ("Accept", "application/xml"))
_PEOPLE = ("Zoë Müller", "Jürgen Groß", "Αλέξανδρος", "李小龍", "Łukasz Żółć", "Ana 🦜 Souza", 'Bob "; drop" O\'Neil')
_GOODS = ("Teekanne 🫖", "Fahrradschlauch", "Crème brûlée", "Käse; gerieben", "100% «Wolle»\nwaschbar bei 30°")


class Story(Enum):
    """How a call ends: in words, as the log's status, and whether the log says it has errors."""

    CARRIED_OUT = ("carried out", "completed", False)
    NOTED = ("validation errors that do not stop it", "completed", True)
    STOPPED = ("validation errors that stop it", "failed", True)
    REFUSED_UPSTREAM = ("refused or broken by the upstream", "failed", True)
    UPSTREAM_AWAY = ("upstream too slow, or down", "failed", True)
    REPEATED = ("repeats of a transactionId", "completed", False)
    STRANGER = ("wrong key, unknown method or endpoint", "failed", True)
    UNREADABLE = ("unreadable bodies and parameters", "failed", True)
    STILL_PROCESSING = ("still processing at the export", "processing", False)

    def __init__(self, title: str, log_status: str, has_errors: bool) -> None:
        self.title = title
        self.log_status = log_status
        self.has_errors = has_errors


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call to send."""

    story: Story
    method: str
    endpoint: str
    body: bytes
    headers: tuple[tuple[str, str], ...]

    http_status_code: int = 200
    """What it must be answered."""

    status: str | None = "Success"
    """The word of the envelope that it must be answered; None when the upstream answers without one."""

    mode: str = "sync"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the query, beside the endpoint and the method."""

    secrets: tuple[str, ...] = ()
    """What in it must be on no disk, beside the key."""

    @property
    def plain_body(self) -> bytes:
        """With its Content-Encoding undone."""
        return gzip.decompress(self.body) if ("Content-Encoding", "gzip") in self.headers else self.body


class Traffic:
    """A few hundred calls, and every secret in them. The first wave has its effects before the second is sent."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys` has the key of each endpoint."""
        self._keys = keys
        self._random = random.Random(2026)
        repeated = [str(uuid.uuid4()) for _ in range(8)]
        self.first_wave = [*self._async(), *self._orders(repeated), *self._customers(), *self._loyalty()]
        self.second_wave = [
            *(self._repeat(transaction_id) for transaction_id in repeated),
            *self._files(),
            *self._strangers(),
            *self._unreadable(),
            *self._upstream_away(),
        ]
        self._random.shuffle(self.first_wave)
        self._random.shuffle(self.second_wave)
        self.slow_call = self._call(
            Story.STILL_PROCESSING, "Website.ReserveStock", WEBSITE, {"sku": "Teekanne 🫖", "pieces": 40}
        )

    @property
    def secrets(self) -> frozenset[str]:
        """What must be on no disk."""
        calls = (*self.first_wave, *self.second_wave)
        return frozenset(self._keys.values()).union(*(call.secrets for call in calls))

    def _call(
        self,
        story: Story,
        method: str,
        endpoint: str,
        body: Any,
        headers: tuple[tuple[str, str], ...] = (_JSON,),
        **more: Any,
    ) -> PlannedCall:
        """A call with the endpoint's key; a body that is not bytes goes out as JSON."""
        raw = body if isinstance(body, bytes) else _json(body)
        return PlannedCall(story, method, endpoint, raw, (self._key_header(endpoint), *headers), **more)

    def _key_header(self, endpoint: str) -> tuple[str, str]:
        key = self._keys[endpoint]
        is_older_form = self._random.random() < 0.2
        return "Authorization", f'Mindbox secretKey="{key}"' if is_older_form else f"SecretKey {key}"

    def _order(self, number: int, note: str = "") -> dict[str, Any]:
        lines = [
            {"name": self._random.choice(_GOODS), "pieces": self._random.randint(1, 9), "price": "19.90"}
            for _ in range(self._random.randint(1, 12))
        ]
        return {"order": {"number": number, "customer": self._random.choice(_PEOPLE), "lines": lines, "note": note}}

    def _orders(self, repeated: list[str]) -> Iterator[PlannedCall]:
        for number in range(1, 91):
            endpoint = self._random.choice((WEBSITE, APP))
            parameters = {"deviceUUID": str(uuid.UUID(int=number))} if endpoint == APP else {}
            headers = (
                (_JSON, ("Accept-Encoding", "gzip")) if number % 4 == 0 else (_JSON, ("X-Customer-IP", "192.0.2.7"))
            )
            yield self._create_order(Story.CARRIED_OUT, endpoint, self._order(number), headers, parameters=parameters)
        for number in range(91, 111):
            order = f"<number>{number}</number><customer>{escape(self._random.choice(_PEOPLE))}</customer>"
            xml = f"<operation><order>{order}<note>Grüße &amp; &lt;Küsse&gt;</note></order></operation>"
            yield self._create_order(Story.CARRIED_OUT, WEBSITE, xml.encode(), _XML)
        for transaction_id in repeated:
            body, parameters = self._order(200), {"transactionId": transaction_id}
            yield self._create_order(Story.CARRIED_OUT, WEBSITE, body, parameters=parameters)
        for number in range(300, 314):
            body = self._order(number, "payment declined")
            yield self._create_order(Story.REFUSED_UPSTREAM, WEBSITE, body, http_status_code=422, status="Declined")
        for number in range(400, 408):
            body = self._order(number, "outage")
            yield self._create_order(Story.REFUSED_UPSTREAM, APP, body, http_status_code=500, status=None)
        for body in ({}, {"order": {}}, {"order": "42"}, {"order": {"number": 1}}) * 4:
            yield self._create_order(Story.STOPPED, WEBSITE, body, status="ValidationError")

    def _create_order(
        self,
        story: Story,
        endpoint: str,
        body: Any,
        headers: tuple[tuple[str, str], ...] = (_JSON,),
        **more: Any,
    ) -> PlannedCall:
        return self._call(story, "Website.CreateOrder", endpoint, body, headers, **more)

    def _repeat(self, transaction_id: str) -> PlannedCall:
        """Of an order that went through; in the other form of GUIDs that clients use."""
        parameters = {"transactionId": transaction_id.replace("-", "").upper()}
        body = self._order(200)
        return self._create_order(
            Story.REPEATED, WEBSITE, body, parameters=parameters, status="TransactionAlreadyProcessed"
        )

    def _async(self) -> Iterator[PlannedCall]:
        for number in range(1, 61):
            body = {"page": f"/{self._random.choice(_GOODS)}?q=ü&n={number}", "referrer": None}
            yield PlannedCall(Story.CARRIED_OUT, "Website.TrackView", WEBSITE, _json(body), (_JSON,), mode="async")
        for number in range(500, 510):
            yield self._create_order(Story.CARRIED_OUT, WEBSITE, self._order(number), mode="async")
        for number in range(510, 514):
            # Its caller is told that it is recorded; the log tells what the upstream said afterwards.
            body = self._order(number, "payment declined")
            yield self._create_order(Story.REFUSED_UPSTREAM, WEBSITE, body, mode="async")

    def _customers(self) -> Iterator[PlannedCall]:
        for number in range(1, 61):
            is_wrong = number % 3 == 0
            password, pin, session, api_key = (_secret() for _ in range(4))
            customer = {
                "email": "no address" if is_wrong else f"kunde{number}@beispiel.example",
                "name": self._random.choice(_PEOPLE),
                "password": password,
                "loyaltyPin": pin,
            }
            headers = (_JSON, ("Cookie", f"session={session}"), ("X-Api-Key", api_key))
            story = Story.NOTED if is_wrong else Story.CARRIED_OUT
            yield self._register(story, {"customer": customer}, headers, (password, pin, session, api_key))
        for number in range(61, 71):
            password = _secret()
            customer_xml = f"<email>k{number}@beispiel.example</email><password>{password}</password>"
            body = f"<operation><customer>{customer_xml}</customer></operation>".encode()
            yield self._register(Story.CARRIED_OUT, body, _XML, (password,))

    def _register(
        self, story: Story, body: Any, headers: tuple[tuple[str, str], ...], secrets: tuple[str, ...]
    ) -> PlannedCall:
        endpoint = self._random.choice((WEBSITE, APP))
        return self._call(story, "Website.RegisterCustomer", endpoint, body, headers, secrets=secrets)

    def _loyalty(self) -> Iterator[PlannedCall]:
        for number in range(1, 41):
            amount = round(self._random.uniform(1, 300), 2)
            if number % 2:
                yield self._points(Story.CARRIED_OUT, {"card": f"LC-{number:04}", "amount": amount})
            else:
                xml = f"<operation><card>LC-{number:04}</card><amount>{amount}</amount></operation>"
                yield self._points(Story.CARRIED_OUT, xml.encode(), _XML)
        for body in ({"card": "??", "amount": "viel"}, {"card": "LC-0001"}, {}) * 3:
            yield self._points(Story.STOPPED, body, status="ValidationError")

    def _points(
        self, story: Story, body: Any, headers: tuple[tuple[str, str], ...] = (_JSON,), **more: Any
    ) -> PlannedCall:
        return self._call(story, "Loyalty.Points", self._random.choice((WEBSITE, APP)), body, headers, **more)

    def _files(self) -> Iterator[PlannedCall]:
        """Files that the upstream sends back as they came: images, compressed texts, a form with a password."""
        for number in range(1, 13):
            image = b"\x89PNG\r\n\x1a\n\0" + self._random.randbytes(300 * number)
            yield self._import_file(image, (("Content-Type", "image/png"),))
        for number in range(1, 13):
            text = json.dumps({"stock": [{"sku": sku, "pieces": number} for sku in _GOODS * 20]}, ensure_ascii=False)
            yield self._import_file(gzip.compress(text.encode()), (_JSON, ("Content-Encoding", "gzip")))
        for number in range(1, 5):
            form = f"user=lager{number}&password={(password := _secret())}&comment=f%C3%BCr+dich".encode()
            headers = (("Content-Type", "application/x-www-form-urlencoded"),)
            yield self._import_file(form, headers, secrets=(password,))
        for _ in range(4):
            parameters, headers = {"apiKey": _secret()}, (("Content-Type", "text/csv"),)
            yield self._import_file(b"sku;pieces\r\n", headers, parameters=parameters, secrets=(parameters["apiKey"],))

    def _import_file(self, body: bytes, headers: tuple[tuple[str, str], ...], **more: Any) -> PlannedCall:
        return self._call(Story.CARRIED_OUT, "Warehouse.Import", WAREHOUSE, body, headers, status=None, **more)

    def _upstream_away(self) -> Iterator[PlannedCall]:
        for method in ("Mobile.SyncCart", "Mobile.SendReceipt") * 5:
            yield self._call(
                Story.UPSTREAM_AWAY, method, APP, {"cart": [1, 2]}, http_status_code=503, status="InternalServerError"
            )

    def _strangers(self) -> Iterator[PlannedCall]:
        for _ in range(6):
            wrong_key = _secret()
            with_wrong_key = (("Authorization", f"SecretKey {wrong_key}"), _JSON)
            yield self._stranger(401, "Website.CreateOrder", WEBSITE, with_wrong_key, secrets=(wrong_key,))
            yield self._stranger(401, "Loyalty.Points", WEBSITE, (_JSON,))
            yield self._stranger(404, "Website.CreateOrdre", WEBSITE, (self._key_header(WEBSITE), _JSON))
            yield self._stranger(404, "Website.CreateOrder", "demo.Webseite", (self._key_header(WEBSITE), _JSON))
            yield self._stranger(403, "Warehouse.Import", APP, (self._key_header(APP), _JSON))

    def _stranger(
        self, http_status_code: int, method: str, endpoint: str, headers: tuple[tuple[str, str], ...], **more: Any
    ) -> PlannedCall:
        body = _json({"order": "Umlaute: äöüß"})
        return PlannedCall(Story.STRANGER, method, endpoint, body, headers, http_status_code, "ProtocolError", **more)

    def _unreadable(self) -> Iterator[PlannedCall]:
        for _ in range(3):
            yield self._unread(400, b'{"order": {"number": 1,', (_JSON,))
            yield self._unread(400, b"<operation><order></operation>", _XML)
            yield self._unread(415, b"\x93NUMPY\x01\0", (("Content-Type", "application/octet-stream"),))
            yield self._unread(400, b"{}", (_JSON,), parameters={"transactionId": "order-1"})

    def _unread(
        self, http_status_code: int, body: bytes, headers: tuple[tuple[str, str], ...], **more: Any
    ) -> PlannedCall:
        return self._create_order(
            Story.UNREADABLE, WEBSITE, body, headers, http_status_code=http_status_code, status="ProtocolError", **more
        )


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _secret() -> str:
    return secrets.token_urlsafe(15)
