"""The weights in the package, taken by ``--predictor auto``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vcmpipe import EncodeOptions
from vcmpipe.cli import main
from vcmpipe.coding.operating_point import operating_point
from vcmpipe.thresholds import EXPECTED_RETENTION, margin_for
from vcmpipe.thresholds.detector_aware import AwareWeights, DetectorAware
from vcmpipe.thresholds.registry import WEIGHTS

TABLE = Path(__file__).resolve().parents[2] / "datasets" / "coco-yolox-nano.parquet"
# What its card calls it.
DIGEST = "695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14"


@pytest.mark.parametrize("card", sorted(WEIGHTS.glob("*.json")), ids=lambda card: card.stem)
def test_weights_are_small_and_say_where_they_come_from(card: Path) -> None:
    content = json.loads(card.read_text())
    assert card.with_suffix(".safetensors").stat().st_size < 5_000_000
    assert content["cross_validated"]["ratio"] <= 0.75 and content["objects"] > 100
    assert {"detector", "detector_digest", "rule", "encoder", "preset", "versions"} <= set(content)


@pytest.mark.parametrize("card", sorted(WEIGHTS.glob("*.json")), ids=lambda card: card.stem)
def test_weights_promise_something_of_what_encode_does_by_default(card: Path) -> None:
    predictor = DetectorAware(AwareWeights.load(card))
    plain = EncodeOptions(input="in", out="out")
    digest = json.loads(card.read_text())["detector_digest"]
    point = operating_point(plain, predictor, scale=plain.scale, detector=digest)
    assert point.retention == pytest.approx(EXPECTED_RETENTION, abs=0.01)
    assert "objects" in point.basis and point.margin == margin_for(predictor, EXPECTED_RETENTION) < 0
    assert margin_for(predictor, 0.98) < margin_for(predictor, EXPECTED_RETENTION) < margin_for(predictor, 0.92)


def test_yolox_nano_gets_its_own_predictor(shared_data: Path, tmp_path: Path, capsys) -> None:
    detector = shared_data / "models" / "yolox_nano.onnx"
    pictures = sorted((shared_data / "coco-extra" / "images").iterdir())[:12]  # none of the bench set
    (tmp_path / "frames").mkdir()
    for picture in pictures:
        (tmp_path / "frames" / picture.name).symlink_to(picture)
    arguments = ["predict", "--input", str(tmp_path / "frames"), "--detector", str(detector)]
    assert main([*arguments, "--predictor", "auto", "--decision", "argmax", "--margin", "0", "--json"]) == 0
    printed = capsys.readouterr()
    content = json.loads(printed.out)
    assert content["predictor"] == "detector_aware:yolox_nano" and "constant" not in printed.err
    labels = pd.read_parquet(TABLE).set_index(["picture", "x1"])["label"]
    errors = {"predicted": [], "constant": []}
    for picture in content["pictures"]:
        known = labels.loc[f"coco-extra/{picture['source']}"] if picture["objects"] else {}
        for thing in picture["objects"]:
            assert set(thing) == {"bbox_xyxy", "class_id", "class_name", "score", "threshold", "mean", "risk"}
            label = known.iloc[int(np.abs(known.index.to_numpy() - thing["bbox_xyxy"][0]).argmin())]
            errors["predicted"].append(abs(thing["threshold"] - label))
            errors["constant"].append(abs(47 - label))
    # It learned from these very pictures: this shows that boxes, features and weights belong together, no more.
    assert len(errors["predicted"]) > 30
    assert np.mean(errors["predicted"]) < 0.85 * np.mean(errors["constant"])


def test_yolox_nano_is_what_its_weights_were_trained_for(shared_data: Path) -> None:
    from vcmpipe.detection import load_detector

    detector = load_detector(str(shared_data / "models" / "yolox_nano.onnx"), jobs=1)
    assert detector.digest == DIGEST == json.loads((WEIGHTS / "yolox_nano.json").read_text())["detector_digest"]


def test_the_demo_detector_gets_its_own_predictor(tmp_path: Path, capsys) -> None:
    from vcmpipe.datasets.scenes import render_scene
    from vcmpipe.frames import write_png

    write_png(tmp_path / "s.png", render_scene(910_002).rgb)
    assert main(["predict", "--input", str(tmp_path / "s.png"), "--detector", "demo", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["predictor"] == "detector_aware:demo" and content["pictures"][0]["objects"]
