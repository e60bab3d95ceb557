"""Archives, puts together, retires or erases where no file may grow beyond so many bytes, as on a full disk.

Each line of the input names a data folder, a task and the bytes; each line of the output is how that ended: 0, or 3
after an error. A process is forked for each, so that what takes a second to load is loaded once.
"""

import os
import resource
import sys
from pathlib import Path

from calltrail.stores.archive.table import ArchiveTable
from tests.stores.archives import open_archiver
from tests.stores.killed_keeper import carry_out as keep


def carry_out(folder: Path, task: str) -> None:
    if task == "archive":
        with open_archiver(folder) as archiver:
            archiver.run()
    elif task == "compact":
        table = ArchiveTable(folder / "archive")
        table.mend()
        table.compact()
    else:
        keep(folder, task)


def _ends_with(folder: Path, task: str, most_bytes: int) -> int:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    try:
        carry_out(folder, task)
    except Exception as error:  # noqa: BLE001 - whichever library meets the full disk
        print(f"{task} with {most_bytes}: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    for line in sys.stdin:
        folder, task, most_bytes = line.split()
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 - the answer
        else:
            os._exit(_ends_with(Path(folder), task, int(most_bytes)))
