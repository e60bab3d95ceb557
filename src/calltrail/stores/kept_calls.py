"""The log as those see it who take calls away: what retention and erasure do to journal and archive."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import polars as pl

from calltrail.domain.calls import from_micros, to_micros
from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import DueMethods, Hold, Matching, Retention, Retired
from calltrail.services.ports import Tell, no_telling
from calltrail.stores.archive.reader import condition, overlaps
from calltrail.stores.archive.schema import DAY
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.journal import conditions, statements
from calltrail.stores.journal.scrubbing import scrub

_NOW = 2**63 - 1
"""A commit that comes after all."""

_SHOWN_IDS = 100

_METHOD = "method_system_name"
_NO_CALL = pl.col("started_at").is_null()
"""Said of a column, as a literal would count once in a sum."""

_TEXT = {side: pl.col(f"{side}_body").fill_null("") for side in ("request", "response")}


class KeptCallsOfLog:
    """The `KeptCalls` over both stores. By Python's own SQLite, as whoever moves calls to the archive needs it."""

    def __init__(self, journal: Path, table: ArchiveTable, *, busy_timeout_s: float, patience_s: float) -> None:
        """`patience_s` is how long others may keep the journal from being scrubbed."""
        self._journal = journal
        self._table = table
        self._busy_timeout_s = busy_timeout_s
        self._patience_s = patience_s
        self._settled: set[tuple[str, object]] = set()
        """Files in which nothing is due, with what they were asked for. Files never change."""

    def matching(self, filter: CallFilter, holds: Sequence[Hold]) -> Matching:
        # The journal stands still first: what had left it by then is in the archive.
        with closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True, isolation_level=None)) as journal:
            journal.execute("BEGIN")
            journal.execute(statements.POSITION).fetchone()
            through = self._table.archived_through() if self._table.is_there() else 0
            archived = self._archived(filter, holds)
            return _sum(archived, *_recent(journal, filter, holds, through))

    def erase(self, filter: CallFilter, holds: Sequence[Hold], tell: Tell = no_telling) -> int:
        goes = _is(condition(filter)) & ~_is_held(holds)
        files = self._table.files().filter(*overlaps(filter))
        erased = seen = 0
        for (_,), of_day in files.group_by(DAY, maintain_order=True):
            tell(seen, files.height)
            seen += of_day.height
            day = _DayWork(self._table, of_day, goes)
            day.carry_out()
            erased += sum(day.counts("going").values())
        self._table.purge()
        return erased

    def retire(
        self,
        retention: Retention,
        now: datetime,
        holds: Sequence[Hold],
        *,
        only_tell: bool = False,
        tell: Tell = no_telling,
    ) -> Iterator[Retired]:
        all_files = self._table.files().sort(DAY)
        in_use = set(all_files["path"])
        self._settled = {(path, asked) for path, asked in self._settled if path in in_use}
        seen = 0
        for (day,), files in all_files.group_by(DAY, maintain_order=True):
            assert isinstance(day, date)
            tell(seen, all_files.height)
            seen += files.height
            calls, bodies = (time.due_methods(day, now) for time in (retention.calls, retention.bodies))
            if calls.are_none and bodies.are_none:
                continue
            asked = (calls, bodies, tuple(holds))
            unknown = [(path, asked) not in self._settled for path in files["path"]]
            is_held = _is_held(holds)
            goes, loses = _are_of(calls) & ~is_held, _are_of(bodies) & ~is_held
            work = _DayWork(self._table, files.filter(unknown), goes, None if bodies.are_none else loses & ~goes)
            if not only_tell:
                work.carry_out()
            self._settled |= {(path, asked) for path in work.unchanged["path"]}
            yield Retired(work.counts("going"), work.counts("losing"))

    def scrub_journal(self) -> bool:
        return scrub(self._journal, busy_timeout_s=self._busy_timeout_s, patience_s=self._patience_s)

    def _archived(self, filter: CallFilter, holds: Sequence[Hold]) -> pl.DataFrame:
        files = self._table.files().filter(*overlaps(filter))
        if files.is_empty():
            return pl.DataFrame(schema={"held": pl.Boolean(), **_SUMS})
        return (
            self._table.log(files)
            .filter(condition(filter))
            .group_by(_is_held(holds).alias("held"))
            .agg(
                calls=pl.len().cast(pl.Int64),
                size_bytes=pl.col("plain_text_bytes").sum(),
                first=pl.col("started_at").min().to_physical(),
                last=pl.col("started_at").max().to_physical(),
            )
            .collect(engine="streaming")
        )


_SUMS: Mapping[str, pl.DataType] = {
    "calls": pl.Int64(),
    "size_bytes": pl.Int64(),
    "first": pl.Int64(),
    "last": pl.Int64(),
}


def _recent(
    journal: sqlite3.Connection, filter: CallFilter, holds: Sequence[Hold], through: int
) -> tuple[pl.DataFrame, Sequence[str]]:
    """Sums of the final calls of the journal that match, held and not, and ids of the others that match."""
    where, values = conditions.condition(_NOW, filter, through)
    in_hold = " OR ".join(
        f"started_at >= {to_micros(hold.since)} AND started_at < {to_micros(hold.till)}" for hold in holds
    )
    sums = journal.execute(
        f"SELECT ({in_hold or '0'}) <> 0, count(*), sum(plain_text_bytes), min(started_at), max(started_at) "  # noqa: S608 - own words and numbers
        f"FROM calls WHERE {where} AND finished_in IS NOT NULL GROUP BY 1",
        values,
    ).fetchall()
    open_calls = journal.execute(
        f"SELECT id FROM calls WHERE {where} AND finished_in IS NULL ORDER BY started_at LIMIT {_SHOWN_IDS}",  # noqa: S608 - own words
        values,
    ).fetchall()
    frame = pl.DataFrame(sums, {"held": pl.Int64(), **_SUMS}, orient="row")
    return frame.with_columns(pl.col("held").cast(pl.Boolean)), [call_id for (call_id,) in open_calls]


def _sum(archived: pl.DataFrame, recent: pl.DataFrame, processing: Sequence[str]) -> Matching:
    both = pl.concat([archived, recent])
    free = both.filter(~pl.col("held")).select(
        pl.col("calls", "size_bytes").sum(), pl.col("first").min(), pl.col("last").max()
    )
    calls, size_bytes, first, last = free.row(0)
    return Matching(
        calls,
        size_bytes,
        None if first is None else from_micros(first),
        None if last is None else from_micros(last),
        held=int(both.filter(pl.col("held"))["calls"].sum()),
        processing=tuple(processing),
    )


def _is(condition: pl.Expr) -> pl.Expr:
    """The condition with no for unknown, so that its opposite holds of all other calls."""
    return condition.fill_null(value=False)


def _is_held(holds: Sequence[Hold]) -> pl.Expr:
    start = pl.col("started_at")
    return pl.any_horizontal(_NO_CALL, *((start >= hold.since) & (start < hold.till) for hold in holds))


def _are_of(methods: DueMethods) -> pl.Expr:
    is_named = pl.col(_METHOD).is_in(sorted(methods.names)) if methods.names else _NO_CALL
    return ~is_named if methods.are_exceptions else is_named


def _without_bodies(loses: pl.Expr) -> list[pl.Expr]:
    """Columns of calls some of which lose their bodies. What is gone is flagged, and its size stays."""
    chars = pl.sum_horizontal(text.str.len_chars().cast(pl.Int64) for text in _TEXT.values())
    changed = [pl.when(loses).then(pl.col("plain_text_bytes") - chars).otherwise(pl.col("plain_text_bytes"))]
    for side, text in _TEXT.items():
        body, is_cut = pl.col(f"{side}_body"), pl.col(f"{side}_body_truncated")
        changed.append(pl.when(loses & body.is_not_null()).then(pl.lit("")).otherwise(body).alias(f"{side}_body"))
        changed.append(
            pl.when(loses & (text != "")).then(pl.lit(value=True)).otherwise(is_cut).alias(f"{side}_body_truncated")
        )
    return changed


class _DayWork:
    """What is to be done to files of one day: calls that go, and calls that lose their bodies."""

    def __init__(self, table: ArchiveTable, files: pl.DataFrame, goes: pl.Expr, loses: pl.Expr | None = None) -> None:
        self._table = table
        self._goes = goes
        self._loses = None if loses is None else loses & pl.any_horizontal(text != "" for text in _TEXT.values())
        found = [self._survey(files[number]) for number in range(files.height)]
        self._found = pl.concat([pl.DataFrame(schema=_FOUND), *found])
        self._files = files.join(self._found.group_by("path").agg(pl.col("going", "losing").sum()), "path", "left")

    @property
    def unchanged(self) -> pl.DataFrame:
        """Files that stay as they are."""
        return self._files.filter((pl.col("going") == 0) & (pl.col("losing") == 0))

    def counts(self, what: str) -> Mapping[str, int]:
        """How many calls are `going` or `losing` their bodies, by API method."""
        by_method = self._found.group_by(_METHOD).agg(pl.col(what).sum()).filter(pl.col(what) > 0)
        return {str(method): int(calls) for method, calls in by_method.sort(_METHOD).iter_rows()}

    def carry_out(self) -> None:
        """Durable on return. Killed midway, what is left to do is found by the next one."""
        whole = self._files.filter(pl.col("going") == pl.col("rows"))
        partly = self._files.filter((pl.col("going") > 0) | (pl.col("losing") > 0), pl.col("going") < pl.col("rows"))
        if whole.height:
            self._table.remove(whole)
        if partly.height:
            self._table.rewrite(partly, self._change, is_change=True)

    def _change(self, calls: pl.DataFrame) -> pl.DataFrame:
        stay = calls.filter(~self._goes)
        return stay if self._loses is None else stay.with_columns(_without_bodies(self._loses))

    def _survey(self, file: pl.DataFrame) -> pl.DataFrame:
        """By API method. Of columns that no condition asks for nothing is read."""
        loses = _NO_CALL if self._loses is None else self._loses
        return (
            self._table.log(file)
            .group_by(_METHOD)
            .agg(going=self._goes.sum().cast(pl.Int64), losing=loses.sum().cast(pl.Int64))
            .select(pl.lit(file["path"][0]).alias("path"), _METHOD, "going", "losing")
            .collect(engine="streaming")
        )


_FOUND = {"path": pl.String(), _METHOD: pl.String(), "going": pl.Int64(), "losing": pl.Int64()}
