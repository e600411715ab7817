"""``--fail-under``: what keeps too little ends with 1, and what was written stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.config import EncodeOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png

CODE = ["--detector", "demo", "--predictor", "constant"]


@pytest.fixture
def noise(here: Path, make_picture) -> Path:
    """Two small pictures of which the demo's detector finds much, and little of that again."""
    (here / "in").mkdir()
    for seed in (1, 2):
        (here / "in" / f"p{seed}.png").write_bytes(make_picture(96, 64, seed))
    return here / "in"


def test_encode_keeps_the_stream_and_says_how_much_was_kept(noise: Path, here: Path, vcmpipe) -> None:
    done = vcmpipe("encode", noise, "-o", "a.bin", *CODE, "--fail-under", "1")
    record = json.loads((here / "a.json").read_text())
    kept, total = record["kept"], record["kept"] + record["lost"]
    assert 0 < kept < total, "the pictures do not show what this test is for"
    assert done.code == 1 and (here / "a.bin").stat().st_size == record["bytes"]
    assert done.err.endswith(
        f"vcmpipe: {kept} of {total} objects were kept ({100 * kept / total:.2f} %), under --fail-under 1\n"
    )
    exact = vcmpipe("encode", noise, "-o", "a.bin", *CODE, "--json", "--fail-under", kept / total)
    assert exact.code == 0 and json.loads(exact.out)["kept"] == kept


def test_without_objects_nothing_is_missing(here: Path, vcmpipe) -> None:
    write_png(here / "grey.png", np.full((64, 96, 3), 128, np.uint8))
    done = vcmpipe("encode", "grey.png", "-o", "a.bin", *CODE, "--fail-under", "1")
    assert done.code == 0
    assert done.err.count("\n") == 1 and "found no object" in done.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"check": False}, "--fail-under with --no-check"),
        ({"qp": 30}, "name the detector that finds"),
        ({"qp": 30, "detector": "none"}, "name the detector that finds"),
    ],
)
def test_what_looks_at_nothing_counts_nothing(options: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        EncodeOptions(input="in", out="a.bin", fail_under=0.9, **options)
    EncodeOptions(input="in", out="a.bin", fail_under=0.9, qp=30, detector="demo")


def test_bench_counts_the_best_point_of_each_method_but_the_anchors(noise: Path, here: Path, vcmpipe) -> None:
    words = ["bench", noise, "-o", "report", *CODE, "--methods", "plain,jrd", "--qps", "30,63", "--margins", "0,30"]
    done = vcmpipe(*words, "--map-scales", "1", "--resamples", 0, "--cache", "kept", "--fail-under", "1")
    points = json.loads((here / "report" / "result.json").read_text())["points"]
    best = max(point["kept"] / point["total"] for point in points if point["method"] == "jrd")
    assert done.code == 1 and "plain keeps" not in done.err
    assert done.err.endswith(f"vcmpipe: jrd keeps {best:.4f} of the objects at best, under --fail-under 1\n")
