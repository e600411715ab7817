"""The demo detector: what it promises in its card and in the Detector protocol."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv

from vcmpipe.datasets.scenes import CLASSES, Scene, render_scene, write_demo_dataset
from vcmpipe.detection import Detector, load_detector
from vcmpipe.detection.demo import INPUT_SIZE, DemoDetector, weights_folder
from vcmpipe.errors import InputError
from vcmpipe.evaluation import coco_accuracy, load_ground_truth
from vcmpipe.frames import Frame

MAX_WEIGHTS_BYTES = 8_000_000
UNSEEN_SEEDS = range(200)  # Training used seeds from 1,000,000 on.


@pytest.fixture(scope="module")
def detector() -> DemoDetector:
    return DemoDetector()


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(seed) for seed in range(500, 510)]


def _frame(rgb: np.ndarray, index: int = 0) -> Frame:
    return Frame(index=index, rgb=rgb, source=f"scene_{index}.png")


def _same(a: sv.Detections, b: sv.Detections) -> bool:
    return all(
        np.array_equal(x, y)
        for x, y in ((a.xyxy, b.xyxy), (a.confidence, b.confidence), (a.class_id, b.class_id))
        if x is not None and y is not None
    )


def _hits(found: sv.Detections, scene: Scene) -> int:
    """Objects found: a detection of the right class with score >= 0.3 and IoU >= 0.5."""
    assert found.confidence is not None
    strong = found[found.confidence >= 0.3]
    if not len(strong) or not len(scene.boxes):
        return 0
    overlap = sv.box_iou_batch(scene.boxes, strong.xyxy) * (scene.class_ids[:, None] == strong.class_id[None, :])
    return int((overlap.max(axis=1) >= 0.5).sum())


@pytest.mark.slow
def test_ap50_on_200_unseen_scenes(detector: DemoDetector, tmp_path: Path) -> None:
    truth = load_ground_truth(write_demo_dataset(tmp_path, len(UNSEEN_SEEDS), UNSEEN_SEEDS[0]))
    found = {}
    for seed in UNSEEN_SEEDS:
        bgr = cv2.imread(str(tmp_path / "images" / f"scene_{seed:06d}.png"))
        found[f"scene_{seed:06d}.png"] = detector.detect([_frame(np.ascontiguousarray(bgr[:, :, ::-1]), seed)])[0]
    accuracy = coco_accuracy(truth, found, detector.classes)
    assert accuracy.pictures == 200
    assert accuracy.ap50 is not None
    assert accuracy.ap50 >= 0.80


def test_card_names_the_weights_and_they_are_small() -> None:
    card = json.loads((weights_folder() / "demo.json").read_text(encoding="utf-8"))
    blob = (weights_folder() / "demo.onnx").read_bytes()
    assert len(blob) <= MAX_WEIGHTS_BYTES
    assert hashlib.sha256(blob).hexdigest() == card["sha256"]
    assert card["classes"] == list(CLASSES)
    text = (weights_folder() / "demo.md").read_text(encoding="utf-8")
    assert card["sha256"] in text


def test_keeps_the_protocol(detector: DemoDetector) -> None:
    assert isinstance(detector, Detector)
    assert detector.name == "demo"
    assert detector.classes == dict(enumerate(CLASSES))
    assert len(detector.digest) == 64
    assert detector.input_size(1920, 1080) == INPUT_SIZE
    assert detector.detect([]) == []


def test_is_found_by_name() -> None:
    assert load_detector("demo", jobs=1, min_score=0.2).name == "demo"


def test_detections_are_sorted_strong_enough_and_inside(scenes: list[Scene]) -> None:
    for found in DemoDetector(min_score=0.25).detect([_frame(scene.rgb) for scene in scenes]):
        assert found.confidence is not None
        assert found.class_id is not None
        assert found.confidence.min() >= 0.25
        assert (np.diff(found.confidence) <= 0).all()
        assert (found.xyxy >= 0).all()
        assert (found.xyxy[:, 2:] <= (512, 384)).all()
        assert set(found.class_id.tolist()) <= set(range(len(CLASSES)))


def test_answers_depend_on_neither_company_nor_jobs(scenes: list[Scene]) -> None:
    frames = [_frame(scene.rgb, index) for index, scene in enumerate(scenes)]
    together = DemoDetector(jobs=3).detect(frames)
    alone = DemoDetector(jobs=1)
    for frame, found in zip(frames, together, strict=True):
        assert _same(found, alone.detect([frame])[0])


def test_boxes_are_in_pixels_of_the_frame(detector: DemoDetector, scenes: list[Scene]) -> None:
    small = [_frame(scene.rgb) for scene in scenes]
    large = [_frame(cv2.resize(scene.rgb, (1024, 768), interpolation=cv2.INTER_CUBIC)) for scene in scenes]
    for one, two, scene in zip(detector.detect(small), detector.detect(large), scenes, strict=True):
        halved = sv.Detections(xyxy=two.xyxy / 2, confidence=two.confidence, class_id=two.class_id)
        assert abs(_hits(one, scene) - _hits(halved, scene)) <= 1


@pytest.mark.parametrize("size", [(16, 16), (97, 33), (640, 360)])
def test_other_sizes_are_taken(detector: DemoDetector, size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    found = detector.detect([_frame(rgb)])[0]
    assert (found.xyxy[:, 2:] <= size).all()


def test_distortion_loses_objects_bit_by_bit(detector: DemoDetector, scenes: list[Scene]) -> None:
    hits = []
    for quality in (95, 20, 4, 1):
        coded = []
        for scene in scenes:
            _, data = cv2.imencode(".jpg", scene.rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            coded.append(_frame(np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])))
        found = detector.detect(coded)
        hits.append(sum(_hits(item, scene) for item, scene in zip(found, scenes, strict=True)))
    total = sum(len(scene.boxes) for scene in scenes)
    assert hits[0] > 0.75 * total
    assert hits[1] >= 0.8 * hits[0]
    assert hits[0] > hits[2] > hits[3]


def test_loads_quickly() -> None:
    started = time.process_time()
    DemoDetector()
    assert time.process_time() - started < 2.0


def test_the_network_that_was_trained_says_the_same(scenes: list[Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """The ONNX model against the PyTorch network of the training, filled with the weights in the model."""
    import onnx
    import torch

    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    from demo_network import build_network, state_of

    network = build_network(len(CLASSES), min_score=0.05)
    state = state_of(onnx.load_from_string((weights_folder() / "demo.onnx").read_bytes()))
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    network.eval()
    for scene, found in zip(
        scenes, DemoDetector(min_score=0.05).detect([_frame(each.rgb) for each in scenes]), strict=True
    ):
        small = cv2.resize(scene.rgb, INPUT_SIZE, interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            answer = network([torch.from_numpy(small).permute(2, 0, 1).float() / 255])[0]
        boxes = answer["boxes"].numpy() * (np.array(scene.rgb.shape[1::-1] * 2) / np.array(INPUT_SIZE * 2))
        assert len(found) > 3
        assert (answer["labels"].numpy() - 1).tolist() == found.class_id.tolist()  # type: ignore[union-attr]
        np.testing.assert_allclose(found.xyxy, boxes, atol=1e-3)
        np.testing.assert_allclose(found.confidence, answer["scores"].numpy(), atol=1e-5)


@pytest.mark.parametrize(("arguments", "says"), [({"min_score": 1.5}, "1.5"), ({"jobs": 0}, "0")])
def test_refuses_arguments(arguments: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        DemoDetector(**arguments)  # type: ignore[arg-type]


def test_refuses_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        DemoDetector(folder=tmp_path)
    for name in ("demo.json", "demo.onnx"):
        shutil.copyfile(str(weights_folder() / name), tmp_path / name)
    blob = bytearray((tmp_path / "demo.onnx").read_bytes())
    blob[-1] ^= 1
    (tmp_path / "demo.onnx").write_bytes(bytes(blob))
    with pytest.raises(InputError, match="does not match"):
        DemoDetector(folder=tmp_path)
