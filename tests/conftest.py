"""Fixtures that several test modules share."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe.frames import Frame
from vcmpipe.process import run
from vcmpipe.sidecar import Conformance, FrameRecord, MapRecord, RegionRecord, SegmentRecord, Verdict

if TYPE_CHECKING:
    from vcmpipe.bench import BenchResult

# A run in the background of a script ignores SIGINT, and so would all programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


def moving(
    width: int, height: int, count: int, *, cuts: tuple[int, ...] = (), rate: int = 10, depth: int = 8, **colour: Any
) -> list[Frame]:
    """Frames of a video with YUV planes: a square that moves over a texture, which changes at every cut."""
    from vcmpipe.frames import ColourSpec, Planes

    spec, frames, scene = ColourSpec(**colour), [], 0
    for number in range(count):
        scene += number in cuts
        picture = textured(width, height, seed=scene)
        x, y = (7 * number) % (width - 16), height // 3
        picture[y : y + 16, x : x + 16] = (250, 240, 30)
        planes = Planes.of_rgb(picture, spec)
        if depth == 8:
            planes = Planes(*((array >> 2).astype(np.uint8) for array in planes.arrays), spec)
        frames.append(Frame(number, None, f"clip.mp4#{number}", Fraction(number, rate), planes=planes))
    return frames


@pytest.fixture
def make_video() -> Callable[..., list[Frame]]:
    """Makes the frames of a short video: ``make_video(width, height, count, cuts=(), depth=8, matrix=...)``."""
    return moving


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


@pytest.fixture
def endless_model(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Writes an ONNX detector that never answers: see ``tests/detection/endless.py``."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "detection")
    from endless import endless_model

    return endless_model


_VVENC = "IntraPeriod={period}:GOPSize={gop}:{more}POC0IDR=1:GOPQPA=0:MCTF=0:BIM=0:STA=0:accessunitdelimiter=0"
_CODING = {
    "random-access": _VVENC.format(period=-1, gop=16, more="DecodingRefreshType=idr:"),
    "low-delay": _VVENC.format(period=-1, gop=8, more="PicReordering=0:DecodingRefreshType=none:"),
    "intra": _VVENC.format(period=1, gop=1, more="DecodingRefreshType=idr:"),
    "leading": _VVENC.format(period=-1, gop=16, more="DecodingRefreshType=idr:").replace("POC0IDR=1:", ""),
}


@pytest.fixture(scope="session")
def coded_segment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Codes moving shapes: ``coded_segment(kind, frames=20, size="128x96", start=0)``, each only once.

    ``kind`` is a structure of VVenC's, ``leading`` (its first picture is not the first one shown), or ``hevc``.
    """
    folder = tmp_path_factory.mktemp("segments")

    @functools.cache
    def code(kind: str, frames: int = 20, size: str = "128x96", start: float = 0) -> bytes:
        out = folder / "segment"
        how = ["-pix_fmt", "yuv420p10le", "-c:v", "libvvenc", "-preset", "faster", "-qpa", "0", "-qp", "37"]
        how += ["-vvenc-params", _CODING.get(kind, ""), "-f", "vvc"]
        if kind == "hevc":
            how = ["-pix_fmt", "yuv420p", "-c:v", "libkvazaar", "-kvazaar-params", "qp=37,period=0,gop=8", "-f", "hevc"]
        source = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=10:d=60", "-ss", str(start), "-frames:v", str(frames)]
        run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source, *how, str(out)], timeout=60)
        return out.read_bytes()

    return code


def _clip(options: str = "", *, size: str = "96x64", frames: int = 20, rate: int = 10) -> bytes:
    """MPEG-TS, H.264, as a camera sends it."""
    video = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}"]
    coding = ["-frames:v", str(frames), "-c:v", "libx264", "-bf", "0", "-g", "10", "-threads", "1", "-f", "mpegts", "-"]
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *video, *options.split(), *coding]
    return subprocess.run(argv, check=True, timeout=60, capture_output=True).stdout


class Camera(http.server.ThreadingHTTPServer):
    """Sends, on the first connection, the first of its scripts, and so on; afterwards it is not there any more.

    A script holds bytes to send, seconds to wait, and "cut", which breaks off. None: nothing is there that time.
    """

    daemon_threads, block_on_close = True, False

    def __init__(self, *scripts: Sequence[bytes | float | str] | None, length: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Sending)
        self.scripts, self.length, self.asked = list(scripts), length, 0
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://me:secret@127.0.0.1:{self.server_port}/door"


class _Sending(http.server.BaseHTTPRequestHandler):
    server: Camera
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked += 1
        script = self.server.scripts.pop(0) if self.server.scripts else None
        if script is None:
            self.send_error(404)
            return
        self.send_response(200)
        if self.server.length is not None:
            self.send_header("Content-Length", str(self.server.length))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            for part in [*script, b""]:
                if part == "cut":
                    self.wfile.write(b"fff\r\n")
                    break
                if isinstance(part, float):
                    self.server.ended.wait(part)
                elif self.server.length is not None:
                    self.wfile.write(part)
                else:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.close_connection = True


@pytest.fixture
def camera() -> Iterator[Callable[..., Camera]]:
    """Starts cameras; see ``Camera``."""
    with contextlib.ExitStack() as stack:

        def start(*scripts: Sequence[bytes | float | str] | None, length: int | None = None) -> Camera:
            started = stack.enter_context(Camera(*scripts, length=length))
            stack.callback(started.shutdown)
            stack.callback(started.ended.set)
            threading.Thread(target=started.serve_forever, args=(0.05,), daemon=True).start()
            return started

        yield start


@pytest.fixture(scope="session")
def clip() -> Callable[..., bytes]:
    """Makes MPEG-TS as a camera sends it; see ``_clip``."""
    return functools.cache(_clip)


@pytest.fixture(scope="module")
def dask() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Dask's programs."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], "--no-dashboard"]
        # The package under test, whatever is installed.
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
        }
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "env": env}
        started.append(subprocess.Popen(argv, **quiet))  # type: ignore[call-overload]
        return started[-1]

    yield run
    for each in started:
        each.kill()
        each.communicate()


@pytest.fixture(scope="module")
def scheduler(dask: Callable[..., subprocess.Popen[str]]) -> str:
    """The address of a scheduler."""
    running = dask("scheduler", "--host", "127.0.0.1", "--port", "0")
    return next(found[0] for line in running.stderr or () if (found := re.search(r"tcp://127\.0\.0\.1:\d+", line)))


@pytest.fixture
def worker(dask: Callable[..., subprocess.Popen[str]], scheduler: str) -> Callable[[], subprocess.Popen[str]]:
    """Starts workers of it, of one thread each."""

    def run() -> subprocess.Popen[str]:
        return dask("worker", scheduler, "--nthreads", "1", "--no-nanny")

    return run
