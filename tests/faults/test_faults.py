"""Whatever an encoder does: the right error and exit code, no half output, no program and no file left."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from fault_suite import SCENARIOS, Scenario, differences, observe

from vcmpipe.encoders.discovery import find_vvenc

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="process groups, signals and modes are POSIX"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc to look for programs in"),
]


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Two small pictures."""
    made = []
    for seed in (1, 2):
        coarse = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), dtype=np.uint8)
        made.append(cv2.imencode(".png", cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC))[1].tobytes())
    return made


@pytest.fixture(scope="module")
def real() -> Path:
    """The FFmpeg that does the work behind the fake."""
    binary: Path = find_vvenc().binary  # type: ignore[attr-defined]
    if "ffmpeg" not in binary.name:
        pytest.skip("the VVenC in use is no FFmpeg, which the fake passes for")
    return binary


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_fault(scenario: Scenario, tmp_path: Path, pictures: list[bytes], real: Path) -> None:
    seen = observe(scenario, tmp_path, pictures, real)
    if seen is None:
        pytest.skip("a small file system cannot be mounted here")
    assert differences(scenario, seen, len(pictures)) == [], seen
