"""A hostile user's tools: the command line in this process or in its own, and a look at what it left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe import process
from vcmpipe.bitstream import RegionLayout, concatenate, merge_regions
from vcmpipe.cli.main import main
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.frames import ColourSpec, crop_yuv, rgb_to_yuv

# Signals are reset, for a test run in the background of a script ignores Ctrl-C and hands that down.
_PROGRAM = (
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from vcmpipe.cli import main\n"
    "sys.exit(main())"
)


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    def refused(self, code: int, *named: str) -> None:
        """Exit code, one line that names the thing, and nothing on stdout."""
        assert self.code == code, self.err
        assert self.out == ""
        assert self.err.startswith("vcmpipe: ") and self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err and "not foreseen" not in self.err
        for word in named:
            assert word in self.err


def files(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; what the command leaves in TMPDIR is looked at in ``leftovers``."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("VCMPIPE_DETECTOR", "demo")
    monkeypatch.delenv("VCMPIPE_VVENC", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / "work"


@pytest.fixture
def leftovers(here: Path) -> Callable[[], list[str]]:
    """Names of ours in TMPDIR (torch keeps folders of its own there) and hidden ones in the working folder."""

    def look() -> list[str]:
        ours = [path.name for path in (here.parent / "tmp").iterdir() if path.name.startswith("vcmpipe")]
        return ours + [str(path) for path in here.rglob(".vcmpipe*")]

    return look


@pytest.fixture
def vcmpipe(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs the command line in this process."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as exit:
            code = int(exit.code or 0)
        out, err = capsys.readouterr()
        # How often progress is told depends on the machine.
        kept = [line for line in err.splitlines(keepends=True) if not line.startswith("vcmpipe: encode: ")]
        return Outcome(code, out, "".join(kept))

    return run


@pytest.fixture
def start(here: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command line in a process of its own; what still runs at the end is ended."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: object, **options: object) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        started.append(subprocess.Popen([sys.executable, "-c", _PROGRAM, *map(str, words)], **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield run
    for each in started:
        if each.poll() is None:
            each.kill()
        each.wait()
        for pipe in (each.stdout, each.stderr):
            if pipe is not None:
                pipe.close()


def _picture(width: int, height: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., bytes]:
    """``make_picture(width, height, seed=0, kind=".png")``: a picture file's bytes."""

    def make(width: int, height: int, seed: int = 0, kind: str = ".png") -> bytes:
        return cv2.imencode(kind, _picture(width, height, seed))[1].tobytes()

    return make


@pytest.fixture(scope="session")
def region_stream() -> bytes:
    """Two pictures of 96x64 as two sub-pictures each."""
    encoder, layout = load_encoder("vvenc"), RegionLayout(96, 64, 32, (1, 2), (2,), ((2,), (2,)))
    pictures = []
    for seed in (1, 2):
        yuv = rgb_to_yuv(_picture(96, 64, seed), ColourSpec())
        mode = CodingMode(ctu=32, region=True)
        streams = encoder.encode([Job([crop_yuv(yuv, rect)], 32, mode) for rect in layout.regions()])
        pictures.append(merge_regions(streams, layout, form="subpictures"))
    return concatenate(pictures)


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory, make_picture: Callable[..., bytes]) -> Path:
    """A folder with ``a.bin`` and ``a.json``, coded from two pictures by the command line."""
    folder = tmp_path_factory.mktemp("encoded")
    (folder / "in").mkdir()
    for seed in (1, 2):
        (folder / "in" / f"p{seed}.png").write_bytes(make_picture(96, 64, seed))
    words = ["encode", "--input", str(folder / "in"), "--out", str(folder / "a.bin"), "--detector", "demo"]
    assert main([*words, "--predictor", "constant", "--no-check"]) == 0
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """``small_disk(size, options="")``: a file system of that many bytes; skips where mounting is not allowed."""
    mounted: list[Path] = []

    def make(size: int, options: str = "") -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        try:
            process.run(["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "tmpfs", place], timeout=10)
        except process.ProcessError as error:
            pytest.skip(f"a small file system cannot be mounted here: {error}")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        process.run(["umount", place], timeout=10)


def running_with(mark: str) -> list[str]:
    """Commands of the processes whose environment holds a text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if os.fsencode(mark) in environment and state != "Z" and folder.name != str(os.getpid()):
            found.append(command.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


@pytest.fixture
def orphans(here: Path) -> Callable[[], list[str]]:
    """Programs that a command started in this test's TMPDIR and that still run."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("there is no /proc to look for left processes in")
    return lambda: running_with(f"TMPDIR={here.parent / 'tmp'}\0")


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes | None]]:
    """Everything below a folder, with its content: for before and after."""
    return files
