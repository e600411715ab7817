"""What ``encode`` warns of: that nothing was found to be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe import EncodeOptions, encode
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.commands.remarks import foreign_scale


class Blind:
    """Sees nothing; or one thing in pictures of a width."""

    name, digest = "blind", "0" * 64
    classes = {0: "cat", 1: "dog"}  # noqa: RUF012

    def __init__(self, width: int = 0) -> None:
        self.width = width

    def detect(self, frames):
        one = sv.Detections(np.array([[8.0, 8, 60, 50]]), confidence=np.array([0.9]), class_id=np.array([0]))
        return [one if frame.width == self.width else sv.Detections.empty() for frame in frames]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


def said(folder: Path, out: Path, detector: Blind, **options: object) -> list[str]:
    """What is warned of, besides that no predictor is shipped for the detector."""
    lines: list[str] = []
    made = EncodeOptions(input=str(folder), out=str(out), predictor="constant:30", **options)  # type: ignore[arg-type]
    encode(made, detector=detector, warn=lines.append)
    return lines


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "blind found no object with a confidence of 0.3 or more in 3 frames: all is background, coded at QP 51;"),
        ({"background": "40", "score": 0.5}, "no object with a confidence of 0.5 or more"),
        ({"keep_classes": "dog"}, "found no object of the classes dog with"),
    ],
)
def test_no_object_in_any_picture(
    picture_folder: Path, tmp_path: Path, options: dict[str, object], expected: str
) -> None:
    (line,) = said(picture_folder, tmp_path / "b.bin", Blind(160 if "keep_classes" in options else 0), **options)
    assert expected in line and "--detector" in line and "--score" in line and "--qp" in line and "\n" not in line


@pytest.mark.parametrize(
    ("width", "options"),
    [(160, {}), (0, {"empty": 40}), (0, {"qp": 30}), (0, {"viewer": "human", "human": "constant:30"})],
)
def test_where_that_is_no_surprise_nothing_is_said(
    picture_folder: Path, tmp_path: Path, width: int, options: dict[str, object]
) -> None:
    options = {"predictor": "auto"} | options if "qp" in options else options
    lines: list[str] = []
    made = EncodeOptions(
        input=str(picture_folder), out=str(tmp_path / "b.bin"), **({"predictor": "constant:30"} | options)
    )
    encode(made, detector=Blind(width), warn=lines.append)
    assert lines == []


@pytest.mark.parametrize(
    ("encoder", "options", "warned"),
    [
        ("svtav1", {}, True),
        ("svtav1", {"qp": 30}, False),
        ("svtav1", {"predictor": "constant:30"}, False),
        ("svtav1", {"predictor": "measured"}, False),
        ("svtav1", {"verify": True}, False),
        ("x265", {}, False),
    ],
)
def test_thresholds_on_another_scale(tmp_path: Path, encoder: str, options: dict[str, object], warned: bool) -> None:
    made = EncodeOptions(input="in", out=str(tmp_path / "b.bin"), encoder=encoder, **options)  # type: ignore[arg-type]
    pipeline = Pipeline(made, qp=options.get("qp"), detector=Blind())
    note = foreign_scale(pipeline, closed=made.closed)
    assert bool(note) is warned
    assert not warned or ("QPs of VVC" in note and "svtav1" in note and "\n" not in note)
