"""The log of calls in memory: the reference of what `CallLog`, `CallScanner` and `CallPages` mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from calltrail.domain.calls import EPOCH, CallOutcome, CallRecord, CallRequest, CallStatus
from calltrail.domain.exports import Shard, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.services.looking import CallPlace, Overview
from calltrail.services.ports import Claim
from calltrail.stores.journal.rows import (
    OUTCOME_COLUMNS,
    REQUEST_COLUMNS,
    outcome_row,
    plain_text_bytes,
    request_row,
)
from calltrail.stores.tallies import BUCKETS_SCHEMA, METHODS_SCHEMA

_OPEN_OUTCOME = {**dict.fromkeys(OUTCOME_COLUMNS), "status": CallStatus.PROCESSING.value, "has_errors": False}


@dataclass(slots=True)
class _Logged:
    record: CallRecord
    begun_in: int
    finished_in: int | None


class MemoryCallLog:
    """Both halves of the log; nothing survives the process."""

    def __init__(self) -> None:
        self._calls: dict[str, _Logged] = {}
        self._claims: dict[tuple[str, str], Claim] = {}
        self._position = 0

    async def begin(self, request: CallRequest, *, must_survive_power_loss: bool) -> Claim:  # noqa: ARG002 - none does
        if request.client_transaction_id:
            key = (request.endpoint_external_id, request.client_transaction_id)
            if key in self._claims:
                return self._claims[key]
            self._claims[key] = Claim.HELD
        self._position += 1
        self._calls[request.id] = _Logged(CallRecord(request), self._position, None)
        return Claim.GRANTED

    async def finish(self, request: CallRequest, outcome: CallOutcome, *, was_begun: bool) -> None:
        self._position += 1
        begun_in = self._calls[request.id].begun_in if was_begun else self._position
        self._calls[request.id] = _Logged(CallRecord(request, outcome), begun_in, self._position)
        if was_begun and request.client_transaction_id:
            key = (request.endpoint_external_id, request.client_transaction_id)
            if outcome.status is CallStatus.COMPLETED:
                self._claims[key] = Claim.SPENT
            else:
                del self._claims[key]

    async def probe(self) -> None:
        return

    def snapshot(self) -> Snapshot:
        return Snapshot(self._position, datetime.now(UTC))

    def snapshot_before(self, call_id: str) -> Snapshot:
        return Snapshot(self._calls[call_id].begun_in - 1, datetime.now(UTC))

    def get(self, call_id: str) -> CallRecord | None:
        logged = self._calls.get(call_id)
        return logged.record if logged else None

    def plan(self, snapshot: Snapshot, filter: CallFilter, shard_bytes: int) -> tuple[Shard, ...]:
        shards: list[Shard] = []
        number, bytes_before = 0, 0
        for record in self._matching(snapshot, filter):
            start = record.request.started_at
            size_bytes = plain_text_bytes(record.request, record.outcome)
            is_same_moment = bool(shards) and start < shards[-1].till
            if shards and (is_same_moment or bytes_before // shard_bytes == number):
                last = shards[-1]
                till = start + timedelta(microseconds=1)
                shards[-1] = Shard(last.since, till, last.rows + 1, last.size_bytes + size_bytes)
            else:
                number = bytes_before // shard_bytes
                shards.append(Shard(start, start + timedelta(microseconds=1), 1, size_bytes))
            bytes_before += size_bytes
        return tuple(shards) or (Shard(snapshot.as_of, snapshot.as_of, 0, 0),)

    def scan(
        self, snapshot: Snapshot, filter: CallFilter, shard: Shard, columns: Sequence[str], batch_bytes: int
    ) -> Iterator[pl.DataFrame]:
        within = replace(filter, since=shard.since, till=shard.till)
        for stretch in self.plan(snapshot, within, batch_bytes):
            calls = self._matching(snapshot, replace(filter, since=stretch.since, till=stretch.till))
            if calls:
                yield _frame(calls, columns)

    def newest(
        self, filter: CallFilter, columns: Sequence[str], count: int, before: CallPlace | None = None
    ) -> pl.DataFrame:
        place = (before.started_at, before.id) if before else None
        matching = self._matching(self.snapshot(), filter)
        earlier = [call for call in matching if not place or (call.request.started_at, call.request.id) < place]
        return _frame(earlier[::-1][:count], columns)

    def next_after(self, filter: CallFilter, columns: Sequence[str], count: int, after: CallPlace) -> pl.DataFrame:
        matching = self._matching(self.snapshot(), filter)
        place = (after.started_at, after.id)
        later = [call for call in matching if (call.request.started_at, call.request.id) > place]
        return _frame(later[:count], columns)

    def overview(self, filter: CallFilter, bucket: timedelta) -> Overview:
        matching = self._matching(self.snapshot(), filter)
        starts = [call.request.started_at for call in matching]
        return Overview(
            calls=len(matching),
            errors=sum(call.has_errors for call in matching),
            size_bytes=sum(plain_text_bytes(call.request, call.outcome) for call in matching),
            first=min(starts, default=None),
            last=max(starts, default=None),
            buckets=_buckets(matching, bucket),
            methods=_methods(matching),
        )

    def extent(self) -> tuple[datetime, datetime] | None:
        starts = [logged.record.request.started_at for logged in self._calls.values()]
        return (min(starts), max(starts)) if starts else None

    def _matching(self, snapshot: Snapshot, filter: CallFilter) -> list[CallRecord]:
        seen = [_as_of(snapshot, logged) for logged in self._calls.values() if logged.begun_in <= snapshot.position]
        matching = [record for record in seen if filter.matches(record)]
        return sorted(matching, key=lambda record: (record.request.started_at, record.request.id))


def _as_of(snapshot: Snapshot, logged: _Logged) -> CallRecord:
    is_closed = logged.finished_in is not None and logged.finished_in <= snapshot.position
    return logged.record if is_closed else CallRecord(logged.record.request)


def _buckets(calls: Sequence[CallRecord], bucket: timedelta) -> pl.DataFrame:
    rows: dict[datetime, list[bool]] = {}
    for call in calls:
        start = EPOCH + (call.request.started_at - EPOCH) // bucket * bucket
        rows.setdefault(start, []).append(call.has_errors)
    return pl.DataFrame(
        [(start, len(errors), sum(errors)) for start, errors in sorted(rows.items())], BUCKETS_SCHEMA, orient="row"
    )


def _methods(calls: Sequence[CallRecord]) -> pl.DataFrame:
    rows = []
    for name in sorted({call.request.method_system_name for call in calls}):
        of_method = [call for call in calls if call.request.method_system_name == name]
        took = sorted(
            (call.outcome.finished_at - call.request.started_at) / timedelta(milliseconds=1)
            for call in of_method
            if call.outcome
        )
        errors, last = sum(call.has_errors for call in of_method), max(call.request.started_at for call in of_method)
        rows.append((name, len(of_method), errors, _percentile(took, 50), _percentile(took, 95), last))
    rows.sort(key=lambda row: -row[1])
    return pl.DataFrame(rows, METHODS_SCHEMA, orient="row")


def _percentile(ascending: Sequence[float], percent: int) -> float | None:
    """The least of them that so many of a hundred do not exceed."""
    return ascending[-(-len(ascending) * percent // 100) - 1] if ascending else None


def _frame(calls: Sequence[CallRecord], columns: Sequence[str]) -> pl.DataFrame:
    micros = {name: pl.Int64() if dtype == pl.Datetime else dtype for name, dtype in LOG_SCHEMA.items()}
    frame = pl.DataFrame([_row(call) for call in calls], schema=micros)
    return frame.select(pl.col(column).cast(LOG_SCHEMA[column]) for column in columns)


def _row(record: CallRecord) -> dict[str, object]:
    first = dict(zip(REQUEST_COLUMNS, request_row(record.request), strict=True))
    second = dict(zip(OUTCOME_COLUMNS, outcome_row(record.outcome), strict=True)) if record.outcome else _OPEN_OUTCOME
    return first | second
