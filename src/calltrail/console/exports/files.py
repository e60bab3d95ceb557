"""All files of an export at once, and their checksums."""

import hashlib
from collections.abc import Iterable, Iterator

from zipstream import ZipStream  # type: ignore[import-untyped]  # it comes without types

from calltrail.api.file_response import DamagedFile
from calltrail.domain.exports import ExportJob
from calltrail.formats.manifest import MANIFEST_NAME
from calltrail.services.ports import ExportFiles

CHECKSUMS_NAME = "SHA256SUMS"

_CHUNK_BYTES = 512 * 1024


def read_manifest(files: ExportFiles, job: ExportJob) -> bytes | None:
    """None when its files are gone."""
    stored = files.open(job.id, MANIFEST_NAME)
    if stored is None:
        return None
    with stored.content:
        return stored.content.read()


def checksums(job: ExportJob, manifest: bytes | None) -> bytes:
    """A line for each file, as `sha256sum -c` reads them."""
    sums = [(file.sha256, file.name) for file in job.files]
    if manifest is not None:
        sums.append((hashlib.sha256(manifest).hexdigest(), MANIFEST_NAME))
    return "".join(f"{sha256}  {name}\n" for sha256, name in sums).encode()


def zipped(files: ExportFiles, job: ExportJob, manifest: bytes) -> tuple[Iterable[bytes], int]:
    """A ZIP of the parts, the manifest and the checksums, not compressed further; and its size.

    Memory holds a piece of one file. A file that is not as it was published breaks it off with DamagedFile.
    """
    stream = ZipStream(sized=True)
    for file in job.files:
        stream.add(_pieces(files, job.id, file.name, file.size_bytes), file.name, size=file.size_bytes)
    stream.add(manifest, MANIFEST_NAME)
    stream.add(checksums(job, manifest), CHECKSUMS_NAME)
    return stream, len(stream)


def are_whole(files: ExportFiles, job: ExportJob) -> bool:
    """Whether every part is there, in its size."""
    return all(_size(files, job.id, file.name) == file.size_bytes for file in job.files)


def _size(files: ExportFiles, job_id: int, name: str) -> int | None:
    stored = files.open(job_id, name)
    if stored is None:
        return None
    stored.content.close()
    return stored.size_bytes


def _pieces(files: ExportFiles, job_id: int, name: str, size_bytes: int) -> Iterator[bytes]:
    """A file, opened when its turn comes."""
    stored = files.open(job_id, name)
    if stored is None or stored.size_bytes != size_bytes:
        raise DamagedFile(f"{name} is gone, or not as it was published.")
    with stored.content:
        while piece := stored.content.read(_CHUNK_BYTES):
            yield piece
