"""Streams of three AV1 encoders, which use different parts of the syntax."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg
import pytest

from vcmpipe.process import run

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
KINDS = {
    "SVT-AV1, hidden frames": ("libsvtav1", "-preset", "10", "-svtav1-params", "rc=0:qp=40:aq-mode=0:lp=1"),
    "SVT-AV1, all intra": ("libsvtav1", "-preset", "10", "-g", "1", "-svtav1-params", "rc=0:qp=40:aq-mode=0:lp=1"),
    "libaom, tiles": ("libaom-av1", "-cpu-used", "8", "-crf", "40", "-tiles", "2x2", "-g", "8", "-lag-in-frames", "8"),
    "libaom, quantizers by segment": ("libaom-av1", "-cpu-used", "8", "-crf", "40", "-aq-mode", "1"),
    "libaom, stills": ("libaom-av1", "-cpu-used", "8", "-still-picture", "1"),
    "rav1e, error resilient": ("librav1e", "-speed", "10", "-qp", "120"),
}
FRAMES = 9


def code(folder: Path, *codec: str, frames: int = FRAMES, size: str = "146x130", rate: str = "25") -> bytes:
    out = folder / "out.obu"
    source = f"testsrc2=size={size}:rate={rate},noise=alls=16:all_seed=1:allf=t"
    argv = [FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", str(frames)]
    run([*argv, "-pix_fmt", "yuv420p", "-c:v", *codec, "-f", "obu", str(out)], timeout=60)
    return out.read_bytes()


@pytest.fixture(scope="session")
def streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A stream of each kind, 9 frames of 146x130."""
    folder = tmp_path_factory.mktemp("av1")
    return {kind: code(folder, *codec) for kind, codec in KINDS.items()}


@pytest.fixture(params=KINDS)
def stream(request: pytest.FixtureRequest, streams: dict[str, bytes]) -> bytes:
    return streams[request.param]


@pytest.fixture
def hidden(streams: dict[str, bytes]) -> bytes:
    """The stream with frames that are shown after they were decoded."""
    return streams["SVT-AV1, hidden frames"]
