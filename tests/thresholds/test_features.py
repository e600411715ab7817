"""What stays the same when a picture is mirrored, its objects are shuffled, or boxes are bad."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import supervision as sv

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.thresholds import features
from vcmpipe.thresholds.features import NAMES, Canvas, describe

SIZE = (160, 120)
BOXES = np.array([[10, 12, 60, 80], [40, 30, 110, 100], [0, 0, 160, 120], [150, 110, 160, 120]], np.float32)


def found(boxes: np.ndarray = BOXES) -> sv.Detections:
    count = len(boxes)
    score = np.linspace(0.9, 0.35, count).astype(np.float32)
    return sv.Detections(boxes.astype(np.float32), confidence=score, class_id=np.arange(count) % 2)


def test_names_and_columns_agree(make_frame: Callable[..., Frame]) -> None:
    rows = describe(make_frame(160, 120), found(), SIZE)
    assert rows.shape == (len(BOXES), len(NAMES)) and np.isfinite(rows).all()
    assert len(set(NAMES)) == len(NAMES)
    assert rows[:, NAMES.index("score")].tolist() == pytest.approx([0.9, 0.71667, 0.53333, 0.35], abs=1e-4)
    assert rows[2, NAMES.index("share")] == pytest.approx(1.0)
    assert rows[:, NAMES.index("border")].tolist() == [0, 0, 4, 2]
    assert describe(make_frame(160, 120), sv.Detections.empty(), SIZE).shape == (0, len(NAMES))


def test_mirrored_pictures_have_the_same_features(make_frame: Callable[..., Frame]) -> None:
    frame, boxes = make_frame(160, 120), BOXES[:, [2, 1, 0, 3]].copy()
    boxes[:, [0, 2]] = 160 - boxes[:, [0, 2]]
    mirrored = Frame(0, np.ascontiguousarray(frame.rgb[:, ::-1]), "mirrored.png")
    assert describe(mirrored, found(boxes), SIZE) == pytest.approx(describe(frame, found(), SIZE), abs=1e-3)


def test_order_does_not_matter(make_frame: Callable[..., Frame]) -> None:
    frame, order = make_frame(160, 120), np.array([2, 0, 3, 1])
    assert describe(frame, found()[order], SIZE) == pytest.approx(describe(frame, found(), SIZE)[order], abs=1e-9)


def test_detail_is_told_from_flatness() -> None:
    rgb = np.full((120, 160, 3), 128, np.uint8)
    rgb[30:90, 20:70] = np.random.default_rng(0).integers(0, 256, (60, 50, 3))
    boxes = np.array([[20, 30, 70, 90], [95, 30, 145, 90]])
    busy, flat = describe(Frame(0, rgb, "x"), found(boxes), SIZE)
    for name in ("in_gradient", "in_fine", "over_ring_gradient", "deviation"):
        columns = [i for i, each in enumerate(NAMES) if each == name]
        assert all(busy[i] > flat[i] + 1 for i in columns)


@pytest.mark.parametrize(
    "box",
    [
        (-50, -50, -10, -10),
        (500, 500, 600, 700),
        (20, 20, 20, 20),
        (30, 30, 31, 31),
        (60, 60, 20, 20),
        (-1e6, -1e6, 1e6, 1e6),
        (159.9, 119.9, 160, 120),
    ],
)
def test_bad_boxes_have_finite_features(box: tuple[float, ...], make_frame: Callable[..., Frame]) -> None:
    rows = describe(make_frame(160, 120), found(np.array([box, BOXES[0]])), (416, 312))
    assert np.isfinite(rows).all() and np.abs(rows).max() < 100
    inside = features.clipped(np.array([box], np.float64), 160, 120)[0]
    assert 0 <= inside[0] < inside[2] <= 160 and 0 <= inside[1] < inside[3] <= 120


def test_what_is_no_number_is_refused(make_frame: Callable[..., Frame]) -> None:
    objects = found()
    objects.confidence[1] = np.nan
    with pytest.raises(InputError, match="not a number"):
        describe(make_frame(160, 120), objects, SIZE)
    with pytest.raises(InputError, match="confidences"):
        describe(make_frame(160, 120), sv.Detections(BOXES), SIZE)


@pytest.mark.parametrize(
    ("canvas", "picture", "size"),
    [
        (Canvas(416, 416, True), (640, 480), (416, 312)),
        (Canvas(416, 416, True), (480, 640), (312, 416)),
        (Canvas(384, 288, False), (640, 640), (384, 288)),
    ],
)
def test_canvas(canvas: Canvas, picture: tuple[int, int], size: tuple[int, int]) -> None:
    assert canvas.size(*picture) == size
    assert Canvas.of(canvas.size) == canvas


def test_values_do_not_hang_on_where_the_arrays_lie(make_frame: Callable[..., Frame]) -> None:
    frame = make_frame(417, 301)
    boxes = np.array([[10, 20, 80, 90], [100, 50, 300, 280]], np.float32)
    objects = sv.Detections(boxes, confidence=np.array([0.4, 0.8], np.float32), class_id=np.array([0, 1]))
    kept, seen = [], []
    for n in range(12):
        kept.append(np.zeros(90_000 + 1001 * n, np.uint8))  # so that the next arrays lie elsewhere
        seen.append(describe(frame, objects, (416, 300)))
        kept.append(seen[-1].copy())
    assert all(np.array_equal(seen[0], each) for each in seen)
