"""Batches of frames are bounded by their number and by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vcmpipe.frames import batches

MEGAPIXEL = 1_000_000


@pytest.mark.parametrize(
    ("pixels", "sizes"),
    [
        ([MEGAPIXEL // 2] * 40, [16, 16, 8]),
        ([88 * MEGAPIXEL] * 16, [1] * 16),
        ([8 * MEGAPIXEL] * 16, [11, 5]),
        ([MEGAPIXEL, 88 * MEGAPIXEL, MEGAPIXEL], [2, 1]),
        ([], []),
    ],
)
def test_batches(pixels: list[int], sizes: list[int]) -> None:
    made = list(batches(pixels, 16, lambda own: own))
    assert [len(batch) for batch in made] == sizes
    assert [own for batch in made for own in batch] == pixels


def test_no_frame_is_taken_before_its_batch() -> None:
    taken = 0

    def frames() -> Iterator[int]:
        nonlocal taken
        for _ in range(9):
            taken += 1
            yield 88 * MEGAPIXEL

    for number, _ in enumerate(batches(frames(), 16, lambda own: own), start=1):
        assert taken == number


def test_segments_count_their_frames() -> None:
    assert [len(batch) for batch in batches([10, 10, 10, 40], 16, lambda own: 1, lambda own: own)] == [2, 2]
