"""Maps bent to encoders: only downwards, by exactly what the limits say, and with a note for everything."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from vcmpipe.errors import InputError
from vcmpipe.qpmap import KVAZAAR_SPAN, MapLimits, QpMap, fit_map, fit_maps
from vcmpipe.qpmap.fitting import few_rectangles, rectangles, two_levels

maps = arrays(np.int8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 63))
LIMITS = [
    MapLimits(),
    MapLimits(ctu=64, qp_range=(0, 51), span=KVAZAAR_SPAN),
    MapLimits(step=10),
    MapLimits(levels=2),
    MapLimits(rectangles=3),
    MapLimits(ctu=32, qp_range=(10, 40), span=8, rectangles=2),
]


@settings(max_examples=60, deadline=None)
@given(maps, st.sampled_from(LIMITS))
def test_no_qp_is_raised_but_to_the_lowest_there_is(values: np.ndarray, limits: MapLimits) -> None:
    requested = QpMap(values, 32, 32 * values.shape[1], 32 * values.shape[0])
    fitted = fit_map(requested, limits)
    expected = requested.resampled(fitted.map.ctu).qp
    assert (fitted.map.qp <= np.maximum(expected, limits.qp_range[0])).all()
    assert bool(fitted.notes) == (not np.array_equal(fitted.map.qp, requested.qp) or fitted.map.ctu != requested.ctu)
    assert fit_map(fitted.map, limits).notes == (), "what was bent fits"


@settings(max_examples=60, deadline=None)
@given(maps, st.integers(1, 4))
def test_rectangles_describe_the_map(values: np.ndarray, limit: int) -> None:
    painted = np.full(values.shape, values.max())
    count = 0
    for rect, qp in rectangles(values):
        area = (slice(rect.y, rect.y + rect.height), slice(rect.x, rect.x + rect.width))
        assert (painted[area] == values.max()).all(), "rectangles overlap"
        painted[area] = qp
        count += 1
    assert np.array_equal(painted, values)
    few = few_rectangles(values, limit)
    assert len(rectangles(few)) <= limit and (few <= values).all()
    if count <= limit:
        assert np.array_equal(few, values)


def test_a_mask_keeps_as_much_background_as_it_can() -> None:
    assert two_levels(np.array([[20, 30, 50, 50]], np.int8)).tolist() == [[20, 20, 50, 50]]
    assert two_levels(np.array([[20, 48, 48, 50]], np.int8)).tolist() == [[20, 48, 48, 48]]
    assert two_levels(np.array([[33, 33]], np.int8)).tolist() == [[33, 33]]


def test_each_loss_has_its_name() -> None:
    requested = QpMap(np.array([[20, 63], [47, 50]]), 32, 64, 64)
    notes = fit_map(requested, MapLimits(qp_range=(0, 51), span=25)).notes
    assert notes[0] == "1 of 4 QPs clamped to 0..51"
    assert notes[1] == "3 of 4 QPs lowered, by 6 at most, to keep all within 25 of the smallest"
    assert fit_map(requested, MapLimits(ctu=64)).notes == ("map resampled from CTU 32 to 64 (minimum)",)
    assert "two levels" in fit_map(requested, MapLimits(levels=2)).notes[0]
    assert "1 rectangles" in fit_map(requested, MapLimits(rectangles=1)).notes[0]


@pytest.mark.parametrize(
    "values", [{"ctu": 48}, {"qp_range": (0, 64)}, {"qp_range": (9, 3)}, {"span": 0}, {"levels": 3}, {"rectangles": 0}]
)
def test_limits_that_make_no_sense(values: dict) -> None:
    with pytest.raises(InputError):
        MapLimits(**values)


def test_maps_of_a_segment_share_a_span_and_the_levels_of_a_mask() -> None:
    maps = [QpMap(np.array([[low, 40]]), 64, 128, 64) for low in (30, 20, 40)]
    fitted, notes = fit_maps(maps, MapLimits(ctu=64, span=15))
    assert [item.qp.tolist() for item in fitted] == [[[30, 35]], [[20, 35]], [[35, 35]]]
    assert len(notes) == 1 and "within 15" in notes[0]
    fitted, notes = fit_maps(maps, MapLimits(ctu=64, levels=2))
    assert [item.qp.tolist() for item in fitted] == [[[20, 40]], [[20, 40]], [[40, 40]]]
    assert fit_maps(fitted, MapLimits(ctu=64, levels=2)) == (fitted, ())
    assert fit_maps(maps, MapLimits(ctu=32))[1] == ("maps resampled from CTU 64 to 32 (minimum)",)


def test_rectangles_are_counted_in_each_frame() -> None:
    maps = [QpMap(np.array([[20, 40, 30, 40, 20]]), 64, 320, 64), QpMap.uniform(40, 320, 64, 64)]
    fitted, notes = fit_maps(maps, MapLimits(rectangles=1))
    assert fitted[0].qp.tolist() == [[20] * 5] and fitted[1] == maps[1]
    assert notes[0].startswith("frame 0: ")


def test_frames_that_share_a_map_take_the_smallest_qps() -> None:
    maps = [QpMap(np.array([row]), 64, 128, 64) for row in ([20, 40], [30, 30])]
    fitted, notes = fit_maps(maps, MapLimits(ctu=64, shared=True))
    assert [one.qp.tolist() for one in fitted] == [[[20, 30]]] * 2
    assert notes == ("one map for all 2 frames: each CTU has the smallest QP of its own in any of them",)
    assert fit_maps(fitted, MapLimits(ctu=64, shared=True)) == (fitted, ())


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([], "without maps"),
        ([QpMap.uniform(30, 64, 64, 64), QpMap.uniform(30, 128, 64, 64)], "differ in size"),
    ],
)
def test_maps_that_are_no_segments(maps: list[QpMap], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_maps(maps, MapLimits())
