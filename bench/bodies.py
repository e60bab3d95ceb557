"""JSON bodies of made-up calls: customers, orders and their lines."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bench.templates import filled

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["customer", "order"],
    "properties": {
        "customer": {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}},
        "order": {"type": "object", "properties": {"lines": {"type": "array"}}},
    },
}
"""A small JSON Schema, such as an API method would validate these bodies with."""

_FIRST_NAMES = ("Anna", "Ben", "Chloë", "Dmitri", "Elif", "Farid", "Grace", "Hiroshi", "Inês", "Jan", "Łucja", "Мария")
_LAST_NAMES = ("Smith", "Müller", "García", "Rossi", "Kowalski", "Петров", "Nguyen", "Öztürk", "Jansen", "O'Brien")
_PRODUCTS = (
    "T-shirt, cotton",
    r"Running shoes \"Wave\"",
    "Kettle 1.7 l",
    "Notebook A5; ruled",
    "Lamp",
    "Café crème 250 g",
    "Bicycle pump",
    "Garden chair, folding",
    "Headphones",
    "Children's book",
)

_LARGEST_LINES = 120
"""Of a request; gives bodies of about 20 KB."""


def bodies(random: np.random.Generator, words: pl.Series, error_messages: pl.Series) -> pl.DataFrame:
    """A request and a response body a call, given the statuses and errors that the responses tell."""
    rows = len(words)
    people = pl.DataFrame(
        {
            "number": random.integers(10_000_000, size=rows),
            "phone": random.integers(70_000_000_000, 80_000_000_000, rows),
            "order": random.integers(10**10, size=rows),
            "total": random.integers(100, 10_000_000, rows) / 100,
            "first": _any_of(random, _FIRST_NAMES, rows),
            "last": _any_of(random, _LAST_NAMES, rows),
            "word": words,
            "error": error_messages,
            "lines": _joined(random, _ORDER_LINE, _line_counts(random, rows, median=6.5)),
            "found": _joined(random, _FOUND_LINE, _line_counts(random, rows, median=2)),
        }
    )
    return people.select(request_body=_REQUEST, response_body=_RESPONSE)


_REQUEST = filled(
    '{"customer":{"ids":{"website":"<number>"},"email":"user<number>@example.com","mobilePhone":"<phone>",'
    '"firstName":"<first>","lastName":"<last>",'
    '"subscriptions":[{"pointOfContact":"Email","topic":"News","isSubscribed":true}]},'
    '"order":{"ids":{"websiteId":"W-<order>"},"totalPrice":<total>,"deliveryType":"courier","lines":[<lines>]},'
    '"executionDateTimeUtc":"2026-07-01 09:05:00.000"}'
)
_ANSWERED = filled(
    '{"status":"Success","customer":{"processingStatus":"Found","ids":{"mindboxId":<phone>,"website":"<number>"}},'
    '"order":{"processingStatus":"Created","ids":{"mindboxId":<order>},"totalPrice":<total>},'
    '"recommendations":[<found>]}'
)
_REFUSED = filled('{"status":"<word>","errorMessage":"<error>"}')
_RESPONSE = pl.when(pl.col("word") == "Success").then(_ANSWERED).otherwise(_REFUSED)


def _line_counts(random: np.random.Generator, rows: int, *, median: float) -> npt.NDArray[np.int64]:
    return np.clip(random.lognormal(np.log(median), 0.9, rows) - 1, 0, _LARGEST_LINES).astype(np.int64)


def _joined(random: np.random.Generator, line: pl.Expr, counts: npt.NDArray[np.int64]) -> pl.Series:
    """As many lines as `counts` says, joined by commas."""
    rows = int(counts.sum())
    lines = pl.DataFrame(
        {
            "call": np.repeat(np.arange(len(counts)), counts),
            "sku": random.zipf(1.3, rows).clip(max=500_000),
            "price": random.integers(100, 1_000_000, rows) / 100,
            "quantity": random.geometric(0.6, rows),
            "discount": random.integers(1, 30, rows),
            "name": _any_of(random, _PRODUCTS, rows),
        }
    )
    joined = lines.group_by("call", maintain_order=True).agg(line.str.join(",").alias("lines"))
    calls = pl.DataFrame({"call": np.arange(len(counts))})
    return calls.join(joined, on="call", how="left", maintain_order="left")["lines"]


_ORDER_LINE = filled(
    '{"product":{"ids":{"website":"SKU-<sku>"},"name":"<name>"},"basePricePerItem":<price>,"quantity":<quantity>,'
    '"status":"paid","requestedPromotions":[{"type":"discount","amount":<discount>}]}'
)
_FOUND_LINE = filled('{"ids":{"website":"SKU-<sku>"},"name":"<name>","price":<price>}')


def _any_of(random: np.random.Generator, words: tuple[str, ...], rows: int) -> pl.Series:
    return pl.Series(words).gather(random.integers(len(words), size=rows))
