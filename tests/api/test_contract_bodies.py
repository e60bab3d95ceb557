"""Bodies in: JSON and XML as data."""

import contextlib
import json
import sys
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.api.contract import read_body
from calltrail.domain.answers import ProtocolRefusal
from calltrail.services.wire import RefusedBody, UnreadableBody, UnsupportedMediaType

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


def read(body: str | bytes, content_type: str | None = "application/json", *, is_lenient: bool = False) -> Any:
    return read_body(body.encode() if isinstance(body, str) else body, content_type, is_lenient=is_lenient)


def refusal(body: str | bytes, content_type: str | None = "application/json", *, is_lenient: bool = False) -> str:
    with pytest.raises(UnreadableBody) as caught:
        read(body, content_type, is_lenient=is_lenient)
    assert caught.value.refusal == ProtocolRefusal(400, caught.value.refusal.problem)
    return caught.value.refusal.problem.message


@pytest.mark.parametrize("body", ["", " \r\n", "null"])
@pytest.mark.parametrize("content_type", [None, "", "application/json", "application/json; charset=utf-8"])
def test_an_empty_body_and_null_mean_an_empty_object(body: str, content_type: str | None) -> None:
    assert read(body, content_type) == {}


@pytest.mark.parametrize("content_type", ["application/xml", "application/x-www-form-urlencoded", "text/plain"])
def test_an_empty_body_is_an_empty_object_whatever_its_media_type(content_type: str) -> None:
    assert read("", content_type) == {}


@given(JSON_VALUES.filter(lambda value: value is not None))
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert read(orjson.dumps(value)) == value


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "APPLICATION/JSON;charset=UTF-8", 'application/json; charset="utf-8"', "application/json;"],
)
def test_the_spelling_of_the_content_type_does_not_matter(content_type: str) -> None:
    assert read('{"a":"ф"}', content_type) == {"a": "ф"}


def test_a_body_that_says_nothing_of_its_type_is_xml_when_it_begins_like_xml() -> None:
    assert read(" <operation><exportId>7</exportId></operation>", None) == {"exportId": "7"}
    assert read('{"exportId":7}', None) == {"exportId": 7}


def test_a_byte_order_mark_before_json_is_skipped() -> None:
    assert read(b"\xef\xbb\xbf{}") == {}


def test_other_character_sets_are_decoded() -> None:
    assert read('{"a":"ф"}'.encode("cp1251"), "application/json; charset=windows-1251") == {"a": "ф"}
    assert read("<o><a>ф</a></o>".encode("cp1251"), "text/xml; charset=windows-1251") == {"a": "ф"}
    assert read('<?xml version="1.0" encoding="windows-1251"?><o><a>ф</a></o>'.encode("cp1251"), "text/xml") == {
        "a": "ф"
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json; charset=no-such",
        "application/json; charset=idna",
        "application/json; charset=zlib",
        "application/json; charset=a\0b",
    ],
)
def test_other_media_types_are_refused_with_415(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read("a=1", content_type)
    assert caught.value.refusal.http_status_code == 415


def test_wrong_json_is_refused_with_its_line_and_column() -> None:
    assert refusal('{"a":\n nul}').endswith("at line 2, column 2.")


def test_a_body_that_is_not_utf_8_is_refused_with_its_byte() -> None:
    assert refusal(b'{"a":"\xff"}') == "The body is not utf-8: byte 6 can't be decoded."


@pytest.mark.parametrize("body", ["[" * 5000 + "]" * 5000, "NaN", "{'a':1}", "{} {}", "[1e400,-Infinity]", "[1e400"])
def test_strict_json_is_strict(body: str) -> None:
    assert refusal(body).startswith("The body is not JSON: ")


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'{"\uDFFF":["a\ud800\ud83d\ude00\udc00"]}', {"\ufffd": ["a\ufffd\U0001f600\ufffd"]}),
        (r'["\\ud800", "\\\ud800"]', ["\\ud800", "\\\ufffd"]),
    ],
)
def test_a_lone_half_of_a_surrogate_pair_is_a_replacement_character(body: str, data: Any) -> None:
    assert read(body) == data


def test_a_number_beyond_a_double_is_the_outermost_double() -> None:
    most = sys.float_info.max
    assert read(f"[1e400, -1e400, {'9' * 5000}, 1, 1.5, 18446744073709551615]") == [
        most, -most, most, 1, 1.5, 18446744073709551615
    ]  # fmt: skip


@given(st.text(), st.characters(categories=["Cs"]))
def test_text_with_lone_surrogates_is_otherwise_read_as_it_was_written(text: str, lone: str) -> None:
    data = read(json.dumps({"a": text, lone: 1}))
    assert data == {"a": text, "\ufffd": 1}


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ("{'exportID': '1'}", {"exportID": "1"}),
        ("""{'a': "it's", "b": 'say "hi"'}""", {"a": "it's", "b": 'say "hi"'}),
        (r"""{'a': 'it\'s \"x\" \\ \u0444\n'}""", {"a": 'it\'s "x" \\ ф\n'}),
        ("['', {'': {}}, null, 1.5]", ["", {"": {}}, None, 1.5]),
    ],
)
def test_single_quoted_json_is_read_when_lenient(body: str, data: Any) -> None:
    assert read(body, is_lenient=True) == data


@pytest.mark.parametrize(
    "body", ["{'a': 'b}", "{'a': b'x'}", "{'a': 1,}", "'\n'", "{'a': __import__('os')}", "{'a\": 1}"]
)
def test_lenient_reading_forgives_nothing_but_the_quotes(body: str) -> None:
    refusal(body, is_lenient=True)


@given(JSON_VALUES.filter(lambda value: value is not None))
def test_lenient_reading_reads_strict_json_the_same(value: Any) -> None:
    assert read(orjson.dumps(value), is_lenient=True) == value


@given(st.dictionaries(st.text(), st.text(), min_size=1))
def test_any_text_survives_single_quotes(value: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        inside = orjson.dumps(text).decode()[1:-1].replace("'", "\\'").replace('\\"', '"')
        return f"'{inside}'"

    body = ",".join(f"{quoted(key)}:{quoted(text)}" for key, text in value.items())
    assert read("{" + body + "}", is_lenient=True) == value


def test_lenient_reading_of_hostile_quotes_takes_no_time() -> None:
    started = time.perf_counter()
    refusal(r"\'" * 500_000, is_lenient=True)
    assert time.perf_counter() - started < 2


def test_xml_reads_as_the_same_data_as_json() -> None:
    body = """<?xml version="1.0"?>
        <operation xmlns="urn:any"><!-- a comment -->
          <sinceDateTimeUtc>2026-11-01 00:00</sinceDateTimeUtc>
          <endpoint><ids><externalId>demo.Website</externalId></ids></endpoint>
          <operations>
            <operation><ids><systemName>A</systemName></ids></operation>
          </operations>
          <tag>x</tag><tag>y</tag>
          <note><![CDATA[<raw> & more]]></note>
          <empty/>
        </operation>"""
    assert read(body, "application/xml; charset=utf-8") == {
        "sinceDateTimeUtc": "2026-11-01 00:00",
        "endpoint": {"ids": {"externalId": "demo.Website"}},
        "operations": [{"ids": {"systemName": "A"}}],
        "tag": ["x", "y"],
        "note": "<raw> & more",
        "empty": "",
    }


@pytest.mark.parametrize("body", ["<operation/>", "<operation>\n</operation>"])
def test_an_empty_root_is_an_empty_object(body: str) -> None:
    assert read(body, "text/xml") == {}


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE o [<!ENTITY x "y">]><o>&x;</o>',
        '<!DOCTYPE o SYSTEM "file:///etc/passwd"><o/>',
        '<!DOCTYPE o [<!ENTITY x SYSTEM "file:///etc/passwd">]><o>&x;</o>',
        '<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><o c="&b;&b;">&b;</o>',
    ],
)
def test_xml_with_a_document_type_is_refused(body: str) -> None:
    refusal(body, "application/xml")


@pytest.mark.parametrize("body", ["<a", "{}", "<a>" * 300 + "</a>" * 300, "<a/><b/>", "<a>&nbsp;</a>", "<a>\0</a>"])
def test_wrong_xml_is_refused_with_its_line_and_column(body: str) -> None:
    assert "line 1, column " in refusal(body, "application/xml")


TYPES = st.sampled_from([None, "application/json", "application/xml", "text/xml; charset=utf-16"]) | st.text()
NOISE = st.binary() | st.text(alphabet="{}[]<>/\"'\\:,&;!a1 \n").map(str.encode)


@given(NOISE, TYPES, st.booleans())
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str | None, is_lenient: bool) -> None:
    with contextlib.suppress(RefusedBody):
        read_body(body, content_type, is_lenient=is_lenient)
