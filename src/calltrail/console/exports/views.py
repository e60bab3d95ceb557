"""What the pages of exports show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from calltrail.console.exports.form import ExportForm
from calltrail.console.exports.words import Criterion, criteria_of, words_of
from calltrail.domain.audit import AuditEntry
from calltrail.domain.exports import LIVE_STATUSES, ExportJob, ExportOptions, ExportStatus
from calltrail.domain.problems import Problem
from calltrail.formats.columns import exported_columns
from calltrail.services.exports.exporting import ExportLinks


@dataclass(frozen=True, slots=True)
class ExportLine:
    """An export in a few words and numbers."""

    id: int
    status: ExportStatus
    options: ExportOptions

    filter: Mapping[str, tuple[str, ...]]
    """As in the address of a page of calls."""

    criteria: Sequence[Criterion]
    """The same for people."""

    started_by: str
    started_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    percent: int
    parts_done: int
    parts: int | None
    """None until a worker has planned it; so also what follows."""

    rows_done: int
    rows: int | None
    plain_bytes_done: int
    plain_bytes: int | None
    """About, as plain text."""

    size_bytes: int
    """Of the files that are there."""

    @property
    def is_live(self) -> bool:
        return self.status in LIVE_STATUSES


@dataclass(frozen=True, slots=True)
class ExportsView:
    exports: Sequence[ExportLine]
    """Newest first."""

    older: str | None
    """Where the next page is; None at the end."""


@dataclass(frozen=True, slots=True)
class FileLine:
    """A part."""

    name: str
    rows: int
    size_bytes: int
    sha256: str
    cut_cells: int
    url: str | None
    """A link of the visitor's own, which runs out; None when there is nothing to download."""


@dataclass(frozen=True, slots=True)
class DownloadLine:
    """What somebody downloaded."""

    who: str
    file: str
    times: int
    """How often it, or a range of it, was asked for."""

    last_at: datetime


@dataclass(frozen=True, slots=True)
class ExportView:
    export: ExportLine
    columns: Sequence[str]
    as_of: datetime
    attempts: int
    reason: str | None
    cancelled_by: str | None
    files: Sequence[FileLine]
    manifest_url: str | None
    checksums_url: str | None
    zip_url: str | None
    downloads: Sequence[DownloadLine]
    """By the last of each, newest first."""


@dataclass(frozen=True, slots=True)
class ExportFormView:
    """The form of a new export, as it was filled in, and what it would give."""

    filter: Mapping[str, tuple[str, ...]]
    criteria: Sequence[Criterion]
    rows: int | None
    """None when the filter is wrong."""

    errors: int | None
    size_bytes: int | None
    """About, as plain text."""

    form: ExportForm
    filter_problems: Sequence[Problem] = ()
    problems: Sequence[Problem] = ()
    """What is wrong with the form."""


def export_line(job: ExportJob, now: datetime) -> ExportLine:
    return ExportLine(
        id=job.id,
        status=job.status_at(now),
        options=job.order.options,
        filter=words_of(job.order.filter),
        criteria=criteria_of(job.order.filter),
        started_by=job.started_by,
        started_at=job.created_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        percent=job.percent,
        parts_done=len(job.files),
        parts=None if job.shards is None else len(job.shards),
        rows_done=job.rows_done,
        rows=job.rows_expected,
        plain_bytes_done=job.bytes_done,
        plain_bytes=job.bytes_expected,
        size_bytes=sum(file.size_bytes for file in job.files),
    )


def export_view(
    job: ExportJob, now: datetime, links: ExportLinks | None, downloads: Iterator[AuditEntry], cancelled_by: str | None
) -> ExportView:
    """Links are there when its files are."""
    urls = links.parts if links else (None,) * len(job.files)
    return ExportView(
        export=export_line(job, now),
        columns=[column.name for column in exported_columns(job.order.options)],
        as_of=job.snapshot.as_of,
        attempts=job.attempts,
        reason=job.reason,
        cancelled_by=cancelled_by,
        files=[
            FileLine(file.name, file.rows, file.size_bytes, file.sha256, file.cut_cells, url)
            for file, url in zip(job.files, urls, strict=True)
        ],
        manifest_url=links.manifest if links else None,
        checksums_url=f"/exports/{job.id}/files/SHA256SUMS" if links else None,
        zip_url=f"/exports/{job.id}/files/all.zip" if links else None,
        downloads=_summed(downloads),
    )


def _summed(newest_first: Iterator[AuditEntry]) -> Sequence[DownloadLine]:
    lines: dict[tuple[str, str], DownloadLine] = {}
    for entry in newest_first:
        key = (entry.principal, str(entry.details.get("file", "")))
        known = lines.get(key)
        times, last_at = (known.times + 1, known.last_at) if known else (1, entry.at)
        lines[key] = DownloadLine(*key, times, last_at)
    return tuple(lines.values())
