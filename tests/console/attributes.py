"""Attributes in a page."""

from collections.abc import Sequence
from typing import Any

from lxml import html

from tests.asgi import Response


def attributes_at(page: Response, xpath: str) -> Sequence[str]:
    """The values of the attributes that the path, such as `//a/@href`, finds."""
    found: Any = html.fromstring(page.text).xpath(xpath)
    return [str(value) for value in found]
