"""Making the next item while the last one is used."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

Item = TypeVar("Item")


class _End:
    """Follows the last item; carries the error that ended the making, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error: Final = error


def prefetched(items: Iterable[Item]) -> Iterator[Item]:
    """The items, each made in a thread of its own while the one before it is used.

    At most three exist at once: one in use, one waiting, one in the making. An error of the making is raised here.
    """
    ready: queue.Queue[Item | _End] = queue.Queue(maxsize=1)
    is_abandoned = threading.Event()

    def make() -> None:
        end = _End()
        try:
            for item in items:
                ready.put(item)
                if is_abandoned.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are used
            end = _End(error)
        ready.put(end)

    maker = threading.Thread(target=make, name="prefetch", daemon=True)
    maker.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error:
            raise item.error
    finally:
        is_abandoned.set()
        while maker.is_alive():
            _drain(ready)
            maker.join(timeout=0.01)


def _drain(ready: "queue.Queue[Item | _End]") -> None:
    try:
        ready.get_nowait()
    except queue.Empty:
        return
