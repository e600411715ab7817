from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.plugins import PREDICTORS
from vcmpipe.thresholds import ConstantPredictor, ThresholdPredictor, load_predictor
from vcmpipe.thresholds.constant import DEFAULT_QP

PLUGIN = """
class Halves:
    def __init__(self, argument, *, detector=None):
        self.argument, self.detector = argument, detector
        self.name = "halves"
    def predict(self, frame, detections, coder):
        raise NotImplementedError
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that offers a predictor."""
    (tmp_path / "halves_plugin.py").write_text(PLUGIN)
    metadata = tmp_path / "halves_plugin-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: halves-plugin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[vcmpipe.thresholds]\nhalves = halves_plugin:Halves\nbroken = halves_plugin:Nothing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "halves_plugin", raising=False)


@pytest.mark.parametrize(
    ("spec", "qp"), [("constant", DEFAULT_QP), ("constant:0", 0), ("constant:41", 41), ("constant:", DEFAULT_QP)]
)
def test_constant(spec: str, qp: int) -> None:
    predictor = load_predictor(spec)
    assert isinstance(predictor, ThresholdPredictor)
    assert predictor.name == f"constant:{qp}"
    frame = Frame(0, np.zeros((32, 32, 3), np.uint8), "x.png")
    detections = sv.Detections(xyxy=np.array([[0, 0, 9, 9], [5, 5, 20, 20]], dtype=np.float32))
    thresholds = predictor.predict(frame, detections, coder=None)  # type: ignore[arg-type]
    assert thresholds.decide().tolist() == [qp, qp]
    assert len(predictor.predict(frame, sv.Detections.empty(), coder=None)) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("constant:x", "constant:x: write constant:QP"),
        ("constant:64", "0..63, not 64"),
        ("constant:-1", "0..63, not -1"),
        ("constnat", "did you mean 'constant'?"),
        ("", "known are bc_jrd, calibrated, constant, detector_aware, dt_jrd, laser, measured, mtjnd"),
        ("no-such-thing", "unknown predictor 'no-such-thing'"),
    ],
)
def test_wrong_names_are_one_line_that_helps(spec: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        load_predictor(spec)
    assert "\n" not in str(caught.value)


def test_measured_is_known_without_being_imported() -> None:
    assert PREDICTORS.known()["measured"].value == "vcmpipe.measurement.measured:MeasuredPredictor"


def test_a_plugin_is_found_and_gets_argument_and_detector(plugin: None) -> None:
    detector = object()
    predictor = load_predictor("halves:a:b", detector=detector)  # type: ignore[arg-type]
    assert (predictor.argument, predictor.detector) == ("a:b", detector)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("text", "reason"), [("raise RuntimeError('no key')", "no key"), ("def f(:", "SyntaxError")])
def test_a_plugin_that_fails_at_import_is_named(plugin: None, tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "halves_plugin.py").write_text(text)
    with pytest.raises(InputError, match=rf"'halves' \(halves_plugin:Halves\) cannot be loaded: .*{reason}"):
        load_predictor("halves")


def test_a_broken_plugin_is_named(plugin: None) -> None:
    with pytest.raises(InputError, match=r"'broken' \(halves_plugin:Nothing\) cannot be loaded"):
        load_predictor("broken")


def test_a_constant_outside_the_range_is_refused() -> None:
    with pytest.raises(InputError, match="64"):
        ConstantPredictor(64)
