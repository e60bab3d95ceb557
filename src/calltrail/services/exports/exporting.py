"""Exports as their callers see them: start, report, cancel."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from calltrail.domain.access import Principal
from calltrail.domain.answers import Answer, Success, ValidationRefusal
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.catalog import ExportStep
from calltrail.domain.exports import ExportJob, ExportOptions, ExportOrder, ExportStatus, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.domain.problems import InvalidInput
from calltrail.formats.manifest import MANIFEST_NAME
from calltrail.services.access.links import LinkSigner, link_url
from calltrail.services.call import Call
from calltrail.services.ports import AuditJournal, CallLog, CatalogStore, ExportJobs


@dataclass(frozen=True, slots=True)
class ExportLinks:
    """Addresses of an export's files, good for whoever they were minted for."""

    parts: tuple[str, ...] = ()
    manifest: str | None = None
    secrets: tuple[str, ...] = ()
    """What makes them valid; not for the log."""


class Exporting:
    """Starts, reports and cancels exports. Its methods block, but for `answer`."""

    def __init__(
        self,
        *,
        jobs: ExportJobs,
        log: CallLog,
        catalog: CatalogStore,
        audit: AuditJournal,
        links: LinkSigner,
        public_url: str | None,
        now: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._log = log
        self._catalog = catalog
        self._audit = audit
        self._links = links
        self._public_url = public_url
        self._now = now

    async def answer(self, step: ExportStep, call: Call) -> Answer:
        """Answer an export step: without an export id it starts one, with one it reports."""
        data = call.data(is_lenient=True)
        return await asyncio.to_thread(self._answer, step, call, data)

    def start(self, filter: CallFilter, options: ExportOptions, by: Principal) -> tuple[ExportJob, bool]:
        """Start an export of the log as it is now, asked for in the console.

        False: an export of the same order is under way already, and it is that one.
        """
        return self._start(ExportOrder(None, None, filter, options), by, self._log.snapshot())

    def links(self, job: ExportJob, by: Principal, base_url: str = "") -> ExportLinks:
        """Addresses of the files of a ready export, good for `by`."""
        names = [*(file.name for file in job.files), MANIFEST_NAME]
        tokens = [self._links.mint(job.id, name, by, self._now()) for name in names]
        *parts, manifest = (link_url(base_url, token, name) for token, name in zip(tokens, names, strict=True))
        self._note(AuditAction.EXPORT_LINKED, by, job.id, files=len(parts))
        return ExportLinks(tuple(parts), manifest, tuple(tokens))

    def cancel(self, job_id: int, reason: str, by: Principal) -> bool:
        """Cancel a live job for good; False when it is over already."""
        is_cancelled = self._jobs.cancel(job_id, reason, self._now())
        if is_cancelled:
            self._note(AuditAction.EXPORT_CANCELLED, by, job_id, reason=reason)
        return is_cancelled

    def _answer(self, step: ExportStep, call: Call, data: object) -> Answer:
        try:
            request = call.wire.read_export_request(data, self._catalog.current())
        except InvalidInput as error:
            return ValidationRefusal(error.problems)
        if request.filter is None:
            return self._report(call, request.export_id)
        order = ExportOrder(call.endpoint.external_id, call.method.system_name, request.filter, step.options)
        snapshot = self._log.snapshot_before(call.id)
        job, is_new = self._start(order, call.principal, snapshot, method=call.method.system_name)
        return Success(call.wire.export_report(job, is_duplicate=not is_new))

    def _report(self, call: Call, job_id: int | None) -> Answer:
        job = self._jobs.get(job_id) if job_id is not None else None
        if job is None or job.order.endpoint_external_id != call.endpoint.external_id:
            return ValidationRefusal((call.wire.unknown_export(),))
        base_url = self._public_url or call.request.base_url
        links = self.links(job, call.principal, base_url) if job.status is ExportStatus.READY else ExportLinks()
        report = call.wire.export_report(job, is_duplicate=False, urls=links.parts, manifest_url=links.manifest)
        return Success(report, secrets=links.secrets)

    def _start(
        self, order: ExportOrder, by: Principal, snapshot: Snapshot, **details: object
    ) -> tuple[ExportJob, bool]:
        job, is_new = self._jobs.start(order, by, snapshot, self._now())
        if is_new:
            self._note(AuditAction.EXPORT_STARTED, by, job.id, **details)
        return job, is_new

    def _note(self, action: AuditAction, by: Principal, job_id: int, **details: object) -> None:
        self._audit.add(AuditEntry(self._now(), action, str(by), f"export {job_id}", details))
