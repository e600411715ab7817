"""Decoding in a child process: the same pictures and errors, and whatever becomes of the child is one error here."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.bitstream import concatenate
from vcmpipe.decoding import sandbox as isolated
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.decoding.sandbox import decode_isolated, memory_needed
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.errors import BitstreamError, ProcessError, VcmError
from vcmpipe.frames import ColourSpec, Frame, rgb_to_yuv

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")


@pytest.fixture
def streams(make_frame: Callable[..., Frame]) -> list[bytes]:
    """Three pictures of two sizes."""
    pictures = [rgb_to_yuv(make_frame(w, h, seed=w).rgb, ColourSpec()) for w, h in ((96, 64), (128, 72), (96, 64))]
    return load_encoder("vvenc").encode([Job([yuv], 34, CodingMode()) for yuv in pictures])


def test_the_pictures_are_those_of_the_decoder_in_process(streams: list[bytes]) -> None:
    data = concatenate(streams)
    for threads in (1, 3):
        there, here = list(decode_isolated(data, threads=threads)), list(decode_stream(data))
        assert [(p.index, p.size, p.spec) for p in there] == [(p.index, p.size, p.spec) for p in here]
        for one, other in zip(there, here, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one.yuv.planes, other.yuv.planes, strict=True))


def cut(data: bytes) -> bytes:
    return data[: -len(data) // 3]


@pytest.mark.parametrize("damage", [cut, lambda data: b"", lambda data: b"no stream at all" * 9])
def test_the_errors_are_those_of_the_decoder_in_process(streams: list[bytes], damage) -> None:
    data = damage(streams[0])
    raised = []
    for decode in (decode_stream, decode_isolated):
        with pytest.raises(BitstreamError) as caught:
            list(decode(data))
        raised.append(str(caught.value))
    assert raised[0] == raised[1] and "\n" not in raised[0]


HEADER = "import json, os, signal, sys, time\ndata = sys.stdin.buffer.read()\nout = sys.stdout.buffer\n" + (
    "def send(m):\n    d = json.dumps(m).encode(); out.write(len(d).to_bytes(4, 'little') + d); out.flush()\n"
    "spec = {'matrix': 'bt709', 'range': 'limited', 'siting': 'left'}\n"
    "picture = {'index': 0, 'size': [96, 64], 'planes': [96, 64], 'spec': spec}\n"
)
CHILDREN = [
    ("os.kill(os.getpid(), signal.SIGSEGV)", ProcessError, "did not survive .* signal SIGSEGV"),
    ("send(picture); out.write(bytes(99)); out.flush(); os.abort()", ProcessError, "did not survive .*SIGABRT"),
    ("print('no module named av', file=sys.stderr); sys.exit(1)", ProcessError, "exit code 1.*: no module named av"),
    ("sys.exit(0)", ProcessError, "ended without a message"),
    ("send(picture); out.write(bytes(99))", ProcessError, "ended without a message"),
    ("out.write(b'what is this? ' * 999)", ProcessError, "ended without a message"),
    ("send([1])", ProcessError, "ended without a message"),
    ("send(picture | {'planes': [98, 64]}); send({'end': True})", ProcessError, "ended without a message"),
    ("send(picture | {'size': [1e9, 64], 'planes': [1e9, 64]})", ProcessError, "ended without a message"),
    ("send(picture | {'size': [-2, -2], 'planes': [-2, -2]})", ProcessError, "ended without a message"),
    ("send(picture | {'spec': {'matrix': 'evil'}})", ProcessError, "ended without a message"),
    ("send({'error': 'memory'})", BitstreamError, "takes more memory"),
    ("send({'error': 'other', 'message': 'so\\nso'})", VcmError, "^so so$"),
    ("time.sleep(600)", ProcessError, "gave no answer within 0"),
    ("send(picture); time.sleep(600)", ProcessError, "gave no answer within 0"),
]


@pytest.mark.parametrize(("code", "error", "says"), CHILDREN)
def test_what_becomes_of_the_child_is_one_error(
    streams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception], says: str
) -> None:
    (tmp_path / "child.py").write_text(HEADER + code)
    monkeypatch.setattr(isolated, "_COMMAND", (sys.executable, str(tmp_path / "child.py")))
    if "sleep" in code:
        monkeypatch.setattr(isolated, "_SECONDS_AT_LEAST", 0.5)
        monkeypatch.setattr(isolated, "_SECONDS_PER_MEGAPIXEL", 0.0)
    with pytest.raises(error, match=says) as caught:
        list(decode_isolated(streams[0]))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_memory_is_limited_by_the_size_of_the_pictures(streams, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "child.py").write_text(HEADER + "x = bytes(2 << 30)")
    monkeypatch.setattr(isolated, "_COMMAND", (sys.executable, str(tmp_path / "child.py")))
    with pytest.raises(ProcessError, match=r"memory limit of 102[0-9] MiB.*MemoryError"):
        list(decode_isolated(streams[0], threads=4))
    assert memory_needed(8192 * 8192, 1) < 8 << 30


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_decoder_without_memory_says_so(streams, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the limit hits first, Python's start or the decoder's buffers."""
    raised = set()
    for limit in (100, 160, 200, 240, 280):
        monkeypatch.setenv("VCMPIPE_MEMORY_LIMIT", f"{limit}M")
        try:
            list(decode_isolated(streams[0], threads=1))
        except VcmError as error:
            assert "emory" in str(error) and "\n" not in str(error)
            raised.add(type(error))
    assert raised


def test_modules_in_the_working_folder_are_not_run(streams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("av", "numpy", "json", "vcmpipe"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    assert len(list(decode_isolated(streams[0]))) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to look for left processes in")
def test_leaving_early_ends_the_child(streams) -> None:
    def children() -> list[str]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[1] == str(os.getpid()) and fields[0] != "Z":
                found.append(stat.parent.name)
        return found

    before = children()
    pictures = decode_isolated(concatenate(streams * 40), threads=1)
    next(pictures)
    assert len(children()) == len(before) + 1
    del pictures
    gc.collect()
    deadline = time.monotonic() + 10
    while children() != before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
