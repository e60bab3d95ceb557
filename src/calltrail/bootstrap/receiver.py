"""A process that receives calls."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
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
from calltrail.bootstrap.console import console_addresses
from calltrail.bootstrap.registry import RegistryServices, open_registry
from calltrail.bootstrap.stores import Staffing, Stores
from calltrail.bootstrap.system import system_state
from calltrail.services.access.links import LinkSigner, signing_key
from calltrail.services.access.rights import Access
from calltrail.services.calls.admission import Doorkeeper
from calltrail.services.calls.receiving import Receiving
from calltrail.services.calls.recording import Recorder
from calltrail.services.exports.exporting import Exporting
from calltrail.services.looking import CallPages
from calltrail.services.ports import CallLog, StoreUnavailable
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
    with open_registry(settings) as registry, open_log(settings) as log, _kept_up(registry):
        stores = Stores(
            log=log,
            pages=cache(lambda: _pages(settings)),
            catalog=registry.catalog,
            audit=registry.audit,
            jobs=registry.jobs,
            files=LocalExportFiles(settings.data),
            staff=registry.staff,
            holds=registry.holds,
            state=system_state(settings, log),
        )
        staffing = Staffing(registry.access, registry.people, registry.passes, registry.desk)
        yield http_application(settings, stores, staffing, signing_key(settings.signing_key_path))


def _pages(settings: Settings) -> CallPages:
    from calltrail.stores.log_pages import LogPages  # noqa: PLC0415 - heavy, and only for who looks through the log

    return LogPages(settings.journal_path, settings.archive_folder, settings.look_bytes)


@contextmanager
def _kept_up(registry: RegistryServices) -> Iterator[None]:
    """When keys were used is written down again and again, and what is left of sessions and tokens is deleted."""
    try:
        with Upkeep(_UPKEEP_INTERVAL_S, registry.key_uses.write, registry.passes.delete_old):
            yield
    finally:
        try:
            registry.key_uses.write()
        except StoreUnavailable as error:
            _log.warning("key-uses-not-written", error=str(error))


def http_application(settings: Settings, stores: Stores, staffing: Staffing, secret: bytes) -> ASGIApp:
    """The HTTP application on any stores; `secret` signs links and forms."""
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
        doorkeeper=Doorkeeper(stores.catalog, staffing.access),
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

    sessions = Sessions(staffing.passes, secret)
    endpoints = _endpoints(settings, stores, staffing.access, receiving, links, sessions=sessions)
    console = console_addresses(
        stores, staffing, sessions, exporting, endpoints.operations, public_url=settings.public_url
    )
    return application(endpoints, console, lifespan)


def _endpoints(
    settings: Settings, stores: Stores, access: Access, receiving: Receiving, links: LinkSigner, *, sessions: Sessions
) -> Endpoints:
    operations = Operations(
        receiving,
        largest_body_bytes=settings.largest_body_bytes,
        kept_body_bytes=settings.kept_body_bytes,
        room=ByteBudget(settings.bodies_in_flight_bytes),
    )
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
