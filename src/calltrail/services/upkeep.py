"""Chores that come round again while a process runs."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

_log = structlog.get_logger()


class Upkeep:
    """Does its chores, in their order, at once and then at every interval, in a thread, while it is entered."""

    def __init__(self, interval_s: float, *chores: Callable[[], None]) -> None:
        self._interval_s = interval_s
        self._chores = chores
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            for chore in self._chores:
                try:
                    chore()
                except Exception:  # noqa: BLE001 - a chore that fails now is due again
                    _log.exception("chore-failed")
            if self._is_over.wait(self._interval_s):
                return
