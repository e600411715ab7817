"""``vcmpipe predict``: thresholds without a stream."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.cli import main
from vcmpipe.commands.predict import predict
from vcmpipe.config import PredictOptions
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png
from vcmpipe.thresholds import Thresholds


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for n in range(2):
        write_png(folder / f"scene{n}.png", render_scene(910_000 + n).rgb)
    return folder


def options(scenes: Path, **changes: object) -> PredictOptions:
    values: dict[str, object] = {"input": str(scenes), "detector": "demo", "predictor": "constant:30"}
    return PredictOptions(**(values | changes))  # type: ignore[arg-type]


def test_the_command_prints_a_row_per_object_and_writes_json(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.json"
    words = ["predict", "--input", str(scenes), "--detector", "demo", "--predictor", "constant:30", "--margin", "-3"]
    assert main([*words, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    content = json.loads(out.read_text())
    objects = [thing for picture in content["pictures"] for thing in picture["objects"]]
    assert len(objects) > 2 and text.count("scene0.png") == len(content["pictures"][0]["objects"])
    assert {thing["threshold"] for thing in objects} == {27} and {thing["risk"] for thing in objects} == {0.0}
    assert {"bbox_xyxy", "class_id", "class_name", "score", "threshold", "mean", "risk"} == set(objects[0])
    assert (content["predictor"], content["margin"], content["detector"]) == ("constant:30", -3, "demo")
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == content


class Even:
    """Every threshold from 20 to 29 is as likely; the last object is beyond help."""

    name, margin = "even", -2

    def predict(self, frame, detections, coder) -> Thresholds:
        mass = np.zeros((len(detections), 64))
        mass[:, 20:30] = 0.1
        recognisable = np.ones(len(detections), bool)
        recognisable[-1:] = False
        return Thresholds(mass, recognisable)


@pytest.mark.parametrize(
    ("changes", "threshold", "risk"),
    [
        ({"risk": 0.3}, 21, 0.1),  # the quantile is 23, the predictor's own margin -2
        ({"risk": 0.3, "margin": 0}, 23, 0.3),
        ({"decision": "mean", "margin": 0}, 25, 0.5),
        ({"decision": "argmax", "margin": 5}, 25, 0.5),
        ({"margin": -63}, 0, 0.0),
    ],
)
def test_decision_margin_and_the_risk_that_comes_of_it(
    scenes: Path, changes: dict[str, object], threshold: int, risk: float
) -> None:
    found = predict(options(scenes, **changes), predictor=Even())
    for picture in found.pictures:
        *first, last = picture.objects
        assert first and {(thing.threshold, thing.risk, thing.mean) for thing in first} == {(threshold, risk, 24.5)}
        assert (last.threshold, last.risk) == (None, None)


def test_a_predictor_that_codes_gets_versions(scenes: Path) -> None:
    seen = []

    class Coding(Even):
        def predict(self, frame, detections, coder) -> Thresholds:
            seen.extend(float(np.abs(v.rgb.astype(float) - frame.rgb).mean()) for v in [coder(20), *coder.many([50])])
            return super().predict(frame, detections, coder)

    predict(options(scenes, limit=1), predictor=Coding())
    assert 0 < seen[0] < seen[1]


def test_no_encoder_is_needed_unless_a_predictor_codes(scenes: Path) -> None:
    assert len(predict(options(scenes, encoder="no-such-encoder", limit=1)).pictures) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"margin": 64}, "--margin"),
        ({"limit": 0}, "--limit"),
        ({"risk": 1.0}, "--risk"),
        ({"score": 2.0}, "--score"),
        ({"out": ""}, "--out is empty"),
        ({"predictor": "dt_jrd:no.pth"}, "no.pth does not exist"),
    ],
)
def test_bad_input(scenes: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        predict(options(scenes, **changes))
