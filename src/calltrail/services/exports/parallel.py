"""Several items made at once, and used in their order."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Abandoned(Exception):
    """Another item failed, or nobody waits for the results any more."""


def in_parallel(
    make: Callable[[Item, Callable[[], None]], Result], items: Sequence[Item], at_a_time: int
) -> Iterator[Result]:
    """`make(item, check)` of every item, in order, made in threads, at most so many ahead of the one that is used.

    An error is raised in the item's turn. Then, and when the results are used no further, `check` raises Abandoned in
    the threads, and they are waited for.
    """
    is_over = threading.Event()

    def check() -> None:
        if is_over.is_set():
            raise Abandoned

    making: deque[Future[Result]] = deque()
    waiting = iter(items)
    with ThreadPoolExecutor(at_a_time, thread_name_prefix="part") as pool:
        try:
            for item in waiting:
                making.append(pool.submit(make, item, check))
                if len(making) == at_a_time:
                    yield making.popleft().result()
            while making:
                yield making.popleft().result()
        finally:
            is_over.set()
            for future in making:
                future.cancel()
