"""The peer of an export: Python's sqlite3 and csv modules, `python -m bench.csv_peer JOURNAL FILE [gzip]`.

It writes the same rows and the contract's 18 columns with the same delimiter, and moments and flags as the database
holds them, which spares it their formatting; no checksum, no manifest. The file is on disk at the end, as ours is.
Prints its measurements as JSON.
"""

import csv
import gzip
import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import IO

from calltrail.formats.columns import CONTRACT_COLUMNS

_QUERY = f"SELECT {', '.join(column.source for column in CONTRACT_COLUMNS)} FROM calls ORDER BY started_at, id"
_GZIP_LEVEL = 6


def main() -> None:
    journal, file = sys.argv[1:3]
    is_gzip = sys.argv[3:] == ["gzip"]
    started = time.perf_counter()
    with closing(sqlite3.connect(journal)) as connection, _opened(Path(file), is_gzip=is_gzip) as text:
        writer = csv.writer(text, delimiter=";")
        writer.writerow(column.name for column in CONTRACT_COLUMNS)
        writer.writerows(connection.execute(_QUERY))
    with Path(file).open("rb") as written:
        os.fsync(written.fileno())
    print(json.dumps({"seconds": time.perf_counter() - started, "bytes": Path(file).stat().st_size}))


def _opened(file: Path, *, is_gzip: bool) -> IO[str]:
    if is_gzip:
        return gzip.open(file, "wt", _GZIP_LEVEL, encoding="utf-8-sig", newline="")
    return file.open("w", encoding="utf-8-sig", newline="")


if __name__ == "__main__":
    main()
