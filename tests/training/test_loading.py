"""The order of batches, and going on in the middle of an epoch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset

from vcmpipe.training.loading import Draw, EpochBatches, ResumableLoader


class Echo(Dataset[int]):
    def __getitem__(self, draw: Draw) -> int:
        return draw[0] + 1000 * draw[1]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 4), st.integers(0, 3))
def test_every_item_is_drawn_and_all_processes_get_equally_many(count: int, size: int, world: int, epoch: int) -> None:
    shares = [EpochBatches(count, size, seed=1, rank=rank, world=world) for rank in range(world)]
    seen: set[int] = set()
    lengths = set()
    for share in shares:
        share.set_epoch(epoch)
        batches = share.batches()
        assert len(batches) == len(share) and all(0 < len(batch) <= size for batch in batches)
        draws = [draw for batch in batches for draw in batch]
        assert {number for _, number in draws} == {epoch}
        lengths.add(len(draws))
        seen |= {index for index, _ in draws}
    assert seen == set(range(count)) and len(lengths) == 1


def test_epochs_and_seeds_shuffle_differently_and_repeatably() -> None:
    def order(seed: int, epoch: int, shuffle: bool = True) -> list[int]:
        batches = EpochBatches(20, 6, seed=seed, shuffle=shuffle)
        batches.set_epoch(epoch)
        return [index for batch in batches.batches() for index, _ in batch]

    assert order(0, 0) == order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert order(0, 3, shuffle=False) == list(range(20))


@pytest.mark.parametrize("done", [0, 1, 3, 4])
def test_a_loader_goes_on_where_it_stopped(done: int) -> None:
    def fresh() -> ResumableLoader:
        loader = ResumableLoader(Echo(), EpochBatches(18, 4, seed=2))
        loader.sampler.set_epoch(1)
        return loader

    whole = [batch.tolist() for batch in fresh()]
    assert len(whole) == 5
    first = fresh()
    walk = iter(first)
    assert [next(walk).tolist() for _ in range(done)] == whole[:done]
    second = fresh()
    second.load_state_dict(first.state_dict())
    assert [batch.tolist() for batch in second] == whole[done:]
    # The epoch after that is a whole one again, and a finished one leaves nothing over.
    second.sampler.set_epoch(2)
    assert len(list(second)) == 5 and second.state_dict() == {"done": 0}
