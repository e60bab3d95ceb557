"""Ids of calls: UUIDv7, so that an id tells its time and ids of one process sort by it."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

from calltrail.domain.calls import EPOCH, to_micros

_ENTROPY_BLOCK_BYTES = 4096
_MILLISECOND = timedelta(milliseconds=1)


def _random_62_bits() -> Iterator[int]:
    """Endless random numbers of 62 bits; the system is asked for entropy once in 512 ids, not for each."""
    while True:
        block = os.urandom(_ENTROPY_BLOCK_BYTES)
        for start in range(0, _ENTROPY_BLOCK_BYTES, 8):
            yield int.from_bytes(block[start : start + 8]) >> 2


_random = _random_62_bits()


def new_call_id(started_at: datetime) -> str:
    """A fresh UUIDv7 of the moment `started_at`; its 12 sub-millisecond bits hold the microseconds."""
    milliseconds, microseconds = divmod(to_micros(started_at), 1000)
    sub_millisecond = microseconds * 4096 // 1000
    number = (milliseconds << 80) | (0x7 << 76) | (sub_millisecond << 64) | (0b10 << 62) | next(_random)
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def window_of_call_id(call_id: str) -> tuple[datetime, datetime] | None:
    """The half-open millisecond in which the call of that id started; None when it is no UUIDv7."""
    digits = call_id.replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        return None
    try:
        number = int(digits, 16)
        since = EPOCH + timedelta(milliseconds=number >> 80)
    except (ValueError, OverflowError):
        return None
    return since, since + _MILLISECOND
