"""How long the parts of a run take."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Seconds by part of a run, counted from several threads: parts that run side by side sum to more than the run.

    Args:
        on_item: Told of every item that ``each`` hands on: the part, and how many there have been.

    Attributes:
        seconds: Of each part, by its name.
    """

    def __init__(self, on_item: Callable[[str, int], object] = lambda part, items: None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_item = on_item
        self._lock = threading.Lock()
        self._inner = threading.local()

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Hand items on, and count what it takes to make them."""
        stream = iter(items)
        for number in itertools.count(1):
            with self.part(name):
                try:
                    item = next(stream)
                except StopIteration:
                    return
            self._on_item(name, number)
            yield item

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what is done inside; parts may stand inside each other, and a part's time is its own alone."""
        outer, self._inner.spent = getattr(self._inner, "spent", 0.0), 0.0
        started = time.monotonic()
        try:
            yield
        finally:
            passed = time.monotonic() - started
            with self._lock:
                self.seconds[name] = self.seconds.get(name, 0.0) + passed - self._inner.spent
            self._inner.spent = outer + passed
