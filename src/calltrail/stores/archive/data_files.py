"""The Parquet files of the table: how calls lie in one, and how it is written and looked into."""

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from calltrail.domain.calls import from_micros, to_micros
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA, DAY
from calltrail.stores.durable import make_folder, sync_file, sync_folder

BLOCK_ROWS = 8_192
"""Calls of a file that lie between two moments. The blocks of a file follow each other in time, so that a scan in order
of time holds one at once. Within a block errors come first, in row groups of their own, and all goes by API method and
endpoint, so that what a query for few calls needs is together."""

_ROW_GROUP_ROWS = 2_048

FILE_ROWS = 32 * BLOCK_ROWS
"""Calls of the largest files."""

_BLOCKS_KEY = "calltrail.blocks"
"""In the metadata of a file: first start time and number of the calls of each of its blocks."""

_IN_BLOCK = ("method_system_name", "endpoint_external_id", "started_at", "id")

_BOUNDED_COLUMNS = ("started_at", "finished_in", "id")
"""Columns whose least and greatest values of a file are in the log of the table."""

_WITHOUT_DICTIONARY = ("id", "url", "request_body", "response_body", "response_headers", "client_transaction_id")
"""Hardly repeat, so that a dictionary of them would be built in vain."""


def write_files(table: Path, day: str, calls: Iterable[pl.DataFrame], *, is_new: bool = True) -> Iterator[AddAction]:
    """Write calls of one day, given in order of time, into files: durable, but not yet part of the table.

    Holds one block at a time.
    """
    folder = table / f"{DAY}={day}"
    make_folder(folder)
    blocks = _blocks(calls)
    while written := _write_file(folder / f"calls-{secrets.token_hex(16)}.parquet", blocks):
        path, bounds = written
        status = path.stat()
        yield AddAction(
            path=f"{folder.name}/{path.name}",
            size=status.st_size,
            partition_values={DAY: day},
            modification_time=status.st_mtime_ns // 1_000_000,
            data_change=is_new,
            stats=_stats(bounds),
        )
    sync_folder(folder)


def _blocks(calls: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The calls in frames of `BLOCK_ROWS`, but for the last."""
    waiting = pl.DataFrame(schema=dict(ARCHIVE_SCHEMA))
    for frame in calls:
        waiting = pl.concat([waiting, frame.select(*ARCHIVE_SCHEMA)])
        while waiting.height >= BLOCK_ROWS:
            yield waiting.head(BLOCK_ROWS)
            waiting = waiting.slice(BLOCK_ROWS)
    if waiting.height:
        yield waiting


def _write_file(path: Path, blocks: Iterator[pl.DataFrame]) -> tuple[Path, pl.DataFrame] | None:
    """The next blocks in a durable file, and what bounds them; None when there are no more."""
    block = next(blocks, None)
    if block is None:
        return None
    bounds = []
    with _writer(path) as writer:
        while block is not None:
            for calls in _in_order(block):
                writer.write_table(calls.to_arrow(), row_group_size=_ROW_GROUP_ROWS)
            bounds.append(_bounds(block))
            block = next(blocks, None) if len(bounds) * BLOCK_ROWS < FILE_ROWS else None
        writer.add_key_value_metadata({_BLOCKS_KEY: _starts(bounds)})
    sync_file(path)
    return path, pl.concat(bounds)


def _in_order(block: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The calls of a block as they lie in it: those with errors, then the others."""
    has_errors = pl.col("has_errors").fill_null(value=False)
    for calls in (block.filter(has_errors), block.filter(~has_errors)):
        if calls.height:
            yield calls.sort(_IN_BLOCK)


def _writer(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        pl.DataFrame(schema=dict(ARCHIVE_SCHEMA)).to_arrow().schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[column for column in ARCHIVE_SCHEMA if column not in _WITHOUT_DICTIONARY],
        write_page_checksum=True,
        store_schema=False,
    )


def _bounds(calls: pl.DataFrame) -> pl.DataFrame:
    of_each = pl.col(_BOUNDED_COLUMNS)
    return calls.select(pl.len().alias("rows"), of_each.min().name.prefix("min_"), of_each.max().name.prefix("max_"))


def _stats(bounds: pl.DataFrame) -> str:
    """What the table's log says of a file, so that readers leave out what they don't need."""
    return json.dumps(
        {
            "numRecords": int(bounds["rows"].sum()),
            "minValues": {column: _shown(bounds[f"min_{column}"].min()) for column in _BOUNDED_COLUMNS},
            "maxValues": {column: _shown(bounds[f"max_{column}"].max()) for column in _BOUNDED_COLUMNS},
            "nullCount": dict.fromkeys(_BOUNDED_COLUMNS, 0),
        }
    )


def _shown(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value


def _starts(bounds: Iterable[pl.DataFrame]) -> str:
    return json.dumps([(to_micros(block["min_started_at"][0]), block["rows"][0]) for block in bounds])


@lru_cache(maxsize=4096)
def block_starts(path: str) -> Sequence[tuple[datetime, int]]:
    """The first start time of each block of a file, with the number of its calls. Files never change.

    A file that another program wrote anew is one block.
    """
    blocks = pl.read_parquet_metadata(path).get(_BLOCKS_KEY)
    if blocks is None:
        return scan_files([path]).select(pl.min("started_at"), pl.len()).collect().rows()
    return [(from_micros(start), rows) for start, rows in json.loads(blocks)]


def footer_bytes(path: str) -> int:
    """The size of what a file says of itself."""
    with Path(path).open("rb") as file:
        file.seek(-8, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def scan_files(paths: Iterable[str]) -> pl.LazyFrame:
    """Files of the table as one frame. Columns that came after a file was written are null in it."""
    return pl.scan_parquet(list(paths), schema=dict(ARCHIVE_SCHEMA), missing_columns="insert")


def scan_one(path: str) -> pl.LazyFrame:
    """As `scan_files`, of one file whose footer is read once, however often the frame is asked.

    So it takes memory, about as much as the footer.
    """
    calls = pl.scan_parquet(path, hive_partitioning=False)
    known = calls.collect_schema()
    missing = {name: dtype for name, dtype in ARCHIVE_SCHEMA.items() if name not in known}
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in missing.items()]
    return calls.with_columns(absent).select(*ARCHIVE_SCHEMA)


class KnownFiles:
    """Files that are asked block after block: of those asked last the footers are remembered."""

    def __init__(self) -> None:
        self._known: dict[str, pl.LazyFrame] = {}

    def scan(self, paths: Sequence[str]) -> pl.LazyFrame:
        """As `scan_files`."""
        self._known = {path: self._known[path] if path in self._known else scan_one(path) for path in paths}
        return pl.concat(self._known.values())
