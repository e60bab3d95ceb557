"""Group commit: one thread writes for every call that waits, and all that wait share a commit."""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from calltrail.services.ports import Claim, LogUnavailable
from calltrail.stores.journal import statements
from calltrail.stores.journal.rows import Row

_log = structlog.get_logger()

_LARGEST_BATCH = 512
_CHECKPOINT_BYTES = 16 * 1024 * 1024
"""Size of the write-ahead log from which it is copied into the database, beside the writing."""
_RESTART_BYTES = 64 * 1024 * 1024
"""Size from which writing pauses until the copy has caught up, so that the write-ahead log starts afresh."""

Statement = tuple[str, Row]


@dataclass(slots=True)
class Write:
    """What one call wants written, as rows made ready beforehand."""

    statement: Statement | None = None
    """The row of the call; one of INSERT_OPEN, INSERT_CLOSED, CLOSE."""

    claim: Row | None = None
    """Values of CLAIM; unless it is granted the statement is not carried out."""

    settlement: Statement | None = None
    """SPEND or RELEASE of a claim."""

    must_survive_power_loss: bool = True


@dataclass(slots=True)
class _Waiting:
    write: Write
    future: asyncio.Future[Claim]
    result: Claim | LogUnavailable = Claim.GRANTED


def connect(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection for writing. Transactions are begun by hand."""
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class GroupCommitWriter:
    """The only writer of this process. Its methods belong to one event loop, its thread does the rest."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self._wal_path = path.with_name(path.name + "-wal")
        self._connection = connect(path, busy_timeout_s)
        self._checkpointer = _Checkpointer(path)
        self._waiting: deque[_Waiting] = deque()
        self._wake = threading.Event()
        self._is_woken = False
        self._is_closing = False
        self._syncs_every_commit = True
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    async def submit(self, write: Write) -> Claim:
        """Carry out the write; on return it is committed. Raises LogUnavailable, and then nothing of it is kept."""
        if not self._thread.is_alive():
            raise LogUnavailable("the journal's writer has stopped")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(write, loop.create_future())
        self._waiting.append(waiting)
        if not self._is_woken:
            # Once for all that arrive in this turn of the loop: waking the thread costs more than a row does.
            self._is_woken = True
            loop.call_soon(self._wake.set)
        return await waiting.future

    def close(self) -> None:
        """Write what still waits, then stop."""
        self._is_closing = True
        self._wake.set()
        self._thread.join()
        self._checkpointer.close()
        self._connection.close()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._is_woken = False
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST_BATCH))]
                self._commit(batch)
                batch[0].future.get_loop().call_soon_threadsafe(_resolve, batch)
            if self._is_closing:
                return
            self._tend_wal()

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            self._commit_together(batch)
        except Exception as error:  # noqa: BLE001 - every error must reach the calls that wait for this commit
            self._roll_back()
            if len(batch) > 1 and not isinstance(error, sqlite3.OperationalError):
                for waiting in batch:  # One row can't be written: it must not take the others with it.
                    self._commit([waiting])
                return
            _log.error("journal-write-failed", error=str(error), calls=len(batch))
            for waiting in batch:
                waiting.result = LogUnavailable(f"the journal can't be written: {error}")

    def _roll_back(self) -> None:
        """What can't be rolled back now is tried again after the next write, which fails as well."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            _log.error("journal-rollback-failed", error=str(error))

    def _commit_together(self, batch: Sequence[_Waiting]) -> None:
        self._sync_commits(any(waiting.write.must_survive_power_loss for waiting in batch))
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        execute(statements.ADVANCE)
        rows: dict[str, list[Row]] = {}
        for waiting in batch:
            write = waiting.write
            if write.claim:
                waiting.result = self._claim(write.claim)
                if waiting.result is not Claim.GRANTED:
                    continue
            if write.statement:
                rows.setdefault(write.statement[0], []).append(write.statement[1])
            if write.settlement:
                execute(*write.settlement)
        for sql, values in rows.items():
            self._connection.executemany(sql, values)
        execute("COMMIT")

    def _claim(self, values: Row) -> Claim:
        if self._connection.execute(statements.CLAIM, values).rowcount:
            return Claim.GRANTED
        (is_spent,) = self._connection.execute(statements.IS_SPENT, values[:2]).fetchone()
        return Claim.SPENT if is_spent else Claim.HELD

    def _sync_commits(self, is_needed: bool) -> None:
        if is_needed != self._syncs_every_commit:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if is_needed else 'NORMAL'}")
            self._syncs_every_commit = is_needed

    def _tend_wal(self) -> None:
        size_bytes = self._wal_path.stat().st_size
        if size_bytes < _CHECKPOINT_BYTES or self._checkpointer.is_busy:
            return
        if size_bytes >= _RESTART_BYTES and self._checkpointer.has_caught_up:
            self._checkpointer.has_caught_up = False
            self._restart_wal()
        else:
            self._checkpointer.start()

    def _restart_wal(self) -> None:
        """Copy the little that was written since the last checkpoint, and cut the write-ahead log."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            _log.warning("journal-checkpoint-failed", error=str(error))


class _Checkpointer:
    """Copies the write-ahead log into the database in a thread of its own, so that no commit waits for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wake = threading.Event()
        self._is_closing = False
        self.is_busy = False
        self.has_caught_up = False
        self._thread = threading.Thread(target=self._run, name="journal-checkpointer", daemon=True)
        self._thread.start()

    def start(self) -> None:
        self.is_busy = True
        self._wake.set()

    def close(self) -> None:
        self._is_closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path, busy_timeout_s=0)
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._is_closing:
                connection.close()
                return
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self.has_caught_up = True
            except sqlite3.Error as error:
                _log.warning("journal-checkpoint-failed", error=str(error))
            self.is_busy = False


def _resolve(batch: Sequence[_Waiting]) -> None:
    for waiting in batch:
        if waiting.future.done():  # The call was cancelled meanwhile.
            continue
        if isinstance(waiting.result, LogUnavailable):
            waiting.future.set_exception(waiting.result)
        else:
            waiting.future.set_result(waiting.result)
