"""Retires or erases the calls of the API method `Short`; killed before it syncs for the nth time.

Each line of the input names a data folder, a task and the n; each line of the output is how that ended. A process is
forked for each, so that what takes a second to load is loaded once, and used in none before.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from calltrail.domain.filters import CallFilter
from calltrail.domain.keeping import KeepingTime, Retention
from calltrail.stores import durable
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.kept_calls import KeptCallsOfLog
from tests.samples import NOON
from tests.stores.killed_archiver import die_at


def carry_out(folder: Path, task: str) -> None:
    table = ArchiveTable(folder / "archive")
    table.mend()
    kept = KeptCallsOfLog(folder / "journal.db", table, busy_timeout_s=5, patience_s=1)
    if task == "erase":
        kept.erase(CallFilter(method_system_names=("Short",)), ())
    else:
        list(kept.retire(Retention(KeepingTime(None, {"Short": 1})), NOON + timedelta(days=10), ()))


if __name__ == "__main__":
    for line in sys.stdin:
        folder, task, killed_at_sync = line.split()
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 - the answer
        else:
            durable.os.fsync = die_at(int(killed_at_sync), os.fsync)  # type: ignore[attr-defined]
            carry_out(Path(folder), task)
            os._exit(0)
