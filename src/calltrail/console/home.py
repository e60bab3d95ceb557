"""The first page: what an empty system needs, or else what the visitor may look at."""

from calltrail.console.visits import Answer, Page, Redirect, Visit
from calltrail.domain.access import Permission
from calltrail.services.ports import CatalogStore

_CATALOG_FILE = """\
[[endpoints]]
external_id = "demo.Website"
integration_name = "Web shop"

[[api_methods]]
system_name = "Website.CreateOrder"
name = "Create order"
endpoints = ["demo.Website"]
steps = [{ kind = "accept" }]
"""

_FIRST_CALL = """\
curl '{base_url}/v3/operations/sync?endpointId=demo.Website&operation=Website.CreateOrder' \\
  --header 'Authorization: SecretKey PUT-THE-KEY-HERE' \\
  --json '{{"order": {{"number": 1}}}}'"""

_FIRST_PAGES = (
    ("/calls", Permission.CALLS_VIEW),
    ("/exports", Permission.INTEGRATION_LOGS_EXPORT),
    ("/methods", Permission.CATALOG_EDIT),
    ("/people", Permission.STAFF_EDIT),
    ("/audit", Permission.AUDIT_VIEW),
)


class Home:
    """`/`"""

    def __init__(self, catalog: CatalogStore) -> None:
        self._catalog = catalog

    def show(self, visit: Visit) -> Answer:
        if not self._catalog.current().methods:
            more = {"catalog_file": _CATALOG_FILE, "first_call": _FIRST_CALL.format(base_url=visit.base_url)}
            return Page("first_steps", {"is_empty": True}, more=more)
        for path, permission in _FIRST_PAGES:
            if visit.may(permission):
                return Redirect(path)
        return Redirect("/account")
