"""Work side by side: results in order, nothing begun after a failure, and of two errors the first in order is met."""

from __future__ import annotations

import threading
import time

import pytest

from vcmpipe.process.workers import in_order, worker_pool


def test_results_come_in_order() -> None:
    with worker_pool(3) as pool:
        found = list(in_order(pool, lambda n: (time.sleep(0.01 * (3 - n % 3)), n)[1], range(9), ahead=6))
    assert found == list(range(9))


def test_nothing_is_begun_after_a_failure() -> None:
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 2:
            raise ValueError("the third")
        return n

    with worker_pool(1) as pool:
        results = in_order(pool, work, range(20), ahead=8)
        first = next(results)
        time.sleep(0.2)  # the worker has time to go on
        with pytest.raises(ValueError, match="the third"):
            list(results)
    assert first == 0
    assert begun == [0, 1, 2]


def test_the_first_error_in_order_is_met() -> None:
    later = threading.Event()

    def work(n: int) -> int:
        if n == 1:
            later.wait(5)
            raise ValueError("the second")
        if n == 2:
            later.set()
            raise ValueError("the third")
        return n

    with worker_pool(3) as pool, pytest.raises(ValueError, match="the second"):
        list(in_order(pool, work, range(9), ahead=6))
