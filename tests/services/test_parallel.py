"""Items made at once and used in their order."""

import threading
from collections.abc import Callable

import pytest

from calltrail.services.exports.parallel import Abandoned, in_parallel


def test_results_come_in_order_whichever_is_done_first() -> None:
    second_is_done = threading.Event()

    def make(item: int, _: Callable[[], None]) -> int:
        if item == 0:
            assert second_is_done.wait(10)
        else:
            second_is_done.set()
        return item * 10

    assert list(in_parallel(make, range(7), 2)) == [0, 10, 20, 30, 40, 50, 60]


def test_no_more_are_made_at_once_than_may_be() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def make(item: int, _: Callable[[], None]) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return item

    assert list(in_parallel(make, range(50), 3)) == list(range(50))
    assert most <= 3


def test_an_error_comes_in_its_turn_and_the_others_are_abandoned() -> None:
    has_begun = threading.Event()
    was_abandoned = threading.Event()

    def make(item: int, check: Callable[[], None]) -> int:
        if item == 0:
            assert has_begun.wait(10)
            raise ValueError("no")
        has_begun.set()
        while True:
            try:
                check()
            except Abandoned:
                was_abandoned.set()
                raise

    with pytest.raises(ValueError, match="no"):
        list(in_parallel(make, range(5), 2))
    assert was_abandoned.is_set()


def test_results_that_are_used_no_further_are_abandoned() -> None:
    def make(item: int, check: Callable[[], None]) -> int:
        while item:
            check()
        return item

    results = in_parallel(make, range(5), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
