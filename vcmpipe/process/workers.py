"""Threads that work on pictures side by side, in order, with bounded memory; an interrupt ends what they started."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from vcmpipe import process
from vcmpipe.process import interrupt

T = TypeVar("T")
R = TypeVar("R")


def worker_count(jobs: int) -> int:
    """Pictures worked on side by side: what was requested, or one per core that this process may use."""
    if jobs:
        return jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def worker_pool(jobs: int, stop: Callable[[], object] = process.stop_all) -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for encoders; on an error or an interrupt what they started is ended at once, by ``stop``."""
    workers: list[threading.Thread] = []
    pool = ThreadPoolExecutor(
        jobs, thread_name_prefix="vcmpipe", initializer=lambda: workers.append(threading.current_thread())
    )
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        # A worker may be between two encodes: what it starts next is ended, too, until none is left.
        while any(worker.is_alive() for worker in workers):
            stop()
            time.sleep(0.02)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _awaited(future: Future[R]) -> R:
    while not wait([future], timeout=0.5).done:
        interrupt.check()
    return future.result()


def in_order(pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[R]:
    """Results of ``work`` in the order of the items, with at most ``ahead`` items under way: memory stays bounded.

    After a failure no later item is begun.
    """
    waiting: list[Future[R]] = []
    failed: list[int] = []

    def attempt(number: int, item: T) -> R:
        # Items before the one that failed still run: the first error in order is the one that is met.
        if any(place < number for place in failed):
            raise CancelledError
        try:
            return work(item)
        except BaseException:
            failed.append(number)
            raise

    try:
        for number, item in enumerate(items):
            waiting.append(pool.submit(attempt, number, item))
            while len(waiting) >= ahead:
                yield _awaited(waiting.pop(0))
        while waiting:
            yield _awaited(waiting.pop(0))
    finally:
        for future in waiting:
            future.cancel()
