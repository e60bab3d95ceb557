"""Proof that journal and archive are whole and agree with their own books."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import deltalake
import polars as pl

from calltrail.domain.calls import to_micros
from calltrail.stores.archive.books import Books
from calltrail.stores.archive.proof import KEYS, FileEntry, FileProof
from calltrail.stores.archive.schema import DAY, require_known_schema

_ONE_DAY = timedelta(days=1)
_JOURNAL = {"id": pl.String(), "finished_in": pl.Int64()}
_OF_DAY = "SELECT id, finished_in FROM calls WHERE started_at >= ? AND started_at < ?"
_DAYS_OF_COPIES = "SELECT DISTINCT started_at / 86400000000 FROM calls WHERE finished_in <= ?"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found."""

    files: int
    """Of the archive, read to the last byte."""

    calls: int
    """In those."""

    size_bytes: int
    """Of those."""

    replaced_files: int
    """Not read, because they were replaced or removed while the verification ran."""

    unused_files: int
    """In the folders of days, but out of use."""

    journal_calls: int
    """In the journal."""

    problems: Sequence[str]
    """A sentence each; none when all is well."""


def verify(journal: Path, archive: Path, tell: Callable[[int, int], None] = lambda _done, _of: None) -> Verification:
    """Read all of both, while others use them. Holds a few thousand calls, and the ids of a day, at once.

    `tell` is called with how many of how many bytes of the archive are read, again and again.
    """
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, isolation_level=None)) as connection:
        return _Work(connection, archive, tell).verification()


class _Work:
    def __init__(self, journal: sqlite3.Connection, archive: Path, tell: Callable[[int, int], None]) -> None:
        self._journal = journal
        self._archive = archive
        self._tell = tell
        self._problems: list[str] = []
        self._books = Books()
        self._entries: list[FileEntry] = []
        self._proofs = 0
        self._calls = 0
        self._read_bytes = 0
        self._total_bytes = 0
        self._replaced: set[date] = set()
        """Days of files that went while we worked."""
        self._replaced_files = 0

    def verification(self) -> Verification:
        # The archive first: what is final by its books stays so, wherever a later look at the journal finds it.
        self._open_archive()
        for day in sorted({entry.day for entry in self._entries} | self._days_of_copies()):
            self._verify_day(day)
        unused = self._verify_folders()
        self._verify_journal()
        return Verification(
            files=self._proofs,
            calls=self._calls,
            size_bytes=self._read_bytes,
            replaced_files=self._replaced_files,
            unused_files=unused,
            journal_calls=self._journal.execute("SELECT count(*) FROM calls").fetchone()[0],
            problems=tuple(self._problems),
        )

    def _open_archive(self) -> None:
        try:
            self._entries, self._books = _entries(self._archive)
        except Exception as error:  # noqa: BLE001 - whatever the library can't make of a broken log
            self._problems.append(f"the table's log can't be read: {error}")
            return
        self._total_bytes = sum(entry.size_bytes for entry in self._entries)
        rows = sum(entry.rows for entry in self._entries)
        if rows != self._books.calls:
            self._problems.append(f"the files of the table have {rows} calls, and by its books {self._books.calls}")

    def _verify_day(self, day: date) -> None:
        keys = [proof.keys for entry in self._entries if entry.day == day and (proof := self._verify_file(entry))]
        ids = pl.concat([pl.DataFrame(schema=KEYS), *keys])["id"]
        repeated = ids.filter(ids.is_duplicated())
        if len(repeated):
            self._problems.append(f"{len(repeated)} calls of {day} are there more than once, such as {repeated[0]}")
        in_journal = self._calls_in_journal(day)
        is_copy = (pl.col("finished_in") <= self._books.through).fill_null(value=False)
        is_archived = pl.col("id").is_in(ids.implode())
        self._note_calls(
            day, in_journal.filter(~is_copy, is_archived), "in the archive, and not as final in the journal"
        )
        if day not in self._replaced:
            missing = in_journal.filter(is_copy, ~is_archived)
            self._note_calls(day, missing, "in the journal as archived, but not in the archive")

    def _note_calls(self, day: date, calls: pl.DataFrame, where: str) -> None:
        if calls.height:
            self._problems.append(f"{calls.height} calls of {day} are {where}, such as {calls['id'][0]}")

    def _verify_file(self, entry: FileEntry) -> FileProof | None:
        read, total = self._read_bytes, self._total_bytes
        try:
            proof = FileProof(
                entry, self._books.through, lambda share: self._tell(read + round(share * entry.size_bytes), total)
            )
        except FileNotFoundError:
            self._note_missing(entry)
            return None
        self._problems += proof.problems
        self._proofs += 1
        self._calls += proof.keys.height
        self._read_bytes += entry.size_bytes
        return proof

    def _note_missing(self, entry: FileEntry) -> None:
        if entry.path in {each.path for each in self._newest_entries()}:
            self._problems.append(f"{entry.path.parent.name}/{entry.path.name} is missing")
        else:
            self._replaced.add(entry.day)
            self._replaced_files += 1

    def _verify_folders(self) -> int:
        """Note what does not belong into the archive's folders, and say how many files are out of use."""
        found = sorted(self._archive.glob(f"{DAY}=*/*"))
        strange = [path for path in found if not path.match("calls-*.parquet")]
        strange += [
            path for path in self._archive.glob("*") if not path.match(f"{DAY}=*") and path.name != "_delta_log"
        ]
        for path in strange:
            self._problems.append(f"{path.relative_to(self._archive)} does not belong into the archive")
        in_use = {entry.path for entry in (*self._entries, *self._newest_entries())}
        return len(set(found) - set(strange) - in_use)

    def _newest_entries(self) -> Sequence[FileEntry]:
        return _entries(self._archive)[0] if self._entries else ()

    def _verify_journal(self) -> None:
        for (found,) in self._journal.execute("PRAGMA integrity_check"):
            if found != "ok":
                self._problems.append(f"the journal is broken: {found}")

    def _days_of_copies(self) -> set[date]:
        days = self._journal.execute(_DAYS_OF_COPIES, (self._books.through,))
        return {date.fromordinal(date(1970, 1, 1).toordinal() + day) for (day,) in days}

    def _calls_in_journal(self, day: date) -> pl.DataFrame:
        start = datetime.combine(day, time(), UTC)
        window = (to_micros(start), to_micros(start + _ONE_DAY))
        return pl.DataFrame(self._journal.execute(_OF_DAY, window).fetchall(), _JOURNAL, orient="row")


def _entries(archive: Path) -> tuple[list[FileEntry], Books]:
    """What the newest version of the table says of its files, and of itself; nothing without a table."""
    if not deltalake.DeltaTable.is_deltatable(str(archive)):
        return [], Books()
    table = deltalake.DeltaTable(str(archive))
    require_known_schema(table)
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    return [
        FileEntry(
            archive / file["path"],
            date.fromisoformat(str(file[f"partition.{DAY}"])),
            file["size_bytes"],
            file["num_records"],
            {name: (file.get(f"min.{name}"), file.get(f"max.{name}")) for name in KEYS},
        )
        for file in files.iter_rows(named=True)
    ], Books.of(table)
