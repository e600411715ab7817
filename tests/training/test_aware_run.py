"""``vcmpipe train detector_aware`` on a real store: what it collects, what it writes, and that it can be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.cli import main
from vcmpipe.coding.open_loop import OpenLoop
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import DatasetBuildOptions, PipelineOptions, TrainOptions
from vcmpipe.datasets.build import build
from vcmpipe.datasets.label_table import label_table
from vcmpipe.datasets.loss_table import LossTable
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.datasets.store import Store
from vcmpipe.detection.demo import DemoDetector
from vcmpipe.errors import InputError
from vcmpipe.frames import open_source, scaled_size, write_png
from vcmpipe.measurement.labels import fill, label
from vcmpipe.thresholds import features, looks
from vcmpipe.thresholds.detector_aware import AwareWeights, DetectorAware
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
    assert np.array_equal(mine.looked, looks.look_again(demo, frame, objects, looks.PROBE)[kept])
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
    assert "judged without the second look" in plain.err and f"learned from {made.card['pictures']} of" in plain.err
    assert main([*judge, "--detector", "demo"]) == 0
    probed = capsys.readouterr()
    assert "second look" not in probed.err and "learned from" in probed.err
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


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten scenes at two scales and three QPs, with another judge, and their loss table."""
    folder = tmp_path_factory.mktemp("judged")
    for n in range(10):
        write_png(folder / "images" / f"scene{n:02d}.png", render_scene(914_000 + n).rgb)
    images, out = str(folder / "images"), str(folder / "store")
    words = {"qps": "34,42,50", "scales": "1,0.5", "judges": "flip"}
    build(DatasetBuildOptions(images=images, out=out, detector="demo", **words))
    assert main(["dataset", "export", "losses", out, "--out", str(folder / "losses.parquet")]) == 0
    return folder


@pytest.fixture(scope="module")
def judged_run(judged: Path) -> Path:
    """What was learned from them."""
    out, losses = judged / "run", ["--losses", str(judged / "losses.parquet")]
    words = ["--data", str(judged / "store"), "--out", str(out), "--detector", "demo"]
    assert main(["train", "detector_aware", *words, *losses]) == 0
    return out


def test_losses_and_a_panel_are_learned_and_used(judged: Path, judged_run: Path, demo: DemoDetector, capsys) -> None:
    out = judged_run
    made = AwareWeights.load(out / "weights.safetensors")
    figures = made.card["cross_validated"]
    assert made.losses is not None and 0 < figures["loss_error"] < 1 and len(made.card["loss_deciles"]) > 5
    assert list(made.panel) == [0.5, 0.75, 1.0] and made.card["panel"] == ["demo", "demo (flip)"]
    # The open loop asks for the forecast; thresholds of a share are others than the detector's own.
    (frame,) = open_source(str(judged / "images" / "scene00.png"))
    found = demo.detect([frame])[0]
    predictor = DetectorAware(made, demo)
    forecast = predictor.forecast(frame, found)
    assert forecast is not None and forecast(0.7, np.zeros(len(found))).shape == (len(found), 64)
    pipeline = Pipeline(PipelineOptions(detector="demo", jobs=1), detector=demo, predictor=predictor)

    def coder_at(scale: float) -> SegmentCoder:
        return pipeline.coder(frame, scaled_size(frame.width, frame.height, scale))

    loop = OpenLoop(pipeline, coder_at, [found], scales=(1.0, 0.5))
    counted = loop.source
    own, nothing = predictor.forecast(frame, counted), np.zeros(len(counted))
    assert own is not None and np.array_equal(loop.forecast(0.5, nothing), own(0.5, nothing))
    assert loop.choose(1e6).loss <= loop.choose(1e2).loss
    capsys.readouterr()
    picture = ["--input", str(judged / "images" / "scene00.png"), "--detector", "demo", "--json"]
    of = ["--predictor", f"detector_aware:{out / 'weights.safetensors'}"]
    means = []
    for share in ([], ["--satisfy", "1"], ["--satisfy", "0.6"]):
        assert main(["predict", *picture, *of, *share]) == 0
        objects = json.loads(capsys.readouterr().out)["pictures"][0]["objects"]
        means.append([each["mean"] for each in objects])
    assert means[0] != means[1] != means[2]


@pytest.mark.parametrize(
    ("predictor", "share", "says"),
    [
        ("constant:40", "0.75", "constant:40 has no panel of detectors"),
        ("detector_aware", "0.75", "knows no panel of detectors"),
        ("made", "0.3", "knows shares from 0.5 to 1 of its panel"),
        ("constant:40", "0", "--satisfy 0"),
    ],
)
def test_shares_that_cannot_be_satisfied(
    judged: Path, judged_run: Path, predictor: str, share: str, says: str, capsys
) -> None:
    name = f"detector_aware:{judged_run / 'weights.safetensors'}" if predictor == "made" else predictor
    words = ["--input", str(judged / "images" / "scene00.png"), "--detector", "demo", "--predictor", name]
    assert main(["predict", *words, "--satisfy", share]) == 2
    assert says in capsys.readouterr().err


def test_a_loss_table_of_another_detector(judged: Path, tmp_path: Path, capsys) -> None:
    table = LossTable.load(judged / "losses.parquet")
    other = {name: {**known, "digest": "f" * 64} for name, known in table.facts["judges"].items()}
    LossTable(table.table, table.scales, table.qps, {**table.facts, "judges": other}).save(tmp_path / "other.parquet")
    words = ["--data", str(judged / "store"), "--out", str(tmp_path / "run"), "--detector", "demo"]
    assert main(["train", "detector_aware", *words, "--losses", str(tmp_path / "other.parquet")]) == 2
    assert "is not one of the loss table's judges" in capsys.readouterr().err
    assert main(["train", "dt_jrd", "--data", str(judged / "store"), "--out", "x", "--losses", "y"]) == 2
