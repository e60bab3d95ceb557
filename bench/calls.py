"""Realistic calls in bulk: some days of a shop's integrations, made up by the column and the same for the same seed.

About 200 API methods and 20 integration endpoints, both Zipf-distributed; JSON bodies of 0.3 to 20 KB; headers that
repeat; 3 % errors; 3 KB a call in all.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from bench.bodies import bodies
from bench.templates import filled
from calltrail.domain.calls import to_micros
from calltrail.formats.frames import LOG_SCHEMA

FIRST_DAY = datetime(2026, 7, 1, tzinfo=UTC)
_DAY_MICROS = 24 * 3600 * 1_000_000
_BATCH_CALLS = 20_000

_AREAS = ("Website", "Mobile", "Checkout", "Loyalty", "Stores", "Offline", "Catalog", "Delivery", "Support", "Partners")
_VERBS = ("Create", "Update", "Cancel", "Get", "Find")
_NOUNS = ("Order", "Customer", "Cart", "Coupon")
METHODS = tuple(f"{area}.{verb}{noun}" for verb in _VERBS for noun in _NOUNS for area in _AREAS)
_METHOD_NAMES = tuple(f"{verb} {noun.lower()} ({area})" for verb in _VERBS for noun in _NOUNS for area in _AREAS)
ENDPOINTS = tuple(f"shop.{area}{number}" for number in ("", "2") for area in _AREAS)
_INTEGRATIONS = tuple(f"{area} of the shop, system {number}" for number in (1, 2) for area in _AREAS)

_AGENTS = ("okhttp/4.12.0", "python-requests/2.32.3", "PostmanRuntime/7.43.0", "Apache-HttpClient/5.4 (Java/21.0.5)",
           "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
           "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148")  # fmt: skip

_OUTCOMES = pl.DataFrame(
    [
        ("completed", False, 200, "Success", None),
        ("completed", True, 200, "Success", "/customer/mobilePhone: is not a phone number"),
        ("failed", True, 200, "ValidationError", "/order/lines/0/quantity: must be at least 1"),
        ("failed", True, 401, "ProtocolError", "/authorization: the key is not a live key of this endpoint"),
        ("failed", True, 503, "InternalServerError", "/: the upstream did not answer within 10 s"),
    ],
    schema=["status", "has_errors", "http_status_code", "word", "error_messages"],
    orient="row",
)
_OUTCOME_SHARES = (0.97, 0.006, 0.014, 0.005, 0.005)


def make_calls(count: int, *, days: int = 7, seed: int = 1) -> Iterator[pl.DataFrame]:
    """`count` finished calls in order of their start, as batches of the log with all columns of `LOG_SCHEMA`."""
    for first in range(0, count, _BATCH_CALLS):
        rows = min(_BATCH_CALLS, count - first)
        random = np.random.default_rng((seed, first))
        yield _batch(random, _starts(random, first, rows, count, days))


def moved(calls: pl.DataFrame, by: timedelta, seed: int) -> pl.DataFrame:
    """The calls as if they had come so much later, with ids of their new start."""
    later = calls.with_columns(pl.col("started_at", "finished_at") + by)
    starts = later["started_at"].to_physical().to_numpy()
    return later.with_columns(id=pl.Series(_call_ids(np.random.default_rng((seed, starts[0])), starts)))


def make_request_bodies(count: int, *, about_bytes: int, seed: int = 1) -> list[bytes]:
    """JSON bodies of `about_bytes`, give or take a twelfth, all of which `SCHEMA` of bench.bodies accepts."""
    fitting: list[bytes] = []
    for batch in make_calls(100 * count + _BATCH_CALLS, seed=seed):
        sizes = pl.col("request_body").str.len_bytes()
        near = batch.filter(sizes.is_between(about_bytes * 11 // 12, about_bytes * 13 // 12))
        fitting += [body.encode() for body in near["request_body"]]
        if len(fitting) >= count:
            return fitting[:count]
    raise ValueError(f"too few bodies of about {about_bytes} bytes come up")


def _batch(random: np.random.Generator, starts: npt.NDArray[np.int64]) -> pl.DataFrame:
    rows = len(starts)
    method = _zipf(random, len(METHODS), rows)
    endpoint = _zipf(random, len(ENDPOINTS), rows)
    chosen = pl.DataFrame(
        {
            "id": _call_ids(random, starts),
            "started_at": starts,
            "finished_at": starts + random.lognormal(9.5, 1.0, rows).astype(np.int64),
            "method_system_name": _pick(METHODS, method),
            "method_name": _pick(_METHOD_NAMES, method),
            "endpoint_external_id": _pick(ENDPOINTS, endpoint),
            "integration_name": _pick(_INTEGRATIONS, endpoint),
            "agent": _pick(_AGENTS, endpoint % len(_AGENTS)),
            "number": random.integers(10_000_000, 100_000_000, rows),
            "host": random.integers(1, 255, rows),
        }
    )
    outcome = _OUTCOMES[random.choice(len(_OUTCOMES), rows, p=_OUTCOME_SHARES)]
    sent = bodies(random, outcome["word"], outcome["error_messages"])
    frame = pl.concat([chosen, outcome, sent], how="horizontal").with_columns(_HEADS).with_columns(_TEXTS)
    return frame.select(_typed(name) for name in LOG_SCHEMA)


_HEADS = (
    pl.lit("POST").alias("http_method"),
    pl.when(pl.col("number") % 3 == 0).then(filled("<number>-0000-4000-8000-000000000000")).alias("device"),
    pl.when(pl.col("number") % 20 == 0).then(pl.col("id")).alias("client_transaction_id"),
    filled("10.7.0.<host>").alias("client_address"),
    pl.col("request_body").str.len_bytes().alias("request_body_bytes"),
    pl.col("response_body").str.len_bytes().alias("response_body_bytes"),
    pl.lit("utf-8").alias("request_body_encoding"),
    pl.lit("utf-8").alias("response_body_encoding"),
    pl.lit(value=False).alias("request_body_truncated"),
    pl.lit(value=False).alias("response_body_truncated"),
    pl.lit("headers").alias("request_masked"),
)
_TEXTS = (
    filled(
        "https://api.example.com/v3/operations/sync?endpointId=<endpoint_external_id>&operation=<method_system_name>"
        "&deviceUUID=<device>"
    ).alias("url"),
    filled(
        "host: api.example.com\nuser-agent: <agent>\naccept: application/json\naccept-encoding: gzip, deflate, br\n"
        "content-type: application/json; charset=utf-8\ncontent-length: <request_body_bytes>\n"
        "authorization: SecretKey ***\nx-customer-ip: 93.184.<host>.7\nmindbox-integration: <integration_name>\n"
        "x-request-id: <number>\nconnection: keep-alive"
    ).alias("request_headers"),
    filled(
        "content-type: application/json; charset=utf-8\ncontent-length: <response_body_bytes>\n"
        "calltrail-call-id: <id>\ndate: Wed, 01 Jul 2026 09:05:00 GMT"
    ).alias("response_headers"),
)
_NEVER_SET = ("request_body_decoded_from", "response_body_decoded_from", "response_masked")


def _typed(name: str) -> pl.Expr:
    value = pl.lit(None).alias(name) if name in _NEVER_SET else pl.col(name)
    return value.cast(LOG_SCHEMA[name])


def _starts(random: np.random.Generator, first: int, rows: int, count: int, days: int) -> npt.NDArray[np.int64]:
    """Sorted microseconds of a batch; nights have a third of the calls that days have."""
    even = np.sort(random.uniform(first / count, (first + rows) / count, rows)) * days
    day, hour = np.divmod(even, 1.0)
    shifted = day + hour - np.sin(2 * np.pi * hour) / (4 * np.pi)
    return to_micros(FIRST_DAY) + (shifted * _DAY_MICROS).astype(np.int64)


def _zipf(random: np.random.Generator, kinds: int, rows: int) -> npt.NDArray[np.int64]:
    weights = 1 / np.arange(1, kinds + 1)
    return random.choice(kinds, rows, p=weights / weights.sum())


def _pick(words: tuple[str, ...], numbers: npt.NDArray[np.int64]) -> pl.Series:
    return pl.Series(words).gather(numbers)


def _call_ids(random: np.random.Generator, starts: npt.NDArray[np.int64]) -> list[str]:
    """UUIDv7s that tell their start, as `new_call_id` makes them."""
    micros = starts.astype(np.uint64)
    parts = np.empty((len(starts), 2), ">u8")
    parts[:, 0] = (micros // 1000) << 16 | 0x7000 | (micros % 1000) * 4096 // 1000
    parts[:, 1] = random.integers(2**62, size=len(starts), dtype=np.uint64) | np.uint64(1 << 63)
    digits = parts.tobytes().hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-{digits[at + 12 : at + 16]}-"
        f"{digits[at + 16 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, len(digits), 32)
    ]
