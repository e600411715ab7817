"""A fault in the middle of a batch, and signals while an encoder does not listen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_suite import ENCODE, command_line, environment, fresh_temporary_folder, install_fake, running_with

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="process groups, signals and modes are POSIX"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc to look for programs in"),
]


@pytest.fixture
def set_up(tmp_path: Path, pictures: list[bytes], real: Path) -> Callable[[str], dict[str, str]]:
    """Four pictures in work/in and the fake with a fault; the environment."""

    def make(fault: str) -> dict[str, str]:
        (tmp_path / "work" / "in").mkdir(parents=True)
        (tmp_path / "tmp").mkdir()
        for number, picture in enumerate(pictures):
            (tmp_path / "work" / "in" / f"p{number}.png").write_bytes(picture)
        return install_fake(tmp_path, fault, real) | {"TMPDIR": str(tmp_path / "tmp"), "VCMPIPE_DETECTOR": "demo"}

    return make


def runs(folder: Path) -> int:
    return len((folder / "log").read_text()) if (folder / "log").exists() else 0


def test_a_failed_picture_fails_the_stream_and_a_second_run_codes_the_rest(tmp_path: Path, set_up) -> None:
    values, work = set_up("complete-but-1"), tmp_path / "work"
    words = [*ENCODE, "--cache", str(tmp_path / "cache")]
    with environment(values | {"FAKE_AT": "3"}, work), fresh_temporary_folder():
        code, said = command_line(words)
        assert code == 1 and "in/p2.png: ffmpeg-fake failed with exit code 1" in said
        assert "kept: the same command continues from there" in said
        assert [path.name for path in work.iterdir() if not path.name.endswith(".journal")] == ["in"]
        before = runs(tmp_path)
        code, said = command_line(words)
    assert (code, said) == (0, "")
    assert [path.name for path in work.iterdir() if path.name.startswith(".")] == []
    # p0 and p1 came from the journal, and so did p3 where it was done before p2 was known to have failed.
    assert 1 <= runs(tmp_path) - before <= 2
    assert len(json.loads((work / "out.json").read_text())["segments"]) == 4


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started = []

    def run(words: list[str], values: dict[str, str]) -> subprocess.Popen[str]:
        root = str(Path(__file__).resolve().parents[2])
        program = "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        program += "from vcmpipe.cli import main\nsys.exit(main())"
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", program, *words],
                cwd=tmp_path / "work",
                env=os.environ | values | {"PYTHONPATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        deadline = time.monotonic() + 120
        while not runs(tmp_path):
            assert started[-1].poll() is None and time.monotonic() < deadline, started[-1].communicate()
            time.sleep(0.02)
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


BENCH = ["bench", "--images", "in", "--out", "report", "--cache", "cache", "--jobs", "1"]


def test_an_encoder_that_ignores_sigterm_goes_with_us(tmp_path: Path, set_up, start) -> None:
    values = set_up("hang-deaf")
    running = start(BENCH, values)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err.splitlines()[-1]) == (130, "", "vcmpipe: interrupted")
    assert running_with(f"FAKE_LOG={tmp_path / 'log'}\0") == []
    assert {path.name for path in (tmp_path / "work").iterdir()} <= {"in", "cache"}
    assert not list((tmp_path / "tmp").rglob("*.yuv"))


def test_what_a_killed_vcmpipe_leaves_is_removed_by_the_next(tmp_path: Path, set_up, start) -> None:
    values = set_up("hang")
    running = start(ENCODE, values)
    running.kill()
    running.wait()
    left = running_with(f"FAKE_LOG={tmp_path / 'log'}\0")
    # Nobody is told of a SIGKILL: the encoder goes on, its folder stays, and no output has appeared.
    assert left and list((tmp_path / "tmp").rglob("*.yuv"))
    assert not (tmp_path / "work" / "out.bin").exists()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"FAKE_LOG={tmp_path / 'log'}\0".encode() in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue
    again = start(ENCODE, values | {"FAKE_FAULT": "none"})
    assert again.wait(timeout=120) == 0, again.communicate()
    assert not list((tmp_path / "tmp").rglob("*.yuv"))
    assert len(json.loads((tmp_path / "work" / "out.json").read_text())["segments"]) == 4
