from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcmpipe.detection.postprocess import build_detections, file_digest, pairwise_iou, suppress
from vcmpipe.errors import InputError

side = st.integers(0, 40)
boxes = st.lists(
    st.tuples(side, side, st.integers(1, 30), st.integers(1, 30), st.sampled_from([0.3, 0.5, 0.7]), st.integers(0, 2)),
    max_size=12,
)


def plain_iou(a: np.ndarray, b: np.ndarray) -> float:
    """On a grid of unit cells, by counting."""
    cells = np.zeros((2, 80, 80), dtype=bool)
    for layer, (x0, y0, x1, y1) in zip(cells, (a.astype(int), b.astype(int)), strict=True):
        layer[y0:y1, x0:x1] = True
    union = (cells[0] | cells[1]).sum()
    return float((cells[0] & cells[1]).sum() / union) if union else 0.0


def unpack(rows: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array([r[:4] for r in rows], dtype=np.float32).reshape(-1, 4)
    xyxy = np.hstack([table[:, :2], table[:, :2] + table[:, 2:]])
    return xyxy, np.array([r[4] for r in rows], dtype=np.float32), np.array([r[5] for r in rows], dtype=np.int64)


@settings(deadline=None)
@given(boxes, boxes)
def test_iou_is_shared_cells_over_covered_cells(left: list, right: list) -> None:
    a, b = unpack(left)[0], unpack(right)[0]
    values = pairwise_iou(a, b)
    assert values.shape == (len(left), len(right))
    for i, j in np.ndindex(values.shape):
        assert values[i, j] == pytest.approx(plain_iou(a[i], b[j]))


def test_iou_of_empty_boxes_is_zero() -> None:
    assert pairwise_iou([[5, 5, 5, 5]], [[5, 5, 5, 5]]).tolist() == [[0.0]]


@settings(deadline=None)
@given(boxes, st.sampled_from([0.3, 0.45, 0.7]))
def test_suppression_keeps_the_strongest_of_each_class(rows: list, limit: float) -> None:
    xyxy, score, class_id = unpack(rows)
    expected: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: (-score[i], i)):
        if all(class_id[i] != class_id[k] or plain_iou(xyxy[i], xyxy[k]) <= limit for k in expected):
            expected.append(i)
    assert suppress(xyxy, score, class_id, limit).tolist() == expected


def test_detections_are_clipped_sorted_and_cleaned() -> None:
    detections = build_detections(
        [[-5, -5, 10, 10], [90, 40, 130, 70], [120, 0, 140, 10], [10, 10, 10, 20], [20, 20, 30, 30], [1, 1, 2, 2]],
        [0.5, 0.9, 0.99, 0.99, 0.04, 0.5],
        [3, 1, 0, 0, 0, 2],
        width=100,
        height=50,
        min_score=0.05,
    )
    assert detections.xyxy.tolist() == [[90, 40, 100, 50], [0, 0, 10, 10], [1, 1, 2, 2]]
    assert detections.confidence.tolist() == pytest.approx([0.9, 0.5, 0.5])
    assert detections.class_id.tolist() == [1, 3, 2]
    assert (detections.xyxy.dtype, detections.confidence.dtype) == (np.float32, np.float32)


def test_nothing_found_has_the_right_shapes() -> None:
    detections = build_detections([], [], [], 10, 10, 0.05)
    assert (len(detections), detections.xyxy.shape) == (0, (0, 4))


def test_a_missing_weights_file_is_named() -> None:
    from pathlib import Path

    with pytest.raises(InputError, match=r"no-such\.onnx does not exist"):
        file_digest(Path("no-such.onnx"))
