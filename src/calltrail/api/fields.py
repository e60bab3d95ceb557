"""Values within a body: where they stand, what they mean, and what is wrong with them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from calltrail.domain.calls import CallStatus
from calltrail.domain.problems import Problem


@dataclass(frozen=True, slots=True)
class Field:
    """A value within a body, where it stands, and where to note what is wrong with it."""

    value: Any
    pointer: str
    problems: list[Problem]

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing: clients fill templates, and leave nulls and empty strings at any depth."""
        pending = [self.value]
        while pending:
            value = pending.pop()
            if isinstance(value, dict):
                pending.extend(value.values())
            elif isinstance(value, list):
                pending.extend(value)
            elif value is not None and (not isinstance(value, str) or value.strip()):
                return False
        return True

    def refuse(self, message: str) -> None:
        self.problems.append(Problem(message, self.pointer))

    def child(self, name: str) -> "Field":
        """The property of that name in any case; blank when there is none."""
        properties = self.value if isinstance(self.value, dict) else {}
        value = next((value for key, value in properties.items() if key.casefold() == name.casefold()), None)
        return Field(value, f"{self.pointer}/{name}", self.problems)

    def items(self) -> list["Field"]:
        """The items of a list; anything else is the only item of itself."""
        if not isinstance(self.value, list):
            return [self]
        return [Field(value, f"{self.pointer}/{index}", self.problems) for index, value in enumerate(self.value)]

    def text(self) -> str | None:
        """Its text without the space around it; None when it is blank, or no text, which is then a problem."""
        if self.is_blank:
            return None
        if isinstance(self.value, str):
            return self.value.strip()
        self.refuse("This must be a string.")
        return None


def read_status(field: Field) -> CallStatus | None:
    text = field.text()
    try:
        return CallStatus(text.lower()) if text else None
    except ValueError:
        field.refuse("This must be completed, failed or processing.")
        return None


def read_flag(field: Field) -> bool | None:
    if field.is_blank:
        return None
    text = str(field.value) if isinstance(field.value, bool | str) else ""
    flag = {"true": True, "false": False}.get(text.strip().lower())
    if flag is None:
        field.refuse("This must be true or false.")
    return flag


_MOMENT = re.compile(
    r"""
    (?: (?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d) | (?P<day_>\d\d)\.(?P<month_>\d\d)\.(?P<year_>\d{4}) )
    (?:
        [T\ ] (?P<hour>\d\d) : (?P<minute>\d\d) (?: : (?P<second>\d\d) (?: \. (?P<fraction>\d{1,6}) )? )?
        \ ? (?P<zone> Z | [+-]\d\d:?\d\d )?
    )?
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)

_UTC_ZONES = frozenset({"Z", "+00:00", "-00:00", "+0000", "-0000"})


def read_moment(field: Field) -> datetime | None:
    """A moment in a form that clients use: ISO 8601 or `DD.MM.YYYY`, from whole days to microseconds, always UTC."""
    text = field.text()
    if text is None:
        return None
    match = _MOMENT.fullmatch(text)
    if match is None:
        field.refuse("This must be a date and time in UTC: YYYY-MM-DD hh:mm.")
        return None
    if match["zone"] and match["zone"].upper() not in _UTC_ZONES:
        field.refuse("This must be in UTC: the only offset is +00:00.")
        return None
    try:
        return _moment_of(match)
    except ValueError as error:
        field.refuse(f"There is no such date and time: {error}.")
        return None


def _moment_of(match: re.Match[str]) -> datetime:
    return datetime(
        int(match["year"] or match["year_"]),
        int(match["month"] or match["month_"]),
        int(match["day"] or match["day_"]),
        int(match["hour"] or 0),
        int(match["minute"] or 0),
        int(match["second"] or 0),
        int((match["fraction"] or "").ljust(6, "0")),
        UTC,
    )
