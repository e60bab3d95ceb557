"""The writing half of the journal, and the look-ups of one call."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from calltrail.domain.call_ids import window_of_call_id
from calltrail.domain.calls import CallOutcome, CallRecord, CallRequest, CallStatus, to_micros
from calltrail.domain.exports import Snapshot
from calltrail.services.ports import Claim
from calltrail.stores.journal import statements
from calltrail.stores.journal.rows import Row, outcome_row, plain_text_bytes, record, request_row
from calltrail.stores.journal.writer import GroupCommitWriter, Statement, Write, connect
from calltrail.stores.liveness import LivenessMark, is_alive


class CallJournal:
    """The `CallLog` in an SQLite database. The database must have been migrated."""

    def __init__(
        self,
        path: Path,
        run_folder: Path,
        *,
        busy_timeout_s: float,
        find_archived: Callable[[str], Row | None] = lambda _: None,
    ) -> None:
        """`find_archived` gives the row of a call that has left the journal."""
        self._find_archived = find_archived
        self._path = path
        self._run_folder = run_folder
        self._busy_timeout_s = busy_timeout_s
        self._mark = LivenessMark(run_folder)
        self._writer = GroupCommitWriter(path, busy_timeout_s)

    def close(self) -> None:
        """Write what still waits, and let go."""
        self._writer.close()
        self._mark.close()

    async def begin(self, request: CallRequest, *, must_survive_power_loss: bool) -> Claim:
        row = (self._mark.owner, plain_text_bytes(request, None), *request_row(request))
        claim = None
        if request.client_transaction_id:
            claim = (
                request.endpoint_external_id,
                request.client_transaction_id,
                request.id,
                to_micros(request.started_at),
            )
        return await self._writer.submit(
            Write((statements.INSERT_OPEN, row), claim, must_survive_power_loss=must_survive_power_loss)
        )

    async def finish(self, request: CallRequest, outcome: CallOutcome, *, was_begun: bool) -> None:
        size_bytes = plain_text_bytes(request, outcome)
        if was_begun:
            row = (size_bytes, *outcome_row(outcome), to_micros(request.started_at), request.id)
            write = Write((statements.CLOSE, row), settlement=_settlement(request, outcome))
        else:
            write = Write((statements.INSERT_CLOSED, (size_bytes, *request_row(request), *outcome_row(outcome))))
        await self._writer.submit(write)

    async def probe(self) -> None:
        await self._writer.submit(Write())

    def snapshot(self) -> Snapshot:
        with closing(self._connect()) as connection:
            (position,) = connection.execute(statements.POSITION).fetchone()
        return Snapshot(position, datetime.now(UTC))

    def snapshot_before(self, call_id: str) -> Snapshot:
        row = self._find(statements.BEGUN_IN, call_id)
        if row is None:
            raise LookupError(call_id)
        return Snapshot(row[0] - 1, datetime.now(UTC))

    def get(self, call_id: str) -> CallRecord | None:
        row = self._find(statements.CALL, call_id) or self._find_archived(call_id)
        return record(row) if row else None

    def _find(self, sql: str, call_id: str) -> Row | None:
        window = window_of_call_id(call_id)
        if not window:
            return None
        since, till = window
        with closing(self._connect()) as connection:
            row: Row | None = connection.execute(sql, (to_micros(since), to_micros(till), call_id)).fetchone()
        return row

    def close_orphans(self, reason: str, now: datetime) -> int:
        """Close, as failed with `reason`, the calls that dead processes left open; say how many."""
        closed = 0
        with closing(self._connect()) as connection:
            for (owner,) in connection.execute(statements.OWNERS).fetchall():
                if is_alive(self._run_folder, owner):
                    continue
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(statements.ADVANCE)
                connection.execute(statements.RELEASE_OF_OWNER, (owner,))
                closed += connection.execute(statements.CLOSE_OF_OWNER, (to_micros(now), reason, owner)).rowcount
                connection.execute("COMMIT")
        return closed

    def forget_transactions(self, before: datetime) -> int:
        """Drop the spent claims of calls that started before that moment; say how many."""
        with closing(self._connect()) as connection:
            return connection.execute(statements.FORGET_SPENT, (to_micros(before),)).rowcount

    def _connect(self) -> sqlite3.Connection:
        return connect(self._path, self._busy_timeout_s)


def _settlement(request: CallRequest, outcome: CallOutcome) -> Statement | None:
    if not request.client_transaction_id:
        return None
    sql = statements.SPEND if outcome.status is CallStatus.COMPLETED else statements.RELEASE
    return sql, (request.endpoint_external_id, request.client_transaction_id, request.id)
