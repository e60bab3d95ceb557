"""What a caller asks of an export step."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.api.contract import read_body, read_export_request, unknown_export
from calltrail.domain.calls import CallStatus
from calltrail.domain.catalog import AcceptStep, ApiMethod, Catalog, IntegrationEndpoint
from calltrail.domain.filters import CallFilter
from calltrail.domain.problems import InvalidInput
from calltrail.services.exports.request import ExportRequest
from tests.api.test_contract_bodies import JSON_VALUES

ENDPOINT = "demo.Website"
METHODS = ("Website.CreateOrder", "Website.Ping")
CATALOG = Catalog(
    endpoints={ENDPOINT: IntegrationEndpoint(ENDPOINT, "Web shop")},
    methods={name: ApiMethod(name, name, (ENDPOINT,), (AcceptStep(),)) for name in METHODS},
)


def filter_of(data: Any) -> CallFilter:
    request = read_export_request(data, CATALOG)
    assert request.export_id is None
    assert request.filter is not None
    return request.filter


def problems_of(data: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        read_export_request(data, CATALOG)
    return {problem.location: problem.message for problem in caught.value.problems}


def operations(*names: Any) -> dict[str, Any]:
    return {"operations": [{"ids": {"systemName": name}} for name in names]}


def test_an_empty_body_asks_for_every_call() -> None:
    assert read_export_request({}, CATALOG) == ExportRequest(filter=CallFilter())


def test_the_documents_whole_sample_is_read() -> None:
    assert filter_of(
        {
            "sinceDateTimeUtc": "2026-11-01 00:00",
            "tillDateTimeUtc": "2026-11-02 00:00",
            "resultState": "failed",
            "hasErrors": "true",
            "endpoint": {"ids": {"externalId": ENDPOINT}},
            **operations("Website.Ping", "Website.CreateOrder", "Website.Ping"),
        }
    ) == CallFilter(
        since=datetime(2026, 11, 1, tzinfo=UTC),
        till=datetime(2026, 11, 2, tzinfo=UTC),
        status=CallStatus.FAILED,
        has_errors=True,
        endpoint_external_id=ENDPOINT,
        method_system_names=("Website.CreateOrder", "Website.Ping"),
    )


def test_xml_asks_for_the_same_as_json() -> None:
    body = b"""<operation>
        <tillDateTimeUtc>2026-11-02T00:00:00Z</tillDateTimeUtc><hasErrors>false</hasErrors><resultState/>
        <endpoint><ids><externalId>demo.Website</externalId></ids></endpoint>
        <operations>
          <operation><ids><systemName>Website.Ping</systemName></ids></operation>
          <operation><ids><systemName>Website.CreateOrder</systemName></ids></operation>
        </operations></operation>"""
    assert filter_of(read_body(body, "application/xml", is_lenient=True)) == CallFilter(
        till=datetime(2026, 11, 2, tzinfo=UTC),
        has_errors=False,
        endpoint_external_id=ENDPOINT,
        method_system_names=("Website.CreateOrder", "Website.Ping"),
    )


@pytest.mark.parametrize("export_id", ["74566", 74566, " 74566 ", "0074566"])
@pytest.mark.parametrize("name", ["exportId", "exportID", "EXPORTID"])
def test_a_poll_takes_text_and_numbers_and_any_case(name: str, export_id: Any) -> None:
    assert read_export_request({name: export_id}, CATALOG) == ExportRequest(export_id=74566)


def test_a_poll_ignores_the_filters_beside_it() -> None:
    data = {"exportId": "7", "sinceDateTimeUtc": "nonsense", "endpoint": 5, **operations("Gone")}
    assert read_export_request(data, CATALOG) == ExportRequest(export_id=7)


@pytest.mark.parametrize("export_id", ["<Export ID>", "-1", -1, True, 1.5, "1" * 19, "²", ["1"], {"a": "1"}])
def test_what_can_be_no_export_is_a_problem_at_its_pointer(export_id: Any) -> None:
    assert list(problems_of({"exportId": export_id})) == ["/exportId"]


def test_an_unknown_export_is_a_problem_at_the_same_pointer() -> None:
    assert unknown_export().location == "/exportId"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-03 00:00",
        "2026-11-03 00:00:00",
        "2026-11-03 00:00:00.0",
        "2026-11-03 00:00:00.000000",
        "2026-11-03",
        "2026-11-03T00:00",
        "2026-11-03T00:00:00Z",
        "2026-11-03t00:00:00.000z",
        "2026-11-03T00:00:00.000+00:00",
        "2026-11-03 00:00 -00:00",
        "2026-11-03T00:00+0000",
        "03.11.2026 00:00",
        "03.11.2026 00:00:00",
        "03.11.2026",
        "  2026-11-03 00:00\n",
    ],
)
def test_every_form_of_date_in_use_is_read(text: str) -> None:
    assert filter_of({"sinceDateTimeUtc": text}).since == datetime(2026, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize(("digits", "micros"), [("1", 100_000), ("123", 123_000), ("000001", 1), ("999999", 999_999)])
def test_fractions_of_a_second_are_kept(digits: str, micros: int) -> None:
    since = filter_of({"sinceDateTimeUtc": f"2026-11-03 12:34:56.{digits}"}).since
    assert since == datetime(2026, 11, 3, 12, 34, 56, micros, UTC)


@given(st.datetimes(min_value=datetime(1, 1, 1)), st.sampled_from(["T", " "]), st.sampled_from(["", "Z", "+00:00"]))  # noqa: DTZ001
def test_every_moment_is_read_back_as_written(moment: datetime, between: str, zone: str) -> None:
    text = moment.isoformat(between, "microseconds") + zone
    assert filter_of({"tillDateTimeUtc": text}).till == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-03T00:00:00+03:00",
        "2026-11-03T00:00:00-0100",
        "2026-11-03T00:00+00:30",
        "2026-02-30 00:00",
        "2026-11-03 24:00",
        "0000-01-01",
        "2026-11-03 00:00:00.1234567",
        "11/03/2026",
        "2026-1-3",
        "２０２６-11-03",
        "yesterday",
        "2026-11-03 00:00\0",
        1793664000,
        True,
        ["2026-11-03"],
    ],
)
def test_other_dates_are_problems(text: Any) -> None:
    assert list(problems_of({"sinceDateTimeUtc": text})) == ["/sinceDateTimeUtc"]


@pytest.mark.parametrize("till", ["2026-11-01", "2026-11-02 00:00"])
def test_a_window_that_ends_before_it_begins_is_a_problem_at_its_end(till: str) -> None:
    assert problems_of({"sinceDateTimeUtc": "2026-11-02", "tillDateTimeUtc": till}) == {
        "/tillDateTimeUtc": "This must be later than sinceDateTimeUtc."
    }


@pytest.mark.parametrize("value", [None, "", " ", {}, []])
def test_blank_fields_of_a_filled_template_count_as_left_out(value: Any) -> None:
    names = ("exportId", "sinceDateTimeUtc", "tillDateTimeUtc", "resultState", "hasErrors", "endpoint", "operations")
    assert filter_of(dict.fromkeys(names, value)) == CallFilter()


@pytest.mark.parametrize("value", [None, "", {}])
def test_blank_names_inside_a_template_count_as_left_out(value: Any) -> None:
    data = {"endpoint": {"ids": {"externalId": value}}, **operations(value, "Website.Ping", value)}
    assert filter_of(data) == CallFilter(method_system_names=("Website.Ping",))
    assert filter_of({"endpoint": {"ids": value}, "operations": [value, {"ids": value}]}) == CallFilter()


def test_a_single_operation_needs_no_list() -> None:
    assert filter_of({"operations": {"ids": {"systemName": "Website.Ping"}}}).method_system_names == ("Website.Ping",)
    assert list(problems_of({"operations": {"ids": {"systemName": "Gone"}}})) == ["/operations/ids/systemName"]


@pytest.mark.parametrize("value", [True, "true", "True", " TRUE "])
def test_has_errors_is_a_boolean_or_its_word(value: Any) -> None:
    assert filter_of({"hasErrors": value}).has_errors is True
    assert filter_of({"hasErrors": str(value).lower().replace("true", "false")}).has_errors is False


def test_false_is_a_criterion_and_not_a_blank() -> None:
    assert filter_of({"hasErrors": False}).has_errors is False


@pytest.mark.parametrize("value", [1, 0, "yes", [True]])
def test_other_values_of_has_errors_are_problems(value: Any) -> None:
    assert list(problems_of({"hasErrors": value})) == ["/hasErrors"]


@pytest.mark.parametrize("status", CallStatus)
def test_result_state_is_read_in_any_case(status: CallStatus) -> None:
    assert filter_of({"RESULTSTATE": f" {status.upper()} "}).status is status


def test_every_problem_is_told_at_once_with_its_pointer() -> None:
    assert problems_of(
        {
            "sinceDateTimeUtc": "soon",
            "tillDateTimeUtc": "2026-11-03T00:00:00+01:00",
            "resultState": "done",
            "hasErrors": "maybe",
            "endpoint": {"ids": {"externalId": "demo.Gone"}},
            **operations("Website.Ping", "Website.Gone", 5),
        }
    ) == {
        "/sinceDateTimeUtc": "This must be a date and time in UTC: YYYY-MM-DD hh:mm.",
        "/tillDateTimeUtc": "This must be in UTC: the only offset is +00:00.",
        "/resultState": "This must be completed, failed or processing.",
        "/hasErrors": "This must be true or false.",
        "/endpoint/ids/externalId": 'There is no integration endpoint "demo.Gone".',
        "/operations/1/ids/systemName": 'There is no API method "Website.Gone".',
        "/operations/2/ids/systemName": "This must be a string.",
    }


def test_a_name_in_the_wrong_place_is_a_problem_and_never_an_export_of_everything() -> None:
    assert problems_of({"endpoint": {"externalId": ENDPOINT}, "operations": [{"systemName": "Website.Ping"}]}) == {
        "/endpoint/ids/externalId": "This is missing.",
        "/operations/0/ids/systemName": "This is missing.",
    }
    assert problems_of({"endpoint": ENDPOINT, "operations": ["Website.Ping"]}) == {
        "/endpoint": "This must be an object.",
        "/operations/0": "This must be an object.",
    }


@pytest.mark.parametrize("data", [[], "text", 5, True, [{}]])
def test_a_body_that_is_no_object_is_a_problem(data: Any) -> None:
    assert problems_of(data) == {"": "The body must be an object."}


NAMES = st.sampled_from(["exportId", "sinceDateTimeUtc", "resultState", "hasErrors", "endpoint", "operations", "ids"])


@given(st.dictionaries(NAMES, JSON_VALUES | st.dictionaries(NAMES, JSON_VALUES)) | JSON_VALUES)
def test_any_data_ask_for_something_or_are_wrong(data: Any) -> None:
    with contextlib.suppress(InvalidInput):
        request = read_export_request(data, CATALOG)
        assert (request.export_id is None) != (request.filter is None)


def test_deeply_nested_data_do_not_break_the_reader() -> None:
    deep = read_body(b'{"hasErrors":' + b"[" * 1000 + b"1" + b"]" * 1000 + b"}", None, is_lenient=False)
    assert list(problems_of(deep)) == ["/hasErrors"]
