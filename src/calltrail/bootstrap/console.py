"""The console, on what a receiving process stands on."""

from collections.abc import Iterator

from starlette.types import ASGIApp

from calltrail.api.routes import Address
from calltrail.api.sessions import Sessions
from calltrail.bootstrap.clock import now
from calltrail.bootstrap.stores import Staffing, Stores
from calltrail.bootstrap.trying import Trier
from calltrail.console.audit import AuditDesk
from calltrail.console.calls.call import CallDesk
from calltrail.console.calls.calls import CallsDesk
from calltrail.console.catalog.endpoints import EndpointsDesk
from calltrail.console.catalog.methods import MethodsDesk
from calltrail.console.exports.exports import ExportsDesk
from calltrail.console.home import Home
from calltrail.console.people.account import AccountDesk
from calltrail.console.people.people import PeopleDesk
from calltrail.console.people.welcome import Welcome
from calltrail.console.routes import ConsoleDoor
from calltrail.console.system import SystemDesk
from calltrail.console.table import Desks, console_table
from calltrail.services.exports.exporting import Exporting


def console_addresses(
    stores: Stores,
    staffing: Staffing,
    sessions: Sessions,
    exporting: Exporting,
    operations: ASGIApp,
    *,
    public_url: str | None,
) -> Iterator[Address]:
    """Every address of the console; `operations` takes the calls that people try."""
    catalog, pages = stores.catalog, stores.pages
    desks = Desks(
        home=Home(catalog),
        calls=CallsDesk(pages, catalog),
        call=CallDesk(stores.log, pages),
        methods=MethodsDesk(
            catalog=catalog, desk=staffing.desk, pages=pages, try_call=Trier(operations), audit=stores.audit
        ),
        endpoints=EndpointsDesk(catalog=catalog, desk=staffing.desk, pages=pages),
        exports=ExportsDesk(exporting=exporting, jobs=stores.jobs, files=stores.files, pages=pages, audit=stores.audit),
        people=PeopleDesk(people=staffing.people),
        account=AccountDesk(people=staffing.people, passes=staffing.passes),
        audit=AuditDesk(audit=stores.audit),
        system=SystemDesk(state=stores.state, jobs=stores.jobs, holds=stores.holds, catalog=catalog),
    )
    door = ConsoleDoor(sessions=sessions, staff=stores.staff, public_url=public_url, now=now)
    yield from door.addresses(tuple(console_table(desks)))
    yield from Welcome(people=staffing.people, sessions=sessions).addresses()
