"""Where segments begin: scenes, lengths, sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from vcmpipe.coding import cutting
from vcmpipe.coding.cutting import Cutting
from vcmpipe.frames import ColourSpec, Frame

MakeVideo = Callable[..., list[Frame]]
RATE = Fraction(10)


def lengths(how: Cutting, frames: list[Frame]) -> list[int]:
    """Frames of each segment, having checked that what belongs to a frame stays with it."""
    found = list(how.segments((frame, frame.index) for frame in frames))
    assert [index for _, own in found for index in own] == [frame.index for frame in frames]
    assert [segment.index for segment, _ in found] == list(range(len(found)))
    for segment, own in found:
        assert [frame.index for frame in segment.frames] == list(own)
    return [len(segment) for segment, _ in found]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(100, [25]), (1, [10, 10, 5]), (0.74, [7, 7, 7, 4]), (0.01, [1] * 25)]
)
def test_a_segment_has_a_greatest_length(seconds: float, expected: list[int], make_video: MakeVideo) -> None:
    assert lengths(Cutting("random-access", seconds, RATE), make_video(64, 48, 25)) == expected


def test_a_segment_ends_with_its_scene(make_video: MakeVideo) -> None:
    frames = make_video(96, 64, 40, cuts=(13, 27))
    assert lengths(Cutting("random-access", 10, RATE), frames) == [13, 14, 13]
    assert lengths(Cutting("random-access", 10, RATE, scene_cuts=False), frames) == [40]


def test_a_flash_ends_nothing_twice(make_video: MakeVideo) -> None:
    frames = make_video(96, 64, 40, cuts=(13, 14, 15))
    assert lengths(Cutting("random-access", 10, RATE), frames)[0] == 13
    assert len(lengths(Cutting("random-access", 10, RATE), frames)) == 2


def test_a_segment_has_one_size_depth_and_colour(make_video: MakeVideo) -> None:
    frames = make_video(64, 48, 3) + make_video(48, 48, 2) + make_video(48, 48, 2, matrix="bt601")
    frames += make_video(48, 48, 1, depth=10, matrix="bt601")
    again = [Frame(i, None, frame.source, frame.timestamp, planes=frame.planes) for i, frame in enumerate(frames)]
    assert lengths(Cutting("random-access", 10, RATE, scene_cuts=False), again) == [3, 2, 2, 1]


def test_pictures_can_be_a_sequence(make_frame) -> None:
    frames = [make_frame(64, 48, index=index) for index in range(5)]
    how = Cutting("low-delay", 10, None, colour=ColourSpec("bt601"))
    ((segment, _),) = how.segments((frame, None) for frame in frames)
    assert (segment.structure, len(segment), segment.rate, segment.colour) == (
        "low-delay",
        5,
        None,
        ColourSpec("bt601"),
    )


def test_seeking(make_video: MakeVideo) -> None:
    frames = make_video(64, 48, 25)
    ((segment, _),) = Cutting("random-access", 10, RATE, seek_every=1.6).segments((frame, 0) for frame in frames)
    assert segment.intra_period == 16
    # In low delay there is but one intra picture in a segment.
    assert lengths(Cutting("low-delay", 10, RATE, seek_every=1.6), frames) == [16, 9]


def test_what_waits_on_the_disk_is_bounded(make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "MAX_BYTES", 64 * 48 * 3 // 2 * 4)
    assert lengths(Cutting("random-access", 100, RATE), make_video(64, 48, 10)) == [4, 4, 2]


@pytest.mark.parametrize(
    ("filled", "least", "expected"),
    [
        (range(0), 1.0, [40]),
        (range(40), 1.0, [40]),
        (range(15, 25), 1.0, [15, 10, 15]),
        (range(9, 40), 1.0, [40]),
        (range(10, 40), 1.0, [10, 30]),
        (range(30), 1.0, [30, 10]),
        (range(31), 1.0, [40]),
        ([*range(10), *range(19, 40)], 1.0, [40]),
        ([*range(10), *range(20, 40)], 1.0, [10, 10, 20]),
        (range(15, 25), 0.0, [40]),
        ([0, 11, 39], 1.0, [1, 10, 1, 27, 1]),
    ],
)
def test_long_stretches_in_which_nothing_is_found_are_segments(
    filled: Sequence[int], least: float, expected: list[int], make_video: MakeVideo
) -> None:
    frames = make_video(64, 48, 40)
    how = Cutting("random-access", 10, RATE, scene_cuts=False)
    pairs = [(frame, frame.index in filled) for frame in frames]
    found = list(how.segments(pairs, lambda holds: not holds, least))
    assert [len(segment) for segment, _ in found] == expected
    assert [frame.index for segment, _ in found for frame in segment.frames] == list(range(40))
    assert [holds for _, own in found for holds in own] == [holds for _, holds in pairs]
    for segment, _ in found:
        for frame in segment.frames:
            assert np.array_equal(frame.planes.y, frames[frame.index].planes.y)


def test_empty_stretches_have_a_greatest_length_too(make_video: MakeVideo) -> None:
    pairs = [(frame, frame.index >= 30) for frame in make_video(64, 48, 40)]
    how = Cutting("random-access", 2, RATE, scene_cuts=False)
    assert [len(each) for each, _ in how.segments(pairs, lambda holds: not holds, 1.0)] == [20, 10, 10]
