"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """A run of the measurements. Opponents take turns, `rounds` times; medians are reported."""

    rounds: int
    load_seconds: float
    """Of each flat-out run."""

    latency_seconds: float
    """Of each run at a fixed rate."""

    calls_a_second: float
    """The fixed rate."""

    raw_rows: int
    """Rows that the raw inserts write."""

    exports: tuple[int, ...]
    """Calls in the exported journals, ascending; opponents take turns at the first, the others are exported once."""

    archived: int
    """Calls in the archive."""

    rounds_of_all: int
    """Of the exports of all of them, which take the longest."""

    archiving_seconds: float
    """Of each flat-out run while calls are archived."""

    looked_through: int
    """Calls of ten days; looked through are ten times as many."""

    pages: int
    """Of each kind that are asked for."""

    files: tuple[str, ...] = ("CSV", "CSV.gz", "NDJSON.zst", "XML")
    """Kinds of files that are exported from the journal."""

    archived_files: tuple[str, ...] = ("CSV.gz", "NDJSON.zst", "Parquet")
    """Kinds of files that many calls are exported as from the archive."""

    peers: tuple[str, ...] = ("chDB", "DuckDB", "polars", "PostgreSQL")
    """Of the archive's exports."""


FULL = Sizes(
    rounds=5,
    load_seconds=6,
    latency_seconds=15,
    calls_a_second=500,
    raw_rows=30_000,
    exports=(100_000, 1_000_000),
    archived=1_000_000,
    rounds_of_all=3,
    archiving_seconds=15,
    looked_through=1_000_000,
    pages=300,
)
QUICK = Sizes(
    rounds=3,
    load_seconds=3,
    latency_seconds=6,
    calls_a_second=500,
    raw_rows=5_000,
    exports=(20_000, 100_000),
    archived=100_000,
    rounds_of_all=3,
    archiving_seconds=6,
    looked_through=50_000,
    pages=100,
)
