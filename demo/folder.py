"""The folder of the demo: for one demo at a time, and wiped only when a demo made it."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.server import PROJECT, DemoFailed

_MARKER = ".calltrail-demo"

DEFAULT_FOLDER = PROJECT / "demo-data"


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other demos out of it. Raises DemoFailed when it is another's, or no demo's."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise DemoFailed(f"{folder} was not made by the demo, so it is left alone: name another folder, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _MARKER).open("w") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFailed(f"{folder} is in use by another `make demo` or `make serve`: stop that first") from None
        yield


def wipe(folder: Path) -> None:
    """Remove what an earlier demo left."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _MARKER:
            path.unlink()
