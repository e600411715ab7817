from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.errors import InputError
from vcmpipe.evaluation import coco_accuracy, load_ground_truth, pseudo_truth

CLASSES = {0: "cat", 1: "sofa", 2: "dragon"}


def found(*objects: tuple[tuple[float, float, float, float], float, int]) -> sv.Detections:
    if not objects:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array([o[0] for o in objects], dtype=np.float32),
        confidence=np.array([o[1] for o in objects], dtype=np.float32),
        class_id=np.array([o[2] for o in objects]),
    )


def annotation(number: int, image: int, category: int, bbox: list[float], crowd: int = 0) -> dict[str, object]:
    area = bbox[2] * bbox[3]
    return {"id": number, "image_id": image, "category_id": category, "bbox": bbox, "area": area, "iscrowd": crowd}


def write(path: Path, annotations: list[dict[str, object]]) -> Path:
    content = {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 640, "height": 480},
            {"id": 9, "file_name": "sub/b.jpg", "width": 640, "height": 480},
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 63, "name": "couch"}],
        "annotations": annotations,
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def truth_file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "instances.json",
        [annotation(1, 7, 17, [10, 10, 100, 100]), annotation(2, 9, 63, [50, 50, 80, 40])],
    )


CAT = ((10, 10, 110, 110), 0.9, 0)
COUCH = ((50, 50, 130, 90), 0.8, 1)


@pytest.mark.parametrize(
    ("a", "b", "ap", "ap50"),
    [
        ([CAT], [COUCH], 1.0, 1.0),  # "sofa" is COCO's couch
        ([CAT], [], 0.5, 0.5),
        ([], [], 0.0, 0.0),
        ([((10, 10, 110, 70), 0.9, 0)], [COUCH], (3 / 10 + 1) / 2, 1.0),  # IoU 0.6 passes 0.5, 0.55, 0.6
        ([((10, 10, 110, 110), 0.9, 1)], [COUCH], 0.25, 0.25),  # a wrong class above the right one: precision 1/2
        ([CAT, ((9, 9, 99, 99), 0.99, 2)], [COUCH], 1.0, 1.0),  # what the truth does not name is not judged
    ],
)
def test_small_cases(truth_file: Path, a: list, b: list, ap: float, ap50: float) -> None:
    accuracy = coco_accuracy(load_ground_truth(truth_file), {"x/a.jpg": found(*a), "b": found(*b)}, CLASSES)
    assert (accuracy.pictures, accuracy.objects) == (2, 2)
    assert (accuracy.ap, accuracy.ap50) == (pytest.approx(ap, abs=1e-6), pytest.approx(ap50, abs=1e-6))


def test_a_crowd_neither_counts_nor_punishes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "i.json",
        [annotation(1, 7, 17, [10, 10, 100, 100]), annotation(2, 7, 17, [200, 200, 200, 200], crowd=1)],
    )
    inside_crowd = ((210, 210, 260, 260), 0.99, 0)
    outside = ((450, 10, 500, 60), 0.99, 0)
    truth = load_ground_truth(path)
    accuracy = coco_accuracy(truth, {"a.jpg": found(CAT, inside_crowd)}, CLASSES)
    assert (accuracy.ap, accuracy.objects) == (pytest.approx(1.0), 1)
    assert coco_accuracy(truth, {"a.jpg": found(CAT, outside)}, CLASSES).ap == pytest.approx(0.5)


@pytest.mark.parametrize("crowd", [2, -1, 10**9, "yes", None])
def test_a_crowd_is_one_or_none(tmp_path: Path, crowd: int) -> None:
    path = write(tmp_path / "i.json", [annotation(1, 7, 17, [10, 10, 100, 100], crowd=crowd)])
    with pytest.raises(InputError, match=r"not in COCO's instances format: iscrowd is .*, neither 0 nor 1"):
        load_ground_truth(path)


def test_only_the_pictures_given_are_judged(truth_file: Path) -> None:
    accuracy = coco_accuracy(load_ground_truth(truth_file), {"a.jpg": found(CAT)}, CLASSES)
    assert (accuracy.ap, accuracy.pictures, accuracy.objects) == (pytest.approx(1.0), 1, 1)


def test_no_objects_no_figure() -> None:
    truth = pseudo_truth({"a.png": found()}, CLASSES)
    accuracy = coco_accuracy(truth, {"a.png": found(CAT)}, CLASSES)
    assert (accuracy.ap, accuracy.ap50, accuracy.pictures, accuracy.objects) == (None, None, 1, 0)


def test_the_sources_detections_as_truth() -> None:
    source = {"v.mp4#0": found(CAT, ((300, 300, 400, 400), 0.3, 2)), "v.mp4#1": found(((0, 0, 50, 50), 0.29, 0))}
    truth = pseudo_truth(source, CLASSES)
    assert [a["image_id"] for a in truth.annotations] == [1, 1]
    assert coco_accuracy(truth, source, CLASSES).ap == pytest.approx(1.0)
    assert coco_accuracy(truth, {"v.mp4#0": found(CAT), "v.mp4#1": found()}, CLASSES).ap == pytest.approx(0.5)


def test_it_prints_nothing(truth_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    coco_accuracy(load_ground_truth(truth_file), {"a.jpg": found(CAT)}, CLASSES)
    assert capfd.readouterr() == ("", "")


def test_equals_pycocotools_own_summary(tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(5)
    boxes = rng.uniform(0, 300, (60, 2)).round(1)
    sizes = rng.uniform(15, 200, (60, 2)).round(1)
    annotations = [
        annotation(i + 1, int(rng.choice([7, 9])), int(rng.choice([17, 63])), [*boxes[i], *sizes[i]], int(i % 11 == 0))
        for i in range(60)
    ]
    path = write(tmp_path / "i.json", annotations)
    entries: dict[str, list] = {"a.jpg": [], "b.jpg": []}
    for a in annotations:
        x, y, w, h = np.array(a["bbox"]) + rng.normal(0, 8, 4)
        corners = tuple(float(v) for v in np.float32([x, y, x + max(w, 2), y + max(h, 2)]))
        name = "a.jpg" if a["image_id"] == 7 else "b.jpg"
        entries[name].append((corners, round(float(rng.uniform(0.05, 1)), 6), 0 if a["category_id"] == 17 else 1))
    accuracy = coco_accuracy(load_ground_truth(path), {k: found(*v) for k, v in entries.items()}, CLASSES)

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        results = truth.loadRes(
            [
                {"image_id": 7 if k == "a.jpg" else 9, "category_id": 17 if c == 0 else 63, "score": s,
                 "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]]}
                for k, v in entries.items() for b, s, c in v
            ]
        )  # fmt: skip
        evaluation = COCOeval(truth, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert 0.05 < accuracy.ap < 0.95
    assert (accuracy.ap, accuracy.ap50) == pytest.approx((evaluation.stats[0], evaluation.stats[1]), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "does not exist"),
        ("{", "no JSON"),
        ("[]", "instances format"),
        ('{"images": [], "categories": []}', "lacks 'annotations'"),
        ('{"images": [{"id": 1}], "categories": [], "annotations": []}', "lacks 'file_name'"),
        (
            '{"images": [], "categories": [], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1]}]}',
            "instances format",
        ),
        (
            '{"images": [], "categories": [], '
            '"annotations": [{"image_id": 1, "category_id": 4, "bbox": [0, 0, 1, 1]}]}',
            "category 4",
        ),
    ],
)
def test_wrong_annotations_are_one_line(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "instances.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load_ground_truth(path)
    assert "instances.json" in str(caught.value) and "\n" not in str(caught.value)


def test_strange_pictures_and_classes_are_refused(truth_file: Path) -> None:
    truth = load_ground_truth(truth_file)
    with pytest.raises(InputError, match=r"c\.jpg is not in .*instances\.json"):
        coco_accuracy(truth, {"c.jpg": found(CAT)}, CLASSES)
    with pytest.raises(InputError, match="no class in common: dragon against cat, couch"):
        coco_accuracy(truth, {"a.jpg": found()}, {0: "dragon"})
