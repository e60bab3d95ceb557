"""Final calls moved from the journal to the archive, each exactly once."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from calltrail.services.ports import CallArchive, FinalCalls

_log = structlog.get_logger()


class Archiver:
    """Moves calls in whole batches. Of all processes only one may do so at a time.

    The archive keeps, in the same commit as the calls, up to which commit of the journal it has them. What the journal
    still holds of those is a copy, which readers leave out and the next run deletes.
    """

    def __init__(
        self,
        *,
        final_calls: FinalCalls,
        archive: CallArchive,
        age: timedelta,
        batch_bytes: int,
        now: Callable[[], datetime],
    ) -> None:
        self._final_calls = final_calls
        self._archive = archive
        self._age = age
        self._batch_bytes = batch_bytes
        self._now = now
        self.is_stopping = threading.Event()

    def run_if_due(self) -> int:
        """Move the final calls once the first of them has waited for `age`, or they are a batch; say how many."""
        waiting = self._final_calls.waiting(self._archive.archived_through())
        is_due = waiting and (waiting.size_bytes >= self._batch_bytes or waiting.oldest <= self._now() - self._age)
        return self.run() if is_due else 0

    def run(self) -> int:
        """Move every final call, and say how many. Each batch is durable before it is deleted from the journal."""
        through = self._archive.archived_through()
        self._final_calls.forget(through)
        moved = 0
        while not self.is_stopping.is_set() and (batch := self._final_calls.next(through, self._batch_bytes)):
            self._archive.append(batch.calls, batch.through)
            through = batch.through
            moved += self._final_calls.forget(through)
        if moved:
            _log.info("calls-archived", calls=moved, through=through)
        return moved
