"""Exports: all of them, a new one, one of them, and its files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from calltrail.console.calls.asked_calls import QUICK_WINDOWS, AskedCalls, read_asked
from calltrail.console.catalog.problems import by_field, form_problems
from calltrail.console.exports.files import CHECKSUMS_NAME, are_whole, checksums, read_manifest, zipped
from calltrail.console.exports.form import PART_SIZES, ExportForm, read_export_form, read_options
from calltrail.console.exports.views import ExportFormView, ExportsView, export_line, export_view
from calltrail.console.exports.words import (
    COMPRESSION_WORDS,
    FORMAT_WORDS,
    criteria_of,
    format_of,
    name_of,
    part_size_of,
    query_of,
    words_of,
)
from calltrail.console.routes import ConsoleAddress
from calltrail.console.visits import Answer, Download, NotFound, Page, Redirect, Visit
from calltrail.domain.access import Permission
from calltrail.domain.audit import AuditAction, AuditEntry, AuditFilter
from calltrail.domain.exports import ExportJob, ExportStatus
from calltrail.domain.filters import CallFilter
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.formats.columns import CONTRACT_COLUMNS, EXTRA_COLUMNS
from calltrail.services.exports.exporting import Exporting
from calltrail.services.looking import CallPages
from calltrail.services.ports import AuditJournal, ExportFiles, ExportJobs

_PERMISSIONS = (Permission.INTEGRATION_LOGS_EXPORT,)
_PAGE = 50
_MOST_ID_DIGITS = 18

_MOST_DOWNLOADS = 1000
"""The last ones; so many are summed up on a page."""

_ENTRIES_AT_A_TIME = 500
_BUCKET = timedelta(days=1)
"""Of the overview, of which no bucket is looked at."""


_WORDS: Mapping[str, Any] = {"format_of": format_of, "name_of": name_of, "part_size_of": part_size_of}
"""For templates."""


class ExportsDesk:
    """`/exports` and what belongs to it."""

    def __init__(
        self,
        *,
        exporting: Exporting,
        jobs: ExportJobs,
        files: ExportFiles,
        pages: Callable[[], CallPages],
        audit: AuditJournal,
    ) -> None:
        self._exporting = exporting
        self._jobs = jobs
        self._files = files
        self._pages = pages
        self._audit = audit

    def show_all(self, visit: Visit) -> Answer:
        jobs = self._jobs.newest(_PAGE + 1, _place(visit.query.get("before")))
        lines = [export_line(job, visit.now) for job in jobs[:_PAGE]]
        older = f"/exports?before={lines[-1].id}" if len(jobs) > _PAGE else None
        more = {**_WORDS, "is_live": any(line.is_live for line in lines)}
        return Page("exports", ExportsView(lines, older), more=more)

    def new(self, visit: Visit) -> Answer:
        return self._form(visit, ExportForm(), ())

    def start(self, visit: Visit) -> Answer:
        """Start an export of the calls that the address asks for, as the form says."""
        form = read_export_form(visit.form)
        asked = read_asked(visit.query, visit.now)
        try:
            options = read_options(form)
        except InvalidInput as error:
            return self._form(visit, form, error.problems)
        if asked.problems:
            return self._form(visit, form, ())
        job, is_new = self._exporting.start(_fixed(asked, visit.now), options, visit.principal)
        return _started(job, is_new=is_new)

    def show(self, visit: Visit) -> Answer:
        job = self._find(visit)
        is_ready = job.status_at(visit.now) is ExportStatus.READY
        links = self._exporting.links(job, visit.principal) if is_ready else None
        downloads = islice(self._entries(job, AuditAction.EXPORT_DOWNLOADED), _MOST_DOWNLOADS)
        more = {**_WORDS, "query": query_of(job.order.filter)}
        return Page("export", export_view(job, visit.now, links, downloads, self._cancelled_by(job)), more=more)

    def cancel(self, visit: Visit) -> Answer:
        """Cancel it, unless it is over already."""
        job = self._find(visit)
        # Whoever asked for it is told the reason, also a partner; the audit journal says who it was.
        is_cancelled = self._exporting.cancel(job.id, "cancelled in the console", visit.principal)
        return Redirect(f"/exports/{job.id}" + ("?done=cancelled" if is_cancelled else ""))

    def again(self, visit: Visit) -> Answer:
        """Start an export of the same calls, in the same form, as of now."""
        order = self._find(visit).order
        job, is_new = self._exporting.start(order.filter, order.options, visit.principal)
        return _started(job, is_new=is_new)

    def checksums(self, visit: Visit) -> Answer:
        job = self._find_ready(visit)
        content = checksums(job, read_manifest(self._files, job))
        return Download(CHECKSUMS_NAME, "text/plain; charset=utf-8", content, len(content))

    def all_files(self, visit: Visit) -> Answer:
        """Every file in one ZIP."""
        job = self._find_ready(visit)
        manifest = read_manifest(self._files, job)
        if manifest is None or not are_whole(self._files, job):
            raise NotFound("Files of this export are missing, or not as they were published. Start the export again.")
        content, size_bytes = zipped(self._files, job, manifest)
        if not visit.is_head:
            action, details = AuditAction.EXPORT_DOWNLOADED, {"file": "all.zip"}
            self._audit.add(AuditEntry(visit.now, action, str(visit.principal), _subject(job), details))
        return Download(f"calltrail-{job.id}.zip", "application/zip", content, size_bytes)

    def _form(self, visit: Visit, form: ExportForm, problems: Sequence[Problem]) -> Page:
        """The form, and what comes of it as the log is now."""
        asked = read_asked(visit.query, visit.now)
        calls = _fixed(asked, visit.now)
        overview = None if asked.problems else self._pages().overview(calls, _BUCKET)
        view = ExportFormView(
            filter=words_of(calls),
            criteria=criteria_of(calls),
            rows=overview.calls if overview else None,
            errors=overview.errors if overview else None,
            size_bytes=overview.size_bytes if overview else None,
            form=form,
            filter_problems=asked.problems,
            problems=problems,
        )
        placed = form_problems(problems)
        more = {
            **_WORDS,
            "asked": asked,
            "query": query_of(calls),
            "placed": placed,
            "wrong": by_field(placed),
            "formats": FORMAT_WORDS,
            "compressions": COMPRESSION_WORDS,
            "part_sizes": PART_SIZES,
            "column_groups": (("Of the contract", CONTRACT_COLUMNS), ("Further ones", EXTRA_COLUMNS)),
            "quick_windows": QUICK_WINDOWS,
        }
        return Page("export_new", view, 422 if problems or asked.problems else 200, more)

    def _find(self, visit: Visit) -> ExportJob:
        job_id = int(visit.parts["job_id"])
        job = self._jobs.get(job_id) if job_id < 10**_MOST_ID_DIGITS else None
        if job is None:
            raise NotFound(f"There is no export {job_id}.")
        return job

    def _find_ready(self, visit: Visit) -> ExportJob:
        job = self._find(visit)
        status = job.status_at(visit.now)
        if status is ExportStatus.EXPIRED:
            raise NotFound("The files of this export have expired. Start the export again.")
        if status is not ExportStatus.READY:
            raise NotFound(f"This export is {status}; it has no files to download.")
        return job

    def _cancelled_by(self, job: ExportJob) -> str | None:
        if job.status is not ExportStatus.CANCELLED:
            return None
        return next((entry.principal for entry in self._entries(job, AuditAction.EXPORT_CANCELLED)), None)

    def _entries(self, job: ExportJob, action: AuditAction) -> Iterator[AuditEntry]:
        """What was done with an export, newest first. The journal finds export 12 when it is asked for export 1."""
        about = AuditFilter(since=job.created_at, action=action, subject=_subject(job))
        before = None
        while found := self._audit.newest(about, _ENTRIES_AT_A_TIME, before):
            yield from (numbered.entry for numbered in found if numbered.entry.subject == _subject(job))
            before = found[-1].id


def exports_table(desk: ExportsDesk) -> Iterator[ConsoleAddress]:
    """The addresses of the exports. What is below `files` stands beside the addresses of signed links."""
    yield ConsoleAddress("GET", "/exports", desk.show_all, _PERMISSIONS)
    yield ConsoleAddress("GET", "/exports/new", desk.new, _PERMISSIONS)
    yield ConsoleAddress("POST", "/exports", desk.start, _PERMISSIONS)
    yield ConsoleAddress("GET", "/exports/{job_id:int}", desk.show, _PERMISSIONS)
    yield ConsoleAddress("POST", "/exports/{job_id:int}/cancel", desk.cancel, _PERMISSIONS)
    yield ConsoleAddress("POST", "/exports/{job_id:int}/again", desk.again, _PERMISSIONS)
    yield ConsoleAddress("GET", "/exports/{job_id:int}/files/SHA256SUMS", desk.checksums, _PERMISSIONS)
    yield ConsoleAddress("GET", "/exports/{job_id:int}/files/all.zip", desk.all_files, _PERMISSIONS)


def _place(word: str | None) -> int | None:
    """The id that a page of exports ends before."""
    if word is None:
        return None
    if not word.isdecimal() or len(word) > _MOST_ID_DIGITS:
        raise InvalidInput([Problem("This is not the id of an export.", "/before")])
    return int(word)


def _fixed(asked: AskedCalls, now: datetime) -> CallFilter:
    """The calls as they are asked for at this moment: a window that is open, or moves, ends now."""
    since = asked.filter.since
    is_open = asked.filter.till is None and (since is None or since < now)
    return replace(asked.filter, till=now) if is_open else asked.filter


def _started(job: ExportJob, *, is_new: bool) -> Redirect:
    return Redirect(f"/exports/{job.id}?done={'started' if is_new else 'joined'}")


def _subject(job: ExportJob) -> str:
    return f"export {job.id}"
