"""The worker: takes up export jobs, as many at a time as the registry lets it, and deletes what has expired."""

import threading
from collections.abc import Callable
from datetime import datetime
from itertools import count

import structlog

from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.services.exports.making import ExportRunner
from calltrail.services.ports import AuditJournal, ExportFiles, ExportJobs

_log = structlog.get_logger()

_EXPIRY_INTERVAL_S = 60.0


class Worker:
    """A loop of one thread that gives each job a thread of its own."""

    def __init__(
        self,
        *,
        runner: ExportRunner,
        jobs: ExportJobs,
        files: ExportFiles,
        audit: AuditJournal,
        exports_at_a_time: int,
        interval_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self._runner = runner
        self._jobs = jobs
        self._files = files
        self._audit = audit
        self._exports_at_a_time = exports_at_a_time
        self._interval_s = interval_s
        self._now = now
        self._running: list[threading.Thread] = []

    def run(self) -> None:
        """Work until `stop`, then wait for what is handed back."""
        _log.info("worker-started", worker=self._runner.worker)
        rounds_per_expiry = max(1, round(_EXPIRY_INTERVAL_S / self._interval_s))
        for round_number in count():
            if self._runner.is_stopping.wait(self._interval_s):
                break
            try:
                self._take_up_jobs()
                if round_number % rounds_per_expiry == 0:
                    self._expire()
            except Exception:  # noqa: BLE001 - a registry that is locked or full now may not be at the next round
                _log.exception("worker-round-failed")
        for thread in self._running:
            thread.join()
        _log.info("worker-stopped")

    def stop(self) -> None:
        """Ask the worker to stop: running jobs go back to the queue at their next batch, finished parts stay."""
        self._runner.is_stopping.set()

    def _take_up_jobs(self) -> None:
        self._running = [thread for thread in self._running if thread.is_alive()]
        lease_s = self._runner.limits.lease_s
        while job := self._jobs.claim(self._runner.worker, self._now(), lease_s, self._exports_at_a_time):
            thread = threading.Thread(target=self._runner.run, args=(job,), name=f"export-{job.id}")
            thread.start()
            self._running.append(thread)

    def _expire(self) -> None:
        for job in self._jobs.expired(self._now()):
            # Files first: killed in between, the next round finds the job again and nothing is left behind.
            self._files.delete(job.id)
            if self._jobs.mark_expired(job.id):
                self._audit.add(AuditEntry(self._now(), AuditAction.EXPORT_EXPIRED, "calltrail", f"export {job.id}"))
