"""A process that receives calls."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from calltrail.api import contract
from calltrail.api.app import application
from calltrail.api.byte_budget import ByteBudget
from calltrail.api.downloads import Downloads
from calltrail.api.health import Health
from calltrail.api.operations import Operations
from calltrail.api.routes import Endpoints
from calltrail.api.sessions import Sessions
from calltrail.api.sign_in import SignIn
from calltrail.bootstrap.clock import now
from calltrail.bootstrap.registry import open_registry
from calltrail.services.access.links import LinkSigner, signing_key
from calltrail.services.access.rights import Access
from calltrail.services.calls.admission import Doorkeeper
from calltrail.services.calls.receiving import Receiving
from calltrail.services.calls.recording import Recorder
from calltrail.services.exports.exporting import Exporting
from calltrail.services.ports import AuditJournal, CallLog, CatalogStore, ExportFiles, ExportJobs
from calltrail.services.steps.forwarding import Forwarder
from calltrail.services.steps.runner import StepRunner
from calltrail.services.upkeep import Upkeep
from calltrail.settings import Settings
from calltrail.stores.files import LocalExportFiles
from calltrail.stores.journal.journal import CallJournal

if TYPE_CHECKING:
    from calltrail.stores.archive.reader import ArchiveReader

_log = structlog.get_logger()

_UPKEEP_INTERVAL_S = 60.0


@dataclass(frozen=True, slots=True)
class Stores:
    """What the HTTP application stands on."""

    log: CallLog
    catalog: CatalogStore
    audit: AuditJournal
    jobs: ExportJobs
    files: ExportFiles


@contextmanager
def open_journal(settings: Settings) -> Iterator[CallJournal]:
    """The journal for writing. Calls that dead processes left open are closed first, and looked for ever after."""
    window = timedelta(hours=settings.transaction_window_hours)

    def close_orphans() -> None:
        closed = journal.close_orphans("the process ended before the call did", now())
        if closed:
            _log.warning("orphans-closed", calls=closed)

    def forget_transactions() -> None:
        journal.forget_transactions(now() - window)

    @cache
    def archive() -> "ArchiveReader":
        from calltrail.stores.archive.reader import ArchiveReader  # noqa: PLC0415 - heavy, and seldom asked for

        return ArchiveReader(settings.archive_folder)

    journal = CallJournal(
        settings.journal_path,
        settings.run_folder,
        busy_timeout_s=settings.journal_busy_timeout_s,
        find_archived=lambda call_id: archive().find(call_id),
    )
    try:
        close_orphans()
        with Upkeep(_UPKEEP_INTERVAL_S, close_orphans, forget_transactions):
            yield journal
    finally:
        journal.close()


@contextmanager
def open_http_application(
    settings: Settings, open_log: Callable[[Settings], AbstractContextManager[CallLog]] = open_journal
) -> Iterator[ASGIApp]:
    """The HTTP application of one process on its data folder, for as long as the block runs."""
    with open_registry(settings) as registry, open_log(settings) as log:
        stores = Stores(
            log=log,
            catalog=registry.catalog,
            audit=registry.audit,
            jobs=registry.jobs,
            files=LocalExportFiles(settings.data),
        )
        yield http_application(settings, stores, registry.access, signing_key(settings.signing_key_path))


def http_application(settings: Settings, stores: Stores, access: Access, secret: bytes) -> ASGIApp:
    """The HTTP application on any stores; `secret` signs links and sessions."""
    forwarder = Forwarder(settings.largest_body_bytes)
    links = LinkSigner(secret, settings.link_expiry_s)
    exporting = Exporting(
        jobs=stores.jobs,
        log=stores.log,
        catalog=stores.catalog,
        audit=stores.audit,
        links=links,
        public_url=settings.public_url,
        now=now,
    )
    receiving = Receiving(
        log=stores.log,
        doorkeeper=Doorkeeper(stores.catalog, access),
        recorder=Recorder(contract, kept_body_bytes=settings.kept_body_bytes),
        steps=StepRunner(forwarder, exporting),
        wire=contract,
        largest_body_bytes=settings.largest_body_bytes,
        now=now,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with forwarder:
            yield
            await receiving.finish_background(settings.stop_timeout_s)

    endpoints = _endpoints(settings, stores, access, receiving, links, secret=secret)
    return application(endpoints, lifespan)


def _endpoints(
    settings: Settings, stores: Stores, access: Access, receiving: Receiving, links: LinkSigner, *, secret: bytes
) -> Endpoints:
    operations = Operations(
        receiving,
        largest_body_bytes=settings.largest_body_bytes,
        kept_body_bytes=settings.kept_body_bytes,
        room=ByteBudget(settings.bodies_in_flight_bytes),
    )
    sessions = Sessions(secret, now)
    downloads = Downloads(
        access=access,
        links=links,
        sessions=sessions,
        jobs=stores.jobs,
        files=stores.files,
        audit=stores.audit,
        now=now,
        allow_bare_links=settings.bare_links,
    )
    sign_in = SignIn(access, sessions)
    health = Health(stores.log, stores.catalog)
    return Endpoints(
        operations=operations,
        download=downloads.download,
        show_sign_in=sign_in.show,
        sign_in=sign_in.submit,
        sign_out=sign_in.sign_out,
        healthz=health.healthz,
        readyz=health.readyz,
    )
