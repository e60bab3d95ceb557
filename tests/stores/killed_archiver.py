"""Archives the calls of a data folder and puts small files together; killed before it syncs for the nth time."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from calltrail.stores import durable
from calltrail.stores.archive.table import ArchiveTable
from tests.stores.archives import open_archiver


def die_at(last: int, sync: Callable[[int], None]) -> Callable[[int], None]:
    syncs = 0

    def fsync(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == last:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    return fsync


if __name__ == "__main__":
    durable.os.fsync = die_at(int(sys.argv[2]), os.fsync)  # type: ignore[attr-defined]
    with open_archiver(Path(sys.argv[1])) as archiver:
        archiver.run()
    ArchiveTable(Path(sys.argv[1]) / "archive").compact()
