"""Thousands of hostile streams: nothing crashes, hangs or eats memory in inspect, extract, merge and decode."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from vcmpipe import process
from vcmpipe.bitstream import RegionLayout, concatenate, merge_regions
from vcmpipe.decoding.sandbox import decode_isolated
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.errors import ProcessError, VcmError
from vcmpipe.frames import ColourSpec, crop_yuv, rgb_to_yuv

pytestmark = pytest.mark.skipif(os.name != "posix", reason="alarms and limits are POSIX")

HERE = Path(__file__).resolve().parent
# Python with all of vcmpipe's parsers and decoders takes 0.5 GiB of address space; the limit is what "eats" means.
MEMORY = 3 << 30


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Real streams: slices, sub-pictures, sizes that change, inter pictures, HEVC, AV1."""
    folder = tmp_path_factory.mktemp("corpus")
    make = request.getfixturevalue("textured_picture")
    yuv = rgb_to_yuv(make(96, 64), ColourSpec())
    encoder, layout = load_encoder("vvenc"), RegionLayout(96, 64, 32, (1, 2), (2,), ((2,), (2,)))
    mode = CodingMode(ctu=32, region=True)
    regions = encoder.encode([Job([crop_yuv(yuv, rect)], 27, mode) for rect in layout.regions()])
    for number, stream in enumerate(regions):
        (folder / f"region{number}.bin").write_bytes(stream)
    for form in ("slices", "subpictures"):
        (folder / f"{form}.bin").write_bytes(merge_regions(regions, layout, form=form))
    small, other = (rgb_to_yuv(make(width, 64), ColourSpec()) for width in (64, 128))
    (folder / "sizes.bin").write_bytes(
        concatenate(encoder.encode([Job([y], 30, CodingMode()) for y in (small, other)]))
    )
    binary = load_encoder("vvenc").binary  # type: ignore[attr-defined]
    if "ffmpeg" in binary.name:
        moving = b"".join(np.roll(small.y, 2 * i, axis=1).tobytes() + bytes(64 * 64) for i in range(9))
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "64x64", "-i", "pipe:0"]
        argv = [binary, "-loglevel", "error", "-y", *raw, "-c:v", "libvvenc", "-preset", "faster", "-qp", "32"]
        process.run([*argv, "-f", "vvc", f"file:{folder / 'inter.bin'}"], timeout=120, input=moving)
        argv = [binary, "-loglevel", "error", "-y", *raw, "-c:v", "libkvazaar", "-pix_fmt", "yuv420p"]
        process.run([*argv, "-f", "hevc", f"file:{folder / 'hevc.bin'}"], timeout=120, input=moving[: 4 * 3 * 64 * 64])
        argv = [binary, "-loglevel", "error", "-y", *raw, "-c:v", "libsvtav1", "-preset", "10"]
        process.run([*argv, "-f", "obu", f"file:{folder / 'av1.bin'}"], timeout=120, input=moving)
    return folder


@pytest.fixture(scope="module")
def textured_picture():
    def make(width: int, height: int) -> np.ndarray:
        random = np.random.default_rng(width)
        y, x = np.mgrid[0:height, 0:width]
        waves = 120 + 60 * np.sin(x / 9 + y / 17)[..., None] + random.normal(0, 25, (height, width, 3))
        return np.clip(waves, 0, 255).astype(np.uint8)

    return make


def hostile(corpus: Path, count: int, seed: int) -> None:
    """Runs the worker until it has been through so many streams."""
    while count > 0:
        argv = [sys.executable, HERE / "hostile_worker.py", corpus, str(count), str(seed)]
        environment = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
        try:
            said = process.run(argv, timeout=60 + 2 * count, env=environment, memory_limit=MEMORY, retries=0).stdout
            done, accepted = map(int, said.split()[:2])
            assert done >= count and accepted >= count // 250, said
            return
        except ProcessError as failure:
            # In libav a crash is possible: then, and only then, the child process has to be worth its cost.
            done, _, action = (corpus / "state").read_text().partition(" ")
            crashed = any(name in str(failure) for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGALRM"))
            case = (corpus / "current").read_bytes()
            assert crashed and action == "decode", f"{failure}; in {action} of {case.hex()}"
            try:
                list(decode_isolated(case))
            except VcmError as error:
                assert "\n" not in str(error)
            count, seed = count - int(done) - 1, seed + 1


def test_hostile_streams(corpus: Path) -> None:
    hostile(corpus, 500, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_hostile_streams(corpus: Path, part: int) -> None:
    hostile(corpus, 2500, seed=100 + part)
