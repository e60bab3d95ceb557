import asyncio
import gzip
import hashlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from calltrail.api.file_response import DamagedFile, ServedFile, plan_file
from calltrail.domain.audit import AuditAction
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.services.ports import StoredFile
from tests.api.site import Site
from tests.asgi import request

DOWNLOADED = AuditAction.EXPORT_DOWNLOADED
PART = "calltrail-1-part-00001.csv"
DATA = b"\xef\xbb\xbfOperationLogTransactionId;OperationLogUrl\r\n" + b"1;/orders\r\n" * 100
SHA256 = hashlib.sha256(DATA)
ETAG = f'"{SHA256.hexdigest()}"'


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def link(site: Site) -> str:
    return site.link(site.export({PART: DATA}), PART)


# Parts of files, and files that are known already


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=3-9", 3, 9),
        ("BYTES=3-9", 3, 9),
        ("bytes=3-", 3, len(DATA) - 1),
        ("bytes=-5", len(DATA) - 5, len(DATA) - 1),
        ("bytes=-999999", 0, len(DATA) - 1),
        ("bytes=3-999999", 3, len(DATA) - 1),
        (f"bytes={len(DATA) - 1}-", len(DATA) - 1, len(DATA) - 1),
    ],
)
async def test_a_range_brings_these_bytes(site: Site, link: str, range_: str, first: int, last: int) -> None:
    response = await site.get(link, range=range_, accept_encoding="gzip")
    assert response.status == 206
    assert response.body == DATA[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert response.headers["etag"] == ETAG
    assert "content-encoding" not in response.headers
    assert site.audited(DOWNLOADED).details["range"] == f"{first}-{last}"


@pytest.mark.parametrize(
    "range_",
    [
        "",
        "bytes=",
        "bytes=-",
        "bytes=9-3",
        "bytes=a-b",
        "bytes=0-1,4-5",
        "bytes 0-1",
        "lines=0-1",
        "0-1",
        "bytes=٣-٤".encode().decode("latin-1"),
        "bytes=--5",
        "bytes=+1-2",
        f"bytes={'9' * 5000}-",
    ],
)
async def test_a_range_that_is_not_served_brings_the_whole_file(site: Site, link: str, range_: str) -> None:
    response = await site.get(link, range=range_)
    assert response.status == 200
    assert response.body == DATA


@pytest.mark.parametrize("range_", [f"bytes={len(DATA)}-", "bytes=999999-9999999", "bytes=-0"])
async def test_a_range_beyond_the_end_says_where_the_end_is(site: Site, link: str, range_: str) -> None:
    response = await site.get(link, range=range_)
    assert response.status == 416
    assert response.headers["content-range"] == f"bytes */{len(DATA)}"
    assert not site.audit.entries(DOWNLOADED)


@given(st.integers(1, 50), st.text("0123456789-=, bytes", max_size=12))
def test_any_range_gives_bytes_of_the_file_or_none(size_bytes: int, range_: str) -> None:
    file = ServedFile("a.csv", "text/csv", False, size_bytes, SHA256.hexdigest(), BytesIO())
    plan = plan_file("GET", Headers({"range": f"bytes={range_}"}), file)
    if plan.sent is None:
        assert plan.status_code == 416
    else:
        assert 0 <= plan.sent.first <= plan.sent.last < size_bytes
        assert plan.headers["Content-Length"] == str(plan.sent.size_bytes)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [(ETAG, 206), (f"W/{ETAG}", 200), ('"another"', 200), ("Tue, 03 Nov 2026 12:00:00 GMT", 200), ("", 200)],
)
async def test_a_download_goes_on_only_if_the_file_is_the_same(
    site: Site, link: str, if_range: str, status: int
) -> None:
    response = await site.get(link, range="bytes=10-", if_range=if_range)
    assert response.status == status
    assert response.body == (DATA[10:] if status == 206 else DATA)


@pytest.mark.parametrize("tags", [ETAG, f"W/{ETAG}", f'"a", {ETAG}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_file_that_is_known_is_not_sent_again(site: Site, link: str, tags: str, method: str) -> None:
    response = await site.request(method, link, headers={"if-none-match": tags, "range": "bytes=0-3"})
    assert response.status == 304
    assert response.headers["etag"] == ETAG
    assert "content-length" not in response.headers
    assert not site.audit.entries(DOWNLOADED)


async def test_another_file_that_is_known_changes_nothing(site: Site, link: str) -> None:
    assert (await site.get(link, if_none_match='"another", W/"third"')).body == DATA


# gzip on the way


@pytest.mark.parametrize(
    ("accepted", "is_gzipped"),
    [
        ("gzip", True),
        ("GZip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.001", True),
        ("*", True),
        ("x-gzip", True),
        ("gzip ; q=0.5", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=x", False),
        ("notgzip", False),
    ],
)
async def test_a_plain_file_is_gzipped_for_clients_that_accept_it(
    site: Site, link: str, accepted: str, is_gzipped: bool
) -> None:
    response = await site.get(link, accept_encoding=accepted)
    assert response.status == 200
    assert response.headers["vary"] == "Accept-Encoding"
    assert ("content-encoding" in response.headers) == is_gzipped
    if is_gzipped:
        assert gzip.decompress(response.body) == DATA
        assert response.headers["etag"] == f"W/{ETAG}"
        assert "content-length" not in response.headers
        assert "repr-digest" not in response.headers
    else:
        assert response.body == DATA


async def test_a_client_with_the_gzipped_file_need_not_load_it_again(site: Site, link: str) -> None:
    tag = (await site.get(link, accept_encoding="gzip")).headers["etag"]
    assert (await site.get(link, accept_encoding="gzip", if_none_match=tag)).status == 304


@pytest.mark.parametrize(
    ("compression", "media_type"), [(Compression.GZIP, "application/gzip"), (Compression.ZSTD, "application/zstd")]
)
async def test_a_compressed_file_is_sent_as_it_is(site: Site, compression: Compression, media_type: str) -> None:
    options = ExportOptions(format=ExportFormat.NDJSON, compression=compression)
    job_id = site.export({"part.ndjson.gz": b"compressed"}, options)
    response = await site.get(site.link(job_id, "part.ndjson.gz"), accept_encoding="gzip")
    assert response.body == b"compressed"
    assert response.headers["content-type"] == media_type
    assert "content-encoding" not in response.headers
    assert "vary" not in response.headers


# Files that break


class Broken(BytesIO):
    """Can't be read beyond its beginning."""

    def __init__(self, data: bytes, error: OSError | None) -> None:
        super().__init__(data)
        self._error = error
        self._is_begun = False

    def read(self, size: int | None = -1, /) -> bytes:
        if not self._is_begun:
            self._is_begun = True
            return super().read(10)
        if self._error:
            raise self._error
        return b""


@pytest.mark.parametrize("error", [None, OSError(5, "Input/output error")])
@pytest.mark.parametrize("headers", [{}, {"accept-encoding": "gzip"}, {"range": "bytes=1-900"}])
async def test_a_file_that_breaks_off_breaks_the_connection(
    site: Site, link: str, error: OSError | None, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Broken(DATA, error)
    monkeypatch.setattr(site.files, "open", lambda job_id, name: StoredFile(content, len(DATA)))
    with pytest.raises(DamagedFile):
        await request(site.app, "GET", link, headers=headers)
    assert content.closed


async def test_a_file_of_another_size_than_published_is_not_begun(site: Site, link: str) -> None:
    site.publish(1, PART, DATA[:-1])
    with pytest.raises(DamagedFile):
        await site.get(link)
    assert not site.audit.entries(DOWNLOADED)


async def test_a_client_that_goes_away_stops_the_reading(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(4_000_000)
    link = site.link(site.export({PART: data}), PART)
    content = BytesIO(data)
    monkeypatch.setattr(site.files, "open", lambda job_id, name: StoredFile(content, len(data)))
    sent_bytes = await bytes_sent_until_disconnect(site, link)
    assert sent_bytes < len(data)
    assert content.closed


async def bytes_sent_until_disconnect(site: Site, link: str) -> int:
    """How much goes out to a client that goes away when it has the first piece."""
    has_first_piece = asyncio.Event()
    sent_bytes = 0

    async def receive() -> dict[str, Any]:
        await has_first_piece.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal sent_bytes
        sent_bytes += len(message.get("body", b""))
        if sent_bytes:
            has_first_piece.set()

    scope = {"type": "http", "method": "GET", "path": link, "headers": [], "query_string": b"", "scheme": "http"}
    await site.app(scope, receive, send)
    return sent_bytes
