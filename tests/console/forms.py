"""Forms of a page, as a browser fills and sends them."""

from collections.abc import Sequence
from typing import Any

from lxml import html

from tests.asgi import Response

Fields = dict[str, list[str]]
"""What a form sends, by name."""


def _tree(page: Response) -> Any:
    return html.fromstring(page.text)


def fields_of(page: Response, action_end: str) -> Fields:
    """What the form whose action ends so would send as it stands, without the token of the session."""
    (form,) = [form for form in _tree(page).forms if (form.action or "").endswith(action_end)]
    areas = {area.name for area in form.xpath(".//textarea")}
    fields: Fields = {}
    for name, value in form.form_values():
        if name != "form_token":
            # As browsers: the first line end of a text area is none of its text, and line ends are sent as CR LF.
            text = value.replace("\r\n", "\n")
            text = text.removeprefix("\n") if name in areas else text
            fields.setdefault(name, []).append(text.replace("\n", "\r\n"))
    return fields


def default_button(page: Response, form_id: str) -> tuple[str, str]:
    """Name and value of what Enter presses in a field: the first button of the form, in the order of the page."""
    tree = _tree(page)
    buttons = tree.xpath("//button[@form=$id or ancestor::form[@id=$id]]", id=form_id)
    return buttons[0].get("name"), buttons[0].get("value")


def wrong_fields(page: Response) -> dict[str, str]:
    """What stands at each field that is wrong, as a screen reader finds it."""
    tree = _tree(page)
    told = {}
    for field in tree.xpath("//*[@aria-describedby]"):
        ids = field.get("aria-describedby").split()
        texts = [tree.get_element_by_id(id_).text_content().strip() for id_ in ids]
        problems = [text for id_, text in zip(ids, texts, strict=True) if id_.endswith("-wrong")]
        if problems:
            told[field.get("id")] = " ".join(problems)
    return told


def texts_at(page: Response, xpath: str) -> Sequence[str]:
    return [element.text_content().strip() for element in _tree(page).xpath(xpath)]


def links_of(page: Response) -> Sequence[str]:
    return [link for _, _, link, _ in _tree(page).iterlinks()]


def button_targets(page: Response) -> dict[str, str]:
    """Where the buttons lead that lead elsewhere than their form, by what they do."""
    buttons = _tree(page).xpath("//button[@formaction]")
    return {button.get("value"): button.get("formaction") for button in buttons}
