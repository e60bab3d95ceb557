"""The pages that people and clients fetch files from, over memory stores and a clock that stands still."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.routing import Route

from calltrail.api.downloads import DOWNLOAD_PATH, Downloads
from calltrail.api.sessions import Sessions
from calltrail.api.sign_in import SignIn
from calltrail.domain.access import OWNERS, Permission, Principal, PrincipalKind
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.catalog import Catalog, IntegrationEndpoint, KeyKind
from calltrail.domain.exports import ExportFile, ExportOptions, ExportOrder, ExportStatus, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.services.access.links import LinkSigner, link_url
from calltrail.services.access.passes import Passes
from calltrail.services.access.people import People
from calltrail.services.access.rights import Access, endpoint_key_principal, hash_key, new_key
from calltrail.stores.memory import (
    MemoryAuditJournal,
    MemoryCatalogStore,
    MemoryExportFiles,
    MemoryExportJobs,
)
from calltrail.stores.memory_people import MemoryStaffStore, MemoryStaffTokens
from tests.asgi import Response, request
from tests.samples import NOON

SECRET = b"s" * 32
PASSWORD = "correct horse battery"
OWNER = "olga@example.com"
CLERK = "carl@example.com"
"""May sign in, and nothing else."""

OPERATOR = Principal(PrincipalKind.OPERATOR, "root")

ENDPOINT = "demo.Website"
LINKS_LIVE_FOR = timedelta(hours=1)
FILES_LIVE_FOR = timedelta(days=7)


class Site:
    def __init__(self, *, allow_bare_links: bool = True) -> None:
        self.now = NOON
        self.staff = MemoryStaffStore()
        self.tokens = MemoryStaffTokens()
        self.catalog = MemoryCatalogStore()
        self.audit = MemoryAuditJournal()
        self.jobs = MemoryExportJobs()
        self.files = MemoryExportFiles()
        self.links = LinkSigner(SECRET, int(LINKS_LIVE_FOR.total_seconds()))
        self.access = Access(
            staff=self.staff,
            catalog=self.catalog,
            audit=self.audit,
            now=self.clock,
            passwords=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        )
        self.passes = Passes(tokens=self.tokens, staff=self.staff, audit=self.audit, now=self.clock)
        self.people = People(staff=self.staff, tokens=self.tokens, access=self.access, audit=self.audit, now=self.clock)
        self.sessions = Sessions(self.passes, SECRET)
        self.access.add_staff(OWNER, PASSWORD, [OWNERS], OPERATOR)
        self.access.add_staff(CLERK, PASSWORD, [], OPERATOR)
        self.permit(ENDPOINT, Permission.INTEGRATION_LOGS_EXPORT)
        self.key = endpoint_key_principal(self.catalog.add_key(ENDPOINT, KeyKind.MAIN, hash_key(new_key()), self.now))
        self.app = self._app(allow_bare_links=allow_bare_links)

    def _app(self, *, allow_bare_links: bool) -> Starlette:
        downloads = Downloads(
            access=self.access,
            links=self.links,
            sessions=self.sessions,
            jobs=self.jobs,
            files=self.files,
            audit=self.audit,
            now=self.clock,
            allow_bare_links=allow_bare_links,
        )
        sign_in = SignIn(self.access, self.sessions)
        routes = [
            Route(DOWNLOAD_PATH, downloads.download),
            Route("/sign-in", sign_in.show, methods=["GET"]),
            Route("/sign-in", sign_in.submit, methods=["POST"]),
            Route("/sign-out", sign_in.sign_out, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def clock(self) -> datetime:
        return self.now

    def permit(self, endpoint: str, *permissions: Permission) -> None:
        """Give the endpoint exactly these permissions."""
        self.catalog.save(Catalog({endpoint: IntegrationEndpoint(endpoint, "Web shop", frozenset(permissions))}))

    def export(self, files: Mapping[str, bytes], options: ExportOptions | None = None) -> int:
        """A ready export of these parts."""
        order = ExportOrder(ENDPOINT, "Exports.OperationsLogs", CallFilter(), options or ExportOptions())
        job, _ = self.jobs.start(order, self.key, Snapshot(1, self.now), self.now)
        assert self.jobs.claim("worker", self.now, 60, 100)
        for number, (name, data) in enumerate(files.items(), start=1):
            self.publish(job.id, name, data)
            part = ExportFile(number, name, 1, len(data), hashlib.sha256(data).hexdigest())
            assert self.jobs.add_file(job.id, "worker", part)
        expires_at = self.now + FILES_LIVE_FOR
        assert self.jobs.finish(job.id, "worker", ExportStatus.READY, self.now, expires_at=expires_at)
        return job.id

    def publish(self, job_id: int, name: str, data: bytes) -> None:
        writer = self.files.create(job_id, name)
        writer.write(data)
        writer.publish()

    def link(self, job_id: int, name: str, minted_for: Principal | None = None) -> str:
        """Path of a link that was minted now, for the endpoint's key unless somebody else is named."""
        return link_url("", self.links.mint(job_id, name, minted_for or self.key, self.now), name)

    async def get(self, path: str, **headers: str) -> Response:
        return await self.request("GET", path, headers=headers)

    async def head(self, path: str, **headers: str) -> Response:
        return await self.request("HEAD", path, headers=headers)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
    ) -> Response:
        """Header names may stand with underscores for dashes."""
        pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return await request(self.app, method, path, headers=pairs, body=body)

    async def cookie(self, email: str) -> str:
        """What the browser of a person who has signed in sends."""
        body = f"email={email}&password={PASSWORD.replace(' ', '+')}".encode()
        response = await self.request("POST", "/sign-in", body)
        assert response.status == 303
        return response.headers["set-cookie"].partition(";")[0]

    def audited(self, action: AuditAction) -> AuditEntry:
        """The only entry of its kind."""
        (entry,) = self.audit.entries(action)
        return entry
