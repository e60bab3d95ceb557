"""What a caller asks of an export step: a new export, or news of one."""

from dataclasses import dataclass

from calltrail.domain.filters import CallFilter


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Exactly one of the two is given."""

    export_id: int | None = None
    """Report this export; it need not exist."""

    filter: CallFilter | None = None
    """Start an export of these calls; every name in it is one of the catalog."""
