"""What calls come to, counted piece by piece: memory grows with buckets and API methods, not with calls."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from calltrail.domain.calls import EPOCH
from calltrail.formats.frames import MOMENT
from calltrail.services.looking import ROUNDED_BY, Overview

BUCKETS_SCHEMA: Mapping[str, pl.DataType] = {"start": MOMENT, "calls": pl.Int64(), "errors": pl.Int64()}

METHODS_SCHEMA: Mapping[str, pl.DataType] = {
    "method_system_name": pl.String(),
    "calls": pl.Int64(),
    "errors": pl.Int64(),
    "p50_ms": pl.Float64(),
    "p95_ms": pl.Float64(),
    "last_started_at": MOMENT,
}

TALLIED: Mapping[str, pl.DataType] = {
    "method_system_name": pl.String(),
    "has_errors": pl.Boolean(),
    "started_at": pl.Int64(),
    "took": pl.Int64(),
    "plain_text_bytes": pl.Int64(),
}
"""What is counted of calls. Times are microseconds; `took` is null of calls that are processing."""

_MICROSECOND = timedelta(microseconds=1)

_STEP = math.log1p(2 * ROUNDED_BY)
"""Durations are told apart by the whole steps of their logarithm."""

_STEPS = 4096
"""More than a duration has; the last one is of calls that are processing."""

_COUNTED_TOGETHER = 2**20
"""So many calls are counted at once, by all processors."""


NUMBER_OF_METHOD = pl.col("key") // _STEPS
"""In `Figures.calls`."""


def step_of(took: pl.Expr) -> pl.Expr:
    """The step of a duration in microseconds."""
    return (took.clip(1).cast(pl.Float32).log() / _STEP).cast(pl.UInt32).fill_null(_STEPS - 1)


def steps_within(least: timedelta | None, most: timedelta | None) -> tuple[int, int]:
    """The first and the last step that durations within these bounds may have."""
    first, last = (
        default if bound is None else int(math.log(max(1, bound // _MICROSECOND)) / _STEP)
        for bound, default in ((least, 0), (most, _STEPS))
    )
    return first - 1, last + 1  # they are reckoned more coarsely elsewhere


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Calls, as they are counted."""

    methods: pl.Series
    """Names of API methods."""

    calls: pl.DataFrame
    """`key`, which is `_STEPS` times the number of the API method and the step of the duration, ascending, and
    `has_errors`, `started_at` and `plain_text_bytes`.

    A grouping of numbers that are known to ascend is ten times as fast as one of others.
    """

    @classmethod
    def of(cls, calls: pl.DataFrame) -> "Figures":
        """Of a frame with the columns of `TALLIED`, some of which may be narrower, and others, which stay."""
        methods, numbers = numbered(calls["method_system_name"])
        key = (numbers.cast(pl.UInt32) * _STEPS).alias("key")
        frame = calls.drop("method_system_name").with_columns(key + step_of(pl.col("took")))
        return cls(methods, frame.sort("key"))

    def of_some(self, conditions: Iterable[pl.Expr]) -> "Figures":
        """Of the calls for which all of them are true."""
        return Figures(self.methods, self.calls.filter(conditions))


def numbered(names: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The names that there are, ascending, and the place of each one among them."""
    known = names.unique().sort()
    return known, names.cast(pl.Enum(known)).to_physical()


class Tally:
    """Calls counted for an overview."""

    def __init__(self, bucket: timedelta) -> None:
        self._bucket = bucket // _MICROSECOND
        self._numbers: dict[str, int] = {}
        """Of API methods, whichever figures they come from."""
        self._waiting: list[Figures] = []
        self._buckets = _Sum("start", ("calls", "errors"))
        self._methods = _Sum("method", ("calls", "errors", "plain_text_bytes"), ("first", "last"))
        self._steps = _Sum("key", ("calls",))

    def add(self, figures: Figures) -> None:
        """Count them, some at once."""
        if figures.calls.height:
            self._waiting.append(figures)
        if sum(waiting.calls.height for waiting in self._waiting) >= _COUNTED_TOGETHER:
            self._count()

    def overview(self) -> Overview:
        """Of all calls that were added."""
        self._count()
        figures = self._methods.total.join(_percentiles(self._steps.total), "method", "left")
        names = pl.Series([*self._numbers], dtype=pl.String)
        methods = figures.with_columns(names.gather(figures["method"]).alias("method_system_name"))
        sums = pl.col("calls", "errors", "plain_text_bytes").sum()
        calls, errors, size_bytes, first, last = figures.select(sums, pl.min("first"), pl.max("last")).row(0)
        return Overview(
            calls=calls,
            errors=errors,
            size_bytes=size_bytes,
            first=None if first is None else EPOCH + first * _MICROSECOND,
            last=None if last is None else EPOCH + last * _MICROSECOND,
            buckets=_typed(self._buckets.total, BUCKETS_SCHEMA),
            methods=_typed(
                methods.rename({"last": "last_started_at"}).sort(
                    "calls", "method_system_name", descending=[True, False]
                ),
                METHODS_SCHEMA,
            ),
        )

    def _count(self) -> None:
        counts = pl.collect_all([counted for figures in self._waiting for counted in self._counted(figures)])
        for sums, number in ((self._buckets, 0), (self._methods, 1), (self._steps, 2)):
            sums.add(counts[number::3])
        self._waiting = []

    def _counted(self, figures: Figures) -> Iterator[pl.LazyFrame]:
        """By bucket, by API method, and by API method and step."""
        calls, start = figures.calls.lazy(), pl.col("started_at")
        first, last = figures.calls.select(start.min().alias("first"), start.max().alias("last")).row(0)
        nought = first // self._bucket
        # Small numbers are grouped faster.
        number = pl.UInt16 if last // self._bucket - nought < 2**16 else pl.Int64
        bucket = (start // self._bucket - nought).cast(number).alias("start")
        numbers = pl.Series([self._numbers.setdefault(name, len(self._numbers)) for name in figures.methods])
        method = pl.lit(numbers).gather(NUMBER_OF_METHOD)
        counts = (pl.len().alias("calls"), pl.col("has_errors").sum().alias("errors"))
        size_bytes = pl.col("plain_text_bytes").cast(pl.Int64).sum()
        by_bucket = calls.group_by(bucket).agg(counts)
        yield by_bucket.with_columns((pl.col("start").cast(pl.Int64) + nought) * self._bucket)
        by_method = calls.group_by((NUMBER_OF_METHOD * _STEPS).set_sorted().alias("key"))
        sums = by_method.agg(*counts, size_bytes, start.min().alias("first"), start.max().alias("last"))
        yield sums.with_columns(method.alias("method"))
        by_step = calls.group_by("key").agg(pl.len().alias("calls"))
        yield by_step.with_columns(method * _STEPS + pl.col("key") % _STEPS)


class _Sum:
    """Counts by a key, added up now and then; of times the first and the last."""

    def __init__(self, key: str, sums: Sequence[str], times: Sequence[str] = ()) -> None:
        self._key = key
        self._together = [pl.col(sums).sum()]
        if times:
            self._together += [pl.min("first"), pl.max("last")]
        self._schema = dict.fromkeys((key, *sums, *times), pl.Int64())
        self.total = pl.DataFrame(schema=self._schema)
        """By the key, ascending."""

    def add(self, counts: Iterable[pl.DataFrame]) -> None:
        pieces = [frame.lazy().select(pl.col(name).cast(pl.Int64) for name in self._schema) for frame in counts]
        together = pl.concat([self.total.lazy(), *pieces]).group_by(self._key).agg(self._together)
        self.total = together.sort(self._key).collect()


def _percentiles(steps: pl.DataFrame) -> pl.DataFrame:
    """`p50_ms` and `p95_ms` of each `method`, where it has calls that are closed."""
    step = pl.col("key") % _STEPS
    closed = steps.select("calls", NUMBER_OF_METHOD.set_sorted().alias("method"), step.alias("step")).filter(
        pl.col("step") < _STEPS - 1
    )
    through, of = pl.col("calls").cum_sum().over("method"), pl.col("calls").sum().over("method")
    percent, took_ms = through * 100 / of, ((pl.col("step") + 0.5) * _STEP).exp() / 1000
    found = [took_ms.filter(pl.col("percent") >= least).min().alias(f"p{least}_ms") for least in (50, 95)]
    return closed.with_columns(percent=percent).group_by("method").agg(found)


def _typed(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
