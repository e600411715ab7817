"""Fixtures that several test modules share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vcmpipe.frames import Frame
from vcmpipe.sidecar import Conformance, FrameRecord, MapRecord, RegionRecord, SegmentRecord, Verdict

if TYPE_CHECKING:
    from vcmpipe.bench import BenchResult

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures, detectors and reference labels; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data folder (../shared/data) is not here")
    return SHARED_DATA


def textured(width: int, height: int, seed: int = 0) -> np.ndarray:
    """An RGB picture, uint8 (height, width, 3), with gradients, shapes and noise: something to code."""
    import cv2

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.stack([x * 160 / width + 40, y * 160 / height + 30, 120 + 60 * np.sin(x / 9) * np.cos(y / 7)], axis=-1)
    for _ in range(6):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.circle(picture, centre, int(rng.integers(5, max(6, min(width, height) // 4))), colour, -1)
    picture += rng.normal(0, 6, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    """Makes textured frames: ``make_frame(width, height, seed=0, index=0)``."""

    def make(width: int, height: int, seed: int = 0, index: int = 0) -> Frame:
        return Frame(index, textured(width, height, seed), f"picture_{index}.png")

    return make


@pytest.fixture
def make_segment() -> Callable[..., SegmentRecord]:
    """Makes a sidecar's record of a still picture of 64x64: ``make_segment(**fields)``, whose ``frames`` have one."""

    def make(**fields: Any) -> SegmentRecord:
        frame = FrameRecord(
            index=0,
            source="a.png",
            timestamp=None,
            poc=0,
            slice_type="I",
            temporal_layer=0,
            qp=30,
            bits=800,
            psnr_y=33.25,
            objects=[],
        )
        segment = SegmentRecord(
            index=0,
            structure="intra",
            source_size=(64, 64),
            coded_size=(64, 64),
            bits=800,
            realisation="uniform",
            qp_map=MapRecord(32, [[30, 30], [30, 30]], [[30, 30], [30, 30]]),
            regions=[RegionRecord(0, 0, 64, 64, 30, 600)],
            conformance=Conformance(Verdict.YES, "uniform"),
            notes=[],
            verification=None,
            frames=[frame],
        )
        return replace(segment, **fields)

    return make


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """Three textured PNG pictures of different sizes, one of them odd."""
    from vcmpipe.frames import write_png

    folder = tmp_path / "frames"
    folder.mkdir()
    for i, (width, height) in enumerate([(160, 120), (161, 99), (96, 128)]):
        write_png(folder / f"p{i}.png", textured(width, height, seed=i))
    return folder


class CountingEncoder:
    """The real encoder, counting its jobs."""

    def __init__(self) -> None:
        from vcmpipe.encoders import load_encoder

        self.inner = load_encoder("vvenc")
        self.name, self.build, self.capabilities = self.inner.name, self.inner.build, self.inner.capabilities
        self.jobs = 0

    def encode(self, jobs):
        self.jobs += len(jobs)
        return self.inner.encode(jobs)


@pytest.fixture
def counting_encoder() -> CountingEncoder:
    """VVenC, which counts in ``jobs`` what it was asked to code."""
    return CountingEncoder()


@pytest.fixture
def bench_result(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BenchResult]:
    """A function that makes a bench of three methods, or of the points given: see ``tests/bench/bench_made.py``."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "bench")
    from bench_made import make_result

    return make_result
