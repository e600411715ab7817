from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.qpmap import Background, MapPolicy, build_map, limit_steps, parse_background

SHARP = MapPolicy(background="51", dilate_px=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("51", Background("absolute", 51)),
        (51, Background("absolute", 51)),
        (" 0 ", Background("absolute", 0)),
        ("+10", Background("delta", 10)),
        ("-4", Background("delta", -4)),
        ("+0", Background("delta", 0)),
        ("Keep", Background("keep")),
    ],
)
def test_background_is_read(text: str | int, expected: Background) -> None:
    assert parse_background(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("64", r"background QP 64 is outside 0\.\.63"),
        ("+64", r"delta \+64 is outside"),
        ("", "'' is not understood: give a QP such as 51, a delta such as"),
        ("best", "'best' is not understood"),
        ("5.5", "not understood"),
        ("+-3", "not understood"),
        ("٣", "not understood"),
    ],
)
def test_background_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MapPolicy(background=text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dilate_px": -1}, "dilate_px is -1"),
        ({"step_limit": 0}, "step_limit is 0"),
        ({"empty": 64}, "empty picture 64"),
    ],
)
def test_policy_values_are_checked(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        MapPolicy(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("box", "dilate", "touched"),
    [
        ((64, 64, 128, 128), 0, [(1, 1)]),  # exactly one CTU
        ((64, 64, 128.01, 128), 0, [(1, 1), (1, 2)]),
        ((63.9, 64, 128, 128), 0, [(1, 0), (1, 1)]),
        ((64, 64, 128, 128), 1, [(r, c) for r in range(3) for c in range(3)]),
        ((70, 70, 70, 70), 0, [(1, 1)]),  # a point
        ((-50, -50, -10, -10), 0, [(0, 0)]),  # outside: the nearest CTU
        ((500, 70, 600, 80), 0, [(1, 3)]),
        ((0, 0, 200, 150), 0, [(r, c) for r in range(3) for c in range(4)]),
        ((190, 140, 200, 150), 0, [(2, 2), (2, 3)]),
    ],
)
def test_a_box_paints_the_ctus_it_touches(box: tuple[float, ...], dilate: int, touched: list[tuple[int, int]]) -> None:
    got = build_map([box], [30], MapPolicy(background="51", dilate_px=dilate), 200, 150, 64)
    assert [tuple(int(i) for i in at) for at in np.argwhere(got.qp == 30)] == touched
    assert (got.qp[got.qp != 30] == 51).all()


def test_overlap_takes_the_minimum_in_any_order() -> None:
    boxes = np.array([(0, 0, 130, 60), (60, 0, 190, 60), (100, 0, 110, 10)], float)
    qps = np.array([40, 30, 35])
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        got = build_map(boxes[order], qps[order], SHARP, 256, 64, 64)
        assert got.qp.tolist() == [[30, 30, 30, 51]]


@pytest.mark.parametrize(
    ("background", "qps", "outside"),
    [
        ("45", [30, 40], 45),
        ("20", [30, 40], 20),
        ("+10", [30], 40),
        ("+10", [30, 40], 40),  # the lower of the two middle ones
        ("+10", [30, 40, 42], 50),
        ("+30", [40], 63),
        ("-60", [40], 0),
    ],
)
def test_background_qp(background: str, qps: list[int], outside: int) -> None:
    boxes = [(0, 0, 10, 10)] * len(qps)
    got = build_map(boxes, qps, MapPolicy(background=background, dilate_px=0), 128, 64, 64)
    assert got.qp.tolist() == [[min(qps), outside]]


def test_keep_is_the_safest_object_everywhere() -> None:
    got = build_map([(0, 0, 9, 9), (70, 0, 99, 9)], [35, 28], MapPolicy(background="keep"), 256, 128, 64)
    assert got.is_uniform and got.minimum() == 28


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"background": "44"}, 44),
        ({"background": "44", "empty": 60}, 60),
        ({"background": "+10"}, 51),
        ({"background": "keep"}, 51),
        ({"background": "keep", "empty": 33}, 33),
    ],
)
def test_picture_without_detections(options: dict[str, object], expected: int) -> None:
    policy = MapPolicy(**options)  # type: ignore[arg-type]
    for nothing in (np.zeros((0, 4)), []):
        got = build_map(nothing, np.zeros(0, int), policy, 100, 100, 64)
        assert got.is_uniform and got.minimum() == expected


@pytest.mark.parametrize(
    ("boxes", "qps", "message"),
    [
        ([(0, 0, 1, 1)], [], "1 boxes but QPs"),
        ([(0, 0, 1)], [3], r"expected \(N, 4\)"),
        ([(0, 0, float("nan"), 1)], [3], "not a finite number"),
        ([(5, 0, 1, 1)], [3], "ends before it begins"),
        ([(0, 0, 1, 1)], [64], "outside 0..63"),
        ([(0, 0, 1, 1)], [3.5], "whole numbers"),
        ([(0, 0, 1, 1)], ["x"], "whole numbers"),
    ],
)
def test_refuses_what_fits_no_picture(boxes: object, qps: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_map(boxes, qps, SHARP, 64, 64, 64)  # type: ignore[arg-type]


@given(
    st.lists(st.integers(0, 63), min_size=30, max_size=30),
    st.sampled_from([(5, 6), (1, 30), (30, 1), (2, 15)]),
    st.integers(1, 20),
    st.booleans(),
)
def test_step_limit_is_the_largest_map_below(qps: list[int], shape: tuple[int, int], limit: int, rows: bool) -> None:
    before = np.array(qps).reshape(shape)
    after = limit_steps(before, limit, across_rows=rows).astype(int)
    # All pairs of neighbours, and the closed form by brute force: shortest paths over the neighbour graph.
    number = np.arange(before.size).reshape(shape)
    edges = [*zip(number[:, :-1].flat, number[:, 1:].flat, strict=True)]
    edges += zip(number[:-1].flat, number[1:].flat, strict=True)
    if rows:
        edges += zip(number[:-1, -1].flat, number[1:, 0].flat, strict=True)
    best = before.flatten()
    for _ in range(before.size):
        for a, b in edges:
            best[a], best[b] = min(best[a], best[b] + limit), min(best[b], best[a] + limit)
    assert np.array_equal(after.flatten(), best)


def test_smoothing_by_policy_only_lowers() -> None:
    sharp = build_map([(128, 0, 130, 9)], [20], SHARP, 512, 64, 64)
    smooth = build_map([(128, 0, 130, 9)], [20], MapPolicy(background="51", dilate_px=0, step_limit=10), 512, 64, 64)
    assert sharp.qp.tolist() == [[51, 51, 20, 51, 51, 51, 51, 51]]
    assert smooth.qp.tolist() == [[40, 30, 20, 30, 40, 50, 51, 51]]
    with pytest.raises(InputError, match="step limit"):
        limit_steps(np.zeros((2, 2)), 0)
