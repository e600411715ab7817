"""``vcmpipe train detector_aware`` on a real store: what it collects, what it writes, and that it can be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.cli import main
from vcmpipe.config import DatasetBuildOptions, TrainOptions
from vcmpipe.datasets.build import build
from vcmpipe.datasets.label_table import label_table
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.datasets.store import Store
from vcmpipe.detection.demo import DemoDetector
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png
from vcmpipe.measurement.labels import fill, label
from vcmpipe.thresholds import features, looks
from vcmpipe.thresholds.detector_aware import AwareWeights
from vcmpipe.training.aware_data import AwareData, collect
from vcmpipe.training.detector_aware import AwareOptions
from vcmpipe.training.detector_aware import train as train_on
from vcmpipe.training.run import train

SCENES = 12


@pytest.fixture(scope="module")
def demo() -> DemoDetector:
    return DemoDetector(jobs=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes at three QPs."""
    folder = tmp_path_factory.mktemp("aware")
    for n in range(SCENES):
        write_png(folder / "images" / f"scene{n:02d}.png", render_scene(912_000 + n).rgb)
    images, out = str(folder / "images"), str(folder / "store")
    build(DatasetBuildOptions(images=images, out=out, detector="demo", qps="34,42,48"))
    return folder / "store"


@pytest.fixture(scope="module")
def run(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "made"
    assert main(["train", "detector_aware", "--data", str(store), "--out", str(out), "--detector", "demo"]) == 0
    return out


class Silent:
    """A detector that must not be asked."""

    def __init__(self, detector: DemoDetector) -> None:
        self.name, self.digest, self.classes, self.input_size = (
            detector.name, detector.digest, detector.classes, detector.input_size,
        )  # fmt: skip

    def detect(self, frames: object) -> list[sv.Detections]:
        raise AssertionError("everything is in the cache")


def options(store: Path, out: Path, **changes: object) -> TrainOptions:
    return TrainOptions(model="detector_aware", data=str(store), out=str(out), detector="demo", **changes)  # type: ignore[arg-type]


def equal(one: AwareData, two: AwareData) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(two).values(), strict=True))


def test_what_is_collected_is_what_the_predictor_will_see(store: Path, demo: DemoDetector, tmp_path: Path) -> None:
    opened, told = Store.open(store), []
    samples = label_table(opened)
    data = collect(samples, demo, cache=tmp_path / "kept", progress=told.append)
    assert told == sorted(set(samples.table["picture"])) and set(data.picture) <= set(told) and len(data) > 30
    name = str(data.picture[0])
    record, mine = opened.record(name), data[data.picture == name]
    frame = opened.source(name)
    objects = sv.Detections(record.xyxy, confidence=record.score, class_id=record.class_id)
    found = fill(record.found, record.qps, np.arange(64))
    labels, recognisable = label(found, np.arange(64))
    kept = recognisable & (labels > 0)
    size = demo.input_size(frame.width, frame.height)
    assert np.array_equal(mine.features, features.describe(frame, objects, size)[kept])
    assert np.array_equal(mine.looked, looks.look_again(demo, frame, objects)[kept])
    assert np.array_equal(mine.label, labels[kept]) and np.array_equal(mine.found, found[kept])
    assert np.array_equal(mine.class_id, record.class_id[kept])
    # From the cache the same, without looking again.
    again = collect(samples, Silent(demo), cache=tmp_path / "kept")
    assert equal(data, again)
    with pytest.raises(InputError, match="--images names the folder of the pictures"):
        collect(samples, demo, images=tmp_path / "nowhere")
    with pytest.raises(InputError, match="has changed since"):
        collect(samples, demo, digests={told[0]: "0" * 64})
    some = collect(samples, demo, names=told[:3], cache=tmp_path / "kept")
    assert set(some.picture) <= set(told[:3]) and 0 < len(some) < len(data)


def test_a_store_of_another_detector_is_refused(store: Path) -> None:
    other = DemoDetector(jobs=1)
    other.digest = "f" * 64
    with pytest.raises(InputError, match=r"was made with demo; .* is another detector"):
        collect(label_table(Store.open(store)), other)


def test_the_command_writes_weights_that_encode_and_evaluate_take(store: Path, run: Path, tmp_path: Path, capsys):
    weights = run / "weights.safetensors"
    made = AwareWeights.load(weights)
    assert made.looked is not None and made.card["detector"] == "demo" and made.card["seed"] == 0
    assert len(made.card["learned_from"]) == made.card["pictures"] <= SCENES
    assert 0 < made.card["cross_validated"]["E_A"] < 20
    words = ["--detector", "demo", "--predictor", f"detector_aware:{weights}", "--json"]
    assert main(["predict", "--input", str(store.parent / "images" / "scene00.png"), *words]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["predictor"] == f"detector_aware:{weights}"
    assert len({thing["mean"] for thing in content["pictures"][0]["objects"]}) > 1
    judge = ["evaluate", "predictor", "--data", str(store), "--weights", str(weights), "--split", "all", "--json"]
    judge += ["--rounds", "20"]
    assert main(judge) == 0
    plain = capsys.readouterr()
    assert "judged without the further looks" in plain.err and f"learned from {made.card['pictures']} of" in plain.err
    assert main([*judge, "--detector", "demo"]) == 0
    probed = capsys.readouterr()
    assert "further looks" not in probed.err and "learned from" in probed.err
    one, two = json.loads(plain.out), json.loads(probed.out)
    assert one["trained_for"] == two["trained_for"] == one["measured_for"] == "demo"
    assert one["overall"]["error"] != two["overall"]["error"]
    # Nothing is said of pictures that it did not learn from.
    shutil.copytree(run, tmp_path / "left")
    card = tmp_path / "left" / "weights.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"learned_from": ["0" * 16]}))
    judge[judge.index(str(weights))] = str(card.with_suffix(".safetensors"))
    assert main(judge) == 0
    assert "learned from" not in capsys.readouterr().err


def test_the_same_store_gives_the_same_weights(store: Path, run: Path, demo: DemoDetector, tmp_path: Path) -> None:
    samples = label_table(Store.open(store))
    train_on(samples, collect(samples, demo), demo, AwareOptions()).save(tmp_path / "same.safetensors")
    assert (tmp_path / "same.safetensors").read_bytes() == (run / "weights.safetensors").read_bytes()


def test_options_count(store: Path, run: Path, tmp_path: Path) -> None:
    objects = json.loads((run / "weights.json").read_text())["objects"]
    other = train(options(store, tmp_path / "other", sigma=4.0, seed=3, limit=objects - 12))
    card = json.loads((tmp_path / "other" / "weights.json").read_text())
    assert (card["sigma"], card["seed"]) == (4.0, 3) and card["objects"] == other.objects["train"] < objects
    with pytest.raises(InputError, match="pictures with objects are too few"):
        train(options(store, tmp_path / "few", limit=10))


def test_labels_that_are_no_store(ow_jrd: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="detector_aware learns from a built store"):
        train(options(ow_jrd, tmp_path / "run"))
