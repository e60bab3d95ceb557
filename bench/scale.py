"""How reading behaves as the archive grows, with small records: `python -m bench.scale [--days 30 300 3000]`.

Tables of so many days with seven files each, as days have that were never put together. Measured is how long it takes
to open a table in a new process, to look again when nothing or one entry came since, to find a call by its id, to plan
and to read an export of one day in the middle, and to add a batch.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TypeVar

import polars as pl
from rich.console import Console
from rich.table import Table

from calltrail.bootstrap.folder import create_data_folder
from calltrail.domain.call_ids import new_call_id
from calltrail.domain.calls import from_micros, to_micros
from calltrail.domain.exports import Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.settings import Settings
from calltrail.stores.archive.reader import ArchiveReader
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.log_scanner import LogScanner

_FIRST_DAY = datetime(2018, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_FILES_A_DAY = 7
_CALLS_A_FILE = 20
_TIMES = 5

Answer = TypeVar("Answer")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--days", type=int, nargs="+", default=[30, 300, 3000])
    table = Table("days", "files", title="ms, medians; log in MB")
    for days in parser.parse_args().days:
        with tempfile.TemporaryDirectory() as folder:
            figures = dict(_measured(Path(folder, "data"), days))
        if not table.rows:
            for name in figures:
                table.add_column(name, justify="right")
        table.add_row(str(days), str(days * _FILES_A_DAY), *(f"{figure:,.1f}" for figure in figures.values()))
    Console().print(table)


def _measured(data: Path, days: int) -> Iterator[tuple[str, float]]:
    settings = Settings(data=data)
    create_data_folder(settings)
    table = ArchiveTable(settings.archive_folder, commits_a_checkpoint=1)
    table.create()
    for number in range(1, _FILES_A_DAY + 1):
        table.append(_calls(days, number), number)
    table.tidy_log(_DAY)
    yield "log", sum(path.stat().st_size for path in (settings.archive_folder / "_delta_log").iterdir()) / 1e6
    yield "open", _ms(lambda: ArchiveReader(settings.archive_folder).view())
    reader = ArchiveReader(settings.archive_folder)
    yield "look again", _ms(reader.view)
    middle = _FIRST_DAY + days // 2 * _DAY
    call_id = reader.view().files.pipe(_some_id, middle)
    yield "find by id", _ms(lambda: reader.find(call_id))
    yield from _export(settings, middle)
    yield "add a batch", _ms(lambda: table.append(_calls(1, 99), table.archived_through() + 1))
    yield "look at it", _ms(reader.view, times=1)


def _export(settings: Settings, day: datetime) -> Iterator[tuple[str, float]]:
    scanner = LogScanner(settings.journal_path, settings.archive_folder)
    snapshot = Snapshot(10**6, datetime.now(UTC))
    one_day = CallFilter(since=day, till=day + _DAY)
    yield "plan a day", _ms(lambda: scanner.plan(snapshot, one_day, 2**28))
    (shard,) = scanner.plan(snapshot, one_day, 2**28)
    columns = tuple(LOG_SCHEMA)
    yield "read a day", _ms(lambda: sum(b.height for b in scanner.scan(snapshot, one_day, shard, columns, 2**22)))


def _ms(ask: Callable[[], Answer], times: int = _TIMES) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


def _calls(days: int, number: int) -> pl.DataFrame:
    """Some calls of every day, in the part of it that the number says."""
    seconds = pl.int_range(days * _CALLS_A_FILE, eager=True)
    day, place = seconds // _CALLS_A_FILE, seconds % _CALLS_A_FILE
    starts = to_micros(_FIRST_DAY) + (day * 86_400 + number * 600 + place) * 1_000_000
    fixed = {
        "method_system_name": "Website.CreateOrder",
        "endpoint_external_id": "shop.Website",
        "http_method": "POST",
        "status": "completed",
        "has_errors": False,
        "url": "https://api.example.com/v3/operations/sync",
        "request_headers": "accept: */*",
        "request_body": "{}",
        "response_body": "{}",
        "begun_in": number,
        "finished_in": number,
        "plain_text_bytes": 400,
    }
    ids = [new_call_id(from_micros(start)) for start in starts]
    calls = pl.DataFrame({"id": ids, "started_at": starts}).with_columns(pl.lit(v).alias(k) for k, v in fixed.items())
    missing = [pl.lit(None).alias(name) for name in ARCHIVE_SCHEMA if name not in calls.columns]
    return calls.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in ARCHIVE_SCHEMA.items())


def _some_id(files: pl.DataFrame, after: datetime) -> str:
    path = files.filter(pl.col("first") >= after)["path"][0]
    return str(pl.scan_parquet(path).select("id").head(1).collect().item())


if __name__ == "__main__":
    main()
