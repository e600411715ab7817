"""The bench on textured pictures with the real encoder: what it adds up, and that a rerun codes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.bench import bench
from vcmpipe.bench.methods import METHODS
from vcmpipe.bench.run import parse_scales
from vcmpipe.config import METHODS as NAMED
from vcmpipe.config import BenchOptions
from vcmpipe.encoders import CachedEncoder, ContentCache
from vcmpipe.errors import InputError


class SharpnessDetector:
    """Sees an object where the picture has kept its contrast; sees nothing in pictures narrower than 100 pixels."""

    name, digest, classes = "sharpness", "2" * 64, {0: "texture"}

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, frames):
        return [self._one(frame.rgb) for frame in frames]

    def _one(self, rgb: np.ndarray) -> sv.Detections:
        self.calls += 1
        contrast = np.abs(np.diff(rgb[8:60, 8:60].astype(float), axis=1)).mean()
        if rgb.shape[1] < 100 or contrast < 3.0:
            return sv.Detections.empty()
        return sv.Detections(
            np.array([[8, 8, 60, 60]], np.float32), confidence=np.array([0.9], np.float32), class_id=np.array([0])
        )

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


def test_every_method_that_can_be_named_is_there() -> None:
    assert tuple(METHODS) == NAMED


def test_points_comparisons_and_a_rerun_from_the_cache(picture_folder: Path, tmp_path: Path, counting_encoder) -> None:
    options = BenchOptions(
        images=str(picture_folder),
        out=str(tmp_path / "report"),
        cache=str(tmp_path / "cache"),
        qps="22,40",
        margins="-4,0",
        scales="1,0.5",
        predictor="constant:36",
        jobs=2,
    )
    detector, encoder = SharpnessDetector(), counting_encoder
    cached = CachedEncoder(encoder, ContentCache(tmp_path / "cache"))
    result = bench(options, detector=detector, encoder=cached)
    assert (result.pictures, result.objects, result.truth) == (3, 2, None)
    labels = [(p.method, p.label) for p in result.points]
    assert labels[:2] == [("plain", "QP 22"), ("plain", "QP 40")]
    assert len(labels) == len(set(labels)) == 2 + 2 + 4 + 2 + 2 + 2
    by_label = dict(zip(labels, result.points, strict=True))
    assert by_label["plain", "QP 22"].retention == 1.0
    assert by_label["plain", "QP 22"].bytes_per_picture > by_label["plain", "QP 40"].bytes_per_picture
    assert by_label["plain-scaled", "QP 22, scale 1"].bytes_per_picture == by_label["plain", "QP 22"].bytes_per_picture
    anchor = next(m for m in result.methods if m.method == "plain")
    assert anchor.saved["0.95"].value in (0.0, None) and anchor.bd_rate["retention"].value in (0.0, None)
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"report.html", "report.md", "points.csv", "methods.csv", "result.json"} <= names

    coded, looked = encoder.jobs, detector.calls
    again = bench(options, detector=detector, encoder=cached)
    assert encoder.jobs == coded, "a rerun codes nothing"
    assert detector.calls == looked + 3, "a rerun looks at the sources only"
    assert (again.points, again.methods) == (result.points, result.methods)


@pytest.mark.parametrize("text", ["", "0", "2", "a", "1,,0.5", "1,-0.5"])
def test_bad_scales(text: str) -> None:
    with pytest.raises(InputError, match="--scales"):
        parse_scales(text)
