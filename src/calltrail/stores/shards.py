"""Calls cut into shards, by their start times."""

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from calltrail.domain.calls import from_micros
from calltrail.domain.exports import Shard


def cut(pages: Iterable[pl.DataFrame], shard_bytes: int) -> tuple[Shard, ...]:
    """Cut calls into consecutive shards of about `shard_bytes`; none when there are no calls.

    The pages have every start time (microseconds since 1970) once, in order, with the number and size of its calls.
    """
    pieces: list[dict[str, int]] = []
    bytes_before = 0
    for moments in pages:
        cut_page = _pieces(moments, bytes_before, shard_bytes)
        bytes_before += sum(piece["size_bytes"] for piece in cut_page)
        if pieces and cut_page and pieces[-1]["number"] == cut_page[0]["number"]:
            rest = cut_page.pop(0)
            pieces[-1]["rows"] += rest["rows"]
            pieces[-1]["size_bytes"] += rest["size_bytes"]
            pieces[-1]["last"] = rest["last"]
        pieces += cut_page
    return tuple(_shard(piece) for piece in pieces)


def _pieces(moments: pl.DataFrame, bytes_before: int, shard_bytes: int) -> list[dict[str, int]]:
    """Number every moment by the bytes before it, and gather those of one number."""
    size = pl.col("size_bytes")
    return (
        moments.with_columns(number=(size.cum_sum() - size + bytes_before) // shard_bytes)
        .group_by("number", maintain_order=True)
        .agg(
            first=pl.col("started_at").first(),
            last=pl.col("started_at").last(),
            rows=pl.col("rows").sum(),
            size_bytes=size.sum(),
        )
        .to_dicts()
    )


def _shard(piece: dict[str, int]) -> Shard:
    return Shard(
        since=from_micros(piece["first"]),
        till=from_micros(piece["last"]) + timedelta(microseconds=1),
        rows=piece["rows"],
        size_bytes=piece["size_bytes"],
    )
