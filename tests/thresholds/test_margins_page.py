"""The table of default margins in docs/predictors.md is that of the code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vcmpipe import EncodeOptions
from vcmpipe.coding.operating_point import operating_point
from vcmpipe.detection.demo import DemoDetector
from vcmpipe.measurement import MeasuredPredictor
from vcmpipe.thresholds import EXPECTED_RETENTION, ThresholdPredictor, calibration_of
from vcmpipe.thresholds.bc_jrd import BcJrdPredictor
from vcmpipe.thresholds.calibrated import Calibrated
from vcmpipe.thresholds.constant import ConstantPredictor
from vcmpipe.thresholds.detector_aware import AwareWeights, DetectorAware
from vcmpipe.thresholds.dt_jrd import DtJrdPredictor
from vcmpipe.thresholds.registry import WEIGHTS
from vcmpipe.thresholds.transfer import Transfer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "predictors.md"
AWARE = {name: AwareWeights.load(WEIGHTS / f"{name}.safetensors") for name in ("yolox_nano", "demo")}


def uncalibrated() -> AwareWeights:
    """Weights as ``train detector_aware`` writes them."""
    return replace(
        AWARE["yolox_nano"],
        card={name: value for name, value in AWARE["yolox_nano"].card.items() if name != "calibration"},
    )


def without_weights(kind: type[DtJrdPredictor | BcJrdPredictor]) -> ThresholdPredictor:
    """A predictor that can say nothing but its margins, which do not depend on its weights."""
    predictor = kind.__new__(kind)
    predictor.name = "without weights"
    return predictor


def rows() -> dict[str, list[str]]:
    """The cells of the table's rows by their first one."""
    text = PAGE.read_text(encoding="utf-8").split("## Default margins and targets", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}


def cells(predictor: ThresholdPredictor) -> list[str]:
    """What the table says of a predictor: margin, scale and share kept of stills, and margin of video."""
    calibration = calibration_of(predictor)
    plain = EncodeOptions(input="in", out="out")
    digest = calibration.detector if calibration else ""
    stills, video = (
        operating_point(plain, predictor, scale=plain.scale, detector=digest, stills=of_stills)
        for of_stills in (True, False)
    )
    kept = "not known" if stills.retention is None else f"{stills.retention:.3f}"
    return [str(stills.margin), stills.scale, kept, str(video.margin)]


@pytest.mark.parametrize(
    ("row", "predictor"),
    [
        ("`detector_aware:yolox_nano`", DetectorAware(AWARE["yolox_nano"])),
        ("`detector_aware:demo`", DetectorAware(AWARE["demo"])),
        ("`detector_aware:FILE`", DetectorAware(uncalibrated())),
        ("`measured`", MeasuredPredictor(detector=DemoDetector())),
        ("`constant`", ConstantPredictor()),
        ("`constant:41`", ConstantPredictor(41)),
        ("`dt_jrd:FILE`", without_weights(DtJrdPredictor)),
        ("`bc_jrd:FILE`", without_weights(BcJrdPredictor)),
    ],
)
def test_a_row_is_what_encode_does_by_default(row: str, predictor: ThresholdPredictor) -> None:
    assert rows()[row] == cells(predictor)


def test_a_card_of_calibrate_has_a_margin_of_its_own_and_that_of_its_base_for_video() -> None:
    card = Calibrated(MeasuredPredictor(detector=DemoDetector()), Transfer(1.0, 0.0, 1.0), margin=-5)
    assert cells(card)[0] == "-5" and cells(card)[3] == rows()["`measured`"][3]
    assert rows()["`card.json`"] == ["the card's", "the card's", "the card's", "its base's"]


def test_the_target_is_named() -> None:
    assert f"keep {100 * EXPECTED_RETENTION:.0f} % of the objects" in PAGE.read_text(encoding="utf-8")
