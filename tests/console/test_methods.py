"""API methods in the console: the list, one of them, its form, and a call of it to try."""

import json
from dataclasses import replace
from typing import Any

import pytest

from calltrail.domain.access import Permission
from calltrail.domain.audit import AuditAction
from calltrail.domain.calls import CallStatus
from calltrail.domain.catalog import (
    AcceptStep,
    ApiMethod,
    Catalog,
    ExportStep,
    ForwardStep,
    PythonStep,
    Step,
    ValidateStep,
)
from calltrail.domain.exports import Compression, ExportFormat, ExportOptions
from calltrail.domain.filters import CallFilter
from calltrail.services.catalog.file import read_catalog
from tests.api.site import CLERK, ENDPOINT, OPERATOR, OWNER, PASSWORD
from tests.asgi import Response, request
from tests.console.forms import button_targets, default_button, fields_of, links_of, texts_at, wrong_fields
from tests.console.house import VIEWER, House, Person, text_of

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
EDITOR = "edda@example.com"
"""May change the catalog, but neither look at calls nor export them."""

SCHEMA = {"type": "object", "required": ["order"], "properties": {"order": {"type": "integer", "minimum": 5}}}


def a_house(*steps: Step, **changes: Any) -> House:
    """With one API method, `Shop.Order`."""
    house = House()
    house.site.staff.set_role("Editors", [Permission.CATALOG_EDIT])
    house.site.access.add_staff(EDITOR, PASSWORD, ["Editors"], OPERATOR)
    method = ApiMethod("Shop.Order", "Order", (ENDPOINT,), steps or (ValidateStep(SCHEMA), AcceptStep()))
    put(house, replace(method, **changes))
    return house


def put(house: House, method: ApiMethod) -> None:
    catalog = house.site.catalog.current()
    house.site.catalog.save(Catalog(catalog.endpoints, {**catalog.methods, method.system_name: method}))


def method(house: House, name: str = "Shop.Order") -> ApiMethod:
    return house.site.catalog.current().methods[name]


async def pressed(person: Person, page: Response, path: str, do: str, /, **changes: Any) -> Response:
    """The page after fields were changed and a button was pressed."""
    return await person.post(path, {**fields_of(page, path), **changes, "do": do})


async def edited(person: Person, do: str = "save", /, **changes: Any) -> Response:
    """What comes of the edit form after some changes."""
    path = "/methods/Shop.Order/edit"
    return await pressed(person, await person.get(path), path, do, **changes)


# Looking


async def test_the_list_tells_what_each_does_and_what_its_calls_came_to() -> None:
    house = a_house()
    await house.add_call(method_system_name="Shop.Order")
    await house.add_call(method_system_name="Shop.Order", status=CallStatus.FAILED, has_errors=True)
    page = await (await house.person()).get("/methods")
    assert page.status == 200
    text = text_of(page)
    assert "Order Shop.Order demo.Website validate accept required 2 1 · 50.0 % 12 ms" in text
    assert 'href="/calls?method=Shop.Order"' in page.text
    assert 'href="/methods/Shop.Order"' in page.text


async def test_an_empty_list_says_so() -> None:
    house = House()
    house.site.catalog.save(Catalog())
    assert "nothing can be called" in text_of(await (await house.person()).get("/methods"))


async def test_the_list_is_there_as_json() -> None:
    house = a_house()
    await house.add_call(method_system_name="Shop.Order")
    (line,) = (await (await house.person()).json("/methods"))["methods"]
    figures = line.pop("last_day")
    assert line == {
        "system_name": "Shop.Order",
        "name": "Order",
        "endpoints": [ENDPOINT],
        "steps": ["validate", "accept"],
        "requires_key": True,
    }
    assert (figures["calls"], figures["errors"]) == (1, 0)


async def test_who_may_edit_but_not_look_at_calls_sees_no_figures() -> None:
    house = a_house()
    await house.add_call(method_system_name="Shop.Order")
    editor = await house.person(EDITOR)
    assert (await editor.json("/methods"))["methods"][0]["last_day"] is None
    page = await editor.get("/methods/Shop.Order")
    assert page.status == 200
    assert "p95" not in text_of(page)
    assert 'href="/calls?' not in page.text


async def test_a_page_shows_steps_in_order_and_the_schema_as_people_read_it() -> None:
    step = ForwardStep("https://orders.example/new?a=b", 2.5, 3)
    house = a_house(ValidateStep(SCHEMA, blocking=False), step, keep_days=90, masked_fields=("pin",))
    page = await (await house.person()).get("/methods/Shop.Order")
    assert texts_at(page, "//ol[@class='steps-list']/li/h3") == ["Validate", "Forward"]
    assert texts_at(page, "//*[@class='json']//*[@class='key']")[:3] == ["type", "required", "properties"]
    text = text_of(page)
    assert "noted as errors, and the call goes on" in text
    assert "URL https://orders.example/new?a=b Time-out 2.5 s Retries 3" in text
    assert "Calls are kept 90 days" in text
    assert "Masked fields pin" in text


async def test_the_json_of_a_page_has_the_whole_api_method() -> None:
    house = a_house(ValidateStep(SCHEMA), ExportStep(ExportOptions(ExportFormat.NDJSON)))
    data = await (await house.person()).json("/methods/Shop.Order")
    assert data["method"]["steps"][0] == {"schema": SCHEMA, "blocking": True, "kind": "validate"}
    assert data["method"]["steps"][1]["options"]["format"] == "ndjson"
    assert data["last_day"]["calls"] == 0


async def test_what_is_not_in_the_catalog_is_not_found() -> None:
    person = await a_house().person()
    for path in ("/methods/None", "/methods/None/edit", "/methods/None.json"):
        assert (await person.get(path)).status == 404
    assert (await person.post("/methods/None/remove")).status == 404


NAMES = [
    "new",
    "a.json",
    ".",
    "..",
    "a/b/edit",
    "a b",
    "100%",
    "%2F",
    "a%2Fb",
    "?a=b&c#d",
    "Zoë;x",
    "new/edit",
    "\\a",
    "+",
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_page_has_an_address_whatever_the_name(name: str) -> None:
    house = House()
    put(house, ApiMethod(name, "Odd", (ENDPOINT,), (AcceptStep(),)))
    person = await house.person()
    links = links_of(await person.get("/methods"))
    (path,) = [link for link in links if link.startswith("/methods/") and link != "/methods/new"]
    assert name in texts_at(await person.get(path), "//dd/code")
    assert (await person.json(path))["method"]["system_name"] == name
    form = f"{path}/edit"
    assert (await pressed(person, await person.get(form), form, "save", name="Even")).status == 303
    assert method(house, name).name == "Even"


async def test_the_catalog_downloads_as_the_file_that_reads_back_the_same() -> None:
    house = a_house(ValidateStep(SCHEMA), PythonStep("shop.orders:create"), masked_fields=("pin",), keep_days=7)
    put(house, ApiMethod("Exports.Logs", HOSTILE, (ENDPOINT,), (ExportStep(),)))
    page = await (await house.person(VIEWER)).get("/catalog.toml")
    assert page.headers["content-disposition"] == "attachment; filename*=UTF-8''catalog.toml"
    assert read_catalog(page.text) == house.site.catalog.current()


# Creating


async def test_an_api_method_is_made_step_by_step() -> None:
    house = a_house()
    person = await house.person()
    typed = {
        "system_name": " Shop.Cancel ",
        "name": "Cancel an order",
        "endpoints": [ENDPOINT],
        "masked_fields": "pin\r\n\r\n cardNumber ",
        "keep_days": "30",
    }
    page = await pressed(person, await person.get("/methods/new"), "/methods", "add-step:forward", **typed)
    page = await pressed(person, page, "/methods", "add-step:validate", **{"step-0-url": "https://u.example/cancel"})
    schema = '{"type": "object",\r\n "required": ["number"]}'
    answer = await pressed(person, page, "/methods", "save", **{"step-0-schema": schema, "step-1-timeout_s": "2.5"})
    assert (answer.status, answer.headers["location"]) == (303, "/methods/Shop.Cancel?done=saved")
    assert method(house, "Shop.Cancel") == ApiMethod(
        "Shop.Cancel",
        "Cancel an order",
        (ENDPOINT,),
        (ValidateStep({"type": "object", "required": ["number"]}), ForwardStep("https://u.example/cancel", 2.5)),
        masked_fields=("pin", "cardNumber"),
        keep_days=30,
    )
    assert house.site.audited(AuditAction.CATALOG_APPLIED).details == {"changes": ("+ API method Shop.Cancel",)}


async def test_every_option_of_an_export_can_be_typed() -> None:
    house = a_house()
    options = {
        "step-0-compression": "zstd",
        "step-0-part_bytes": "65536",
        "step-0-columns": "OperationLogUrl\r\nOperationLogDurationMs\r\n",
        "step-0-delimiter": "\\t",
        "step-0-bom": [],
        "step-0-spreadsheet_safe": "true",
        "step-0-max_field_chars": "131072",
    }
    person = await house.person()
    page = await edited(person, "remove:1")
    page = await pressed(person, page, "/methods/Shop.Order/edit", "remove:0")
    page = await pressed(person, page, "/methods/Shop.Order/edit", "add-step:export")
    assert (
        await person.post("/methods/Shop.Order/edit", {**fields_of(page, "/edit"), **options, "do": "save"})
    ).status == 303
    expected = ExportOptions(
        compression=Compression.ZSTD,
        part_bytes=65536,
        columns=("OperationLogUrl", "OperationLogDurationMs"),
        delimiter="\t",
        bom=False,
        spreadsheet_safe=True,
        max_field_chars=131072,
    )
    assert method(house).steps == (ExportStep(expected),)
    assert (await edited(person)).status == 303
    assert method(house).steps == (ExportStep(expected),)


async def test_a_taken_system_name_is_told_at_its_field() -> None:
    house = a_house()
    person = await house.person()
    page = await pressed(
        person, await person.get("/methods/new"), "/methods", "save", system_name="Shop.Order", name="x"
    )
    assert page.status == 422
    assert wrong_fields(page)["system_name"] == '"Shop.Order" is here twice.'


# Steps


ALL = (ValidateStep(SCHEMA, blocking=False), ValidateStep({"type": "array"}), ForwardStep("https://u.example", 1.5, 2))


@pytest.mark.parametrize(
    ("button", "order"),
    [
        ("up:1", ["array", "object", "forward"]),
        ("up:0", ["object", "array", "forward"]),
        ("down:0", ["array", "object", "forward"]),
        ("down:2", ["object", "array", "forward"]),
        ("down:1", ["object", "forward", "array"]),
        ("remove:0", ["array", "forward"]),
        ("remove:7", ["object", "array", "forward"]),
        ("remove:x", ["object", "array", "forward"]),
    ],
)
async def test_steps_move_and_go_without_being_saved(button: str, order: list[str]) -> None:
    house = a_house(*ALL)
    before = method(house)
    person = await house.person()
    page = await edited(person, button, name="Typed")
    fields = fields_of(page, "/edit")
    assert fields["name"] == ["Typed"]
    assert method(house) == before

    def word(number: int) -> str:
        if fields[f"step-{number}-kind"] == ["forward"]:
            return "forward"
        return str(json.loads(fields[f"step-{number}-schema"][0])["type"])

    assert [word(number) for number in range(len(order))] == order
    assert f"step-{len(order)}-kind" not in fields


async def test_a_moved_step_takes_its_fields_along() -> None:
    house = a_house(*ALL)
    person = await house.person()
    page = await edited(person, "down:0", **{"step-0-schema": "half typ", "step-2-url": "http://typed"})
    fields = fields_of(page, "/edit")
    assert fields["step-1-schema"] == ["half typ"]
    assert "step-1-blocking" not in fields
    assert fields["step-0-blocking"] == ["true"]
    assert (fields["step-2-url"], fields["step-2-timeout_s"], fields["step-2-retries"]) == (
        ["http://typed"],
        ["1.5"],
        ["2"],
    )


async def test_moved_steps_are_saved_in_their_order() -> None:
    house = a_house(*ALL)
    person = await house.person()
    page = await edited(person, "down:0")
    assert (await pressed(person, page, "/methods/Shop.Order/edit", "save")).status == 303
    assert method(house).steps == (ALL[1], ALL[0], ALL[2])


async def test_a_new_validation_stands_before_the_step_that_answers() -> None:
    person = await a_house().person()
    fields = fields_of(await edited(person, "add-step:validate"), "/edit")
    assert [fields[f"step-{number}-kind"] for number in range(3)] == [["validate"], ["validate"], ["accept"]]


async def test_the_page_goes_on_at_the_step_that_was_moved() -> None:
    page = await (await a_house(*ALL).person()).get("/methods/Shop.Order/edit")
    targets = button_targets(page)
    assert targets["up:1"] == targets["down:0"].replace("step-1", "step-0") == "/methods/Shop.Order/edit#step-0"
    assert targets["add-step:validate"] == "/methods/Shop.Order/edit#step-2"
    assert targets["add-step:accept"] == "/methods/Shop.Order/edit#step-3"


async def test_enter_in_a_field_saves() -> None:
    person = await a_house(*ALL).person()
    for page in (await person.get("/methods/Shop.Order/edit"), await edited(person, "add-step:accept")):
        assert default_button(page, "method") == ("do", "save")


async def test_a_form_has_no_endless_steps() -> None:
    person = await a_house().person()
    fields = {f"step-{number}-kind": "accept" for number in range(300)}
    page = await person.post("/methods/Shop.Order/edit", {**fields, "do": "add-step:accept"})
    assert "step-99-kind" in fields_of(page, "/edit")
    assert "step-100-kind" not in fields_of(page, "/edit")


# What is wrong


async def test_every_problem_is_told_at_its_field_and_nothing_typed_is_lost() -> None:
    house = a_house(ValidateStep(SCHEMA), ForwardStep("https://u.example"), masked_fields=("pin",))
    before = house.site.catalog.current()
    person = await house.person()
    typed: dict[str, str | list[str]] = {
        "system_name": "",
        "name": " \t",
        "masked_fields": "pin\r\n\x07",
        "keep_days": "0",
        "keep_bodies_days": "ever",
        "step-0-schema": '{"type": }',
        "step-1-url": "nowhere",
        "step-1-timeout_s": "-1",
        "step-1-retries": "1.5",
    }
    page = await edited(person, **typed)
    assert page.status == 422
    assert wrong_fields(page) == {
        "system_name": "A name has printable characters, and no space around it.",
        "name": "A name has printable characters, and no space around it.",
        "masked_fields": "A name has printable characters, and no space around it.",
        "keep_days": "This must be greater than or equal to 1.",
        "keep_bodies_days": "This must be a valid integer.",
        "step-0-schema": "This is no JSON: unexpected character, expected a JSON value (line 1, column 10).",
        "step-1-url": "This is no URL: it begins with http:// or https://, and names a host.",
        "step-1-timeout_s": "This must be greater than 0.",
        "step-1-retries": "This must be a valid integer.",
    }
    assert fields_of(page, "/edit").items() >= {name: [value] for name, value in typed.items()}.items()
    assert texts_at(page, "//div[@role='alert']//a") == [
        "System name",
        "Name",
        "Masked fields",
        "Keep calls, days",
        "Keep bodies, days",
        "Step 1, JSON Schema",
        "Step 2, URL",
        "Step 2, Time-out, seconds",
        "Step 2, Retries",
    ]
    assert house.site.catalog.current() == before


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ('{"type": "objet"}', "/type: This is no JSON Schema"),
        ('{"properties": {"a": {"type": 5}}}', "/properties/a/type: This is no JSON Schema"),
        ("[]", "This must be a valid table."),
        ("", "This is no JSON: "),
        ('{"const": null}', "A catalog file, which is TOML, has no null."),
        ('{"const": "\\ud800"}', "This is no JSON: "),
        ('{"const": NaN}', "This is no JSON: "),
        ('{"const": ' + "[" * 150 + "]" * 150 + "}", "This is nested more than 100 levels deep."),
        ('{"$ref": "http://127.0.0.1:1/schema.json"}', "a schema refers to nothing outside the file"),
    ],
)
async def test_a_wrong_schema_is_told_at_its_field(schema: str, problem: str) -> None:
    page = await edited(await a_house().person(), **{"step-0-schema": schema})
    assert page.status == 422
    assert problem in wrong_fields(page)["step-0-schema"]
    assert fields_of(page, "/edit")["step-0-schema"] == [schema]


async def test_a_misplaced_answer_is_told_at_its_step() -> None:
    house = a_house(AcceptStep())
    person = await house.person()
    page = await edited(person, "add-step:accept")
    page = await pressed(person, page, "/methods/Shop.Order/edit", "save")
    assert wrong_fields(page) == {"step-0": "Only the last step answers, and all before it validate."}


async def test_an_api_method_without_an_answer_is_told_so_at_the_steps() -> None:
    page = await edited(await a_house(AcceptStep()).person(), **{"step-0-kind": []})
    assert page.status == 422
    assert "Steps : The last step must be one that answers" in text_of(page)


async def test_options_of_csv_are_wrong_in_another_format() -> None:
    changes = {"step-0-format": "json", "step-0-delimiter": ",", "step-0-bom": []}
    page = await edited(await a_house(ExportStep()).person(), **changes)
    assert wrong_fields(page) == dict.fromkeys(["step-0-delimiter", "step-0-bom"], "This is an option of CSV only.")


async def test_another_format_is_chosen_without_touching_the_options_of_csv() -> None:
    house = a_house(ExportStep())
    assert (await edited(await house.person(), **{"step-0-format": "parquet"})).status == 303
    assert method(house).steps == (ExportStep(ExportOptions(ExportFormat.PARQUET)),)


async def test_an_endpoint_that_is_gone_is_told_and_can_be_unticked() -> None:
    house = a_house()
    person = await house.person()
    page = await edited(person, endpoints=[ENDPOINT, "gone"])
    assert wrong_fields(page) == {"endpoints": 'There is no endpoint "gone" in this file.'}
    assert "gone is not in the catalog" in text_of(page)


async def test_hostile_words_show_as_words() -> None:
    house = a_house(PythonStep("a:b"), name=HOSTILE, masked_fields=(HOSTILE,))
    put(house, ApiMethod(HOSTILE, HOSTILE, (ENDPOINT,), (ValidateStep({"const": HOSTILE}), AcceptStep())))
    person = await house.person()
    pages = [await person.get(path) for path in ("/methods", "/methods/Shop.Order", "/methods/Shop.Order/edit")]
    pages += [await person.get(link) for link in links_of(pages[0]) if "alert" in link and "/methods/" in link]
    pages.append(await edited(person, name=HOSTILE, **{"step-0-handler": HOSTILE, "system_name": HOSTILE}))
    assert len(pages) == 5
    for page in pages:
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert HOSTILE in text_of(page) or HOSTILE in str(fields_of(page, "/edit"))


# Saving over others


async def test_a_change_of_somebody_else_is_not_overwritten_unseen() -> None:
    house = a_house()
    person = await house.person()
    opened = await person.get("/methods/Shop.Order/edit")
    put(house, replace(method(house), name="Theirs", keep_days=5))
    page = await pressed(person, opened, "/methods/Shop.Order/edit", "save", name="Mine")
    assert page.status == 422
    assert "Somebody else changed this meanwhile" in text_of(page)
    assert 'name = "Theirs"' in text_of(page)
    assert method(house).name == "Theirs"
    assert fields_of(page, "/edit")["name"] == ["Mine"]
    assert (await pressed(person, page, "/methods/Shop.Order/edit", "save")).status == 303
    assert (method(house).name, method(house).keep_days) == ("Mine", None)


async def test_a_change_of_something_else_meanwhile_is_kept() -> None:
    house = a_house()
    person = await house.person()
    opened = await person.get("/methods/Shop.Order/edit")
    put(house, ApiMethod("Other", "Other", (), (AcceptStep(),)))
    assert (await pressed(person, opened, "/methods/Shop.Order/edit", "save", name="Mine")).status == 303
    assert method(house, "Other").name == "Other"


async def test_what_was_removed_meanwhile_comes_back_only_when_asked_for() -> None:
    house = a_house()
    person = await house.person()
    opened = await person.get("/methods/Shop.Order/edit")
    house.site.catalog.save(Catalog(house.site.catalog.current().endpoints))
    page = await pressed(person, opened, "/methods/Shop.Order/edit", "save")
    assert "Somebody else removed this meanwhile" in text_of(page)
    assert not house.site.catalog.current().methods
    assert (await pressed(person, page, "/methods/Shop.Order/edit", "save")).status == 303
    assert method(house).name == "Order"


async def test_an_api_method_gets_another_system_name() -> None:
    house = a_house()
    answer = await edited(await house.person(), system_name="Shop.Purchase")
    assert answer.headers["location"] == "/methods/Shop.Purchase?done=saved"
    assert list(house.site.catalog.current().methods) == ["Shop.Purchase"]


# Removing


async def test_an_api_method_is_removed_after_a_second_thought() -> None:
    house = a_house()
    person = await house.person()
    page = await person.get("/methods/Shop.Order")
    assert "Calls that are in the log stay there" in text_of(page)
    answer = await person.post("/methods/Shop.Order/remove", fields_of(page, "/remove"))
    assert answer.headers["location"] == "/methods?done=removed"
    assert "Shop.Order" not in house.site.catalog.current().methods


async def test_what_changed_meanwhile_is_not_removed() -> None:
    house = a_house()
    person = await house.person()
    page = await person.get("/methods/Shop.Order")
    put(house, replace(method(house), name="Theirs"))
    answer = await person.post("/methods/Shop.Order/remove", fields_of(page, "/remove"))
    assert answer.status == 409
    assert "Somebody else changed this API method" in text_of(answer)
    assert method(house).name == "Theirs"


# Permissions


async def test_who_may_only_look_finds_no_buttons_and_is_refused() -> None:
    house = a_house()
    viewer = await house.person(VIEWER)
    for path in ("/methods", "/methods/Shop.Order"):
        page = await viewer.get(path)
        assert page.status == 200
        assert not [link for link in links_of(page) if link.endswith(("/new", "/edit", "/remove"))]
    before = house.site.catalog.current()
    for path in ("/methods", "/methods/Shop.Order/edit", "/methods/Shop.Order/remove"):
        refused = await viewer.post(path, {"do": "save"})
        assert refused.status == 403
        assert "Catalog Edit" in text_of(refused)
    assert (await viewer.get("/methods/new")).status == 403
    assert (await viewer.get("/methods/Shop.Order/edit")).status == 403
    assert house.site.catalog.current() == before


async def test_who_may_do_nothing_sees_nothing() -> None:
    clerk = await a_house().person(CLERK)
    for path in ("/methods", "/methods/Shop.Order", "/catalog.toml", "/methods.json"):
        assert (await clerk.get(path)).status == 403


async def test_an_export_step_needs_the_permission_to_export() -> None:
    house = a_house()
    editor = await house.person(EDITOR)
    page = await edited(editor, "remove:1")
    assert "To add an export step you need the permission Integration Logs Export" in text_of(page)
    page = await pressed(editor, page, "/methods/Shop.Order/edit", "add-step:export")
    refused = await pressed(editor, page, "/methods/Shop.Order/edit", "save")
    assert refused.status == 422
    assert "Adding an export step to Shop.Order needs the permission integration-logs-export" in text_of(refused)
    assert method(house).steps == (ValidateStep(SCHEMA), AcceptStep())


# Trying


async def test_a_call_is_tried_from_the_page() -> None:
    house = a_house()
    person = await house.person()
    page = await person.get("/methods/Shop.Order")
    assert json.loads(fields_of(page, "/try")["body"][0]) == {"order": 5}
    answer = await person.post("/methods/Shop.Order/try", {**fields_of(page, "/try"), "key": house.platform.key})
    assert answer.status == 200
    text = text_of(answer)
    assert "Answered: HTTP 200" in text
    assert '"status" : "Success"' in text.replace("status : ", '"status" : ')
    (link,) = [link for link in links_of(answer) if link.startswith("/calls/")]
    record = house.log.get(link.removeprefix("/calls/"))
    assert record
    assert record.request.method_system_name == "Shop.Order"
    assert record.request.body.text == '{\n  "order": 5\n}'
    assert "user-agent: Calltrail console" in record.request.headers
    tried = house.site.audited(AuditAction.CALL_TRIED)
    assert (tried.principal, tried.subject) == (f"staff:{OWNER}", "method Shop.Order")
    assert tried.details == {"endpoint": ENDPOINT, "call": record.request.id}


async def test_the_key_of_a_tried_call_is_nowhere() -> None:
    house = a_house()
    person = await house.person()
    fields = {"endpoint": ENDPOINT, "mode": "sync", "body": "{}", "key": house.platform.key}
    answer = await person.post("/methods/Shop.Order/try", fields)
    assert house.platform.key not in answer.text
    (record,) = [house.log.get(link.removeprefix("/calls/")) for link in links_of(answer) if "/calls/" in link]
    assert record
    assert house.platform.key not in record.request.headers
    assert 'type="password" autocomplete="off"' in answer.text


async def test_a_refused_call_is_shown_as_it_was_answered() -> None:
    house = a_house()
    fields = {"endpoint": ENDPOINT, "mode": "sync", "body": "{}", "key": "wrong"}
    answer = await (await house.person(VIEWER)).post("/methods/Shop.Order/try", fields)
    assert answer.status == 200
    assert "Answered: HTTP 401" in text_of(answer)
    assert "the key is not a live key" in text_of(answer)


async def test_an_async_call_is_tried_too() -> None:
    house = a_house(requires_key=False)
    page = await (await house.person()).post(
        "/methods/Shop.Order/try", {"endpoint": ENDPOINT, "mode": "async", "body": "{}"}
    )
    assert "/v3/operations/async?" in text_of(page)
    assert "Answered: HTTP 200" in text_of(page)


@pytest.mark.parametrize("key", ["two words", "ключ", "a\r\nX-Injected: 1"])
async def test_a_key_that_can_be_none_is_told_and_no_call_is_made(key: str) -> None:
    house = a_house()
    person = await house.person()
    page = await person.post("/methods/Shop.Order/try", {"endpoint": ENDPOINT, "body": "typed", "key": key})
    assert page.status == 422
    assert list(wrong_fields(page)) == ["key"]
    assert fields_of(page, "/try")["body"] == ["typed"]
    assert "X-Injected" not in page.text
    assert not house.log.newest(CallFilter(), ["id"], 1).height


async def test_a_try_is_there_as_json() -> None:
    house = a_house(requires_key=False)
    person = await house.person()
    _, secret = house.site.passes.create_token(VIEWER, "script", None, OPERATOR)
    sent = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
    body = b"endpoint=demo.Website&body=%7B%22order%22%3A5%7D"
    answer = await request(person.house.platform.app, "POST", "/methods/Shop.Order/try", headers=sent, body=body)
    data = answer.json()
    assert (data["is_answered"], data["status_code"], json.loads(data["body"])) == (True, 200, {"status": "Success"})
    assert house.log.get(data["call_id"])


async def test_the_command_makes_the_same_call() -> None:
    page = await (await a_house().person()).get("/methods/Shop.Order")
    (command,) = texts_at(page, "//pre[@id='try-command']")
    assert command.startswith(
        "curl 'http://calltrail.test/v3/operations/sync?endpointId=demo.Website&operation=Shop.Order'"
    )
    assert '--header "Authorization: SecretKey $KEY"' in command
    assert "--data-raw '{\n  \"order\": 5\n}'" in command


async def test_nobody_tries_what_nobody_may_call() -> None:
    page = await (await a_house(endpoints=()).person()).get("/methods/Shop.Order")
    assert "No endpoint may call it yet" in text_of(page)
