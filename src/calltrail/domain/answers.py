"""What a call is answered with, before it is put into words of the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calltrail.domain.headers import RawHeaders
from calltrail.domain.problems import Problem


@dataclass(frozen=True, slots=True)
class Success:
    """The call was carried out."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the answer says beside its status; JSON values under wire names."""

    problems: tuple[Problem, ...] = ()
    """Validation errors that did not stop the flow."""

    secrets: tuple[str, ...] = ()
    """Texts within the answer that the log must not hold, such as the signatures of links."""


@dataclass(frozen=True, slots=True)
class ValidationRefusal:
    """The data of the call is wrong."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ProtocolRefusal:
    """The integration is wrong: its address, key, media type, size or syntax."""

    http_status_code: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class InternalFault:
    """The platform or an upstream is wrong."""

    http_status_code: int
    """500, or 503 when trying again may help."""

    message: str
    retry_after_s: int | None = None

    detail: str | None = None
    """For the log only."""


@dataclass(frozen=True, slots=True)
class AlreadyProcessed:
    """A call of the same transaction id was carried out before."""


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """The answer of a forwarded call, exact."""

    http_status_code: int
    headers: RawHeaders
    body: bytes
    problems: tuple[Problem, ...] = ()
    """Validation errors found before forwarding, which did not stop the flow."""


Answer = Success | ValidationRefusal | ProtocolRefusal | InternalFault | AlreadyProcessed | UpstreamAnswer
