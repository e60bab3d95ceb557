"""What can be called, by whom, and what it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from calltrail.domain.access import Permission
from calltrail.domain.exports import ExportOptions


@dataclass(frozen=True, slots=True)
class ValidateStep:
    """Checks the body against a JSON Schema."""

    schema: Mapping[str, Any]

    blocking: bool = True
    """Whether errors stop the call; otherwise they are noted and the flow goes on."""

    kind: Literal["validate"] = "validate"


@dataclass(frozen=True, slots=True)
class AcceptStep:
    """Answers Success itself."""

    kind: Literal["accept"] = "accept"


@dataclass(frozen=True, slots=True)
class ForwardStep:
    """An HTTP upstream answers."""

    url: str
    timeout_s: float = 10.0

    retries: int = 0
    """Further tries, made only when no connection came about, so that the upstream cannot have seen the call."""

    kind: Literal["forward"] = "forward"


@dataclass(frozen=True, slots=True)
class PythonStep:
    """A Python function answers."""

    handler: str
    """`package.module:function`"""

    kind: Literal["python"] = "python"


@dataclass(frozen=True, slots=True)
class ExportStep:
    """Starts and reports exports of the log: "Export—Export Webhook Logs"."""

    options: ExportOptions = field(default_factory=ExportOptions)

    kind: Literal["export"] = "export"


Step = ValidateStep | AcceptStep | ForwardStep | PythonStep | ExportStep
AnsweringStep = AcceptStep | ForwardStep | PythonStep | ExportStep


@dataclass(frozen=True, slots=True)
class ApiMethod:
    """A named method that partners call; the contract's "operation"."""

    system_name: str
    name: str

    endpoints: tuple[str, ...]
    """External ids of the integration endpoints that may call it."""

    steps: tuple[Step, ...]
    """Any number of validations, then exactly one step that answers."""

    requires_key: bool = True

    masked_fields: tuple[str, ...] = ()
    """Names of body fields and URL parameters that are secret here, beside those that are secret everywhere."""

    keep_days: int | None = None
    """How many days its calls are kept; None: as the setting says."""

    keep_bodies_days: int | None = None
    """How many days the bodies of its calls are kept; None: as the setting says."""

    @property
    def answering_step(self) -> AnsweringStep:
        step = self.steps[-1]
        assert not isinstance(step, ValidateStep)
        return step

    @property
    def has_effect(self) -> bool:
        """Whether its steps may change something, here or elsewhere, so that the record must exist before they run."""
        return not isinstance(self.answering_step, AcceptStep)


class KeyKind(StrEnum):
    MAIN = "main"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class EndpointKey:
    """A secret key of an endpoint, of which only the hash is kept."""

    id: int
    endpoint_external_id: str
    kind: KeyKind

    sha256: bytes
    """Digest of the key; a key has 256 random bits, so a plain hash is enough."""

    created_at: datetime
    revoked_at: datetime | None = None

    label: str = ""
    """What it is for, in the words of whoever made it."""

    last_used_at: datetime | None = None
    """About when a call last came with it; within a minute or so."""


@dataclass(frozen=True, slots=True)
class IntegrationEndpoint:
    """A caller's configured entrance."""

    external_id: str
    integration_name: str

    permissions: frozenset[Permission] = frozenset()
    """Of those in `ENDPOINT_PERMISSIONS`."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All endpoints and API methods, as one value; names are unique and every reference resolves."""

    endpoints: Mapping[str, IntegrationEndpoint] = field(default_factory=dict)
    """By external id."""

    methods: Mapping[str, ApiMethod] = field(default_factory=dict)
    """By system name."""
