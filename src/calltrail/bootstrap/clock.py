"""The time, as every process tells it."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
