"""The reference of the ports beside the log: simple, in memory, for one process and any number of threads.

People are in `memory_people.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from threading import Lock
from typing import Any

from calltrail.domain.access import Principal
from calltrail.domain.audit import AuditAction, AuditEntry, AuditFilter, NumberedEntry
from calltrail.domain.catalog import Catalog, EndpointKey, KeyKind
from calltrail.domain.exports import (
    LIVE_STATUSES,
    NEXT_STATUSES,
    ExportFile,
    ExportJob,
    ExportOrder,
    ExportStatus,
    Shard,
    Snapshot,
)
from calltrail.domain.keeping import Hold
from calltrail.services.ports import StoredFile
from calltrail.stores.files import is_file_name


class MemoryCatalogStore:
    def __init__(self) -> None:
        self._lock = Lock()
        self._catalog = Catalog()
        self._keys: list[EndpointKey] = []
        """The key of id `n` is at `n - 1`."""

    def current(self) -> Catalog:
        return self._catalog

    def save(self, catalog: Catalog, instead_of: Catalog | None = None) -> bool:
        now = datetime.now(UTC)
        with self._lock:
            if instead_of is not None and self._catalog != instead_of:
                return False
            self._catalog = catalog
            for key in self._keys:
                if key.endpoint_external_id not in catalog.endpoints:
                    self._revoke(key, now)
            return True

    def add_key(
        self, endpoint_external_id: str, kind: KeyKind, sha256: bytes, now: datetime, label: str = ""
    ) -> EndpointKey:
        with self._lock:
            if endpoint_external_id not in self._catalog.endpoints:
                raise LookupError(f"There is no endpoint {endpoint_external_id!r}.")
            key = EndpointKey(len(self._keys) + 1, endpoint_external_id, kind, sha256, now, label=label)
            self._keys.append(key)
            return key

    def keys(self, endpoint_external_id: str) -> tuple[EndpointKey, ...]:
        with self._lock:
            return tuple(key for key in self._keys if key.endpoint_external_id == endpoint_external_id)

    def live_keys(self, endpoint_external_id: str) -> tuple[EndpointKey, ...]:
        return tuple(key for key in self.keys(endpoint_external_id) if key.revoked_at is None)

    def revoke_key(self, key_id: int, now: datetime) -> EndpointKey | None:
        with self._lock:
            known = next((key for key in self._keys if key.id == key_id), None)
            return None if known is None else self._revoke(known, now)

    def note_key_uses(self, uses: Mapping[int, datetime]) -> None:
        with self._lock:
            self._keys = [_used(key, uses.get(key.id)) for key in self._keys]

    def _revoke(self, key: EndpointKey, now: datetime) -> EndpointKey:
        revoked = replace(key, revoked_at=key.revoked_at or now)
        self._keys[key.id - 1] = revoked
        return revoked


def _used(key: EndpointKey, at: datetime | None) -> EndpointKey:
    is_news = at is not None and (key.last_used_at is None or key.last_used_at < at)
    return replace(key, last_used_at=at) if is_news else key


class MemoryAuditJournal:
    def __init__(self) -> None:
        self._entries: tuple[AuditEntry, ...] = ()
        self._lock = Lock()

    def add(self, entry: AuditEntry) -> None:
        with self._lock:
            self._entries += (entry,)

    def entries(self, action: AuditAction | None = None) -> tuple[AuditEntry, ...]:
        return tuple(entry for entry in self._entries if action in (None, entry.action))

    def newest(self, filter: AuditFilter, count: int, before: int | None = None) -> tuple[NumberedEntry, ...]:
        numbered = (NumberedEntry(number, entry) for number, entry in enumerate(self._entries, start=1))
        matching = [each for each in numbered if (before is None or each.id < before) and filter.matches(each.entry)]
        return tuple(matching[::-1][:count])


class MemoryHoldStore:
    def __init__(self) -> None:
        self._holds: list[Hold] = []
        """The hold of id `n` is at `n - 1`."""
        self._lock = Lock()

    def place(self, since: datetime, till: datetime, reason: str, placed_by: str, now: datetime) -> Hold:
        with self._lock:
            hold = Hold(len(self._holds) + 1, since, till, reason, placed_by, now)
            self._holds.append(hold)
            return hold

    def release(self, hold_id: int, released_by: str, now: datetime) -> Hold | None:
        with self._lock:
            known = next((hold for hold in self._holds if hold.id == hold_id), None)
            if known and known.released_at is None:
                known = self._holds[hold_id - 1] = replace(known, released_by=released_by, released_at=now)
            return known

    def all(self) -> tuple[Hold, ...]:
        with self._lock:
            return tuple(self._holds)

    def live(self) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.all() if hold.released_at is None)


@dataclass(frozen=True, slots=True)
class _Lease:
    worker: str
    until: datetime


class MemoryExportJobs:
    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[int, ExportJob] = {}
        self._leases: dict[int, _Lease] = {}
        """Of the running jobs."""

    def start(
        self, order: ExportOrder, started_by: Principal, snapshot: Snapshot, now: datetime
    ) -> tuple[ExportJob, bool]:
        with self._lock:
            for job in self._jobs.values():
                if job.order == order and job.status in LIVE_STATUSES:
                    return job, False
            job = ExportJob(len(self._jobs) + 1, order, str(started_by), snapshot, now)
            self._jobs[job.id] = job
            return job, True

    def get(self, job_id: int) -> ExportJob | None:
        return self._jobs.get(job_id)

    def newest(self, count: int, before: int | None = None) -> tuple[ExportJob, ...]:
        with self._lock:
            earlier = [job for job in self._jobs.values() if before is None or job.id < before]
        return tuple(earlier[::-1][:count])

    def claim(self, worker: str, now: datetime, lease_s: float, limit: int) -> ExportJob | None:
        with self._lock:
            leased = {job_id for job_id, lease in self._leases.items() if lease.until > now}
            waiting = (job for job in self._jobs.values() if job.status in LIVE_STATUSES and job.id not in leased)
            oldest = next(waiting, None)
            if oldest is None or len(leased) >= limit:
                return None
            self._change(oldest.id, ExportStatus.RUNNING, attempts=oldest.attempts + 1)
            self._leases[oldest.id] = _Lease(worker, now + timedelta(seconds=lease_s))
            return self._jobs[oldest.id]

    def renew(self, job_id: int, worker: str, now: datetime, lease_s: float) -> bool:
        with self._lock:
            if not self._is_held(job_id, worker):
                return False
            self._leases[job_id] = _Lease(worker, now + timedelta(seconds=lease_s))
            return True

    def save_plan(self, job_id: int, worker: str, shards: Sequence[Shard]) -> bool:
        with self._lock:
            if not self._is_held(job_id, worker):
                return False
            self._jobs[job_id] = replace(self._jobs[job_id], shards=tuple(shards))
            return True

    def add_file(self, job_id: int, worker: str, file: ExportFile) -> bool:
        with self._lock:
            if not self._is_held(job_id, worker):
                return False
            job = self._jobs[job_id]
            parts = {known.number: known for known in job.files} | {file.number: file}
            self._jobs[job_id] = replace(job, files=tuple(parts[number] for number in sorted(parts)))
            return True

    def finish(
        self,
        job_id: int,
        worker: str,
        status: ExportStatus,
        now: datetime,
        *,
        reason: str | None = None,
        expires_at: datetime | None = None,
    ) -> bool:
        assert status in (ExportStatus.READY, ExportStatus.FAILED)
        with self._lock:
            return self._is_held(job_id, worker) and self._change(
                job_id, status, finished_at=now, reason=reason, expires_at=expires_at
            )

    def cancel(self, job_id: int, reason: str, now: datetime) -> bool:
        with self._lock:
            return self._change(job_id, ExportStatus.CANCELLED, finished_at=now, reason=reason)

    def expired(self, now: datetime) -> tuple[ExportJob, ...]:
        with self._lock:
            return tuple(
                job
                for job in self._jobs.values()
                if job.status is ExportStatus.READY and job.expires_at is not None and job.expires_at <= now
            )

    def with_files(self) -> tuple[ExportJob, ...]:
        with self._lock:
            return tuple(
                job for job in self._jobs.values() if job.status in LIVE_STATUSES or job.status is ExportStatus.READY
            )

    def mark_expired(self, job_id: int) -> bool:
        with self._lock:
            return self._change(job_id, ExportStatus.EXPIRED)

    def _is_held(self, job_id: int, worker: str) -> bool:
        lease = self._leases.get(job_id)
        return lease is not None and lease.worker == worker

    def _change(self, job_id: int, status: ExportStatus, **values: Any) -> bool:
        """The only way to another status."""
        job = self._jobs.get(job_id)
        if job is None or status not in NEXT_STATUSES[job.status]:
            return False
        self._jobs[job_id] = replace(job, status=status, **values)
        self._leases.pop(job_id, None)
        return True


class MemoryExportFiles:
    def __init__(self) -> None:
        self._folders: dict[int, dict[str, bytes]] = {}
        self._lock = Lock()

    def create(self, job_id: int, name: str) -> "MemoryFileWriter":
        """ValueError when the name is none for a file of an export."""
        if not is_file_name(name):
            raise ValueError(f"{name!r} is no name for a file of an export.")
        with self._lock:
            return MemoryFileWriter(self, job_id, name, self._folders.setdefault(job_id, {}))

    def open(self, job_id: int, name: str) -> StoredFile | None:
        with self._lock:
            data = self._folders.get(job_id, {}).get(name)
        return None if data is None else StoredFile(BytesIO(data), len(data))

    def delete(self, job_id: int) -> None:
        with self._lock:
            self._folders.pop(job_id, None)

    def publish(self, job_id: int, name: str, folder: dict[str, bytes], data: bytes) -> None:
        """Show a file, unless its folder was deleted since it was begun: then FileNotFoundError."""
        with self._lock:
            if self._folders.get(job_id) is not folder:
                raise FileNotFoundError(name)
            folder[name] = data


class MemoryFileWriter:
    def __init__(self, files: MemoryExportFiles, job_id: int, name: str, folder: dict[str, bytes]) -> None:
        self._files = files
        self._job_id = job_id
        self._name = name
        self._folder = folder
        self._content = BytesIO()

    def write(self, data: bytes) -> None:
        self._content.write(data)

    def publish(self) -> None:
        self._files.publish(self._job_id, self._name, self._folder, self._content.getvalue())
        self._content.close()

    def discard(self) -> None:
        self._content.close()
