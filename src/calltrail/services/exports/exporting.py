"""Exports as their callers see them: start, report, cancel."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from calltrail.domain.access import Principal
from calltrail.domain.answers import Answer, Success, ValidationRefusal
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.catalog import ExportStep
from calltrail.domain.exports import ExportJob, ExportOrder, ExportStatus
from calltrail.domain.problems import InvalidInput
from calltrail.formats.manifest import MANIFEST_NAME
from calltrail.services.access.links import LinkSigner, link_url
from calltrail.services.call import Call
from calltrail.services.ports import AuditJournal, CallLog, CatalogStore, ExportJobs


@dataclass(frozen=True, slots=True)
class _Links:
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
        job, is_new = self._jobs.start(order, call.principal, self._log.snapshot_before(call.id), self._now())
        if is_new:
            self._note(AuditAction.EXPORT_STARTED, call.principal, job.id, method=call.method.system_name)
        return Success(call.wire.export_report(job, is_duplicate=not is_new))

    def _report(self, call: Call, job_id: int | None) -> Answer:
        job = self._jobs.get(job_id) if job_id is not None else None
        if job is None or job.order.endpoint_external_id != call.endpoint.external_id:
            return ValidationRefusal((call.wire.unknown_export(),))
        links = self._mint(job, call) if job.status is ExportStatus.READY else _Links()
        report = call.wire.export_report(job, is_duplicate=False, urls=links.parts, manifest_url=links.manifest)
        return Success(report, secrets=links.secrets)

    def _mint(self, job: ExportJob, call: Call) -> _Links:
        base_url = self._public_url or call.request.base_url
        names = [*(file.name for file in job.files), MANIFEST_NAME]
        tokens = [self._links.mint(job.id, name, call.principal, self._now()) for name in names]
        *parts, manifest = (link_url(base_url, token, name) for token, name in zip(tokens, names, strict=True))
        self._note(AuditAction.EXPORT_LINKED, call.principal, job.id, files=len(parts))
        return _Links(tuple(parts), manifest, tuple(tokens))

    def _note(self, action: AuditAction, by: Principal, job_id: int, **details: object) -> None:
        self._audit.add(AuditEntry(self._now(), action, str(by), f"export {job_id}", details))
