"""The demo scenes: reproducible, annotated as stated, and out of reach of colour segmentation."""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv

from vcmpipe.datasets.scenes import (
    CLASSES,
    HEIGHT,
    MAX_HIDDEN,
    MAX_SIZE,
    MIN_SIZE,
    WIDTH,
    Scene,
    render_scene,
    write_demo_dataset,
)
from vcmpipe.errors import InputError, OutputError
from vcmpipe.evaluation import coco_accuracy, load_ground_truth


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(seed) for seed in range(60)]


def test_same_seed_same_scene_other_seed_other_scene() -> None:
    first, again, other = render_scene(7), render_scene(7), render_scene(8)
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.boxes, again.boxes)
    assert np.array_equal(first.class_ids, again.class_ids)
    assert np.abs(first.rgb.astype(int) - other.rgb).mean() > 10


def test_a_scene_does_not_depend_on_global_random_state() -> None:
    np.random.seed(1)
    cv2.setRNGSeed(1)
    first = render_scene(3)
    np.random.seed(2)
    cv2.setRNGSeed(2)
    assert np.array_equal(first.rgb, render_scene(3).rgb)


def test_form_of_a_scene(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.rgb.shape == (HEIGHT, WIDTH, 3)
        assert scene.rgb.dtype == np.uint8
        count = len(scene.boxes)
        assert 1 <= count <= 9
        assert scene.boxes.shape == (count, 4)
        assert scene.class_ids.shape == scene.hidden.shape == (count,)
        assert (scene.boxes >= 0).all()
        assert (scene.boxes[:, 2:] <= (WIDTH, HEIGHT)).all()
        assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()
        assert ((scene.class_ids >= 0) & (scene.class_ids < len(CLASSES))).all()


def test_objects_are_many_varied_and_partly_hidden_as_documented(scenes: list[Scene]) -> None:
    ids = np.concatenate([scene.class_ids for scene in scenes])
    hidden = np.concatenate([scene.hidden for scene in scenes])
    sides = np.concatenate([(scene.boxes[:, 2:] - scene.boxes[:, :2]).max(axis=1) for scene in scenes])
    assert len(CLASSES) >= 6
    assert np.bincount(ids, minlength=len(CLASSES)).min() > 20
    assert len(ids) / len(scenes) > 5
    assert hidden.min() > -0.01
    assert hidden.max() <= MAX_HIDDEN
    assert (hidden > 0.05).mean() > 0.15
    # The range is that of whole objects; a box of visible pixels may only be smaller.
    whole = sides[hidden < 1e-3]
    assert whole.min() >= MIN_SIZE - 2
    assert whole.max() <= MAX_SIZE + 2
    assert (whole < 40).any()
    assert (whole > 150).any()


def test_rendering_is_quick() -> None:
    render_scene(0)
    times = []
    for seed in range(12):
        started = time.process_time()
        render_scene(seed)
        times.append(time.process_time() - started)
    # About 20 ms of one core; the bound leaves room for slow machines.
    assert min(times) < 0.06


def test_negative_seed() -> None:
    with pytest.raises(InputError, match="-1"):
        render_scene(-1)


def test_demo_dataset_holds_the_scenes_and_reads_as_coco(tmp_path: Path) -> None:
    target = write_demo_dataset(tmp_path / "demo", 3, 40)
    content = json.loads(target.read_text(encoding="utf-8"))
    assert target == tmp_path / "demo" / "instances.json"
    assert [category["name"] for category in content["categories"]] == list(CLASSES)
    assert len({item["id"] for item in content["annotations"]}) == len(content["annotations"])
    for image in content["images"]:
        scene = render_scene(image["id"])
        bgr = cv2.imread(str(target.parent / "images" / image["file_name"]))
        assert np.array_equal(bgr[:, :, ::-1], scene.rgb)
        mine = [item for item in content["annotations"] if item["image_id"] == image["id"]]
        boxes = np.array([item["bbox"] for item in mine])
        assert np.allclose(np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]), scene.boxes)
        assert [item["category_id"] - 1 for item in mine] == scene.class_ids.tolist()
    assert len(load_ground_truth(target).images) == 3


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-2, 0), (1, -5)])
def test_demo_dataset_refuses(tmp_path: Path, count: int, seed: int) -> None:
    with pytest.raises(InputError):
        write_demo_dataset(tmp_path / "demo", count, seed)


def test_demo_dataset_into_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        write_demo_dataset(tmp_path / "taken", 1, 0)


# --- The baseline that the scenes must be too hard for ---------------------------------------------------------------


def _colour_histogram(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], mask, [12, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()
    return histogram / max(float(histogram.sum()), 1.0)


def _blobs(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Connected areas of similar colour, at several granularities: boxes, scores, HSV histograms."""
    smooth = cv2.medianBlur(cv2.bilateralFilter(rgb, 9, 45, 7), 5)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)
    samples = lab[::4, ::4].reshape(-1, 3).astype(np.float32)
    boxes, scores, histograms = [], [], []
    for clusters in (3, 5, 8):
        cv2.setRNGSeed(0)
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
        _, _, centres = cv2.kmeans(samples, clusters, None, criteria, 2, cv2.KMEANS_PP_CENTERS)
        distance = np.stack([((lab.astype(np.float32) - centre) ** 2).sum(axis=2) for centre in centres])
        nearest = distance.argmin(axis=0)
        for index in range(clusters):
            layer = cv2.morphologyEx((nearest == index).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
            count, labels, stats, _ = cv2.connectedComponentsWithStats(layer)
            for label in range(1, count):
                x, y, w, h, area = stats[label].tolist()
                if area < 120 or max(w, h) > 220 or max(w, h) < 18:
                    continue
                piece = np.s_[y : y + h, x : x + w]
                mask = (labels[piece] == label).astype(np.uint8)
                boxes.append((x, y, x + w, y + h))
                # A compact area whose colour stands out from the rest of its box's surroundings is the better guess.
                around = np.s_[max(0, y - 6) : y + h + 6, max(0, x - 6) : x + w + 6]
                contrast = np.abs(lab[around].reshape(-1, 3).mean(axis=0) - cv2.mean(lab[piece], mask)[:3]).sum()
                scores.append(contrast * np.sqrt(area / (w * h)))
                histograms.append(_colour_histogram(rgb[piece], mask))
    return np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), histograms


@pytest.fixture(scope="module")
def baseline(scenes: list[Scene], tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """AP50 of the colour baseline on 24 scenes: as it is, and with every class told by an oracle."""
    means = np.zeros((len(CLASSES), 192))
    for seed in range(1000, 1060):
        scene = render_scene(seed)
        for box, class_id in zip(scene.boxes.astype(int), scene.class_ids, strict=True):
            crop = scene.rgb[box[1] : box[3], box[0] : box[2]]
            means[class_id] += _colour_histogram(crop, np.full(crop.shape[:2], 255, np.uint8))
    means /= means.sum(axis=1, keepdims=True)

    target = write_demo_dataset(tmp_path_factory.mktemp("baseline"), 24, 0)
    truth = load_ground_truth(target)
    answers: dict[str, dict[str, sv.Detections]] = {"colour": {}, "oracle": {}}
    for seed, scene in enumerate(scenes[:24]):
        boxes, scores, histograms = _blobs(scene.rgb)
        guessed = np.array([np.minimum(means, item).sum(axis=1).argmax() for item in histograms], dtype=np.int64)
        told = guessed.copy()
        if len(boxes):
            overlap = sv.box_iou_batch(boxes, scene.boxes)
            right = overlap.max(axis=1) >= 0.5
            told[right] = scene.class_ids[overlap.argmax(axis=1)[right]]
        for kind, ids in (("colour", guessed), ("oracle", told)):
            found = sv.Detections(xyxy=boxes, confidence=scores / 1000, class_id=ids)
            answers[kind][f"scene_{seed:06d}.png"] = found.with_nms(0.5)
    accuracy = {kind: coco_accuracy(truth, found, dict(enumerate(CLASSES))) for kind, found in answers.items()}
    return {kind: item.ap50 or 0.0 for kind, item in accuracy.items()}


def test_colour_blobs_do_not_solve_the_scenes(baseline: dict[str, float]) -> None:
    assert baseline["colour"] < 0.5


def test_colour_blobs_would_not_even_with_every_class_told(baseline: dict[str, float]) -> None:
    # The baseline does find things (or this would show nothing): what it lacks is whole objects, and their shape.
    assert 0.05 < baseline["oracle"] < 0.5
