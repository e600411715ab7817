"""The predictor from synthetic data with a known rule to its files; the demo detector where one has to be asked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.datasets.scenes import render_scene
from vcmpipe.detection.demo import DemoDetector
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.measurement.labels import label
from vcmpipe.thresholds import ThresholdPredictor, features
from vcmpipe.thresholds.aware_model import Regression, split_normal
from vcmpipe.thresholds.detector_aware import AwareWeights, DetectorAware, detector_aware
from vcmpipe.thresholds.features import Canvas
from vcmpipe.thresholds.looks import FEATURES, LOOKS, PROBE, PROBE_FROM, Look, look_again
from vcmpipe.thresholds.looks import names as look_names
from vcmpipe.training.aware_data import AwareData
from vcmpipe.training.detector_aware import AwareOptions, cross_validate, fit, fold_of, gdsl_targets

CANVAS = Canvas(384, 288, False)


def synthetic(count: int = 300, seed: int = 0) -> AwareData:
    """Objects whose threshold is a known line in two features and a class, with some noise."""
    rng = np.random.default_rng(seed)
    rows, looked = rng.normal(size=(count, len(features.NAMES))), rng.normal(size=(count, len(look_names(PROBE))))
    kinds = rng.integers(0, 4, count)
    threshold = 42 + 5 * rows[:, 0] - 3 * rows[:, 5] + 3 * looked[:, 0] + 2.0 * (kinds == 2) + rng.normal(0, 1, count)
    found = np.arange(64)[None, :] <= np.clip(np.rint(threshold), 1, 62)[:, None]
    labels, _ = label(found, np.arange(64))
    pictures = np.array([f"p{i // 6}" for i in range(count)])
    return AwareData(rows, looked, kinds, found, labels, pictures)


def weights(digest: str = "a" * 64) -> AwareWeights:
    data = synthetic(120)
    both = np.hstack([data.features, data.looked])
    plain, looked = (fit(rows, data, AwareOptions()) for rows in (data.features, both))
    return AwareWeights(plain, looked, CANVAS, {"detector": "demo", "detector_digest": digest, "predictor": "x"})


def test_training_finds_a_known_rule() -> None:
    data = synthetic()
    answers = cross_validate(data, AwareOptions(), repeats=1)
    qps = np.arange(64)
    base = np.abs(answers.constant[0] - data.label).mean()
    assert np.abs(answers.looked[0] @ qps - data.label).mean() < 0.35 * base
    plain = np.abs(answers.plain[0] @ qps - data.label).mean()
    assert 0.35 * base < plain < 0.7 * base  # what only the looks know is missed


def test_nothing_is_learned_from_noise() -> None:
    data = synthetic(200)
    shuffled = AwareData(
        data.features, data.looked, data.class_id, *(v[::-1] for v in (data.found, data.label)), data.picture
    )
    answers = cross_validate(shuffled, AwareOptions(ridge=30.0), repeats=1)
    ratio = np.abs(answers.plain[0] @ np.arange(64) - shuffled.label).mean()
    assert ratio > 0.95 * np.abs(answers.constant[0] - shuffled.label).mean()


def test_pictures_are_never_cut() -> None:
    picture = synthetic().picture
    turn = fold_of(picture, 5, seed=3)
    assert all(len(set(turn[picture == name])) == 1 for name in set(picture))
    assert set(turn) == set(range(5))
    with pytest.raises(InputError, match="at least 5 pictures"):
        fold_of(np.array(["a", "b"]), 5, 0)


def test_masses_and_soft_labels() -> None:
    mass = split_normal(np.array([-20.0, 0.0, 40.2, 63.0, 200.0]), np.log([6.0, 1.0, 3.0, 1.0]))
    assert mass.sum(axis=1) == pytest.approx(1.0) and (mass > 0).all()
    assert mass.argmax(axis=1).tolist() == [0, 0, 40, 63, 63]
    target = gdsl_targets(np.array([30]), 3.0)
    entropy = -(target * np.log(target)).sum()
    assert entropy == pytest.approx(2.518, abs=1e-3)  # the floor of the loss that DT-JRD's sigma of 3 gives


def test_the_same_data_give_the_same_weights(tmp_path: Path) -> None:
    for name in ("a", "b"):
        weights().save(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_files_come_back(tmp_path: Path) -> None:
    made = weights()
    made.save(tmp_path / "w.safetensors")
    read = AwareWeights.load(tmp_path / "w.json")
    data = synthetic(20, seed=5)
    assert read.canvas == CANVAS and read.looked is not None and read.looks == PROBE and read.losses is None
    assert read.plain.mass(data.features, data.class_id) == pytest.approx(
        made.plain.mass(data.features, data.class_id), abs=1e-4
    )


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(InputError, match="cannot read the weights"):
        AwareWeights.load(path)
    weights().save(path)
    card = json.loads(path.with_suffix(".json").read_text())

    def with_card(**changes: object) -> None:
        path.with_suffix(".json").write_text(json.dumps(card | changes))

    for changes, says in (
        ({"kind": "dt_jrd"}, "not a card of detector_aware"),
        ({"sha256": "0" * 64}, "do not belong together"),
        ({"features": ["other"]}, "other features"),
        ({"canvas": []}, "damaged"),
        ({"looks": [7]}, "look at a degraded picture is damaged"),
        ({"looks": [{"quality": 10}] * 40}, "more than 32 looks"),
        ({"panel_shares": [1.0, 0.5]}, "shares of a panel ascend"),
        ({"panel_shares": [float("nan")]}, "NaN is not a number"),
        ({"panel_shares": [0.5]}, "panel0.mean is missing|panel0"),
    ):
        with_card(**changes)
        with pytest.raises(InputError, match=says):
            AwareWeights.load(path)
    tensors = weights().plain.tensors("plain")
    for key, value, says in (
        ("plain.slope", None, "plain.slope is missing"),
        ("plain.mean", np.zeros(3, np.float32), "plain.mean has the shape"),
        ("plain.deviation", -tensors["plain.deviation"], "above 0"),
    ):
        changed = {k: v for k, v in (tensors | {key: value}).items() if v is not None}
        with pytest.raises(InputError, match=says):
            Regression.from_tensors(changed, "plain", len(features.NAMES), "w")


@pytest.fixture(scope="module")
def demo() -> DemoDetector:
    return DemoDetector(jobs=1)


def test_with_and_without_looks(demo: DemoDetector) -> None:
    frame = Frame(0, render_scene(910_100).rgb, "scene.png")
    objects = demo.detect([frame])[0]
    objects = objects[objects.confidence >= 0.3]
    assert len(objects) >= PROBE_FROM
    made = weights(demo.digest)
    looking, plain = DetectorAware(made, demo), DetectorAware(made)
    assert isinstance(looking, ThresholdPredictor)
    assert looking.digest != plain.digest
    with_looks, without = looking.predict(frame, objects).mass, plain.predict(frame, objects).mass
    assert with_looks.shape == without.shape == (len(objects), 64)
    assert np.abs(with_looks - without).max() > 0.01
    assert np.array_equal(with_looks, looking.predict(frame, objects).mass)
    assert len(looking.predict(frame, sv.Detections.empty())) == 0
    few = objects[: PROBE_FROM - 1]
    assert np.array_equal(looking.predict(frame, few).mass, plain.predict(frame, few).mass)
    always = DetectorAware(dataclasses.replace(made, looks_from=1), demo)
    assert np.abs(always.predict(frame, few).mass - plain.predict(frame, few).mass).max() > 0.01
    assert looking.forecast(frame, objects) is None  # these weights know no losses


def test_what_looks_tell(demo: DemoDetector) -> None:
    frame = Frame(0, render_scene(910_100).rgb, "scene.png")
    objects = demo.detect([frame])[0]
    rows = look_again(demo, frame, objects, LOOKS)
    assert rows.shape == (len(objects), len(FEATURES) * len(LOOKS)) and np.isfinite(rows).all()
    assert look_names(LOOKS)[:3] == tuple(f"scale 0.5, quality 20: {each}" for each in FEATURES)
    mild, nothing_left = (look_again(demo, frame, objects, [look]) for look in (Look(quality=100), Look(blur=64.0)))
    assert np.abs(mild[:, 2]).max() < 0.5 and mild[:, 1].min() > 0.8  # hardly a change of score or box
    assert (nothing_left[:, 1] == 0).mean() > 0.5 and np.median(nothing_left[:, 2]) < -2
    assert look_again(demo, frame, objects, []).shape == (len(objects), 0)


@pytest.mark.parametrize("look", [*LOOKS, Look(quality=10), Look(scale=0.35)])
def test_looks_are_copies_of_the_same_size(look: Look) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    kept = rgb.copy()
    shown = look.copy(rgb)
    assert shown.shape == rgb.shape and shown.dtype == np.uint8 and np.array_equal(rgb, kept)
    assert np.abs(shown.astype(int) - rgb).mean() > 1
    assert Look.read(look.written()) == look


@pytest.mark.parametrize(
    "content",
    [{"scale": 1.0}, {"scale": 0}, {"blur": -1}, {"quality": 0}, {"quality": 10.5}, {"quality": "a"}, {"noise": 3}],
)
def test_looks_that_make_no_sense(content: dict) -> None:
    with pytest.raises(InputError, match="a look at a degraded picture is"):
        Look.read(content)


def test_weights_of_version_1_are_read(demo: DemoDetector) -> None:
    """The card of an earlier version knew of one look, from some objects on."""
    data = synthetic(120)
    one = np.hstack([data.features, data.looked])
    plain, probed = (fit(rows, data, AwareOptions()) for rows in (data.features, one))
    from safetensors.numpy import save

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old.safetensors"
        blob = save(plain.tensors("plain") | probed.tensors("probed"))
        path.write_bytes(blob)
        card = {"kind": "detector_aware", "version": 1, "sha256": hashlib.sha256(blob).hexdigest(), "detector": "demo"}
        card |= {"detector_digest": demo.digest, "features": list(features.NAMES), "canvas": [384, 288]}
        card |= {"keeps_aspect": False, "probe": {"quality": 10, "from_objects": 5, "features": []}}
        path.with_suffix(".json").write_text(json.dumps(card))
        read = AwareWeights.load(path)
    assert read.looks == (Look(quality=10),) and read.looks_from == 5 and read.losses is None
    assert read.looked is not None and read.looked.mass(one, data.class_id) == pytest.approx(
        probed.mass(one, data.class_id), abs=1e-4
    )


def test_bad_boxes_and_unknown_classes(demo: DemoDetector, make_frame: Callable[..., Frame]) -> None:
    boxes = np.array([[-9, -9, -1, -1], [5, 5, 5, 5], [30, 30, 31, 31], [0, 0, 999, 999]], np.float32)
    objects = sv.Detections(boxes, confidence=np.full(4, 0.5, np.float32), class_id=np.array([0, 1, 7777, 2]))
    thresholds = DetectorAware(weights(demo.digest), demo).predict(make_frame(160, 120), objects)
    assert len(thresholds) == 4 and thresholds.recognisable.all()


def test_weights_of_another_detector(demo: DemoDetector, tmp_path: Path) -> None:
    weights("b" * 64).save(tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="was trained for demo, not for demo"):
        detector_aware(str(tmp_path / "w.safetensors"), detector=demo)
    with pytest.raises(InputError, match="no such file"):
        detector_aware(str(tmp_path / "nowhere"), detector=demo)
    with pytest.raises(InputError, match="say which weights"):
        detector_aware("")


def test_features_alone_are_quick(make_frame: Callable[..., Frame]) -> None:
    """Ten times what is requested, in CPU time: a loop over pixels or objects in Python would show."""
    frame, predictor = make_frame(640, 480), DetectorAware(weights())
    corner = np.random.default_rng(0).uniform(0, 400, (16, 2))
    boxes = np.hstack([corner, corner + 60]).astype(np.float32)
    objects = sv.Detections(boxes, confidence=np.full(16, 0.5, np.float32), class_id=np.zeros(16, np.int64))
    predictor.predict(frame, objects)
    begin = time.process_time()
    predictor.predict(frame, objects)
    assert (time.process_time() - begin) / 16 < 0.03
