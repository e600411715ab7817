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
    (tmp_path / "vcmpipe-of-somebody").mkdir()
    (tmp_path / "vcmpipe-linked").symlink_to(in_use)
    temporary.remove_stale.cache_clear()
    assert remove_stale(tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [in_use.name, "vcmpipe-linked", "vcmpipe-of-somebody"]
    )


def test_only_folders_with_our_name_and_our_marker_are_removed(owner, tmp_path: Path) -> None:
    """The users' own folders stay, whatever they hold; so does a copy that a user made of one of ours."""
    killed, stale = owner()
    killed.kill()
    killed.wait()
    marker = (stale / LOCK).read_text()
    kept = {
        "project": marker,
        "vcmpipe-project": "",
        "vcmpipe-notes": "vcmpipe\n",
        "vcmpipe-copied": marker,
        "project-2": marker.replace(stale.name, "project-2"),
    }
    for name, text in kept.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / LOCK).write_text(text)
        (tmp_path / name / "thesis.tex").touch()
    (tmp_path / "vcmpipe-linked").mkdir()
    (tmp_path / "marker").write_text(marker.replace(stale.name, "vcmpipe-linked"))
    (tmp_path / "vcmpipe-linked" / LOCK).symlink_to(tmp_path / "marker")
    temporary.remove_stale.cache_clear()
    assert remove_stale(tmp_path) == 1
    assert not stale.exists()
    assert all((tmp_path / name / "thesis.tex").is_file() for name in kept)
    assert (tmp_path / "vcmpipe-linked" / LOCK).is_symlink()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_folders_of_other_users_stay(owner, tmp_path: Path) -> None:
    killed, stale = owner()
    killed.kill()
    killed.wait()
    for path in (stale, stale / LOCK):
        os.chown(path, 12345, -1)
        temporary.remove_stale.cache_clear()
        assert remove_stale(tmp_path) == 0
        os.chown(path, os.getuid(), -1)
    assert (stale / "in0.yuv").is_file()
