"""What holds for any document, any noise around a secret, and any length."""

import json
import time
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, quote_plus, unquote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.domain.masking import bodies
from calltrail.domain.masking.call_masking import CallMasking, Masker

MASKER = Masker(["customField"])
SECRET = "S3CR3T~x"


def mask(body: bytes) -> bytes:
    return CallMasking(MASKER).mask([], body).body


_plain_keys = st.text(max_size=8).filter(lambda name: not MASKER.names.hold(name.encode("utf-8", "replace")))
_plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_plain_keys, inner, max_size=4),
    max_leaves=12,
)
_secret_keys = st.sampled_from(
    ["password", "PASSWORD", "new-Password", "api_key", "x-api-key", "Token", "cvv", "Custom_Field"]
)
_secret_values = st.one_of(
    st.text(max_size=6).map(lambda text: text + SECRET),
    st.just(5318008531800853180085),
    st.recursive(
        st.just(SECRET),
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3) | st.dictionaries(_plain_keys, inner, min_size=1, max_size=3)
        ),
        max_leaves=4,
    ),
)


@st.composite
def _planted(draw: st.DrawFn) -> tuple[Any, Any]:
    """A document with a secret at some depth, and the document that must come out."""
    secret_key = draw(_secret_keys)
    fields = draw(st.dictionaries(_plain_keys, _plain_values, max_size=3))
    document: Any = {**fields, secret_key: draw(_secret_values)}
    expected: Any = {**fields, secret_key: "***"}
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            before = draw(st.lists(_plain_values, max_size=2))
            document, expected = [*before, document], [*before, expected]
        else:
            key = draw(_plain_keys)
            document, expected = {key: document}, {key: expected}
    return document, expected


_dumps = st.sampled_from([{}, {"ensure_ascii": False}, {"indent": 2}, {"separators": (",", ":")}])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@given(_planted(), _dumps)
def test_only_the_secret_of_a_document_changes(planted: tuple[Any, Any], style: dict[str, Any]) -> None:
    document, expected = planted
    masked = mask(_bytes(json.dumps(document, **style)))
    assert SECRET.encode() not in masked
    assert json.loads(masked.decode("utf-8", "surrogatepass")) == expected


@given(_planted(), _dumps)
def test_a_document_within_a_document(planted: tuple[Any, Any], style: dict[str, Any]) -> None:
    document, expected = planted
    text = json.dumps(document, **style)
    outer = json.loads(mask(_bytes(json.dumps({"payload": text, "x": 1}, **style))).decode("utf-8", "surrogatepass"))
    assert json.loads(outer["payload"]) == expected
    assert outer["x"] == 1


@given(_planted())
def test_a_document_within_a_form_and_within_xml(planted: tuple[Any, Any]) -> None:
    document, expected = planted
    text = json.dumps(document)
    form = mask(urlencode({"a": "1", "payload": text, "b": "2"}).encode()).decode()
    assert json.loads(parse_qs(form)["payload"][0]) == expected
    xml = mask(f"<r a={quoteattr(text)}><p>{escape(text)}</p></r>".encode())
    assert SECRET.encode() not in xml
    assert b"5318008" not in xml


@given(_plain_values, _dumps)
def test_a_document_without_secret_names_is_given_back_itself(document: Any, style: dict[str, Any]) -> None:
    body = _bytes(json.dumps(document, **style))
    assert mask(body) is body


_FRAGMENTS = (
    *(
        '"',
        "'",
        "\\",
        "\\\\",
        '\\"',
        "\\n",
        "\\u0022",
        "%",
        "%22",
        "&",
        "&quot;",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        ";",
        "=",
    ),
    *(
        "<",
        ">",
        "<a>",
        "</a>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x",
        "?>",
        "@",
        "#",
        "?",
        "!",
        "://",
        "\0",
        "\xff",
        "\u043f",
    ),
    *(" ", "\n", "\r\n\r\n", "--b\r\n", "A: b\r\n", "a=1&", '"k":"v",', '{"k":1}', "null", "1", "x", "it's"),
)
_PLANTS = (
    '"password":"%s"',
    "'password': '%s'",
    '"password" : %s',
    '"password":["%s"]',
    '"p\\u0061ssword":{"a":"%s"}',
    '{\\"password\\":\\"%s\\"}',
    "{\\u0022password\\u0022:\\u0022%s\\u0022}",
    "%%7B%%22password%%22%%3A%%22%s%%22%%7D",
    "{&quot;password&quot;:&quot;%s&quot;}",
    "<password>%s</password>",
    '<n:password a="1">%s</n:password>',
    '<a password="%s"/>',
    "password=%s&a=b",
    "p%%61ssword=%s",
    "\npassword: %s\n",
    "http://u:%s@h/",
)
_noise = st.lists(st.sampled_from(_FRAGMENTS), max_size=6).map("".join)


@given(_noise, st.sampled_from(_PLANTS), _noise)
def test_no_noise_around_a_secret_saves_it(before: str, plant: str, after: str) -> None:
    assert SECRET.encode() not in mask((before + plant % SECRET + after).encode())


_lines = st.lists(_noise | st.sampled_from([plant % SECRET for plant in _PLANTS]), max_size=8).map("\n".join)


@given(_lines, st.integers(0, 40))
def test_a_long_text_is_masked_as_a_short_one(lines: str, piece_bytes: int) -> None:
    body = ("{" + lines).encode()
    with patch.object(bodies, "_PIECE_BYTES", piece_bytes):
        in_pieces = mask(body)
    assert in_pieces == mask(body)


@given(
    st.binary(max_size=6), st.binary(max_size=6), st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
)
def test_no_bytes_around_a_secret_in_a_wide_encoding_save_it(before: bytes, after: bytes, encoding: str) -> None:
    body = before * 4 + f"password={SECRET}\n".encode(encoding) + after * 4
    assert SECRET.encode(encoding) not in mask(body)


@given(st.binary(max_size=60) | _noise.map(str.encode))
def test_any_bytes_can_be_masked(body: bytes) -> None:
    CallMasking(MASKER, ["known-secret"]).mask([], b"password" + body, is_cut=True)


@given(st.text(min_size=1, max_size=20))
def test_a_form_hides_any_value_and_keeps_the_rest(value: str) -> None:
    encoded = quote_plus(value, errors="surrogatepass")
    masked = mask(f"a=1&password={encoded}&b=2".encode()).decode()
    assert masked == "a=1&password=***&b=2" or not unquote_plus(value).strip()


_SIZE = 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        unit * (_SIZE // len(unit))
        for unit in (
            b'"password":',
            b'"password":{',
            b'"password":"\\',
            b"<password>",
            b'<password "',
            b"<!--password",
            b"password=",
            b"password\\",
            b"\\npassword=",
            b"&#112;",
            b"%25",
            b"%70a",
            b"\\u0070",
            b"://password:",
            b"//a:b@c",
            b"[password",
        )
    ]
    + [
        b'"password":' + b"{" * _SIZE,
        b'"password":"' + b"\\" * _SIZE,
        b'"' + b"\\" * _SIZE + b"password",
        b"password" + b" " * _SIZE + b"x",
        b"password" + b"a" * _SIZE,
        b'password="' + b'" ' * (_SIZE // 2),
        b'{"password":"' + b"ab+/" * (_SIZE // 4) + b'"}',
        b"{" + b",".join(b'"password":"ab+%07d","x":"ab+%07d"' % (n, n) for n in range(_SIZE // 40)) + b"}",
    ],
    ids=lambda body: repr(body[:14]),
)
def test_hostile_bodies_take_linear_time(body: bytes) -> None:
    started = time.process_time()
    mask(body)
    assert time.process_time() - started < 3  # a quadratic search would take minutes
