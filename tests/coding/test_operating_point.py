"""What is promised of a run, and what is not."""

from __future__ import annotations

import pytest

from vcmpipe import EncodeOptions
from vcmpipe.coding.operating_point import OperatingPoint, operating_point
from vcmpipe.thresholds import Calibration

CALIBRATION = Calibration(
    ((-8, 0.97), (-4, 0.91)), "12 drawings", "d1", {"scale": "0.5", "background": "+8", "risk": 0.1}
)


class Calibrated:
    name, calibration = "calibrated", CALIBRATION


class Bare:
    name, margin = "bare", -2


def point(
    predictor: object = Calibrated, *, stills: bool = True, detector: str = "d1", **options: object
) -> OperatingPoint:
    made = EncodeOptions(input="in", out="out", **options)  # type: ignore[arg-type]
    return operating_point(
        made, predictor(), scale=made.scale, margin=made.margin, qp=made.qp, stills=stills, detector=detector
    )


@pytest.mark.parametrize(
    ("options", "margin", "scale", "retention", "basis"),
    [
        ({}, -7, "0.5", 0.955, "12 drawings"),
        ({"margin": -4}, -4, "0.5", 0.91, "12 drawings"),
        ({"margin": 0}, 0, "0.5", None, "counted at margins from -8 to -4"),
        ({"scale": "1"}, -7, "1", None, "counted with --scale 0.5"),
        ({"scale": "0.5"}, -7, "0.5", 0.955, "12 drawings"),
        ({"background": "keep", "risk": 0.2}, -7, "0.5", None, "counted with --background +8, --risk 0.1"),
        ({"encoder": "kvazaar"}, -7, "0.5", 0.955, "12 drawings"),
        ({"detector": "d2"}, -7, "0.5", None, "96 % were kept in 12 drawings; another detector keeps more or fewer"),
        ({"stills": False}, 0, "1", None, "margins are calibrated on still pictures"),
        ({"stills": False, "margin": -5}, -5, "1", None, "margins are calibrated on still pictures"),
        ({"predictor": Bare}, -2, "1", None, "the predictor bare is not calibrated"),
        ({"qp": 30}, 0, "1", None, ""),
        ({"verify": True}, -7, "1", None, ""),
        ({"viewer": "human", "human": "constant:32"}, 0, "1", None, ""),
        ({"viewer": "human", "human": "constant:32", "margin": -3}, -3, "1", None, ""),
        ({"viewer": "both", "human": "constant:32"}, -7, "1", None, "counted with --scale 0.5"),
    ],
)
def test_what_was_left_to_the_predictor(
    options: dict[str, object], margin: int, scale: str, retention: float | None, basis: str
) -> None:
    found = point(**options)
    assert (found.margin, found.scale) == (margin, scale)
    assert found.retention == (None if retention is None else pytest.approx(retention))
    assert basis in found.basis and bool(found.basis) == bool(basis)
