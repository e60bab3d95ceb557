"""The Parquet files of the table: how calls lie in one, and how it is written and looked into."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from calltrail.domain.calls import from_micros
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA, DAY
from calltrail.stores.durable import make_folder, sync_file, sync_folder

BLOCK_ROWS = 16_384
"""Calls of a file that lie between two moments. The blocks of a file follow each other in time, so that a scan in order
of time holds one at once; within a block errors come first, then it goes by API method and endpoint, so that what a
query for few calls needs is together."""

_ROW_GROUP_ROWS = 2_048
_GROUPS_A_BLOCK = BLOCK_ROWS // _ROW_GROUP_ROWS

FILE_ROWS = 16 * BLOCK_ROWS
"""Calls of the largest files."""

_IN_BLOCK = ("has_errors", "method_system_name", "endpoint_external_id", "started_at", "id")

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
            in_order = block.sort(_IN_BLOCK, descending=[column == "has_errors" for column in _IN_BLOCK])
            writer.write_table(in_order.to_arrow(), row_group_size=_ROW_GROUP_ROWS)
            bounds.append(_bounds(block))
            block = next(blocks, None) if len(bounds) * BLOCK_ROWS < FILE_ROWS else None
    sync_file(path)
    return path, pl.concat(bounds)


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


@lru_cache(maxsize=4096)
def block_starts(path: str) -> Mapping[datetime, int]:
    """The first start time of each block of a file, with the number of its calls. Files never change."""
    metadata = pq.read_metadata(path)
    column = list(ARCHIVE_SCHEMA).index("started_at")
    starts: dict[datetime, int] = {}
    for first in range(0, metadata.num_row_groups, _GROUPS_A_BLOCK):
        groups = [metadata.row_group(n) for n in range(first, min(first + _GROUPS_A_BLOCK, metadata.num_row_groups))]
        start = from_micros(min(group.column(column).statistics.min_raw for group in groups))
        starts[start] = starts.get(start, 0) + sum(group.num_rows for group in groups)
    return starts
