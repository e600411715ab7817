from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vcmpipe.process import temporary
from vcmpipe.process.temporary import LOCK, remove_stale

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the locks are POSIX")

CODE = """
import time
from vcmpipe.process import temporary_folder
with temporary_folder("vvenc") as folder:
    (folder / "in0.yuv").write_bytes(bytes(1000))
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def owner(tmp_path: Path):
    """A process with a temporary folder of its own, and that folder."""
    started = []

    def start() -> tuple[subprocess.Popen[str], Path]:
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_a_killed_run_left_goes_at_the_next_start(owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed, stale = owner()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (stale / "in0.yuv").is_file()
    _, in_use = owner()
    # The second owner was the next start; what is in use stays, and so does what only looks alike.
    assert not stale.exists() and (in_use / "in0.yuv").is_file()
    (tmp_path / "vvenc-of-somebody").mkdir()
    (tmp_path / "linked").symlink_to(in_use)
    temporary.remove_stale.cache_clear()
    assert remove_stale(tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([in_use.name, "linked", "vvenc-of-somebody"])


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "target").touch()
    (tmp_path / "foreign" / LOCK).symlink_to(tmp_path / "target")
    temporary.remove_stale.cache_clear()
    assert remove_stale(tmp_path) == 0
    assert (tmp_path / "foreign").is_dir()
