from __future__ import annotations

import functools
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, LiveRules, LiveSource, Selection, Y4mWriter, open_source, rgb_to_yuv
from vcmpipe.frames.live import open_live, open_pipe
from vcmpipe.frames.y4m import parse_header

FRAME = 48 * 32 * 3 // 2


def _y4m(*, tags: str = "F10:1 C420jpeg", count: int = 3, size: int = FRAME) -> bytes:
    frames = b"".join(b"FRAME\n" + bytes([16 + number]) * size for number in range(count))
    return f"YUV4MPEG2 W48 H32 {tags}\n".encode() + frames


def _piped(data: bytes, selection: Selection | None = None) -> LiveSource:
    """The data through a real pipe."""
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(data)

    threading.Thread(target=write, daemon=True).start()
    return open_pipe(os.fdopen(out, "rb", buffering=0), selection or Selection())


def test_y4m_from_a_pipe() -> None:
    source = _piped(_y4m())
    assert (source.live, source.name, source.count) == (True, "stdin", None)
    assert source.info.rate == 10 and source.info.depth == 8
    frames = list(source)
    assert [(frame.source, frame.timestamp) for frame in frames] == [(f"stdin#{n}", Fraction(n, 10)) for n in range(3)]
    assert [int(frame.planes.y[5, 5]) for frame in frames if frame.planes] == [16, 17, 18]
    assert frames[0].planes is not None and frames[0].planes.colour == ColourSpec("bt601", "limited", "centre")
    assert source.ended_by is None
    with pytest.raises(InputError, match="only once"):
        iter(source)


@pytest.mark.parametrize(
    ("kind", "samples", "depth"),
    [
        ("420mpeg2", 1.5, 8),
        ("422", 2, 8),
        ("444", 3, 8),
        ("mono", 1, 8),
        ("420p10", 3, 10),
        ("422p10", 4, 10),
        ("444p12", 6, 10),
        ("mono10", 2, 10),
    ],
)
def test_kinds_of_samples(kind: str, samples: float, depth: int) -> None:
    (frame,) = _piped(_y4m(tags=f"F10:1 C{kind}", count=1, size=int(48 * 32 * samples)))
    assert frame.planes is not None and frame.planes.depth == depth
    assert (frame.planes.y.shape, frame.planes.u.shape) == ((32, 48), (16, 24))


def test_own_files_come_back_through_a_pipe(tmp_path: Path) -> None:
    yuv = rgb_to_yuv(np.random.default_rng(0).integers(0, 256, (34, 46, 3), np.uint8), ColourSpec())
    spec = ColourSpec("bt709", "full", "topleft")
    with Y4mWriter(tmp_path / "own.y4m", (45, 33), Fraction(30000, 1001), spec) as writer:
        writer.write(yuv)
    source = _piped((tmp_path / "own.y4m").read_bytes())
    (frame,), (same,) = source, open_source(tmp_path / "own.y4m")
    assert frame.planes is not None and same.planes is not None
    assert source.info.rate == Fraction(30000, 1001) and frame.planes.colour == same.planes.colour == spec
    assert np.array_equal(frame.planes.y, yuv.y[:33, :45]) and np.array_equal(frame.planes.v, same.planes.v)


def test_selection_of_a_pipe() -> None:
    source = _piped(_y4m(count=9), Selection.of(2, 0.3, 3, "5"))
    assert [(frame.index, frame.timestamp) for frame in source] == [(3, Fraction(3, 5)), (6, Fraction(6, 5))]
    assert source.info.rate == Fraction(5, 3) and source.ended_by is None
    with pytest.raises(InputError, match=r"no frame from 5 s on"):
        list(_piped(_y4m(), Selection.of(None, 5, 1, None)))


def test_a_cut_pipe_keeps_what_came() -> None:
    whole = _y4m()
    for cut, count, why in ((-1, 2, "middle of a frame, after 2 frames"), (-FRAME - 3, 2, "after 2 frames")):
        source = _piped(whole[:cut])
        assert len(list(source)) == count
        assert source.ended_by is not None and why in source.ended_by
    with pytest.raises(InputError, match="after 0 frames"):
        list(_piped(whole[: len(whole) - 3 * FRAME]))
    with pytest.raises(InputError, match="without pictures"):
        list(_piped(_y4m(count=0)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a YUV4MPEG2"),
        (b"\x00\x00\x00\x18ftypmp42" * 500, "not a YUV4MPEG2"),
        (b"YUV4MPEG2 W48 H32 " + b"X" * 5000 + b"\n", "not a YUV4MPEG2"),
        (b"YUV4MPEG2 W48 H32", "not a YUV4MPEG2"),
        (b"YUV4MPEG2 H32\n", "0x32 pixels"),
        (b"YUV4MPEG2 W-48 H32\n", "0x32 pixels"),
        (b"YUV4MPEG2 W999999999 H999999999\n", "the most is"),
        (b"YUV4MPEG2 W48 H32 C411\n", "kind 411"),
        (b"YUV4MPEG2 W48 H32 C420p99\n", "kind 420p99"),
        (b"YUV4MPEG2 W48 H32 C\x1b[2J\n", "not read"),
    ],
)
def test_bad_headers(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _piped(data)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("rate", ["F0:0", "F0:1", "F90000:1", "F1:0", "Fx", ""])
def test_absurd_rates(rate: str) -> None:
    source = _piped(_y4m(tags=rate))
    assert source.info.rate is None and "taken as unknown" in source.info.notes[0]
    assert [frame.timestamp for frame in source] == [0, Fraction(1, 25), Fraction(2, 25)]


def test_aspect_and_interlace_are_stated() -> None:
    header = parse_header(b"YUV4MPEG2 W720 H576 F25:1 It A16:15 C420paldv XCOLORRANGE=FULL\n", "x")
    info = header.info(Selection())
    assert (info.sample_aspect, info.interlaced, info.colour) == (
        Fraction(16, 15),
        True,
        ColourSpec("bt601", "full", "topleft"),
    )
    assert len(info.notes) == 2
    assert parse_header(b"YUV4MPEG2 W720 H576 A0:0\n", "x").aspect == 1


def test_stop_ends_a_pipe_that_waits() -> None:
    out, into = os.pipe()
    os.write(into, _y4m(count=2))
    source = open_pipe(os.fdopen(out, "rb", buffering=0), Selection())
    frames = []
    threading.Timer(0.4, source.stop).start()
    before = time.monotonic()
    for frame in source:
        frames.append(frame)
    assert len(frames) == 2 and source.ended_by == "it was stopped" and time.monotonic() - before < 5
    os.close(into)


def test_nothing_is_read_far_ahead() -> None:
    out, into = os.pipe()
    sent = []

    def write() -> None:
        with os.fdopen(into, "wb", buffering=0) as file:
            file.write(b"YUV4MPEG2 W480 H320\n")
            for number in range(100):
                file.write(b"FRAME\n" + bytes(480 * 320 * 3 // 2))
                sent.append(number)

    threading.Thread(target=write, daemon=True).start()
    frames = iter(open_pipe(os.fdopen(out, "rb", buffering=0), Selection()))
    next(frames)
    time.sleep(0.5)
    assert len(sent) < 10
    assert len(list(frames)) == 99


def test_standard_input_is_a_dash() -> None:
    program = "from vcmpipe.frames import open_source\nprint([f.source for f in open_source('-', limit=2)])"
    done = subprocess.run([sys.executable, "-c", program], input=_y4m(), capture_output=True, check=True, timeout=60)
    assert done.stdout == b"['stdin#0', 'stdin#1']\n"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "concat://a|b",
        "crypto+http://x/y",
        "ftp://x/y",
        "http,opt=1://x",
        "rtmp://x/y",
        "data://text/plain,x",
        "pipe://0",
        "tcp://x:1",
    ],
)
def test_other_schemes_are_refused_by_name(url: str) -> None:
    with pytest.raises(InputError, match=r"of the scheme .* are not opened"):
        open_source(url)


def test_an_address_is_one_word() -> None:
    with pytest.raises(InputError, match="no spaces") as caught:
        open_source("http://x/\r\nHost: y")
    assert str(caught.value).isprintable()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.directory, "clip.ts")
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            self.wfile.write(path.read_bytes()[: path.stat().st_size // 2])
        elif self.path == "/file":
            self.send_response(302)
            self.send_header("Location", f"file://{path}")
            self.end_headers()
        elif self.path == "/silent":
            time.sleep(3)
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    clip = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=2", "-c:v", "libx264", "-bf", "0", folder / "clip.ts"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *clip], check=True, timeout=60)
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nclip.ts\n#EXT-X-ENDLIST\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=folder)) as web:
        web.daemon_threads = True
        web.block_on_close = False
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://me:secret@127.0.0.1:{web.server_port}"
        web.shutdown()


def test_a_video_from_a_server(server: str) -> None:
    source = open_source(f"{server}/clip.ts?token=secret", stride=5)
    assert isinstance(source, LiveSource) and source.live and source.info.rate == 2
    frames = list(source)
    assert [frame.index for frame in frames] == [0, 5, 10, 15] and source.ended_by is None
    assert "secret" not in frames[0].source + str(source.path) and frames[0].source.endswith("/clip.ts#0")


def test_a_server_that_breaks_off(server: str) -> None:
    source = open_live(f"{server}/cut", Selection())
    count = len(list(source))
    assert 3 < count < 20 and source.ended_by is not None and "secret" not in source.ended_by


@pytest.mark.parametrize("path", ["list.m3u8", "file", "nothing", "silent"])
def test_servers_without_a_video(server: str, path: str) -> None:
    before = time.monotonic()
    with pytest.raises(InputError, match="cannot be opened") as caught:
        open_live(f"{server}/{path}", Selection(), LiveRules(opening=0.5))
    assert time.monotonic() - before < 3 and "secret" not in str(caught.value)


def test_dead_addresses_end_in_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    for url in (f"rtsp://127.0.0.1:{port}/x", f"udp://127.0.0.1:{port}"):
        with pytest.raises(InputError, match="cannot be opened"):
            open_live(url, Selection(), LiveRules(opening=0.5))
