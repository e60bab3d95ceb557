"""What the services need from the places where things are kept. All stores of a port pass one contract suite."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol

from calltrail.domain.access import Principal
from calltrail.domain.audit import AuditAction, AuditEntry, AuditFilter, NumberedEntry
from calltrail.domain.calls import CallOutcome, CallRecord, CallRequest
from calltrail.domain.catalog import Catalog, EndpointKey, KeyKind
from calltrail.domain.exports import ExportFile, ExportJob, ExportOrder, ExportStatus, Shard, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import Hold, Matching, Retention, Retired
from calltrail.services.looking import CallPages as CallPages  # noqa: PLC0414 - a port like those below
from calltrail.services.looking import CallPlace as CallPlace  # noqa: PLC0414 - likewise
from calltrail.services.looking import Overview as Overview  # noqa: PLC0414 - likewise

if TYPE_CHECKING:
    import polars as pl  # heavy, and only named here


class StoreUnavailable(Exception):
    """A store can't do its work now, such as a database that another process holds too long. Nothing was changed."""


class LogUnavailable(StoreUnavailable):
    """The log can't take a write now: disk full, database locked, writer stopped. Nothing of the write is kept."""


class Claim(StrEnum):
    """What `begin` says of a client transaction id."""

    GRANTED = "granted"
    """No other call holds it (or none was given): the record is written, the steps may run."""

    HELD = "held"
    """A call that is still processing holds it. Nothing was written."""

    SPENT = "spent"
    """A call completed under it within its window. Nothing was written."""


class CallLog(Protocol):
    """The log of calls, as the process that receives them sees it. Calls that are written at once share a commit."""

    async def begin(self, request: CallRequest, *, must_survive_power_loss: bool) -> Claim:
        """Write the first half of a record, and claim its client transaction id at its endpoint, as one.

        When it returns GRANTED the record survives the death of the process, and a loss of power when asked for.
        Raises LogUnavailable.
        """

    async def finish(self, request: CallRequest, outcome: CallOutcome, *, was_begun: bool) -> None:
        """Close a record that was begun, or write the whole of one that was not. On return it survives power loss.

        A claim becomes spent when the outcome is completed, and is free again when it is failed. Raises LogUnavailable.
        """

    async def probe(self) -> None:
        """Make an empty write, as durable as `finish`. Raises LogUnavailable."""

    def snapshot(self) -> Snapshot:
        """The log at this moment: every write that has returned belongs to it. Blocks for a read."""

    def snapshot_before(self, call_id: str) -> Snapshot:
        """The log just before that call was begun: every write that had returned by then belongs to it, the call not.

        LookupError when no such call was begun. Blocks for a read.
        """

    def get(self, call_id: str) -> CallRecord | None:
        """One record as it stands now. Blocks for a read."""


class CallScanner(Protocol):
    """The log of calls, as the process that exports it sees it."""

    def plan(self, snapshot: Snapshot, filter: CallFilter, shard_bytes: int) -> tuple[Shard, ...]:
        """Cut the matching calls, by start time, into consecutive shards of about `shard_bytes` of plain text.

        Never empty: no match gives one shard of no rows. Memory does not grow with the log.
        """

    def scan(
        self, snapshot: Snapshot, filter: CallFilter, shard: Shard, columns: Sequence[str], batch_bytes: int
    ) -> "Iterator[pl.DataFrame]":
        """The shard's matching calls as of the snapshot, by (start time, id), in batches of about `batch_bytes`.

        `columns` are names of `LOG_SCHEMA`; the batches have those, in that order and of those types. A call that was
        open at the snapshot is shown as processing, without a second half, whatever became of it since.
        Repeating a scan gives the same rows.
        """


@dataclass(frozen=True, slots=True)
class Waiting:
    """Final calls that are not in the archive yet."""

    size_bytes: int
    """About as much as they are as plain text, or as the first of them are where there are very many."""

    oldest: datetime
    """When the one that waits longest finished."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Calls on their way from the journal to the archive."""

    calls: "pl.DataFrame"
    through: int
    """With them, every final call up to this commit of the journal has left."""


class FinalCalls(Protocol):
    """The final calls of the journal, as the archiver sees them, in the order in which they became final."""

    def waiting(self, after: int) -> Waiting | None:
        """What became final after that commit; None when nothing did."""

    def next(self, after: int, most_bytes: int) -> Outgoing | None:
        """The calls that became final next after that commit, about `most_bytes` of plain text or fewer, or None."""

    def forget(self, through: int) -> int:
        """Delete the calls that were final by that commit; say how many. Killed midway, it may be repeated."""


class CallArchive(Protocol):
    """The place of final calls, as its only writer sees it."""

    def archived_through(self) -> int:
        """The last commit of the journal whose final calls are all here; 0 before any."""

    def append(self, calls: "pl.DataFrame", through: int) -> None:
        """Add calls, and say that every final call up to that commit of the journal is here.

        Durable on return. Killed anywhere, all of them are here, or none.
        """


Tell = Callable[[int, int], None]
"""Is told, again and again, how much of how much is done."""


def no_telling(_done: int, _of: int) -> None:
    """For whoever does not want to know."""


class KeptCalls(Protocol):
    """The log, as those see it who take calls away. What changes it needs to be alone at the archive."""

    def matching(self, filter: CallFilter, holds: Sequence[Hold]) -> Matching:
        """The calls that match as they stand now; changes nothing."""

    def erase(self, filter: CallFilter, holds: Sequence[Hold], tell: Tell = no_telling) -> int:
        """Take the matching calls of the archive away, but for those of the holds' windows; say how many.

        On return no file has them any more, and that survives power loss. Killed midway, it may be repeated.
        """

    def retire(
        self,
        retention: Retention,
        now: datetime,
        holds: Sequence[Hold],
        *,
        only_tell: bool = False,
        tell: Tell = no_telling,
    ) -> Iterator[Retired]:
        """Take due calls and bodies of the archive away, a day after the other; say how many, by API method.

        What a day gave is durable when it is told. `only_tell` changes nothing.
        """

    def scrub_journal(self) -> bool:
        """See that no file of the journal has anything left of what was deleted there.

        False when somebody read the journal all the time, so that not all of it could be cleaned. Durable when True.
        """


class HoldStore(Protocol):
    """Legal holds; they stay known after they were released."""

    def place(self, since: datetime, till: datetime, reason: str, placed_by: str, now: datetime) -> Hold:
        """Durable on return."""

    def release(self, hold_id: int, released_by: str, now: datetime) -> Hold | None:
        """Release it; None when there is no such hold. Releasing twice keeps the first time."""

    def all(self) -> tuple[Hold, ...]:
        """Every hold there ever was, oldest first."""

    def live(self) -> tuple[Hold, ...]:
        """Those not released, oldest first."""


class CatalogStore(Protocol):
    """Endpoints, API methods and keys."""

    def current(self) -> Catalog:
        """The catalog as last saved, by whichever process; cheap enough to ask at every call."""

    def save(self, catalog: Catalog, instead_of: Catalog | None = None) -> bool:
        """Put `catalog` in the place of the one before; keys of endpoints that are gone are revoked.

        False when the one before is no longer `instead_of`, if that is given, and then nothing is changed.
        """

    def add_key(
        self, endpoint_external_id: str, kind: KeyKind, sha256: bytes, now: datetime, label: str = ""
    ) -> EndpointKey:
        """Keep the hash of a new key. LookupError when the endpoint is unknown."""

    def keys(self, endpoint_external_id: str) -> tuple[EndpointKey, ...]:
        """Every key the endpoint ever had, oldest first."""

    def live_keys(self, endpoint_external_id: str) -> tuple[EndpointKey, ...]:
        """Those not revoked; as cheap and as fresh as `current`, but for when they were last used."""

    def revoke_key(self, key_id: int, now: datetime) -> EndpointKey | None:
        """Revoke it; None when there is no such key. Revoking twice keeps the first time."""

    def note_key_uses(self, uses: Mapping[int, datetime]) -> None:
        """Keep when keys, by their ids, were last used, where that is later than what is known."""


class AuditJournal(Protocol):
    """Who did what: entries are added, never changed or taken away."""

    def add(self, entry: AuditEntry) -> None:
        """Durable on return."""

    def entries(self, action: AuditAction | None = None) -> tuple[AuditEntry, ...]:
        """In the order added."""

    def newest(self, filter: AuditFilter, count: int, before: int | None = None) -> tuple[NumberedEntry, ...]:
        """The last `count` matching entries, newest first; of those before the number `before` when it is given."""


class ExportJobs(Protocol):
    """Export jobs and their leases. A change that `NEXT_STATUSES` does not allow is never made."""

    def start(
        self, order: ExportOrder, started_by: Principal, snapshot: Snapshot, now: datetime
    ) -> tuple[ExportJob, bool]:
        """Queue a job and say True; or give the live job of an equal order and say False."""

    def get(self, job_id: int) -> ExportJob | None:
        """The job with its files."""

    def newest(self, count: int, before: int | None = None) -> tuple[ExportJob, ...]:
        """The last `count` jobs with their files, newest first; of those before that id when one is given."""

    def claim(self, worker: str, now: datetime, lease_s: float, limit: int) -> ExportJob | None:
        """Take up the oldest job that is queued or whose lease ran out, for `lease_s` seconds.

        None when there is none, or when `limit` jobs hold a live lease already. Counts an attempt.
        """

    def renew(self, job_id: int, worker: str, now: datetime, lease_s: float) -> bool:
        """Lengthen the lease; False when the job is no longer this worker's: cancelled, or taken up by another."""

    def save_plan(self, job_id: int, worker: str, shards: Sequence[Shard]) -> bool:
        """Keep the plan; False as for `renew`, and then nothing is kept."""

    def add_file(self, job_id: int, worker: str, file: ExportFile) -> bool:
        """Keep a published part; False as for `renew`, and then nothing is kept."""

    def finish(
        self,
        job_id: int,
        worker: str,
        status: ExportStatus,
        now: datetime,
        *,
        reason: str | None = None,
        expires_at: datetime | None = None,
    ) -> bool:
        """Make it ready or failed; False as for `renew`, and then nothing changes."""

    def cancel(self, job_id: int, reason: str, now: datetime) -> bool:
        """Cancel a live job; False when it is over already."""

    def expired(self, now: datetime) -> tuple[ExportJob, ...]:
        """Ready jobs whose time is over."""

    def with_files(self) -> tuple[ExportJob, ...]:
        """Jobs that have files or may come to have some: queued, running and ready ones, oldest first."""

    def mark_expired(self, job_id: int) -> bool:
        """False when the job was not ready."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A published file, open for reading."""

    content: BinaryIO
    size_bytes: int


class ExportFiles(Protocol):
    """Files of exports, a folder a job. A name is visible only once its file is whole and durable."""

    def create(self, job_id: int, name: str) -> "FileWriter":
        """Begin a file under a hidden name. Whatever an earlier try left under it is overwritten."""

    def open(self, job_id: int, name: str) -> StoredFile | None:
        """A published file, seekable; None when there is none."""

    def delete(self, job_id: int) -> None:
        """Remove all files of the job, hidden ones too; no error when there are none."""


class FileWriter(Protocol):
    """A file in the making."""

    def write(self, data: bytes) -> None: ...

    def publish(self) -> None:
        """Make the file durable, then visible under its name. It replaces a file of that name in one step."""

    def discard(self) -> None:
        """Forget what was written. Safe after `publish`, which it does not undo."""
