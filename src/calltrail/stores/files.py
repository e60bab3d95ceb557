"""Files of exports on the local disk."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from calltrail.services.ports import StoredFile
from calltrail.stores.durable import make_folder, sync_folder

_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_file_name(name: str) -> bool:
    """Whether a file of an export may be called so: no separators, no leading dot, which marks hidden files."""
    return _FILE_NAME.fullmatch(name) is not None


class LocalExportFiles:
    """ExportFiles under `exports/<job id>/` of the data folder. What is published survives power loss."""

    def __init__(self, data_folder: Path) -> None:
        self._root = data_folder / "exports"

    def create(self, job_id: int, name: str) -> "LocalFileWriter":
        """ValueError when the name is none for a file of an export."""
        if not is_file_name(name):
            raise ValueError(f"{name!r} is no name for a file of an export.")
        folder = self._folder(job_id)
        make_folder(folder)
        return LocalFileWriter(folder, name)

    def open(self, job_id: int, name: str) -> StoredFile | None:
        if not is_file_name(name):
            return None
        try:
            content = (self._folder(job_id) / name).open("rb")
        except FileNotFoundError:
            return None
        return StoredFile(content, os.fstat(content.fileno()).st_size)

    def delete(self, job_id: int) -> None:
        """Survives power loss too. A file of the job that is in the making can't be published any more."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder(job_id))
            sync_folder(self._root)

    def _folder(self, job_id: int) -> Path:
        return self._root / str(job_id)


class LocalFileWriter:
    """A FileWriter whose hidden name is its own.

    A worker that lost its lease may still write while another makes the same part: neither must touch the other's
    bytes. What a killed worker left stays hidden until the job's files are deleted.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._published = folder / name
        self._hidden = folder / f".{name}.{token_hex(4)}.partial"
        self._content = self._hidden.open("xb")

    def write(self, data: bytes) -> None:
        self._content.write(data)

    def publish(self) -> None:
        """FileNotFoundError when the job's files were deleted meanwhile."""
        self._content.flush()
        os.fsync(self._content.fileno())
        self._content.close()
        self._hidden.replace(self._published)
        sync_folder(self._published.parent)

    def discard(self) -> None:
        with suppress(OSError):  # a full disk may refuse the last bytes, which nobody wants
            self._content.close()
        self._hidden.unlink(missing_ok=True)
