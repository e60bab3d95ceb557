"""What this process and those that it has started have used so far."""

import os
from collections.abc import Iterator
from pathlib import Path

_TIMES = slice(11, 15)
"""Where `/proc/PID/stat` has the processor time, of a process and of its children that are gone, each in user and in
kernel mode; counted from behind the name, which may hold spaces."""


def peak_memory_kib() -> int:
    """The most that each process ever held in memory, together: no less than what they held at once."""
    return sum(_peak_kib(process) for process in _tree(os.getpid()))


def processor_s() -> float:
    """Seconds of all processors, in user and kernel mode, with those of processes that have ended."""
    ticks = sum(_ticks(process) for process in _tree(os.getpid()))
    return ticks / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> Iterator[int]:
    yield root
    for children in Path("/proc").glob(f"{root}/task/*/children"):
        for child in _told(children).split():
            yield from _tree(int(child))


def _peak_kib(process: int) -> int:
    lines = _told(Path(f"/proc/{process}/status")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _ticks(process: int) -> int:
    fields = _told(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[_TIMES]))


def _told(path: Path) -> str:
    """What the system tells of a process or thread; nothing once it is gone."""
    try:
        return path.read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
