"""At the door: which endpoint, with which key, which API method; or why not."""

import uuid
from dataclasses import dataclass

from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.answers import Answer, ProtocolRefusal
from calltrail.domain.catalog import ApiMethod, IntegrationEndpoint
from calltrail.domain.problems import Problem
from calltrail.services.access.rights import Access
from calltrail.services.call import ReceivedRequest
from calltrail.services.ports import CatalogStore


@dataclass(frozen=True, slots=True)
class Admission:
    """What is known of a call before its steps: it is let in unless there is a refusal."""

    endpoint: IntegrationEndpoint | None
    method: ApiMethod | None
    principal: Principal | None
    transaction_id: str | None
    refusal: Answer | None


class Doorkeeper:
    """Lets calls in by the catalog and the keys as they are at this moment."""

    def __init__(self, catalog: CatalogStore, access: Access) -> None:
        self._catalog = catalog
        self._access = access

    def admit(self, request: ReceivedRequest) -> Admission:
        catalog = self._catalog.current()
        endpoint = catalog.endpoints.get(request.parameters.get("endpointid", ""))
        method = catalog.methods.get(request.parameters.get("operation", ""))
        principal = self._principal(endpoint, request)
        transaction_id, transaction_refusal = _transaction_id(request.parameters.get("transactionid"))
        refusal = (
            _malformed(request)
            or _refuse_stranger(endpoint, method, principal)
            or transaction_refusal
            or _refuse_size(request)
        )
        return Admission(endpoint, method, principal, transaction_id, refusal)

    def _principal(self, endpoint: IntegrationEndpoint | None, request: ReceivedRequest) -> Principal | None:
        """Who calls: the holder of a live key, somebody without a key, or None for a wrong key."""
        if endpoint is None:
            return None
        if request.presented_key is None:
            return Principal(PrincipalKind.KEYLESS, endpoint.external_id)
        return self._access.authenticate_key(endpoint.external_id, request.presented_key)


def _malformed(request: ReceivedRequest) -> Answer | None:
    if request.http_method != "POST":
        return ProtocolRefusal(405, Problem(f"an API method is called by POST, not by {request.http_method}"))
    for name, shown in (("endpointid", "endpointId"), ("operation", "operation")):
        if not request.parameters.get(name):
            return ProtocolRefusal(400, Problem("the query parameter is missing", f"/{shown}"))
    return None


def _refuse_stranger(
    endpoint: IntegrationEndpoint | None,
    method: ApiMethod | None,
    principal: Principal | None,
) -> Answer | None:
    if endpoint is None:
        return ProtocolRefusal(404, Problem("there is no such integration endpoint", "/endpointId"))
    if principal is None:
        return ProtocolRefusal(401, Problem("the key is not a live key of this integration endpoint", "/authorization"))
    if method is None:
        return ProtocolRefusal(404, Problem("there is no such API method", "/operation"))
    if endpoint.external_id not in method.endpoints:
        return ProtocolRefusal(403, Problem("this integration endpoint may not call this API method", "/operation"))
    if method.requires_key and principal.kind is PrincipalKind.KEYLESS:
        return ProtocolRefusal(401, Problem("this API method requires a key", "/authorization"))
    return None


def _transaction_id(sent: str | None) -> tuple[str | None, Answer | None]:
    """The canonical form of a GUID, which clients also send as 32 bare hex digits; a refusal when it is none."""
    if not sent:
        return None, None
    try:
        return str(uuid.UUID(sent)), None
    except ValueError:
        return sent, ProtocolRefusal(400, Problem("this is not a GUID", "/transactionId"))


def _refuse_size(request: ReceivedRequest) -> Answer | None:
    if not request.is_body_too_large:
        return None
    return ProtocolRefusal(413, Problem(f"the body of {request.body_size_bytes} bytes is too large"))
