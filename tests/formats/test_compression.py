"""Compressed files, as the usual tools read them."""

import gzip
import io

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calltrail.domain.exports import Compression
from calltrail.formats.compression import compressor


def decompressed(data: bytes, compression: Compression) -> bytes:
    match compression:
        case Compression.NONE:
            return data
        case Compression.GZIP:
            return gzip.decompress(data)
        case Compression.ZSTD:
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()


def compressed(chunks: list[bytes], compression: Compression) -> bytes:
    file = compressor(compression)
    return b"".join([*(file.compress(chunk) for chunk in chunks), file.flush()])


@given(st.lists(st.binary()), st.sampled_from(Compression))
def test_a_file_holds_what_was_put_in(chunks: list[bytes], compression: Compression) -> None:
    assert decompressed(compressed(chunks, compression), compression) == b"".join(chunks)


@pytest.mark.parametrize("compression", Compression)
def test_a_large_file_holds_what_was_put_in(compression: Compression) -> None:
    chunk = b"".join(b'{"id":%d};' % number for number in range(200_000))
    assert decompressed(compressed([chunk] * 3, compression), compression) == chunk * 3


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_the_same_content_gives_the_same_file_of_far_fewer_bytes(compression: Compression) -> None:
    chunks = [b"a call " * 10_000] * 3
    assert compressed(chunks, compression) == compressed(chunks, compression)
    assert len(compressed(chunks, compression)) < 10_000


@pytest.mark.parametrize(
    ("compression", "flaw"), [(Compression.GZIP, gzip.BadGzipFile), (Compression.ZSTD, zstandard.ZstdError)]
)
def test_a_damaged_file_is_noticed(compression: Compression, flaw: type[Exception]) -> None:
    data = bytearray(compressed([b"a call"], compression))
    data[-1 if compression is Compression.ZSTD else -8] ^= 1
    with pytest.raises(flaw):
        decompressed(bytes(data), compression)
