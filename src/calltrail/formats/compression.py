"""Compression of a part as a file of its own; the same bytes in give the same file."""

from typing import Protocol

import zstandard
from isal import isal_zlib

from calltrail.domain.exports import Compression

_GZIP_FILE_WBITS = 31


class Compressor(Protocol):
    """A compressed file in the making; both return what is ready, perhaps nothing yet."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes:
        """The rest of the file. Nothing can be compressed after it."""


class _Uncompressed:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(compression: Compression) -> Compressor:
    """A compressor at its fast level, about 700 MB/s a core, so that the disk is the limit."""
    match compression:
        case Compression.NONE:
            return _Uncompressed()
        case Compression.GZIP:
            return isal_zlib.compressobj(1, wbits=_GZIP_FILE_WBITS)
        case Compression.ZSTD:
            return zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj()
