"""Bodies as the log holds them: decoded, masked, cut, in this order."""

import gzip
import json
import os
import time
import tracemalloc
import zlib
from base64 import b64decode
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # it comes without types
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calltrail.domain.calls import BodyEncoding, LoggedBody
from calltrail.domain.masking.call_masking import CallMasking, Masker
from calltrail.services.calls.body_log import LoggedHalf, log_half
from calltrail.services.codings import decode_content

MASKER = Masker()
LIMIT = 1000
SECRET = b'{"name":"Ann","password":"hunter2!"}'
MASKED = '{"name":"Ann","password":"***"}'


def log(
    body: bytes, *, coding: str = "", content_type: str = "", limit: int = LIMIT, full_size: int | None = None
) -> LoggedHalf:
    headers = [(b"Content-Encoding", coding.encode())] if coding else []
    headers += [(b"content-type", content_type.encode())] if content_type else []
    size = len(body) if full_size is None else full_size
    return log_half(CallMasking(MASKER), headers, body, size, limit)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZip": gzip.compress,
    "deflate": zlib.compress,
    "deflate ": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
    "identity,zstd , gzip": lambda data: gzip.compress(zstandard.compress(data)),
}


def test_no_body_is_no_text() -> None:
    assert log(b"") == LoggedHalf("", "", LoggedBody(), None, None)


def test_a_body_without_secrets_stays_as_it_was_sent() -> None:
    half = log('{"a": "\u043f\0"}\r\n'.encode())
    assert half.body == LoggedBody('{"a": "\u043f\0"}\r\n', 14)
    assert half.masked is None


def test_a_secret_is_masked_and_the_half_says_so() -> None:
    half = log(SECRET)
    assert half.body == LoggedBody(MASKED, len(SECRET))
    assert half.masked == "body"


def test_all_parts_of_a_half_come_back_masked() -> None:
    masking = CallMasking(MASKER, ["presented-key"])
    headers = [(b"Authorization", b"SecretKey presented-key")]
    half = log_half(
        masking, headers, b"link-1", 6, LIMIT, url="/?q=presented-key", errors="no presented-key", secrets=["link-1"]
    )
    assert half == LoggedHalf(
        "/?q=***", "Authorization: SecretKey ***", LoggedBody("***", 6), "no ***", "url,headers,body,errors"
    )


class TestContentEncoding:
    @pytest.mark.parametrize("coding", CODINGS)
    def test_it_is_undone_before_masking(self, coding: str) -> None:
        sent = CODINGS[coding](SECRET)
        body = log(sent, coding=coding).body
        undone = ", ".join(word.strip() for word in coding.lower().split(",") if word.strip() != "identity")
        assert body == LoggedBody(MASKED, len(sent), decoded_from=undone)

    def test_headers_of_it_add_up(self) -> None:
        sent = brotli.compress(gzip.compress(SECRET))
        headers = [(b"content-encoding", b"gzip"), (b"content-encoding", b"br")]
        assert log_half(CallMasking(MASKER), headers, sent, len(sent), LIMIT).body.text == MASKED

    @pytest.mark.parametrize("coding", CODINGS)
    def test_a_bomb_goes_off_no_further_than_the_limit(self, coding: str) -> None:
        bomb = CODINGS[coding](b"a" * 50_000_000)
        tracemalloc.start()
        try:
            body = log(bomb, coding=coding).body
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert body.text == "a" * LIMIT
        assert body.is_truncated
        assert peak_bytes < 1_000_000

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    def test_of_a_body_cut_by_us_what_decodes_is_kept(self, coding: str) -> None:
        content = os.urandom(300_000).hex().encode()
        sent = CODINGS[coding](content)
        kept = sent[: len(sent) * 3 // 4]
        body = log(kept, coding=coding, full_size=len(sent), limit=10**6).body
        assert len(body.text) > 1000
        assert content.decode().startswith(body.text)
        assert body.is_truncated
        assert body.size_bytes == len(sent)
        assert body.decoded_from == coding

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress", "gzip,gzip,gzip,gzip,gzip"])
    def test_a_body_that_is_not_what_it_claims_is_kept_as_sent_but_masked(self, coding: str) -> None:
        assert log(SECRET, coding=coding).body == LoggedBody(MASKED, len(SECRET))
        noise = b"\xff\xfe\xfd" * 9
        body = log(noise, coding=coding).body
        assert (body.encoding, b64decode(body.text), body.decoded_from) == (BodyEncoding.BASE64, noise, None)

    def test_corrupt_bytes_are_kept_unless_a_secret_can_be_read_from_them(self) -> None:
        harmless, telling = (bytearray(gzip.compress(body)) for body in (b"x" * 90, SECRET))
        harmless[-5] ^= 1
        telling[-5] ^= 1
        assert b64decode(log(bytes(harmless), coding="gzip").body.text) == harmless
        assert log(bytes(telling), coding="gzip").body == LoggedBody(
            MASKED, len(telling), decoded_from="gzip", is_truncated=True
        )

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate ", "br", "zstd"])
    @pytest.mark.parametrize("end", ["", "trailing garbage", "cut"])
    def test_what_comes_short_or_goes_on_is_kept_as_sent(self, coding: str, end: str) -> None:
        packed = CODINGS[coding](json.dumps(list(range(500))).encode())
        sent = packed[:-1] if end == "cut" else packed + end.encode()
        body = log(sent, coding=coding, limit=10_000).body
        if end:
            assert (b64decode(body.text), body.decoded_from, body.is_truncated) == (sent, None, False)
        else:
            assert (body.decoded_from, body.is_truncated) == (coding.strip(), False)

    def test_a_short_text_that_claims_to_be_gzip_is_not_lost(self) -> None:
        assert log(b"plain", coding="gzip").body == LoggedBody("plain", 5)
        assert log(b"plain", coding="gzip", full_size=9).body == LoggedBody("plain", 9, is_truncated=True)

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    def test_a_secret_before_trailing_garbage_is_masked(self, coding: str) -> None:
        sent = CODINGS[coding](SECRET) + b"garbage"
        assert log(sent, coding=coding).body == LoggedBody(MASKED, len(sent), decoded_from=coding, is_truncated=True)

    def test_a_secret_under_the_one_coding_of_two_that_is_true_is_masked(self) -> None:
        sent = brotli.compress(SECRET)
        assert log(sent, coding="gzip, br").body == LoggedBody(MASKED, len(sent), decoded_from="br", is_truncated=True)

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    def test_a_large_corrupt_body_takes_no_time(self, coding: str) -> None:
        sent = bytearray(CODINGS[coding](os.urandom(1 << 20).hex().encode()))
        sent[len(sent) // 2 : len(sent) // 2] = b"\xff" * 2000
        started = time.thread_time()  # others may be at work beside
        assert log(bytes(sent), coding=coding, limit=1 << 23).body.decoded_from is None
        assert time.thread_time() - started < 2

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    def test_nothing_may_be_encoded_as_nothing(self, coding: str) -> None:
        sent = gzip.compress(b"")
        assert log(sent, coding=f"{coding},gzip").body == LoggedBody("", len(sent), decoded_from="gzip")

    def test_members_of_a_gzip_file_follow_one_another(self) -> None:
        sent = gzip.compress(SECRET[:10]) + gzip.compress(SECRET[10:]) + b"\0\0"
        assert log(sent, coding="gzip").body.text == MASKED


class TestLimit:
    def test_a_cut_is_flagged_and_falls_between_characters(self) -> None:
        body = log("\u043f".encode() * 10, limit=5).body
        assert body == LoggedBody("\u043f\u043f", 20, is_truncated=True)

    def test_a_body_of_exactly_the_limit_is_whole_even_if_its_mask_is_longer(self) -> None:
        body = log(b'{"pin":1}', limit=9).body
        assert body == LoggedBody('{"pin":"***"}', 9)

    def test_masks_come_before_the_cut(self) -> None:
        body = log(b'{"a":"0123456789","password":"hunter2!hunter2!","b":1}', limit=36).body
        assert "hunt" not in body.text
        assert body.is_truncated

    def test_a_body_cut_in_a_character_by_the_receiver_is_still_text(self) -> None:
        body = log("\u20ac\u20ac".encode()[:5], full_size=6).body
        assert body == LoggedBody("\u20ac", 6, is_truncated=True)

    def test_base64_is_of_the_bytes_within_the_limit(self) -> None:
        body = log(b"\xff" * 20, limit=7).body
        assert (body.encoding, b64decode(body.text), body.is_truncated) == (BodyEncoding.BASE64, b"\xff" * 7, True)

    def test_nothing_kept_of_a_body_is_a_cut(self) -> None:
        assert log(b"", full_size=99).body == LoggedBody("", 99, is_truncated=True)


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp500"])
    def test_bytes_that_are_not_utf_8_are_base64_of_the_masked_bytes(self, encoding: str) -> None:
        body = log(SECRET.decode().encode(encoding), content_type=f"application/json; charset={encoding}").body
        assert body.encoding is BodyEncoding.BASE64
        assert b64decode(body.text).decode(encoding) == MASKED

    def test_latin_1_is_base64_and_masked(self) -> None:
        body = log('{"name":"caf\xe9","pin":1}'.encode("latin-1")).body
        assert b64decode(body.text).decode("latin-1") == '{"name":"caf\xe9","pin":"***"}'

    def test_a_whole_body_that_ends_within_a_character_is_not_utf_8(self) -> None:
        assert log(b"abc\xd0").body.encoding is BodyEncoding.BASE64


@given(st.binary(max_size=200), st.sampled_from(["", *CODINGS]), st.integers(0, 50), st.integers(0, 2))
def test_any_bytes_can_be_logged(body: bytes, coding: str, limit: int, more_bytes: int) -> None:
    logged = log(body, coding=coding, limit=limit, full_size=len(body) + more_bytes).body
    assert logged.size_bytes == len(body) + more_bytes
    assert logged.is_truncated or more_bytes == 0


@given(st.sampled_from(sorted(CODINGS)), st.integers(1, 400), st.integers(0, 200), st.booleans())
def test_no_cut_lets_a_secret_out(coding: str, limit: int, kept_bytes: int, is_cut_by_us: bool) -> None:
    sent = CODINGS[coding](json.dumps({"a": list(range(20)), "password": "hunter2!", "b": 1}).encode())
    body = log(sent[:kept_bytes], coding=coding, limit=limit, full_size=len(sent) if is_cut_by_us else None).body
    assert "hunt" not in body.text
    if body.encoding is BodyEncoding.BASE64:
        assert b"hunt" not in decode_content(b64decode(body.text), coding, 1000).content
