"""The log as exports read it: journal and archive as one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from calltrail.domain.calls import EPOCH
from calltrail.domain.exports import Shard, Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.stores.archive.data_files import BLOCK_ROWS, FILE_ROWS
from calltrail.stores.archive.reader import ArchiveReader, ArchiveView, Stretch
from calltrail.stores.journal.scanner import JournalReader, JournalView
from calltrail.stores.shards import cut

_PLANNED_ROWS = 4 * FILE_ROWS
"""Calls of the archive whose start times and sizes are held at once."""


class LogScanner:
    """The `CallScanner` over both stores.

    The journal is looked at first, the archive after it. So whatever has left the journal by then is in the archive,
    and what is in both is left out of the journal's share.
    """

    def __init__(self, journal: Path, archive: Path) -> None:
        self._journal = JournalReader(journal)
        self._archive = ArchiveReader(archive)

    def plan(self, snapshot: Snapshot, filter: CallFilter, shard_bytes: int) -> tuple[Shard, ...]:
        with self._view(snapshot, filter) as log:
            shards = cut(log.moments(snapshot, filter), shard_bytes)
        return shards or (Shard(snapshot.as_of, snapshot.as_of, 0, 0),)

    def scan(
        self, snapshot: Snapshot, filter: CallFilter, shard: Shard, columns: Sequence[str], batch_bytes: int
    ) -> Iterator[pl.DataFrame]:
        if not shard.rows:
            return
        within = replace(filter, since=shard.since, till=shard.till)
        with self._view(snapshot, within) as log:
            yield from log.batches(snapshot, within, columns, batch_bytes, shard.rows)

    def look(self) -> None:
        """Look at both stores once. The first look loads libraries, which the first export should not wait for."""
        nobody = CallFilter(since=EPOCH, till=EPOCH)
        self.plan(Snapshot(0, EPOCH), nobody, 1)

    @contextmanager
    def _view(self, snapshot: Snapshot, filter: CallFilter) -> "Iterator[_LogView]":
        with self._journal.view() as journal:
            archive = self._archive.view()
            has_recent = journal.has_calls(snapshot, filter, archive.through)
            yield _LogView(journal if has_recent else None, archive)


@dataclass(frozen=True, slots=True)
class _LogView:
    journal: JournalView | None
    """None when it has no such calls."""

    archive: ArchiveView

    def moments(self, snapshot: Snapshot, filter: CallFilter) -> Iterator[pl.DataFrame]:
        for stretch in self.archive.stretches(filter, _PLANNED_ROWS):
            recent = self._recent_moments(snapshot, stretch.filter)
            if stretch.is_empty:
                yield from recent
            else:
                yield pl.concat([stretch.moments(snapshot), *recent]).sort("started_at")

    def batches(
        self, snapshot: Snapshot, filter: CallFilter, columns: Sequence[str], batch_bytes: int, rows: int
    ) -> Iterator[pl.DataFrame]:
        """The calls that match, which are so many. Of the archive about a block of them is held at once."""
        blocks_at_a_time = max(1, self.archive.rows_within(filter) // rows)
        for stretch in self.archive.stretches(filter, blocks_at_a_time * BLOCK_ROWS):
            if stretch.is_empty:
                yield from self._recent(snapshot, stretch.filter, columns, batch_bytes)
            else:
                yield from self._merged(snapshot, stretch, columns, batch_bytes)

    def _recent_moments(self, snapshot: Snapshot, filter: CallFilter) -> Iterator[pl.DataFrame]:
        return self.journal.moments(snapshot, filter, self.archive.through) if self.journal else iter(())

    def _recent(
        self, snapshot: Snapshot, filter: CallFilter, columns: Sequence[str], batch_bytes: int
    ) -> Iterator[pl.DataFrame]:
        for piece in cut(self._recent_moments(snapshot, filter), batch_bytes):
            assert self.journal
            within = replace(filter, since=piece.since, till=piece.till)
            yield self.journal.calls(snapshot, within, self.archive.through, columns, piece.rows)

    def _merged(
        self, snapshot: Snapshot, stretch: Stretch, columns: Sequence[str], batch_bytes: int
    ) -> Iterator[pl.DataFrame]:
        keys = [column for column in ("started_at", "id") if column not in columns]
        read = (*columns, *keys)
        # Of the days that are archived the journal has late calls only, so that they are one batch.
        recent = self._recent(snapshot, stretch.filter, read, batch_bytes=2**62)
        calls = pl.concat([stretch.calls(snapshot, read), *recent]).sort("started_at", "id")
        batch_rows = max(1, calls.height * batch_bytes // max(1, int(calls.estimated_size())))
        for batch in calls.iter_slices(batch_rows):
            yield batch.select(columns)
