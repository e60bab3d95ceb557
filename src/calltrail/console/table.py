"""The console's table: every address, what stands behind it, and the permission that opens it."""

from collections.abc import Iterator
from dataclasses import dataclass

from calltrail.console.audit import AuditDesk, audit_table
from calltrail.console.calls.call import CallDesk
from calltrail.console.calls.calls import CallsDesk
from calltrail.console.catalog.endpoints import EndpointsDesk
from calltrail.console.catalog.methods import MethodsDesk
from calltrail.console.catalog.table import catalog_table
from calltrail.console.exports.exports import ExportsDesk, exports_table
from calltrail.console.home import Home
from calltrail.console.people.account import AccountDesk, account_table
from calltrail.console.people.people import PeopleDesk, people_table
from calltrail.console.routes import ConsoleAddress
from calltrail.console.system import SystemDesk, system_table
from calltrail.domain.access import Permission

_LOOK = (Permission.CALLS_VIEW,)


@dataclass(frozen=True, slots=True)
class Desks:
    """What stands behind the pages, a desk for each kind of thing."""

    home: Home
    calls: CallsDesk
    call: CallDesk
    methods: MethodsDesk
    endpoints: EndpointsDesk
    exports: ExportsDesk
    people: PeopleDesk
    account: AccountDesk
    audit: AuditDesk
    system: SystemDesk


def console_table(desks: Desks) -> Iterator[ConsoleAddress]:
    """Every page and every form. Fixed addresses stand before those with variable parts."""
    yield ConsoleAddress("GET", "/", desks.home.show)
    yield from _calls(desks)
    yield from catalog_table(desks.methods, desks.endpoints)
    yield from exports_table(desks.exports)
    yield from people_table(desks.people)
    yield from account_table(desks.account)
    yield from audit_table(desks.audit)
    yield from system_table(desks.system)


def _calls(desks: Desks) -> Iterator[ConsoleAddress]:
    yield ConsoleAddress("GET", "/calls", desks.calls.show, _LOOK)
    yield ConsoleAddress("GET", "/calls/{call_id}", desks.call.show, _LOOK)
    yield ConsoleAddress("GET", "/calls/{call_id}/har", desks.call.har, _LOOK)
    yield ConsoleAddress("GET", "/calls/{call_id}/request-body", desks.call.request_body, _LOOK)
    yield ConsoleAddress("GET", "/calls/{call_id}/response-body", desks.call.response_body, _LOOK)
    yield ConsoleAddress("GET", "/calls/{call_id}/{side}/{same}", desks.call.neighbour, _LOOK)
