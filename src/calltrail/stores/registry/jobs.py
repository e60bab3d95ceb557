"""Export jobs in the registry."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, update

from calltrail.domain.access import Principal
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
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import export_files, export_jobs

_FILES = select(
    export_files.c.job_id,
    export_files.c.number,
    export_files.c.name,
    export_files.c.rows,
    export_files.c.size_bytes,
    export_files.c.sha256,
    export_files.c.cut_cells,
).order_by(export_files.c.number)


class RegistryExportJobs:
    """ExportJobs that workers of several processes share."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def start(
        self, order: ExportOrder, started_by: Principal, snapshot: Snapshot, now: datetime
    ) -> tuple[ExportJob, bool]:
        live = select(export_jobs).where(export_jobs.c.order == order, export_jobs.c.status.in_(LIVE_STATUSES))
        queued = insert(export_jobs).values(
            order=order,
            started_by=str(started_by),
            snapshot=snapshot,
            created_at=now,
            status=ExportStatus.QUEUED,
            attempts=0,
        )
        with self._registry.writing() as connection:
            if running := _read(connection, live):
                return running[0], False
            return _job(connection.execute(queued.returning(export_jobs)).one(), ()), True

    def get(self, job_id: int) -> ExportJob | None:
        with self._registry.reading() as connection:
            return _find(connection, job_id)

    def newest(self, count: int, before: int | None = None) -> tuple[ExportJob, ...]:
        wanted = select(export_jobs).order_by(export_jobs.c.id.desc()).limit(count)
        if before is not None:
            wanted = wanted.where(export_jobs.c.id < before)
        with self._registry.reading() as connection:
            return _read(connection, wanted)

    def claim(self, worker: str, now: datetime, lease_s: float, limit: int) -> ExportJob | None:
        is_running = export_jobs.c.status == ExportStatus.RUNNING
        leased = select(func.count()).where(is_running, export_jobs.c.leased_until > now)
        oldest = select(func.min(export_jobs.c.id)).where(
            or_(export_jobs.c.status == ExportStatus.QUEUED, is_running & (export_jobs.c.leased_until <= now))
        )
        with self._registry.writing() as connection:
            job_id = connection.scalar(oldest)
            if job_id is None or connection.execute(leased).scalar_one() >= limit:
                return None
            _change(
                connection,
                job_id,
                ExportStatus.RUNNING,
                worker=worker,
                leased_until=now + timedelta(seconds=lease_s),
                attempts=export_jobs.c.attempts + 1,
            )
            return _find(connection, job_id)

    def renew(self, job_id: int, worker: str, now: datetime, lease_s: float) -> bool:
        return self._note(job_id, worker, leased_until=now + timedelta(seconds=lease_s))

    def save_plan(self, job_id: int, worker: str, shards: Sequence[Shard]) -> bool:
        return self._note(job_id, worker, shards=tuple(shards))

    def add_file(self, job_id: int, worker: str, file: ExportFile) -> bool:
        held = select(export_jobs.c.id).where(_held_by(job_id, worker))
        same_part = (export_files.c.job_id == job_id) & (export_files.c.number == file.number)
        with self._registry.writing() as connection:
            if connection.scalar(held) is None:
                return False
            connection.execute(delete(export_files).where(same_part))
            connection.execute(insert(export_files).values(job_id=job_id, **asdict(file)))
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
        end = {"finished_at": now, "reason": reason, "expires_at": expires_at}
        with self._registry.writing() as connection:
            return _change(connection, job_id, status, _held_by(job_id, worker), **end)

    def cancel(self, job_id: int, reason: str, now: datetime) -> bool:
        with self._registry.writing() as connection:
            return _change(connection, job_id, ExportStatus.CANCELLED, finished_at=now, reason=reason)

    def expired(self, now: datetime) -> tuple[ExportJob, ...]:
        over = select(export_jobs).where(export_jobs.c.status == ExportStatus.READY, export_jobs.c.expires_at <= now)
        with self._registry.reading() as connection:
            return _read(connection, over.order_by(export_jobs.c.id))

    def with_files(self) -> tuple[ExportJob, ...]:
        wanted = select(export_jobs).where(export_jobs.c.status.in_((*LIVE_STATUSES, ExportStatus.READY)))
        with self._registry.reading() as connection:
            return _read(connection, wanted.order_by(export_jobs.c.id))

    def mark_expired(self, job_id: int) -> bool:
        with self._registry.writing() as connection:
            return _change(connection, job_id, ExportStatus.EXPIRED)

    def _note(self, job_id: int, worker: str, **values: object) -> bool:
        """Keep `values` of a job that is still this worker's."""
        with self._registry.writing() as connection:
            noted = connection.execute(update(export_jobs).where(_held_by(job_id, worker)).values(**values))
            return noted.rowcount == 1


def _held_by(job_id: int, worker: str) -> ColumnElement[bool]:
    return (
        (export_jobs.c.id == job_id) & (export_jobs.c.status == ExportStatus.RUNNING) & (export_jobs.c.worker == worker)
    )


def _change(
    connection: Connection, job_id: int, status: ExportStatus, *conditions: ColumnElement[bool], **values: object
) -> bool:
    """The only way to another status: one UPDATE that finds the job only where the change is legal."""
    before = [known for known, following in NEXT_STATUSES.items() if status in following]
    changed = connection.execute(
        update(export_jobs)
        .where(export_jobs.c.id == job_id, export_jobs.c.status.in_(before), *conditions)
        .values(status=status, **values)
    )
    return changed.rowcount == 1


def _find(connection: Connection, job_id: int) -> ExportJob | None:
    found = _read(connection, select(export_jobs).where(export_jobs.c.id == job_id))
    return found[0] if found else None


def _read(connection: Connection, wanted: Select[Any]) -> tuple[ExportJob, ...]:
    """The jobs that `wanted` selects, in its order, and the files of all of them at once."""
    rows = connection.execute(wanted).all()
    ids = wanted.with_only_columns(export_jobs.c.id).scalar_subquery()
    files: dict[int, list[ExportFile]] = {row.id: [] for row in rows}
    for file in connection.execute(_FILES.where(export_files.c.job_id.in_(ids))):
        files[file[0]].append(ExportFile(*file[1:]))
    return tuple(_job(row, files[row.id]) for row in rows)


def _job(row: Row[Any], files: Sequence[ExportFile]) -> ExportJob:
    return ExportJob(
        id=row.id,
        order=row.order,
        started_by=row.started_by,
        snapshot=row.snapshot,
        created_at=row.created_at,
        status=row.status,
        shards=row.shards,
        files=tuple(files),
        attempts=row.attempts,
        reason=row.reason,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
    )
