"""Download of exported files: every link is judged anew, and whatever comes of it is in the audit journal."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import anyio
from starlette.requests import Request
from starlette.responses import Response

from calltrail.api.errors import error_response
from calltrail.api.file_response import DamagedFile, ServedFile, file_response, plan_file
from calltrail.api.pages import prefers_html, sign_in_page
from calltrail.api.sessions import Sessions
from calltrail.api.sign_in import SIGN_IN_CHALLENGE
from calltrail.domain.access import Permission, Principal
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.exports import Compression, ExportFile, ExportFormat, ExportJob, ExportStatus
from calltrail.formats.manifest import MANIFEST_NAME
from calltrail.formats.names import media_type
from calltrail.services.access.links import Link, LinkExpired, LinkForged, LinkSigner
from calltrail.services.access.rights import Access
from calltrail.services.ports import AuditJournal, ExportFiles, ExportJobs, StoredFile

DOWNLOAD_PATH = "/exports/{token}/{file_name}"


class _Refused(Exception):
    """A link leads nobody, or not this visitor, to its file. The link is None when it was forged."""

    def __init__(self, status_code: int, reason: str, link: Link | None = None) -> None:
        super().__init__(reason)
        self.status_code = status_code
        self.reason = reason
        self.link = link


class Downloads:
    """`GET` and `HEAD` of exported files and manifests."""

    def __init__(
        self,
        *,
        access: Access,
        links: LinkSigner,
        sessions: Sessions,
        jobs: ExportJobs,
        files: ExportFiles,
        audit: AuditJournal,
        now: Callable[[], datetime],
        allow_bare_links: bool = True,
    ) -> None:
        """Without bare links, every visitor must have signed in."""
        self._access = access
        self._links = links
        self._sessions = sessions
        self._jobs = jobs
        self._files = files
        self._audit = audit
        self._now = now
        self._allow_bare_links = allow_bare_links

    async def download(self, request: Request) -> Response:
        return await anyio.to_thread.run_sync(self._answer, request)

    def _answer(self, request: Request) -> Response:
        visitor = self._sessions.visitor(request)
        try:
            link = self._link(request)
            job = self._ready_job(link)
            reader = self._reader(link, visitor)
            file = self._open(job, link)
        except _Refused as refusal:
            return self._refuse(request, visitor, refusal)
        return self._serve(request, file, reader, link)

    def _link(self, request: Request) -> Link:
        try:
            link = self._links.read(request.path_params["token"], self._now())
        except LinkForged:
            raise _Refused(403, "This link is not valid.") from None
        except LinkExpired as error:
            reason = "This link has expired. Poll the export again to renew the link."
            raise _Refused(403, reason, error.link) from None
        if link.file_name != request.path_params["file_name"]:
            raise _Refused(403, "This link is for another file.", link)
        return link

    def _ready_job(self, link: Link) -> ExportJob:
        job = self._jobs.get(link.job_id)
        if job is None:
            raise _Refused(404, "There is no such export.", link)
        is_over = job.expires_at is not None and job.expires_at <= self._now()
        if is_over or job.status is ExportStatus.EXPIRED:
            raise _Refused(410, "The files of this export have expired. Start the export again.", link)
        if job.status is not ExportStatus.READY:
            raise _Refused(404, f"This export is {job.status}; it has no files.", link)
        return job

    def _reader(self, link: Link, visitor: Principal | None) -> Principal:
        """Who reads the file: the person who signed in, or else whoever the link was minted for."""
        permission = Permission.INTEGRATION_LOGS_EXPORT
        if visitor and self._access.holds(visitor, permission):
            return visitor
        if self._allow_bare_links and self._access.holds(link.principal, permission):
            return link.principal
        if visitor:
            raise _Refused(403, f"{visitor.id} does not hold the Integration Logs Export permission.", link)
        raise _Refused(401, "Sign in with the Integration Logs Export permission to download this file.", link)

    def _open(self, job: ExportJob, link: Link) -> ServedFile:
        part = next((file for file in job.files if file.name == link.file_name), None)
        is_known = part is not None or link.file_name == MANIFEST_NAME
        stored = self._files.open(job.id, link.file_name) if is_known else None
        if stored is None:
            raise _Refused(404, "There is no such file.", link)
        return _part(job, part, stored) if part else _manifest(stored)

    def _serve(self, request: Request, file: ServedFile, reader: Principal, link: Link) -> Response:
        plan = plan_file(request.method, request.headers, file)
        try:
            if plan.sent:
                self._note(AuditAction.EXPORT_DOWNLOADED, str(reader), link, range=str(plan.sent))
        except BaseException:
            file.content.close()
            raise
        return file_response(plan, file)

    def _refuse(self, request: Request, visitor: Principal | None, refusal: _Refused) -> Response:
        known = visitor or (refusal.link.principal if refusal.link else None)
        self._note(
            AuditAction.EXPORT_REFUSED, str(known) if known else "anonymous", refusal.link, reason=refusal.reason
        )
        if refusal.status_code != 401:
            return error_response(request, refusal.status_code, refusal.reason)
        if prefers_html(request):
            path = quote(request.url.path)
            return sign_in_page(401, refusal.reason, next_path=path, headers=SIGN_IN_CHALLENGE)
        return error_response(request, 401, refusal.reason, headers=SIGN_IN_CHALLENGE)

    def _note(self, action: AuditAction, principal: str, link: Link | None, **details: object) -> None:
        subject = f"export {link.job_id}" if link else ""
        details = ({"file": link.file_name} if link else {}) | details
        self._audit.add(AuditEntry(self._now(), action, principal, subject, details))


def _part(job: ExportJob, part: ExportFile, stored: StoredFile) -> ServedFile:
    if stored.size_bytes != part.size_bytes:
        stored.content.close()
        raise DamagedFile(f"{part.name} has {stored.size_bytes} bytes and was published with {part.size_bytes}.")
    options = job.order.options
    is_compressed = options.compression is not Compression.NONE or options.format is ExportFormat.PARQUET
    return ServedFile(part.name, media_type(options), is_compressed, part.size_bytes, part.sha256, stored.content)


def _manifest(stored: StoredFile) -> ServedFile:
    sha256 = hashlib.sha256(stored.content.read()).hexdigest()
    return ServedFile(MANIFEST_NAME, "application/json", False, stored.size_bytes, sha256, stored.content)
