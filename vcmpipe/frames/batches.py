"""Frames a batch at a time: so many that a detector works well, and no more than memory has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

MOST_BYTES = 1 << 29
"""Bytes of samples that a batch may hold: ten frames of 4K with their RGB; of larger pictures fewer, one at least."""
_BYTES_PER_PIXEL = 6
"""RGB of 8 bits, and planes of 10 bits in 4:2:0."""


def batches(
    items: Iterable[T], most: int, pixels: Callable[[T], int], count: Callable[[T], int] = lambda item: 1
) -> Iterator[list[T]]:
    """Items in order, in lists that end where they hold ``most`` frames or ``MOST_BYTES``.

    Args:
        items: What holds frames; each is taken when its batch is asked for.
        most: Frames of a batch.
        pixels: Pixels of an item's frames that are in memory.
        count: Frames of an item.
    """
    batch: list[T] = []
    held = frames = 0
    for item in items:
        batch.append(item)
        frames, held = frames + count(item), held + _BYTES_PER_PIXEL * pixels(item)
        # Before the next one is taken, which may be as large.
        if frames >= most or held * (len(batch) + 1) > MOST_BYTES * len(batch):
            yield batch
            batch, held, frames = [], 0, 0
    if batch:
        yield batch
