"""Pictures and the real encoder for the fault suite."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe.encoders import load_encoder

# Helpers lie beside the tests: benchmarks/faults.py, which writes the table, uses them, too.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Four small pictures."""
    made = []
    for seed in (1, 2, 3, 4):
        coarse = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), dtype=np.uint8)
        made.append(cv2.imencode(".png", cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC))[1].tobytes())
    return made


@pytest.fixture(scope="module")
def real() -> Path:
    """The FFmpeg that does the work behind the fake."""
    binary: Path = load_encoder("vvenc").binary  # type: ignore[attr-defined]
    if "ffmpeg" not in binary.name:
        pytest.skip("the VVenC in use is no FFmpeg, which the fake passes for")
    return binary
