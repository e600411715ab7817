"""Which margin keeps which share, read off what was counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vcmpipe.errors import InputError
from vcmpipe.measurement import MeasuredPredictor
from vcmpipe.thresholds import (
    EXPECTED_RETENTION,
    Calibration,
    ConstantPredictor,
    calibration_of,
    expected_retention,
    margin_for,
    own_margin,
)
from vcmpipe.thresholds.constant import DEFAULT_QP
from vcmpipe.thresholds.detector_aware import UNCALIBRATED_MARGIN, AwareWeights, DetectorAware
from vcmpipe.thresholds.registry import WEIGHTS

CURVE = ((-12, 0.99), (-8, 0.97), (-4, 0.91), (0, 0.71))


class Predictor:
    """Has what a test gives it."""

    name = "made"

    def __init__(self, **attributes: object) -> None:
        vars(self).update(attributes)


@pytest.fixture
def calibrated() -> Predictor:
    return Predictor(calibration=Calibration(CURVE, "12 drawings"))


@pytest.mark.parametrize(
    ("retention", "margin"), [(0.99, -12), (0.98, -10), (0.97, -8), (0.94, -6), (0.91, -4), (0.81, -2), (0.71, 0)]
)
def test_margins_and_retentions_are_read_off_the_curve(calibrated: Predictor, retention: float, margin: int) -> None:
    assert margin_for(calibrated, retention) == margin
    assert expected_retention(calibrated, margin) == pytest.approx(retention)


@pytest.mark.parametrize("retention", [0.7, 0.991, 1.0, float("nan")])
def test_what_was_not_counted_is_refused_with_what_was(calibrated: Predictor, retention: float) -> None:
    with pytest.raises(InputError, match=r"outside what was counted \(0.710 to 0.990 on 12 drawings\)"):
        margin_for(calibrated, retention)


@pytest.mark.parametrize("margin", [-13, 1])
def test_nothing_is_expected_of_margins_that_were_not_counted(calibrated: Predictor, margin: int) -> None:
    assert expected_retention(calibrated, margin) is None


def test_without_a_calibration_nothing_is_known() -> None:
    assert calibration_of(Predictor()) is None and expected_retention(Predictor(), -8) is None
    with pytest.raises(InputError, match="predictor made is not calibrated"):
        margin_for(Predictor(), 0.95)


@pytest.mark.parametrize(
    ("attributes", "stills", "sequences"),
    [
        ({}, 0, 0),
        ({"margin": -3}, -3, -3),
        ({"margin": -3, "sequence_margin": -1}, -3, -1),
        ({"calibration": Calibration(CURVE, "")}, -7, 0),
        ({"calibration": Calibration(CURVE, ""), "sequence_margin": -2}, -7, -2),
        ({"calibration": Calibration(CURVE, ""), "margin": -5}, -5, -5),
    ],
)
def test_a_predictors_own_margin(attributes: dict[str, object], stills: int, sequences: int) -> None:
    predictor = Predictor(**attributes)
    assert (own_margin(predictor), own_margin(predictor, stills=False)) == (stills, sequences)


@pytest.mark.parametrize(
    "curve",
    [
        (),
        ((0, 0.9),),
        ((0, 0.9), (2, 0.9)),
        ((0, 0.9), (2, 0.95)),
        ((2, 0.9), (0, 0.8)),
        ((0, 1.1), (2, 0.9)),
        ((0, 0.9), (2, -0.1)),
        ((0, 0.9), (2, float("nan"))),
        ((0, 0.9), (float("-inf"), 0.8)),
        ((0, 0.9, 1), (2, 0.8, 1)),
    ],
)
def test_curves_that_are_none(curve: tuple) -> None:
    with pytest.raises(InputError, match="a calibration must be two or more pairs"):
        Calibration(curve, "")


@pytest.mark.parametrize("content", [7, {}, {"curve": [[0, 0.9], 1], "material": "", "conditions": {}}, {"curve": [1]}])
def test_a_damaged_card(content: object) -> None:
    assert Calibration.from_card({}) is None
    with pytest.raises(InputError, match="calibration in the card"):
        Calibration.from_card({"calibration": content})


def test_conditions_that_options_do_not_meet() -> None:
    calibration = Calibration(CURVE, "", "", {"background": "+8", "scale": "1"})
    assert calibration.unmet({"background": "+8", "scale": "1", "encoder": "vtm"}) == []
    assert calibration.unmet({"background": "keep", "scale": "0.5"}) == ["background", "scale"]
    assert calibration.unmet({}) == []


def test_a_constant_is_coded_as_it_is_named_and_knows_what_that_keeps() -> None:
    for qp in (24, DEFAULT_QP, 34):
        predictor = ConstantPredictor(qp)
        assert own_margin(predictor) == own_margin(predictor, stills=False) == 0
        assert qp + margin_for(predictor, EXPECTED_RETENTION) == DEFAULT_QP
        assert expected_retention(predictor, DEFAULT_QP - qp) == pytest.approx(EXPECTED_RETENTION, abs=0.01)


def test_measured_has_a_margin_for_stills_and_one_for_sequences() -> None:
    class Detector:
        name, digest, classes = "made", "0" * 64, {}

    predictor = MeasuredPredictor(detector=Detector())  # type: ignore[arg-type]
    assert own_margin(predictor) == margin_for(predictor, EXPECTED_RETENTION) < 0
    assert own_margin(predictor, stills=False) == -8


def test_weights_without_a_calibration_have_a_margin_that_is_no_promise(tmp_path: Path) -> None:
    for file in WEIGHTS.glob("demo.*"):
        shutil.copy(file, tmp_path)
    card = json.loads((tmp_path / "demo.json").read_text())
    calibrated = DetectorAware(AwareWeights.load(tmp_path / "demo.json"))
    assert own_margin(calibrated) == margin_for(calibrated, EXPECTED_RETENTION)
    del card["calibration"]
    (tmp_path / "demo.json").write_text(json.dumps(card))
    predictor = DetectorAware(AwareWeights.load(tmp_path / "demo.json"))
    assert (own_margin(predictor), own_margin(predictor, stills=False)) == (UNCALIBRATED_MARGIN, 0)
    assert expected_retention(predictor, UNCALIBRATED_MARGIN) is None
    card["calibration"] = {"curve": "steep"}
    (tmp_path / "demo.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="calibration in the card"):
        DetectorAware(AwareWeights.load(tmp_path / "demo.json"))
