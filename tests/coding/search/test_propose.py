"""Maps and versions of real pictures: what they are expected to take, and that nothing is taken for something else."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from vcmpipe.coding.search.canvas import Canvas, RateError
from vcmpipe.coding.search.problem import SegmentProblem
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import Frame, scaled_size
from vcmpipe.tasks import Comparison, Constraint, Constraints, DetectionTask

FRAME = Frame(0, render_scene(920_000).rgb, "scene.png")
BOXES = np.array([[40.0, 30, 120, 100], [100, 60, 180, 170], [400, 300, 505, 380]])


class Everywhere:
    """Finds the boxes in every picture."""

    name, classes, digest = "everywhere", {0: "a"}, "0" * 64

    def detect(self, frames):
        return [sv.Detections(BOXES.copy(), confidence=np.full(3, 0.8), class_id=np.zeros(3, int)) for _ in frames]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


def canvas(scale: float = 0.5, step_limit: int | None = None, frames: int = 1) -> Canvas:
    size = scaled_size(FRAME.width, FRAME.height, scale)
    coder = SegmentCoder(load_encoder("vvenc"), Segment(0, (FRAME,) * frames), coded_size=size)
    return Canvas(scale, coder, BOXES, np.full(3, 60.0), dilate_px=8, step_limit=step_limit, errors=RateError())


def problem(scales: tuple[float, ...]) -> SegmentProblem:
    detector = Everywhere()
    one = Constraint.of(detector, DetectionTask(), detector.detect([FRAME]))
    encoder = load_encoder("vvenc")

    def coder_at(scale: float) -> SegmentCoder:
        return SegmentCoder(encoder, FRAME, coded_size=scaled_size(FRAME.width, FRAME.height, scale))

    return SegmentProblem(Constraints([one]), coder_at, scales=scales)


def test_strength_lies_on_that_side_of_the_limit_on_which_the_object_was_found() -> None:
    mine = problem((1.0,))
    kept, score = np.array([True, True, False]), np.array([0.8, 0.2, 0.9])
    strength = mine.strength(Comparison(kept, score, np.ones(3), np.zeros(3, int)))
    limit = mine.posterior.subjects.limit
    assert ((strength >= limit) == kept).all() and strength[0] > strength[1]


@pytest.fixture(scope="module")
def half() -> Canvas:
    return canvas()


qps = st.lists(st.integers(0, 63), min_size=3, max_size=3).map(np.array)


@settings(deadline=None, max_examples=60)
@given(qps, qps, st.integers(0, 63))
def test_a_map_gives_every_ctu_the_least_that_is_asked_there(
    half: Canvas, own: np.ndarray, ring: np.ndarray, behind: int
) -> None:
    values = half.map_of(own, ring, behind)
    for ctu, value in enumerate(values):
        requested = [behind, *own[half.core[:, ctu]], *ring[half.ring[:, ctu]]]
        assert value == min(requested)


def test_a_map_keeps_to_the_largest_step() -> None:
    smooth = canvas(step_limit=5)
    grid = smooth.map_of(np.full(3, 20), np.full(3, 60), 63).reshape(smooth.rate.bits.shape[:2])
    assert max(np.abs(np.diff(grid, axis=axis)).max() for axis in (0, 1)) <= 5 and grid.min() == 20


def test_bits_that_were_measured_are_expected_again() -> None:
    mine = canvas()
    maps = np.stack([mine.map_of(np.full(3, 30), np.full(3, 36), behind) for behind in (45, 58)])
    layout = mine.planned(maps[0])
    before = mine.batch(maps, layout)
    assert len(layout.regions()) > 1 and before.bits[1] < before.bits[0]
    coded = mine.code(mine.candidate(before, 0))
    after = mine.batch(maps, layout)
    assert after.bits[0] == pytest.approx(coded.bits, rel=0.1)
    assert abs(after.bits[0] - coded.bits) < abs(before.bits[0] - coded.bits)
    # What the objects' own regions took is known now for the other map as well.
    same = after.qps[0] == after.qps[1]
    assert same.any() and not same.all()
    assert after.bits[1] < after.bits[0]
    other = mine.code(mine.candidate(after, 1))
    assert other.bits == pytest.approx(after.bits[1], rel=0.2)


def test_bits_are_expected_of_all_frames(half: Canvas) -> None:
    maps = half.map_of(np.array([22, 30, 38]), np.array([35, 40, 45]), 50)[None]
    layout = half.planned(maps[0])
    three = canvas(frames=3)
    for one, all_three in (
        (half.uniform(np.array([30])), three.uniform(np.array([30]))),
        (half.batch(maps, None), three.batch(maps, None)),
        (half.batch(maps, layout), three.batch(maps, layout)),
    ):
        assert all_three.bits == pytest.approx(3 * one.bits)


def test_samples_are_the_same_only_where_scale_regions_and_qps_are(half: Canvas) -> None:
    near = [canvas(scale) for scale in (0.5, 0.501, 0.504)]
    numbers = [set(each.uniform(np.arange(20, 40)).samples[:, 0].tolist()) for each in near]
    assert all(len(each) == 20 for each in numbers)
    assert len(set.union(*numbers)) == 60
    # The background of one map is finer, and the third object of another.
    maps = np.repeat(half.map_of(np.full(3, 30), np.full(3, 63), 63)[None], 3, axis=0)
    maps[1, ~half.core.any(axis=0)] = 50
    maps[2, half.core[2]] = 29
    batch = half.batch(maps, half.planned(maps[0]))
    for number, touched in enumerate(batch.cut.touched):
        for other in (1, 2):
            equal = (batch.qps[0, touched] == batch.qps[other, touched]).all()
            assert (batch.samples[0, number] == batch.samples[other, number]) == equal
    assert batch.samples[0, 2] != batch.samples[2, 2] and batch.samples[0, 0] == batch.samples[2, 0]


def test_what_is_proposed_is_cheaper_and_surer_in_turn_and_new() -> None:
    mine = problem((1.0, 0.5))
    wanted = np.ones(3, bool)
    first = mine.candidates(wanted, None)
    bits, chances = [each.bits for each in first], [each.chance for each in first]
    assert len(first) > 5 and bits == sorted(bits) and chances == sorted(chances)
    middle = first[len(first) // 2]
    attempt = mine.attempt(middle.candidate)
    again = mine.candidates(wanted, attempt.bits)
    assert all(each.bits < attempt.bits and each.candidate.identity != middle.candidate.identity for each in again)


def test_where_no_object_counts_the_cheapest_whole_picture_is_proposed() -> None:
    mine = problem((1.0, 0.5))
    (only,) = mine.candidates(np.zeros(3, bool), None)
    assert only.chance == 1.0 and only.candidate.scale == 0.5 and only.candidate.how == "uniform"
    assert only.bits <= mine.candidates(np.ones(3, bool), None)[0].bits
