"""An export of the log: what was asked for, where it stands, what it made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from calltrail.domain.filters import CallFilter


class ExportFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    XML = "xml"
    PARQUET = "parquet"
    """Typed, and compressed within."""
    HAR = "har"
    """HTTP Archive 1.2: its form is fixed, so no columns are chosen."""


class Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How the files look; set in the export step of an API method, or by who starts an export in the console."""

    format: ExportFormat = ExportFormat.CSV
    compression: Compression = Compression.NONE

    part_bytes: int = 256 * 1024 * 1024
    """Approximate size of a part before compression."""

    columns: tuple[str, ...] = ()
    """Names of the exported columns, in this order; empty means all of the contract's."""

    extra_columns: bool = False
    """Whether our columns come after the contract's eighteen."""

    delimiter: str = ";"
    """CSV: one character."""

    bom: bool = True
    """CSV: whether a file begins with the UTF-8 byte order mark."""

    spreadsheet_safe: bool = False
    """CSV: whether a cell that a spreadsheet would run as a formula is put behind an apostrophe."""

    max_field_chars: int = 0
    """CSV: where body cells are cut; 0 means never. A cut is flagged in the manifest and in the extra columns."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of the log. What is scanned as of one snapshot is the same whenever it is scanned."""

    position: int
    """Number of the last commit of the journal that belongs to it."""

    as_of: datetime
    """When it was taken."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The rows of one part: the matching calls that start in a stretch of time."""

    since: datetime
    """Inclusive."""

    till: datetime
    """Exclusive."""

    rows: int
    """Exactly as many as a scan gives."""

    size_bytes: int
    """Approximate size as plain text."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A published part. It is whole, and it never changes."""

    number: int
    """From 1, in the order of the parts."""

    name: str
    rows: int
    size_bytes: int
    sha256: str
    """Of the bytes of the file, in hex."""

    cut_cells: int = 0
    """How many cells were cut to `max_field_chars`."""


class ExportStatus(StrEnum):
    QUEUED = "queued"
    """Waits for a worker."""
    RUNNING = "running"
    """A worker holds its lease."""
    READY = "ready"
    """Every part and the manifest are published."""
    FAILED = "failed"
    """Gave up; the reason is kept."""
    CANCELLED = "cancelled"
    """Somebody cancelled it; it stays so whatever a worker still does."""
    EXPIRED = "expired"
    """Was ready; its files are gone, its row stays."""


NEXT_STATUSES: Mapping[ExportStatus, frozenset[ExportStatus]] = {
    ExportStatus.QUEUED: frozenset({ExportStatus.RUNNING, ExportStatus.CANCELLED}),
    ExportStatus.RUNNING: frozenset(
        {ExportStatus.RUNNING, ExportStatus.READY, ExportStatus.FAILED, ExportStatus.CANCELLED}
    ),
    ExportStatus.READY: frozenset({ExportStatus.EXPIRED}),
    ExportStatus.FAILED: frozenset(),
    ExportStatus.CANCELLED: frozenset(),
    ExportStatus.EXPIRED: frozenset(),
}
"""Every legal change of a job. Running to running: another worker takes it up after the lease ran out."""

LIVE_STATUSES = frozenset({ExportStatus.QUEUED, ExportStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """Everything that decides what an export gives; equal orders that are live at once are one job."""

    endpoint_external_id: str | None
    """The endpoint that asked; only it can poll the job. None: it was asked for in the console."""

    method_system_name: str | None
    """The API method whose export step was called; None as above."""

    filter: CallFilter
    options: ExportOptions


@dataclass(frozen=True, slots=True)
class ExportJob:
    """An export as the registry knows it."""

    id: int
    order: ExportOrder

    started_by: str
    """`str()` of the Principal."""

    snapshot: Snapshot
    created_at: datetime
    status: ExportStatus = ExportStatus.QUEUED

    shards: tuple[Shard, ...] | None = None
    """One a part; None until a worker has planned it."""

    files: tuple[ExportFile, ...] = ()
    """The parts published so far, in order."""

    attempts: int = 0
    """How many workers have taken it up."""

    reason: str | None = None
    """Why it failed or was cancelled."""

    finished_at: datetime | None = None
    expires_at: datetime | None = None
    """When its files go; known once it is ready."""

    def status_at(self, now: datetime) -> ExportStatus:
        """Expired as soon as its time is over, also while nobody has deleted its files yet."""
        is_over = self.status is ExportStatus.READY and self.expires_at is not None and self.expires_at <= now
        return ExportStatus.EXPIRED if is_over else self.status

    @property
    def rows_expected(self) -> int | None:
        return None if self.shards is None else sum(shard.rows for shard in self.shards)

    @property
    def bytes_expected(self) -> int | None:
        """Approximate size as plain text, of all parts."""
        return None if self.shards is None else sum(shard.size_bytes for shard in self.shards)

    @property
    def rows_done(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes_done(self) -> int:
        """Approximate size as plain text of the parts published so far, comparable with `bytes_expected`."""
        return sum(shard.size_bytes for shard in (self.shards or ())[: len(self.files)])

    @property
    def percent(self) -> int:
        """By bytes, 0 to 100; 100 only when ready."""
        if self.status in (ExportStatus.READY, ExportStatus.EXPIRED):
            return 100
        expected = self.bytes_expected
        return min(99, self.bytes_done * 100 // expected) if expected else 0
