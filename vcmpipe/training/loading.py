"""Batches whose order depends on seed and epoch alone, and that go on in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

Draw = tuple[int, int]
"""An index into a data set and the epoch: all that a draw with randomness may depend on, beside the seed."""


class EpochBatches:
    """Which draws make up the batches of an epoch.

    Args:
        count: Items in the data set.
        size: Items in a batch; the last one may be smaller.
        seed: Of the shuffling.
        shuffle: False: in order.
        rank: This process among ``world``; each takes its share of every epoch, all equally many.
        world: Processes.
    """

    def __init__(
        self, count: int, size: int, *, seed: int = 0, shuffle: bool = True, rank: int = 0, world: int = 1
    ) -> None:
        self.count, self.size, self.seed, self.shuffle = count, size, seed, shuffle
        self.rank, self.world = rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning when an epoch begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        share = -(-self.count // self.world)
        return -(-share // self.size)

    def batches(self) -> list[list[Draw]]:
        """The batches of this epoch for this process."""
        order = np.arange(self.count)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.count)
        share = -(-self.count // self.world)
        # Filled up from the start, so that no process waits for another one.
        mine = np.resize(order, share * self.world)[self.rank :: self.world] if self.count else order
        draws = [(int(index), self.epoch) for index in mine]
        return [draws[start : start + self.size] for start in range(0, len(draws), self.size)]


class ResumableLoader:
    """A loader that knows how far it got in an epoch and goes on from there (``state_dict``, as Lightning has it).

    ``workers`` are processes that load; 0: none besides this one.
    """

    def __init__(self, dataset: Dataset[Any], batches: EpochBatches, workers: int = 0) -> None:
        self.dataset, self.sampler, self.workers = dataset, batches, workers
        self.batch_sampler = None  # Lightning asks for it where there is a sampler
        self._start = 0
        self._done = 0

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        # A generator: the epoch is set after iter() and before the first batch.
        start, self._start = self._start, 0
        self._done = start
        generator = torch.Generator().manual_seed(0)  # else a loader takes a number from the global one
        batches = self.sampler.batches()[start:]
        for batch in DataLoader(self.dataset, batch_sampler=batches, num_workers=self.workers, generator=generator):
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """How many batches of the epoch have been handed out; 0 after the last."""
        return {"done": self._done % max(len(self), 1)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next pass after so many batches."""
        self._start = self._done = int(state["done"])
