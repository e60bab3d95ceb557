"""Pages from templates: every value escaped, nothing from elsewhere, no style or script within."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = files(__package__)

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Not `no-referrer`: browsers would then name no origin when a form is sent.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

STATIC: Mapping[str, bytes] = {
    file.name: file.read_bytes() for file in (_HERE / "static").iterdir() if file.name.endswith((".css", ".js", ".svg"))
}
"""Style sheet, scripts and pictures, by name."""


def static_address(name: str) -> str:
    """Where a static file lies; another address whenever its bytes are others, so that it may be kept for ever."""
    return f"/static/{name}?{hashlib.sha256(STATIC[name]).hexdigest()[:12]}"


def render(template: str, **values: Any) -> str:
    """The template's HTML."""
    return _environment().get_template(f"{template}.html").render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(_HERE / "templates")),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    environment.globals["static"] = static_address
    return environment


ABSENT = "–"  # noqa: RUF001 - a dash, as it stands in tables
"""In the place of a value that is not there."""


def count(number: int) -> str:
    """`12,345`"""
    return f"{number:,}"


def size(number: float) -> str:
    """`1.2 MB`, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


def moment(value: datetime) -> str:
    """`2026-11-24 10:15:00.123` in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def second(value: datetime) -> str:
    """`2026-11-24 10:15:00` in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def exact(value: datetime) -> str:
    """For the `datetime` of a `time` element."""
    return value.astimezone(UTC).isoformat()


def took(value: timedelta | float | None) -> str:
    """A duration, given as such or in milliseconds: `0.4 ms`, `12 ms`, `1.35 s`, `2 min 5 s`."""
    if value is None:
        return ABSENT
    ms = value / timedelta(milliseconds=1) if isinstance(value, timedelta) else value
    if ms < 10:
        return f"{ms:.1f} ms"
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.2f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def share(part: float, whole: float) -> str:
    """`3.1 %`"""
    if not whole:
        return ABSENT
    percent = 100 * part / whole
    return f"{percent:.1f} %" if 0 < percent < 99.95 else f"{percent:.0f} %"


def words(text: str) -> str:
    """`export-started` as `Export started`."""
    return re.sub("[-_]", " ", text).capitalize()


_FILTERS: Mapping[str, Callable[..., str]] = {
    function.__name__: function for function in (count, size, moment, second, exact, took, share, words)
}
