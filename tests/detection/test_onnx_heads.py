from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcmpipe.detection.coco_names import COCO_80
from vcmpipe.detection.onnx_heads import (
    FastestDetHead,
    Fit,
    ModelFacts,
    UltralyticsHead,
    YoloxHead,
    class_names,
    recognise_head,
)

CANVAS = (96, 64)
STRIDES = (8, 16, 32)
CELLS = [(x * s, y * s, s) for s in STRIDES for y in range(CANVAS[1] // s) for x in range(CANVAS[0] // s)]
NAMES = {0: "cat", 1: "dog", 2: "cow"}


@pytest.mark.parametrize(
    ("head", "size", "canvas", "fit"),
    [
        (YoloxHead(NAMES), (640, 480), (416, 416), Fit((416, 312), (0, 0), (0.65, 0.65))),
        (YoloxHead(NAMES), (427, 640), (416, 416), Fit((277, 416), (0, 0), (0.65, 0.65))),  # 277.55 rounded down
        (YoloxHead(NAMES), (208, 104), (416, 416), Fit((416, 208), (0, 0), (2.0, 2.0))),
        (UltralyticsHead(NAMES), (640, 480), (320, 320), Fit((320, 240), (0, 40), (0.5, 0.5))),
        (UltralyticsHead(NAMES), (427, 640), (640, 640), Fit((427, 640), (106, 0), (1.0, 1.0))),  # 106.5 on the left
        (UltralyticsHead(NAMES), (10000, 16), (320, 320), Fit((320, 1), (0, 159), (0.032, 0.032))),
        (FastestDetHead(NAMES), (704, 176), (352, 352), Fit((352, 352), (0, 0), (0.5, 2.0))),
    ],
)
def test_where_the_picture_lies(head: YoloxHead, size: tuple[int, int], canvas: tuple[int, int], fit: Fit) -> None:
    assert head.fit(*size, canvas) == fit


@settings(deadline=None, max_examples=30)
@given(st.integers(16, 900), st.integers(16, 900), st.sampled_from([(320, 320), (640, 384)]))
def test_the_ultralytics_letterbox_is_theirs(width: int, height: int, canvas: tuple[int, int]) -> None:
    from vcmpipe.detection.weights_ultralytics import import_ultralytics

    import_ultralytics()
    from ultralytics.data.augment import LetterBox

    white = np.full((height, width, 3), 255, dtype=np.uint8)
    theirs = LetterBox((canvas[1], canvas[0]), auto=False)(image=white)
    rows, columns = np.nonzero(theirs[..., 0] == 255)
    fit = UltralyticsHead(NAMES).fit(width, height, canvas)
    assert fit.offset == (columns.min(), rows.min())
    assert fit.content == (columns.max() - columns.min() + 1, rows.max() - rows.min() + 1)


boxes = st.lists(
    st.tuples(st.integers(0, len(CELLS) - 1), st.floats(-1, 2), st.floats(-1, 2), st.floats(4, 90), st.floats(4, 60),
              st.integers(0, 2), st.floats(0.3, 1), st.floats(0.3, 1)),
    max_size=6, unique_by=lambda b: b[0],
)  # fmt: skip


@settings(deadline=None)
@given(boxes, st.booleans())
def test_yolox_boxes_come_back(objects: list, decoded: bool) -> None:
    raw = np.zeros((len(CELLS), 8), dtype=np.float32)
    expected = []
    for cell, dx, dy, width, height, class_id, objectness, class_score in objects:
        x, y, stride = CELLS[cell]
        centre = (x + dx * stride, y + dy * stride)
        place = [*centre, width, height] if decoded else [dx, dy, np.log(width / stride), np.log(height / stride)]
        raw[cell, :5] = [*place, objectness]
        raw[cell, 5 + class_id] = class_score
        corners = [centre[0] - width / 2, centre[1] - height / 2, centre[0] + width / 2, centre[1] + height / 2]
        if np.float32(objectness) * np.float32(class_score) >= 0.2:
            expected.append((cell, corners, objectness * class_score, class_id))
    expected.sort()
    found = YoloxHead(NAMES, decoded=decoded).decode(raw, CANVAS, 0.2)
    assert found.class_id.tolist() == [e[3] for e in expected]
    assert found.score == pytest.approx([e[2] for e in expected], rel=1e-5)
    assert found.xyxy == pytest.approx(np.array([e[1] for e in expected]).reshape(-1, 4), abs=1e-2)


@pytest.mark.parametrize("decoded", [False, True])
def test_yolox_tells_decoded_boxes_from_raw_ones(decoded: bool) -> None:
    rng = np.random.default_rng(3)
    raw = rng.normal(0.5, 1.0, (len(CELLS), 8)).astype(np.float32)
    if decoded:
        table = np.array(CELLS)
        raw[:, :2] = raw[:, :2] * table[:, 2:] + table[:, :2]
    assert recognise_head(ModelFacts([raw[None]], CANVAS, {"names": str(NAMES)})) == YoloxHead(NAMES, decoded=decoded)


def test_wild_numbers_do_not_overflow() -> None:
    raw = np.ones((len(CELLS), 8), dtype=np.float32)
    raw[:, 2:4] = 500.0
    with np.errstate(over="raise"):
        assert np.isfinite(YoloxHead(NAMES).decode(raw, CANVAS, 0.1).xyxy).all()


def test_ultralytics_boxes_come_back() -> None:
    raw = np.zeros((7, 50), dtype=np.float32)
    raw[:, 4] = [30, 20, 20, 10, 0.1, 0.8, 0.3]
    raw[:, 9] = [50, 40, 10, 10, 0.2, 0.1, 0.6]
    raw[:, 11] = [50, 40, 10, 10, 0.2, 0.1, 0.1]
    found = UltralyticsHead(NAMES).decode(raw, CANVAS, 0.25)
    assert found.xyxy.tolist() == [[20, 15, 40, 25], [45, 35, 55, 45]]
    assert (found.class_id.tolist(), found.score.tolist()) == ([1, 2], pytest.approx([0.8, 0.6]))
    rows = np.array([[1, 2, 30, 40, 0.9, 2.0], [5, 5, 9, 9, 0.1, 0.0]], dtype=np.float32)
    found = UltralyticsHead(NAMES, end_to_end=True).decode(rows, CANVAS, 0.25)
    assert (found.xyxy.tolist(), found.class_id.tolist()) == ([[1, 2, 30, 40]], [2])


def test_fastestdet_boxes_come_back() -> None:
    """Against the arithmetic written out cell by cell."""
    rng = np.random.default_rng(4)
    raw = rng.normal(0, 1.5, (8, 4, 6)).astype(np.float32)
    raw[0], raw[5:] = rng.random((4, 6)), rng.dirichlet([0.3] * 3, (4, 6)).transpose(2, 0, 1)
    raw[0, 0, 0] = -1e-9  # a rounding error of the network's sigmoid
    expected = []
    for row in range(4):
        for column in range(6):
            objectness, dx, dy, w, h, *classes = (float(v) for v in raw[:, row, column])
            score = max(objectness, 0) ** 0.6 * max(classes) ** 0.4
            if score >= 0.4:
                x, y = (column + np.tanh(dx)) * 96 / 6, (row + np.tanh(dy)) * 64 / 4
                w, h = 96 / (1 + np.exp(-w)), 64 / (1 + np.exp(-h))
                expected.append(([x - w / 2, y - h / 2, x + w / 2, y + h / 2], score, int(np.argmax(classes))))
    assert 5 < len(expected) < 24
    with np.errstate(all="raise"):
        found = FastestDetHead(NAMES).decode(raw, CANVAS, 0.4)
    assert found.xyxy == pytest.approx(np.array([e[0] for e in expected]), abs=1e-3)
    assert found.score == pytest.approx([e[1] for e in expected], rel=1e-5)
    assert found.class_id.tolist() == [e[2] for e in expected]


@pytest.mark.parametrize(
    ("outputs", "canvas", "metadata", "expected"),
    [
        ([(1, 3549, 85)], (416, 416), {}, YoloxHead(dict(enumerate(COCO_80)))),
        ([(1, len(CELLS), 8)], CANVAS, {}, YoloxHead({0: "class 0", 1: "class 1", 2: "class 2"})),
        ([(1, len(CELLS), 6)], CANVAS, {"names": "['cat']"}, YoloxHead({0: "cat"})),  # one class: not end-to-end
        ([(1, 84, 8400)], (640, 640), {}, UltralyticsHead(dict(enumerate(COCO_80)))),
        ([(4, 7, 2100)], (320, 320), {"names": str(NAMES), "task": "detect"}, UltralyticsHead(NAMES)),
        ([(1, 300, 6)], (640, 640), {"names": str(NAMES)}, UltralyticsHead(NAMES, end_to_end=True, nms_iou=None)),
        ([(1, 84, 8400)], (640, 640), {"task": "pose"}, None),
        ([(1, 116, 8400), (1, 32, 160, 160)], (640, 640), {"task": "segment"}, None),
        ([(1, 25200, 85)], (640, 640), {}, None),  # YOLOv5 with anchors
        ([(1, 85, 22, 22)], (352, 352), {}, FastestDetHead(dict(enumerate(COCO_80)))),
        ([(1, 8, 4, 6)], (96, 64), {"names": str(NAMES)}, FastestDetHead(NAMES)),
        ([(1, 85, 44, 44)], (352, 352), {}, None),  # cells of another stride
        ([(1, 1000)], (224, 224), {}, None),
    ],
)
def test_recognition(outputs: list, canvas: tuple[int, int], metadata: dict, expected: object) -> None:
    assert recognise_head(ModelFacts([np.zeros(shape, np.float32) for shape in outputs], canvas, metadata)) == expected


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("{0: 'cat', 1: 'dog'}", 2, {0: "cat", 1: "dog"}),
        ("{0: 'cat', 1: 'dog'}", None, {0: "cat", 1: "dog"}),
        ("{0: 'cat', 1: 'dog'}", 3, {0: "class 0", 1: "class 1", 2: "class 2"}),  # does not fit the output
        ("__import__('os').abort()", 1, {0: "class 0"}),  # names are data, never run
        ("{1e400: 'cat'}", 1, {0: "class 0"}),
        ("[" * 10_000 + "]" * 10_000, 1, {0: "class 0"}),
        ("-" * 100_000 + "1", 1, {0: "class 0"}),
        ("42", 80, dict(enumerate(COCO_80))),
        ("", None, dict(enumerate(COCO_80))),
    ],
)
def test_class_names(text: str, count: int | None, expected: dict[int, str]) -> None:
    assert class_names({"names": text}, count) == expected
