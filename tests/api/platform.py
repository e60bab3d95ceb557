"""The whole HTTP application over memory stores, without sockets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import urlencode

from starlette.types import Message

from calltrail.bootstrap.receiver import http_application
from calltrail.bootstrap.stores import Staffing, Stores
from calltrail.console.system import LivingProcess, SystemState
from calltrail.domain.catalog import ApiMethod, Catalog, ExportStep, IntegrationEndpoint, KeyKind, Step
from calltrail.domain.exports import ExportOptions
from calltrail.services.access.rights import hash_key, new_key
from calltrail.services.catalog.desk import CatalogDesk
from calltrail.settings import Settings
from calltrail.stores.memory import MemoryHoldStore
from calltrail.stores.memory_log import MemoryCallLog
from tests.api.site import ENDPOINT, SECRET, Site
from tests.asgi import Response, request

STATE = SystemState(
    version="0.1.0",
    trouble=None,
    journal_bytes=4096,
    processing_calls=1,
    waiting_calls=2,
    oldest_waiting=None,
    archive_version=3,
    archived_calls=4000,
    archived_bytes=1_000_000,
    files=5,
    small_files=0,
    unused_files=0,
    first_day=None,
    last_day=None,
    disk_bytes=10**12,
    disk_free_bytes=10**11,
    processes=[LivingProcess(kind, 1, datetime(2026, 11, 3, tzinfo=UTC)) for kind in ("archiver", "export worker")],
    settings=[{"variable": "CALLTRAIL_KEEP_DAYS", "value": "None", "source": "default", "meaning": "Age."}],
    libraries={"Python": "3.11"},
)
"""What a system that is well looks like from outside."""

STRANGER = "demo.Stranger"
"""An endpoint without permissions."""


class Platform:
    """API methods by name, called as a client calls them."""

    def __init__(self, log: MemoryCallLog | None = None, **settings: object) -> None:
        self.site = Site()
        self.site.now = datetime.now(UTC)
        self.log = log or MemoryCallLog()
        self._add_endpoint(STRANGER)
        self.key = self._new_key(ENDPOINT)
        self.strangers_key = self._new_key(STRANGER)
        site = self.site
        stores = Stores(
            log=self.log,
            pages=lambda: self.log,
            catalog=site.catalog,
            audit=site.audit,
            jobs=site.jobs,
            files=site.files,
            staff=site.staff,
            holds=MemoryHoldStore(),
            state=lambda: STATE,
        )
        desk = CatalogDesk(catalog=site.catalog, access=site.access, audit=site.audit, now=site.clock)
        staffing = Staffing(site.access, site.people, site.passes, desk)
        self.app = http_application(Settings.model_validate(settings), stores, staffing, SECRET)

    def _add_endpoint(self, external_id: str) -> None:
        catalog = self.site.catalog.current()
        endpoint = IntegrationEndpoint(external_id, "Somebody else")
        self.site.catalog.save(replace(catalog, endpoints={**catalog.endpoints, external_id: endpoint}))

    def _new_key(self, external_id: str) -> str:
        key = new_key()
        self.site.catalog.add_key(external_id, KeyKind.MAIN, hash_key(key), self.site.now)
        return key

    def add_method(self, system_name: str, *steps: Step, requires_key: bool = True) -> None:
        catalog = self.site.catalog.current()
        method = ApiMethod(system_name, system_name, (ENDPOINT, STRANGER), steps, requires_key)
        self.site.catalog.save(Catalog(catalog.endpoints, {**catalog.methods, system_name: method}))

    def add_export(self, options: ExportOptions | None = None) -> None:
        self.add_method("Exports.Logs", ExportStep(options or ExportOptions()))

    async def call(
        self,
        operation: str,
        body: bytes = b"{}",
        *,
        mode: str = "sync",
        key: str | None = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        **parameters: str,
    ) -> Response:
        """Call an API method; an empty key stands for the right one, None for none."""
        query = urlencode({"endpointId": ENDPOINT, "operation": operation, **parameters})
        sent = {"Content-Type": "application/json", **headers}
        if key is not None:
            sent["Authorization"] = f"SecretKey {key or self.key}"
        return await request(self.app, "POST", f"/v3/operations/{mode}?{query}", headers=sent, body=body)


@asynccontextmanager
async def running(platform: Platform) -> AsyncIterator[Platform]:
    """The application between its start-up and its shut-down."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    lifespan = asyncio.ensure_future(platform.app({"type": "lifespan", "state": {}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    try:
        yield platform
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await lifespan
