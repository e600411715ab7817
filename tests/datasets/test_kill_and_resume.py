"""A builder that is killed at any moment, and the next run that goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.datasets.conftest import QPS, options, write_scenes
from tests.datasets.test_build import contents
from vcmpipe.datasets.build import build
from vcmpipe.datasets.store import Store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")

KILLS = 3
PATIENCE = 120.0


def start(images: Path, out: Path) -> subprocess.Popen[bytes]:
    words = ["dataset", "build", "--images", images, "--out", out, "--detector", "demo", "--qps", QPS, "--jobs", "1"]
    return subprocess.Popen([sys.executable, "-m", "vcmpipe", *map(str, words)], stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def many_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("many"), 2 * KILLS)


def encoders_left(temporary: Path) -> list[str]:
    """Processes that still run with our TMPDIR."""
    mark = f"TMPDIR={temporary}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_store(
    many_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    out = tmp_path / "killed"
    pictures = len(list(many_scenes.rglob("*.png")))
    dice = random.Random(os.urandom(8))
    done = 0
    for _ in range(KILLS):
        running = start(many_scenes, out)
        deadline = time.monotonic() + PATIENCE
        # Once one more record is there, at a moment that nobody chose: while coding, detecting, or writing.
        while len(list((out / "pictures").rglob("[!.]*.parquet"))) <= done:
            assert running.poll() is None, running.stderr and running.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.4))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        done = len(Store.open(out).names())
        assert 1 <= done < pictures, "the kill came too early or too late to say anything"
    deadline = time.monotonic() + 10
    while encoders_left(tmp_path / "tmp") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert encoders_left(tmp_path / "tmp") == []
    assert build(options(many_scenes, out)).built == pictures - done
    straight = tmp_path / "straight"
    assert build(options(many_scenes, straight)).built == pictures
    assert contents(out) == contents(straight)
