"""A data folder with a catalog to send load to."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from bench.bodies import SCHEMA
from calltrail.bootstrap.folder import create_data_folder
from calltrail.bootstrap.registry import open_registry
from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.catalog import (
    AcceptStep,
    ApiMethod,
    Catalog,
    ForwardStep,
    IntegrationEndpoint,
    KeyKind,
    ValidateStep,
)
from calltrail.settings import Settings

ACCEPTED = "Website.CreateOrder"
"""Validates the body and answers by itself: one write a call."""

FORWARDED = "Website.PayOrder"
"""Validates the body and lets an upstream answer: the record is begun before, and finished after."""

_ENDPOINT = "bench.Website"


@dataclass(frozen=True, slots=True)
class Site:
    """A data folder that servers can be started on."""

    data: Path
    key: str

    @staticmethod
    def target(method: str) -> str:
        """Path and query of a call."""
        return f"/v3/operations/sync?{urlencode({'endpointId': _ENDPOINT, 'operation': method})}"


def make_site(data: Path, upstream_port: int) -> Site:
    """A new data folder with both methods in its catalog."""
    settings = Settings(data=data)
    by = Principal(PrincipalKind.OPERATOR, "bench")
    create_data_folder(settings)
    with open_registry(settings) as registry:
        registry.desk.apply(_catalog(upstream_port), by)
        _, key = registry.desk.create_key(_ENDPOINT, KeyKind.MAIN, by)
    return Site(data, key)


def _catalog(upstream_port: int) -> Catalog:
    check = ValidateStep(SCHEMA)
    forward = ForwardStep(f"http://127.0.0.1:{upstream_port}/orders")
    methods = (
        ApiMethod(ACCEPTED, "Create an order", (_ENDPOINT,), (check, AcceptStep())),
        ApiMethod(FORWARDED, "Pay an order", (_ENDPOINT,), (check, forward)),
    )
    endpoint = IntegrationEndpoint(_ENDPOINT, "Bench")
    return Catalog({_ENDPOINT: endpoint}, {method.system_name: method for method in methods})
