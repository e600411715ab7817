"""The wheel in an empty environment, and ``pip install .`` from a clone: only their own packages, no torch, real work.

make test-install
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vcmpipe.process.extras import EXTRAS

pytestmark = pytest.mark.install
LARGEST = 1_000_000_000
"""Bytes that the core may take."""


@pytest.fixture(scope="module")
def install() -> Iterator[Any]:
    """``benchmarks/install.py``, which makes the environments that it measures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
        yield importlib.import_module("install")


@pytest.fixture(scope="module")
def python(install: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and what that brings."""
    folder = tmp_path_factory.mktemp("install")
    wheel = install.build_wheel(folder)
    python = install.empty_environment(folder / "venv")
    install.run(python, "-m", "pip", "install", "--quiet", "-c", install.LOCK, wheel, cwd=folder)
    return Path(python)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user who has nothing yet."""
    return tmp_path_factory.mktemp("user")


def vcmpipe(python: Path, line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, with a home of its own and nothing of this checkout in sight."""
    environment = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder / "home")}
    argv = [str(python.with_name("vcmpipe")), *line.split()]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_what_is_installed(install: Any, python: Path) -> None:
    there = {path.name for path in install.site_packages(python).iterdir()}
    assert {"vcmpipe", "vcmpipe_datasets", "vcmpipe_pipelines", "onnxruntime", "imageio_ffmpeg"} <= there
    assert not there & {library for libraries in EXTRAS.values() for library in libraries}
    assert install.size(install.site_packages(python)) < LARGEST


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("doctor", []),
        ("encode demo --out kept.mp4 --detector demo --verify --max-trials 3", ["kept.mp4", "kept.json"]),
        ("decode kept.mp4 --out decoded --overlay", ["decoded"]),
        ("inspect kept.mp4 --verify-map", []),
        (
            "bench demo --detector demo --limit 2 --methods plain,jrd --qps 32,37,42,47 --margins -6,0 --out report",
            ["report/report.html", "report/points.csv"],
        ),
        ("encode demo --out by-name.bin --detector demo --predictor detector_aware --limit 8", ["by-name.bin"]),
        ("dataset fetch --help", []),
    ],
)
def test_what_it_does(line: str, made: list[str], python: Path, empty: Path) -> None:
    done = vcmpipe(python, line, empty)
    assert done.returncode == 0, done.stderr
    assert all((empty / name).exists() for name in made)


def test_what_it_says_of_itself(python: Path, empty: Path) -> None:
    report = json.loads(vcmpipe(python, "doctor --json", empty).stdout)
    assert report["healthy"] and report["extras"]["train"] == list(EXTRAS["train"])
    assert "torch" not in report["versions"] and {"vcmpipe", "onnxruntime"} <= set(report["versions"])
    done = vcmpipe(python, "train dt_jrd --data x --out y", empty)
    missing = "vcmpipe: vcmpipe train needs torch, which is not installed: pip install 'vcmpipe[train]'\n"
    assert (done.returncode, done.stderr) == (2, missing)


def test_the_message_is_right_about_pip(install: Any, python: Path, empty: Path) -> None:
    """What the message says adds an extra to what is installed, wherever that came from."""
    said = install.run(python, "-m", "pip", "install", "--dry-run", "-c", install.LOCK, "vcmpipe[cluster]", cwd=empty)
    assert "Would install" in said and "distributed-" in said and "vcmpipe-" not in said.splitlines()[-1]


def test_from_a_clone(install: Any, python: Path, empty: Path) -> None:
    pip = (python, "-m", "pip")
    install.run(*pip, "uninstall", "--quiet", "--yes", "vcmpipe", cwd=empty)
    clone = install.clone(empty)
    install.run(*pip, "install", "--quiet", "-c", install.LOCK, ".", cwd=clone)
    shutil.rmtree(clone)
    assert vcmpipe(python, "doctor", empty).returncode == 0
    assert install.run(python, "-m", "pip", "check", cwd=empty).strip() == "No broken requirements found."
