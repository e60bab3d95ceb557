"""The peer of recording: the same rows by Python's sqlite3, `python -m bench.sqlite_peer JOURNAL ROWS PER_COMMIT FILE`.

The rows are those that the server wrote, the table is the journal's with its indexes, each commit is on disk before the
next begins. Prints its measurements as JSON.
"""

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from calltrail.stores.journal.rows import OUTCOME_COLUMNS, REQUEST_COLUMNS
from calltrail.stores.migrations import upgrade

_COLUMNS = ", ".join(("begun_in", "finished_in", "plain_text_bytes", *REQUEST_COLUMNS, *OUTCOME_COLUMNS))


def main() -> None:
    journal, most_rows, per_commit, file = sys.argv[1:]
    with closing(sqlite3.connect(journal)) as recorded:
        query = f"SELECT {_COLUMNS} FROM calls WHERE status = 'completed' ORDER BY started_at DESC LIMIT ?"
        rows = recorded.execute(query, (int(most_rows),)).fetchall()
    upgrade(Path(file), "journal")
    insert = f"INSERT INTO calls ({_COLUMNS}) VALUES ({', '.join('?' * len(rows[0]))})"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        started = time.perf_counter()
        for start in range(0, len(rows), int(per_commit)):
            connection.execute("BEGIN")
            connection.executemany(insert, rows[start : start + int(per_commit)])
            connection.execute("COMMIT")
        seconds = time.perf_counter() - started
    print(json.dumps({"rows": len(rows), "seconds": seconds}))


if __name__ == "__main__":
    main()
