"""Drawings of sequences over time, and what a strip shows of a lost track."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from bench_made import make_result

from vcmpipe.bench.film import _SIDE, _crop, _spread
from vcmpipe.bench.result import BenchResult
from vcmpipe.bench.sequence_result import SequenceResult
from vcmpipe.bench.timelines import timelines


@pytest.mark.parametrize(
    ("items", "count", "expected"),
    [([], 3, []), ([4], 3, [4]), ([4, 5], 6, [4, 5]), (range(10), 3, [0, 4, 9]), (range(10), 1, [0])],
)
def test_items_are_spread(items: list[int], count: int, expected: list[int]) -> None:
    assert _spread(np.array(items, np.int64), count).tolist() == expected


@pytest.mark.parametrize(
    ("box", "inside"),
    [((40, 30, 60, 50), True), ((-10, -10, 10, 10), True), ((90, 70, 130, 110), True), ((200, 200, 220, 220), False)],
)
def test_crops_reach_beyond_the_picture(box: tuple[int, ...], inside: bool) -> None:
    red = np.zeros((80, 100, 3), np.uint8)
    red[..., 0] = 255
    crop = _crop(red, np.array(box, np.float64))
    assert crop.shape == (_SIDE, _SIDE, 3)
    assert ((crop[..., 0] > 250) & (crop[..., 1] < 5)).any() == inside
    assert (crop == 128).all(axis=2).any() == (box != (40, 30, 60, 50))


def in_sequence(result: BenchResult, *, tracks: int | None) -> BenchResult:
    """The same as if the pictures were segments of 5 frames of one sequence."""
    count = len(result.points)
    more = {"tracks": tracks, "tracks_kept": (0,) * count} if tracks else {}
    segments = [dataclasses.replace(each, sequence="a.mp4", frames=5, **more) for each in result.per_picture]
    sequence = SequenceResult("a.mp4", 640, 480, len(segments), 5 * len(segments), 10.0, result.objects, (), {})
    return dataclasses.replace(result, per_picture=segments, sequences=[sequence])


def test_a_sequence_over_time() -> None:
    (drawn,) = timelines(in_sequence(make_result(), tracks=2))
    for words in (
        "a.mp4: kbit/s",
        "lost instances",
        "lost tracks",
        "a line per method",
        "<title>jrd, margin",
        "var(--series-0)",
    ):
        assert words in drawn, words
    (without,) = timelines(in_sequence(make_result(), tracks=None))
    assert "lost instances" in without and "lost tracks" not in without
    assert not timelines(make_result())
