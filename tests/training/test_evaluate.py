"""Judging predictors: figures that are known, through the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.cli import main
from vcmpipe.commands.evaluate import evaluate
from vcmpipe.config import EvaluatePredictorOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.thresholds import Thresholds
from vcmpipe.training.evaluate import predict_rows
from vcmpipe.training.objects import open_objects


def options(ow_jrd: Path, **changes: object) -> EvaluatePredictorOptions:
    values: dict[str, object] = {"data": f"ow-jrd:{ow_jrd}", "predictor": "constant:40", "split": "all", "rounds": 50}
    return EvaluatePredictorOptions(**(values | changes))  # type: ignore[arg-type]


def test_a_constant_is_as_good_as_the_constant(ow_jrd: Path) -> None:
    labels = open_objects(options(ow_jrd)).labels("all")
    training = np.sort(open_objects(options(ow_jrd)).labels("train"))
    median = int(training[(len(training) - 1) // 2])
    report = evaluate(options(ow_jrd, predictor=f"constant:{median}"))
    assert report.constant == median
    assert report.overall.objects == 50 and report.overall.ratio.value == 1.0
    assert report.overall.error.value == pytest.approx(np.abs(median - labels).mean())
    assert report.overall.bias.value == pytest.approx((median - labels).mean())
    middle = (labels >= 27) & (labels <= 51)
    assert report.middle.objects == middle.sum()
    assert report.middle.error.value == pytest.approx(np.abs(median - labels[middle]).mean())
    assert set(report.by_size) == {"small", "medium", "large", "unknown"} and report.by_size["unknown"].objects == 50
    (tenth,) = [each for each in report.calibration if each.risk == 0.1]
    assert tenth.lost.value == pytest.approx((labels < median).mean()) and tenth.mean_qp == median


class ByBrightness:
    """Reads the labels off the crops, and asks for versions as a full-reference predictor does."""

    name = "by-brightness"

    def predict(self, frame: Frame, detections: sv.Detections, coder) -> Thresholds:
        means = [frame.rgb[int(y1) : int(y2), int(x1) : int(x2)].mean() for x1, y1, x2, y2 in detections.xyxy]
        assert coder(63).rgb.shape == frame.rgb.shape and len(list(coder.many([1, 2]))) == 2
        return Thresholds.from_qps([20 + 10 * round((mean - 40) / 60) for mean in means])


def test_predictions_are_matched_to_their_own_labels(ow_jrd: Path) -> None:
    found = open_objects(options(ow_jrd))
    thresholds, rows = predict_rows(ByBrightness(), found.split("all"), found)
    assert len(set(rows["label"])) == 4
    assert (thresholds.argmax() == rows["label"].to_numpy()).all()


def test_the_command_prints_and_writes(ow_jrd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    words = ["evaluate", "predictor", "--data", f"ow-jrd:{ow_jrd}", "--predictor", "constant:30"]
    assert main([*words, "--out", str(out), "--rounds", "50"]) == 0
    text = capsys.readouterr().out
    assert "E_A" in text and "constant:30 on ow-jrd (test: 12 objects in 6 pictures)" in " ".join(text.split())
    assert sorted(path.name for path in out.iterdir()) == ["errors.png", "objects.csv", "report.json", "scatter.png"]
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in ("errors.png", "scatter.png"))
    lines = (out / "objects.csv").read_text().splitlines()
    assert len(lines) == 13 and "qp_at_risk_0.1" in lines[0]
    assert main([*words, "--json", "--rounds", "50"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "report.json").read_text())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": "w.safetensors", "predictor": None}, "w.safetensors does not exist"),
        ({"weights": "w.safetensors"}, "either --weights FILE or --predictor NAME"),
        ({"predictor": None}, "either --weights FILE or --predictor NAME"),
        ({"predictor": "cnstant"}, "did you mean"),
        ({"risk": 1.0}, "--risk"),
        ({"rounds": 1}, "--rounds"),
    ],
)
def test_bad_input(ow_jrd: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        evaluate(options(ow_jrd, **changes))


def test_weights_need_a_card_and_a_split_needs_objects(make_ow_jrd, tmp_path: Path) -> None:
    import torch

    data = make_ow_jrd(tmp_path / "set", 4, 2)
    with pytest.raises(InputError, match="no labelled objects in the split test"):
        evaluate(options(data, split="test"))
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"has no card .*--predictor dt_jrd:"):
        evaluate(options(data, weights=str(tmp_path / "w.pth"), predictor=None))
    (tmp_path / "w.json").write_text(json.dumps({"kind": "threshold-predictor", "version": 1, "model": "magic"}))
    with pytest.raises(InputError, match="weights of 'magic', which is unknown"):
        evaluate(options(data, weights=str(tmp_path / "w.pth"), predictor=None))
