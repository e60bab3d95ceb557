"""The catalog as a TOML file: what it says, what is wrong with it and where, and the file back."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calltrail.domain.access import ENDPOINT_PERMISSIONS, Permission
from calltrail.domain.catalog import (
    AcceptStep,
    ApiMethod,
    Catalog,
    ExportStep,
    ForwardStep,
    IntegrationEndpoint,
    PythonStep,
    ValidateStep,
)
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.domain.problems import InvalidInput
from calltrail.formats.columns import COLUMNS
from calltrail.services.catalog.file import catalog_changes, read_catalog, write_catalog

SAMPLE = """\
[[endpoints]]
external_id = "demo.Website"
integration_name = "Web shop"
permissions = ["integration-logs-export"]        # optional; default: none

[[api_methods]]
system_name = "Website.CreateOrder"
name = "Create an order"
endpoints = ["demo.Website"]                     # who may call it
requires_key = true
masked_fields = ["cardNumber"]
[[api_methods.steps]]
kind = "validate"
schema = { type = "object", required = ["order"] }
blocking = true
[[api_methods.steps]]
kind = "forward"
url = "http://127.0.0.1:9000/orders"
timeout_s = 10

[[api_methods]]
system_name = "Exports.OperationsLogs"
name = "Operation logs"
endpoints = ["demo.Website"]
requires_key = true
[[api_methods.steps]]
kind = "export"
format = "csv"
compression = "none"
part_bytes = 268435456
delimiter = ";"
bom = true
spreadsheet_safe = false
max_field_chars = 0
"""

CATALOG = Catalog(
    {
        "demo.Website": IntegrationEndpoint(
            "demo.Website", "Web shop", frozenset({Permission.INTEGRATION_LOGS_EXPORT})
        )
    },
    {
        "Website.CreateOrder": ApiMethod(
            "Website.CreateOrder",
            "Create an order",
            ("demo.Website",),
            (
                ValidateStep({"type": "object", "required": ["order"]}),
                ForwardStep("http://127.0.0.1:9000/orders"),
            ),
            masked_fields=("cardNumber",),
        ),
        "Exports.OperationsLogs": ApiMethod(
            "Exports.OperationsLogs", "Operation logs", ("demo.Website",), (ExportStep(),)
        ),
    },
)  # fmt: skip

ENDPOINT = """\
[[endpoints]]
external_id = "e"
integration_name = "E"
"""


def problems_of(text: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        read_catalog(text)
    return [(problem.location, problem.message) for problem in caught.value.problems]


def places_of(text: str) -> list[str]:
    return [location for location, _ in problems_of(text)]


def with_step(step: str) -> str:
    """A catalog whose step stands from line 8 on."""
    method = '[[api_methods]]\nsystem_name = "M"\nname = "M"\nendpoints = ["e"]\n'
    return f"{ENDPOINT}{method}[[api_methods.steps]]\n{step}"


def step_of(step: str) -> Any:
    return read_catalog(with_step(step)).methods["M"].answering_step


def test_the_documented_file_is_read() -> None:
    assert read_catalog(SAMPLE) == CATALOG


def test_an_empty_file_is_an_empty_catalog() -> None:
    assert read_catalog("") == Catalog()
    assert write_catalog(Catalog()) == ""


def test_what_is_left_out_is_as_it_is_by_default() -> None:
    assert step_of('kind = "export"') == ExportStep(ExportOptions())
    assert step_of('kind = "forward"\nurl = "https://u.example"') == ForwardStep("https://u.example")
    assert read_catalog(ENDPOINT).endpoints["e"] == IntegrationEndpoint("e", "E")


def test_every_option_of_an_export_is_read() -> None:
    step = """
        kind = "export"
        format = "csv"
        compression = "zstd"
        part_bytes = 65536
        columns = ["OperationLogUrl", "OperationLogDurationMs"]
        delimiter = "\\t"
        bom = false
        spreadsheet_safe = true
        max_field_chars = 131072"""
    assert step_of(step) == ExportStep(
        ExportOptions(
            compression=Compression.ZSTD,
            part_bytes=65536,
            columns=("OperationLogUrl", "OperationLogDurationMs"),
            delimiter="\t",
            bom=False,
            spreadsheet_safe=True,
            max_field_chars=131072,
        )
    )


def test_the_other_kinds_of_step_are_read() -> None:
    assert step_of('kind = "accept"') == AcceptStep()
    assert step_of('kind = "python"\nhandler = "shop.orders:create"') == PythonStep("shop.orders:create")
    assert step_of('kind = "forward"\nurl = "http://[::1]:8/a?b=c"\ntimeout_s = 0.5\nretries = 3') == ForwardStep(
        "http://[::1]:8/a?b=c", 0.5, 3
    )


@pytest.mark.parametrize(
    ("step", "location", "message"),
    [
        ('url = "http://u"', "line 8: /api_methods/0/steps/0/kind", "A step is one of accept, export, forward, python"),
        ('kind = "foward"', "line 9: /api_methods/0/steps/0/kind", 'Did you mean "forward"?'),
        ('kind = "forward"', "line 8: /api_methods/0/steps/0/url", "This key is missing."),
        ('kind = "accept"\nurl = "http://u"', "line 10: /api_methods/0/steps/0/url", 'There is no key "url" here.'),
        (
            'kind = "forward"\nurl = "http://u"\ntimout_s = 1',
            "line 11: /api_methods/0/steps/0/timout_s",
            'There is no key "timout_s" here. Did you mean "timeout_s"?',
        ),
        ('kind = "forward"\nurl = 5', "line 10: /api_methods/0/steps/0/url", "This must be a valid string."),
        ('kind = "export"\nformat = "cvs"', "line 10: /api_methods/0/steps/0/format", 'Did you mean "csv"?'),
        (
            'kind = "export"\ncompression = 1',
            "line 10: /api_methods/0/steps/0/compression",
            "This must be one of none,",
        ),
        (
            'kind = "export"\ncolumns = [\n  "OperationLogUrl",\n  "OperationLogBody",\n]',
            "line 12: /api_methods/0/steps/0/columns/1",
            'There is no column "OperationLogBody". Did you mean ',
        ),
        (
            'kind = "export"\ncolumns = ["OperationLogUrl", "OperationLogUrl"]',
            "line 10: /api_methods/0/steps/0/columns/1",
            '"OperationLogUrl" is here twice.',
        ),
        (
            'kind = "export"\ncolumns = ["OperationLogUrl"]\nextra_columns = true',
            "line 11: /api_methods/0/steps/0/extra_columns",
            "This has no effect",
        ),
    ],
)
def test_a_wrong_step_is_told_with_its_line(step: str, location: str, message: str) -> None:
    [(told_location, told_message)] = problems_of(with_step(step))
    assert told_location == location
    assert message in told_message


@pytest.mark.parametrize(
    "url",
    ["", "ftp://u", "u/path", "http://", "http:///p", "http://u:99999", "http://u:0", "http://u/a b", "http://[::1"],
)
def test_a_url_is_http_and_names_a_host(url: str) -> None:
    assert places_of(with_step(f'kind = "forward"\nurl = "{url}"')) == ["line 10: /api_methods/0/steps/0/url"]


@pytest.mark.parametrize(
    "setting",
    ["timeout_s = 0", "timeout_s = -1", "timeout_s = nan", "timeout_s = inf", "timeout_s = 601", "timeout_s = true",
     'timeout_s = "10"', "retries = -1", "retries = 11", "retries = 1.5"],
)  # fmt: skip
def test_limits_of_forwarding_are_held(setting: str) -> None:
    step = f'kind = "forward"\nurl = "http://u"\n{setting}'
    assert places_of(with_step(step)) == [f"line 11: /api_methods/0/steps/0/{setting.partition(' ')[0]}"]


@pytest.mark.parametrize(
    "setting",
    ["part_bytes = 0", "part_bytes = 1023", "part_bytes = 1e6", "max_field_chars = -1", 'bom = "yes"', "bom = 1",
     'delimiter = ""', 'delimiter = ";;"', "delimiter = '\"'", 'delimiter = "\\n"', 'delimiter = "\\r"',
     'delimiter = "\\u0000"', 'delimiter = "ф"', "columns = 'OperationLogUrl'"],
)  # fmt: skip
def test_limits_of_exporting_are_held(setting: str) -> None:
    step = f'kind = "export"\n{setting}'
    assert places_of(with_step(step)) == [f"line 10: /api_methods/0/steps/0/{setting.partition(' ')[0]}"]


@pytest.mark.parametrize("handler", ["", "module", "module:", ":function", "a..b:c", "a:b.c", "a b:c", "a:b:c", "a:1"])
def test_a_handler_is_a_module_and_a_function(handler: str) -> None:
    assert places_of(with_step(f'kind = "python"\nhandler = "{handler}"')) == [
        "line 10: /api_methods/0/steps/0/handler"
    ]


def test_options_of_csv_are_wrong_in_another_format() -> None:
    step = 'kind = "export"\nformat = "json"\ndelimiter = ";"\nbom = true'
    assert problems_of(with_step(step)) == [
        ("line 11: /api_methods/0/steps/0/delimiter", "This is an option of CSV only."),
        ("line 12: /api_methods/0/steps/0/bom", "This is an option of CSV only."),
    ]


def test_a_parquet_file_is_not_compressed_again() -> None:
    step = 'kind = "export"\nformat = "parquet"\ncompression = "gzip"'
    (problem,) = problems_of(with_step(step))
    assert problem == (
        "line 11: /api_methods/0/steps/0/compression",
        "A Parquet file is compressed within: leave this out.",
    )


def test_no_columns_are_chosen_for_a_har_file() -> None:
    step = 'kind = "export"\nformat = "har"\ncolumns = ["OperationLogUrl"]\nextra_columns = true'
    assert [place for place, _ in problems_of(with_step(step))] == [
        "line 11: /api_methods/0/steps/0/columns",
        "line 12: /api_methods/0/steps/0/extra_columns",
    ]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ('{ type = "objet" }', "schema/type"),
        ('{ properties = { "a/b" = { type = 5 } } }', "schema/properties/a~1b/type"),
        ('{ pattern = "(" }', "schema/pattern"),
        ('{ "$ref" = "http://127.0.0.1:1/schema.json" }', "schema"),
        ('{ "$ref" = "#/$defs/none" }', "schema"),
        ('{ "$schema" = "http://none.example/draft" }', "schema"),
        ("{ const = 2026-11-03 }", "schema"),
        ('"object"', "schema"),
    ],
)
def test_a_wrong_json_schema_is_told_where_it_is_wrong(schema: str, place: str) -> None:
    step = f'kind = "validate"\nschema = {schema}\n[[api_methods.steps]]\nkind = "accept"'
    assert places_of(with_step(step)) == [f"line 10: /api_methods/0/steps/0/{place}"]


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ("steps = []", "line 8: /api_methods/0/steps"),
        ("steps = [{ kind = 'validate', schema = {} }]", "line 8: /api_methods/0/steps"),
        ("steps = [\n  { kind = 'accept' },\n  { kind = 'accept' },\n]", "line 9: /api_methods/0/steps/0"),
        ("steps = [\n\n  { kind = 'accept' }, { kind = 'validate', schema = {} }]", "line 8: /api_methods/0/steps"),
        ("requires_key = false", "line 4: /api_methods/0/steps"),
        ("steps = 'accept'", "line 8: /api_methods/0/steps"),
        ("steps = ['accept']", "line 8: /api_methods/0/steps/0"),
    ],
)
def test_exactly_one_step_answers_and_it_is_the_last(steps: str, place: str) -> None:
    text = f'{ENDPOINT}[[api_methods]]\nsystem_name = "M"\nname = "M"\nendpoints = ["e"]\n{steps}\n'
    assert place in places_of(text)


def a_method_with(setting: str) -> str:
    """A catalog whose setting stands in line 8."""
    method = '[[api_methods]]\nsystem_name = "M"\nname = "M"\nendpoints = ["e"]\n'
    return f'{ENDPOINT}{method}{setting}\n[[api_methods.steps]]\nkind = "accept"\n'


def test_how_long_calls_and_bodies_are_kept_is_read_and_written() -> None:
    catalog = read_catalog(a_method_with("keep_days = 365"))
    assert (catalog.methods["M"].keep_days, catalog.methods["M"].keep_bodies_days) == (365, None)
    catalog = read_catalog(a_method_with("keep_bodies_days = 36525"))
    assert (catalog.methods["M"].keep_days, catalog.methods["M"].keep_bodies_days) == (None, 36525)
    assert read_catalog(write_catalog(catalog)) == catalog


def test_a_change_of_how_long_is_told() -> None:
    before, after = read_catalog(a_method_with("")), read_catalog(a_method_with("keep_days = 7"))
    assert catalog_changes(before, after) == ("~ API method M: keep days changed",)


@pytest.mark.parametrize(
    "setting", ["keep_days = 0", "keep_days = 36526", "keep_bodies_days = 1.5", 'keep_bodies_days = "ever"']
)
def test_limits_of_keeping_are_held(setting: str) -> None:
    assert places_of(a_method_with(setting)) == [f"line 8: /api_methods/0/{setting.partition(' ')[0]}"]


@pytest.mark.parametrize("name", ["", " a", "a\\n", "a\\u0000b"])
def test_names_are_printable(name: str) -> None:
    text = f'[[endpoints]]\nexternal_id = "{name}"\nintegration_name = "E"\n'
    assert places_of(text) == ["line 2: /endpoints/0/external_id"]


@pytest.mark.parametrize("permission", sorted(frozenset(Permission) - ENDPOINT_PERMISSIONS))
def test_an_endpoint_cannot_hold_what_is_for_people(permission: str) -> None:
    text = f"""\
[[endpoints]]
external_id = "a"
integration_name = "A"
permissions = ["integration-logs-export", "{permission}"]
"""
    message = "This must be one of integration-logs-export."
    assert problems_of(text) == [("line 4: /endpoints/0/permissions/1", message)]


@pytest.mark.parametrize("permission", ["1", "[]", "{}", "true", "2026-01-01"])
def test_a_permission_is_a_word(permission: str) -> None:
    text = f'[[endpoints]]\nexternal_id = "a"\nintegration_name = "A"\npermissions = [{permission}]\n'
    assert places_of(text) == ["line 4: /endpoints/0/permissions/0"]


def test_every_problem_is_told_at_once_in_the_order_of_the_lines() -> None:
    text = """\
endpoint = 1

[[endpoints]]
external_id = "a"
integration_name = "A"
permissions = [
  "integration-logs-export",
  "integration-log-export",   # a typo
]

[[endpoints]]
external_id = "a"
integration_name = "Again"

[[api_methods]]
system_name = "M"
endpoints = ["a", "b", "a"]
[[api_methods.steps]]
kind = "forward"
url = "nowhere"

[[api_methods]]
system_name = "M"
name = "Again"
endpoints = []
colour = "red"
[[api_methods.steps]]
kind = "accept"
"""
    assert problems_of(text) == [
        ("line 1: /endpoint", 'There is no key "endpoint" here. Did you mean "endpoints"?'),
        (
            "line 8: /endpoints/0/permissions/1",
            'This must be one of integration-logs-export. Did you mean "integration-logs-export"?',
        ),
        ("line 12: /endpoints/1/external_id", '"a" is here twice.'),
        ("line 15: /api_methods/0/name", "This key is missing."),
        ("line 17: /api_methods/0/endpoints/2", '"a" is here twice.'),
        ("line 17: /api_methods/0/endpoints/1", 'There is no endpoint "b" in this file.'),
        (
            "line 20: /api_methods/0/steps/0/url",
            "This is no URL: it begins with http:// or https://, and names a host.",
        ),
        ("line 23: /api_methods/1/system_name", '"M" is here twice.'),
        ("line 26: /api_methods/1/colour", 'There is no key "colour" here.'),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = 1\nb = \n", ("line 2", "Invalid value (column 5).")),
        ("a = 1\n\na = 2\n", ("line 3", "Cannot overwrite a value (column 6).")),
        ("a = 1\nb = [1,\n", ("line 2", None)),
        ('a = """\n\n', ("line 1", None)),
    ],
)
def test_broken_toml_is_told_with_its_line(text: str, problem: tuple[str, str | None]) -> None:
    [(location, message)] = problems_of(text)
    assert location == problem[0]
    assert message == (problem[1] or message)


@pytest.mark.parametrize(
    "text", ["endpoints = 1", "endpoints = [1]", "[endpoints]\na = 1", "[[api_methods]]\nsteps = [[]]"]
)
def test_values_of_another_shape_are_problems(text: str) -> None:
    assert all(place.startswith(("line 1: /", "line 2: /")) for place in places_of(text))


LAYOUTS = {
    "inline tables": """\
api_methods = [
  { system_name = "A", name = "A", endpoints = [], steps = [{ kind = "accept" }] },
  { system_name = "B", name = "B", endpoints = [], steps = [
    { kind = "validate", schema = {} },
    { kind = "forward", url = "bad" },
  ] },
]
""",
    "tables of tables": """\
[[api_methods]]   # first
system_name = "A"
name = "A"
endpoints = []
[[ api_methods . steps ]]
kind = "accept"

  [[api_methods]]
  system_name = "B"
  name = '''
a [[api_methods]]
url = "no key"'''
  endpoints = []
  [["api_methods".'steps']]
  kind = "validate"
  [api_methods.steps.schema]
  type = "object"
  [api_methods.steps.schema.properties]
  a.type = "string"
  [[api_methods.steps]]
  "kind" = "forward"
  'url' = "bad"
""",
    "strings that look like TOML": '''\
[[api_methods]]
system_name = "A # [[x]]"
name = """
\\"""url = "x" ]] } , """""
endpoints = []
steps = [{ kind = "accept" }]
[[api_methods]]
system_name = 'B " ['
name = "B"
endpoints = []
steps = [{ kind = "validate", schema = { const = [ "]", '}', 1979, { "a.b".c = "," } ] } }, # [
  # { kind = "accept" },
  { url = "bad", kind = "forward" }]
''',
    "windows line ends": """\
[[api_methods]]\r
system_name = "A"\r
name = "A"\r
endpoints = []\r
steps = [{ kind = "accept" }]\r
[[api_methods]]\r
system_name = "B"\r
name = "B"\r
endpoints = [\r
]\r
steps = [{ kind = "validate", schema = {} }, { kind = "forward",  url = "bad" }]\r
""",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_lines_are_right_in_every_layout(layout: str) -> None:
    text = LAYOUTS[layout]
    line = next(number for number, line in enumerate(text.split("\n"), 1) if '"bad"' in line)
    assert f"line {line}: /api_methods/1/steps/1/url" in places_of(text)


NAMES = st.text(min_size=1).filter(lambda text: text == text.strip() and text.isprintable())
COLUMN_CHOICES = st.lists(st.sampled_from(sorted(COLUMNS)), unique=True).map(tuple)
CSV_OPTIONS = st.builds(
    ExportOptions,
    compression=st.sampled_from(Compression),
    part_bytes=st.integers(1024, 2**40),
    columns=COLUMN_CHOICES,
    delimiter=st.sampled_from(";,\t| ab"),
    bom=st.booleans(),
    spreadsheet_safe=st.booleans(),
    max_field_chars=st.integers(0, 2**31),
)
OTHER_OPTIONS = st.builds(
    ExportOptions,
    format=st.sampled_from([ExportFormat.NDJSON, ExportFormat.JSON, ExportFormat.XML, ExportFormat.PARQUET]),
    extra_columns=st.booleans(),
)
CONSTANTS = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
VALIDATIONS = st.builds(ValidateStep, st.fixed_dictionaries({"const": CONSTANTS}), st.booleans())
ANSWERS = st.one_of(
    st.just(AcceptStep()),
    st.just(PythonStep("shop.orders:create")),
    st.builds(
        ForwardStep,
        st.just("https://u.example/ф?a=\"'\\"),
        st.floats(0, 600, exclude_min=True),
        st.integers(0, 10),
    ),
    st.builds(ExportStep, CSV_OPTIONS | OTHER_OPTIONS | st.just(ExportOptions(format=ExportFormat.HAR))),
)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    permissions = st.sets(st.sampled_from(sorted(ENDPOINT_PERMISSIONS))).map(frozenset)
    endpoints = {
        name: IntegrationEndpoint(name, draw(NAMES), draw(permissions)) for name in draw(st.sets(NAMES, max_size=3))
    }
    callers = st.lists(st.sampled_from(sorted(endpoints)), unique=True).map(tuple) if endpoints else st.just(())
    steps = st.tuples(st.lists(VALIDATIONS, max_size=2), ANSWERS).map(lambda drawn: (*drawn[0], drawn[1]))
    secrets = st.lists(NAMES, max_size=2).map(tuple)
    methods = {
        name: ApiMethod(name, draw(NAMES), draw(callers), draw(steps), draw(st.booleans()), draw(secrets))
        for name in draw(st.sets(NAMES, max_size=2))
    }
    return Catalog(endpoints, methods)


@given(catalogs())
def test_a_written_catalog_reads_back_the_same(catalog: Catalog) -> None:
    assert read_catalog(write_catalog(catalog)) == catalog


def test_a_written_catalog_looks_like_one_written_by_hand() -> None:
    assert write_catalog(CATALOG) == """\
[[endpoints]]
external_id = "demo.Website"
integration_name = "Web shop"
permissions = ["integration-logs-export"]

[[api_methods]]
system_name = "Website.CreateOrder"
name = "Create an order"
endpoints = ["demo.Website"]
masked_fields = ["cardNumber"]

[[api_methods.steps]]
kind = "validate"
schema = { type = "object", required = ["order"] }

[[api_methods.steps]]
kind = "forward"
url = "http://127.0.0.1:9000/orders"

[[api_methods]]
system_name = "Exports.OperationsLogs"
name = "Operation logs"
endpoints = ["demo.Website"]

[[api_methods.steps]]
kind = "export"
"""  # fmt: skip


def test_an_equal_catalog_changes_nothing() -> None:
    assert catalog_changes(CATALOG, read_catalog(write_catalog(CATALOG))) == ()


def test_changes_are_told_in_sentences() -> None:
    website = CATALOG.endpoints["demo.Website"]
    create = CATALOG.methods["Website.CreateOrder"]
    after = Catalog(
        {
            "demo.App": replace(website, external_id="demo.App"),
            "demo.Website": replace(website, permissions=frozenset()),
        },
        {create.system_name: replace(create, steps=(AcceptStep(),), requires_key=False)},
    )
    assert catalog_changes(CATALOG, after) == (
        "+ endpoint demo.App",
        "~ endpoint demo.Website: permissions changed",
        "- API method Exports.OperationsLogs",
        "~ API method Website.CreateOrder: steps, requires key changed",
    )
