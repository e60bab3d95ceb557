"""The steps that an export of all archived calls can't do without, each alone.

`python -m bench.export_steps DATA FORMAT COMPRESSION` reads the exported columns of the archive's files, makes their
text in batches, compresses it, and prints the seconds of processor time of each as JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl

from bench.archives import archive_paths
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.formats.columns import exported_columns, source_columns
from calltrail.formats.compression import compressor
from calltrail.formats.parts import part_encoder
from calltrail.settings import Settings

Made = TypeVar("Made")


class _Steps:
    """Processor time, of all threads, of each step."""

    def __init__(self) -> None:
        self.seconds = {"read": 0.0, "format": 0.0, "compress": 0.0}

    def timed(self, step: str, make: Callable[[], Made]) -> Made:
        started = time.process_time()
        made = make()
        self.seconds[step] += time.process_time() - started
        return made


def main() -> None:
    data, format_name, compression = sys.argv[1:]
    settings = Settings(data=Path(data))
    options = ExportOptions(format=ExportFormat(format_name), compression=Compression(compression))
    steps = _Steps()
    whole = compressor(options.compression)
    for plain in _texts(settings, options, steps):
        steps.timed("compress", partial(whole.compress, plain))
    steps.timed("compress", whole.flush)
    print(json.dumps(steps.seconds))


def _texts(settings: Settings, options: ExportOptions, steps: _Steps) -> Iterator[bytes]:
    encoder = part_encoder(options)
    yield steps.timed("format", encoder.head)
    for batch in _batches(settings, options, steps):
        yield steps.timed("format", partial(encoder.rows, batch))
    yield steps.timed("format", encoder.tail)


def _batches(settings: Settings, options: ExportOptions, steps: _Steps) -> Iterator[pl.DataFrame]:
    columns = source_columns(exported_columns(options))
    for path in archive_paths(settings.data):
        calls = steps.timed("read", pl.scan_parquet(path).select(columns).collect)
        size_bytes = max(1, int(calls.estimated_size()))
        yield from calls.iter_slices(max(1, calls.height * settings.export_batch_bytes // size_bytes))


if __name__ == "__main__":
    main()
