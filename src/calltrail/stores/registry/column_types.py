"""How values of the domain stand in columns."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import DateTime, Dialect, Enum, Text
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")


class Json(TypeDecorator[T]):
    """A value of the type `shape` as JSON text. Without sets and mappings in it, equal values give equal texts."""

    impl = Text
    cache_ok = True

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.shape = shape
        self._adapter: TypeAdapter[T] = TypeAdapter(shape)

    def process_bind_param(self, value: T | None, _dialect: Dialect) -> str | None:
        return None if value is None else self._adapter.dump_json(value).decode()

    def process_result_value(self, value: str | None, _dialect: Dialect) -> T | None:
        return None if value is None else self._adapter.validate_json(value)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment in whole microseconds, which SQLite keeps as sortable text without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def word_of(words: type[StrEnum]) -> Enum:
    """A member of `words`, kept as its value. Reading another word raises LookupError."""
    return Enum(words, native_enum=False, length=32, values_callable=lambda _: [word.value for word in words])
