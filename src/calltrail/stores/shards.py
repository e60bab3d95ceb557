"""Calls cut into shards, by their start times."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import polars as pl

from calltrail.domain.calls import from_micros
from calltrail.domain.exports import Shard

_PIECES_A_SHARD = 32


def cut(pages: Iterable[pl.DataFrame], shard_bytes: int) -> tuple[Shard, ...]:
    """Cut calls into consecutive shards of about one size, which is `shard_bytes` or less; none without calls.

    The pages have start times (microseconds since 1970) in order, each with the number and size of its calls. One may
    occur several times, but not in two pages: its calls are not cut apart.
    """
    pieces = [_grouped(page, max(1, shard_bytes // _PIECES_A_SHARD)) for page in pages]
    if not pieces:
        return ()
    together = pl.concat(pieces)
    size_bytes = int(together["size_bytes"].sum())
    shards = max(1, -(-size_bytes // shard_bytes))
    return tuple(_shard(row) for row in _grouped(together, max(1, -(-size_bytes // shards))).iter_rows(named=True))


def _grouped(calls: pl.DataFrame, piece_bytes: int) -> pl.DataFrame:
    """Rows that follow each other put together to about that size."""
    first = pl.col("started_at")
    last = pl.col("last") if "last" in calls.columns else first
    size = pl.col("size_bytes")
    piece = pl.when(first.ne_missing(first.shift())).then((size.cum_sum() - size) // piece_bytes).forward_fill()
    return (
        calls.group_by(piece.set_sorted(), maintain_order=True)
        .agg(first.first(), last.last().alias("last"), pl.col("rows").sum(), size.sum().alias("bytes"))
        .select("started_at", "last", "rows", size_bytes="bytes")
    )


def _shard(row: dict[str, Any]) -> Shard:
    return Shard(
        since=from_micros(row["started_at"]),
        till=from_micros(row["last"]) + timedelta(microseconds=1),
        rows=row["rows"],
        size_bytes=row["size_bytes"],
    )
