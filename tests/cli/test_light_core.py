"""The core without the libraries of any extra, torch first of all: what works, and how the rest is refused."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from vcmpipe.datasets.scenes import render_scene
from vcmpipe.process.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = sorted({library for libraries in EXTRAS.values() for library in libraries})


def light(*argv: str, cwd: Path, hidden: list[str] = LIBRARIES) -> subprocess.CompletedProcess[str]:
    """The command line in a process, and in processes of that, which find none of the hidden libraries."""
    path = os.pathsep.join([str(Path(__file__).with_name("light")), str(ROOT)])
    environment = {name: value for name, value in os.environ.items() if name != "VCMPIPE_DETECTOR"}
    environment |= {"PYTHONPATH": path, "VCMPIPE_TEST_HIDDEN": " ".join(hidden)}
    argv = (sys.executable, *(argv if argv[0] == "-c" else ("-m", "vcmpipe", *argv)))
    return subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two scenes of the demo in ``scenes``, and a stream of them in ``a.bin``."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "scenes").mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / "scenes" / f"{number}.png"), render_scene(900_000 + number).rgb[:, :, ::-1])
    made = light("encode", "scenes", "--out", "a.bin", "--detector", "demo", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_libraries_are_hidden(library: str, tmp_path: Path) -> None:
    """The test of the tests."""
    assert f"ModuleNotFoundError: No module named '{library}'" in light("-c", f"import {library}", cwd=tmp_path).stderr


def test_public_names(tmp_path: Path) -> None:
    done = light("-c", "import vcmpipe; print([getattr(vcmpipe, name) for name in vcmpipe.__all__])", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


BENCH = "bench scenes --detector demo --methods plain,jrd --qps 37,47 --margins 0 --out report"


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "encode --help",
        "--print-completion bash",
        "encode scenes --out verified.bin --detector demo --verify --max-trials 3",
        "encode demo --out video.mp4 --detector demo --verify --max-trials 2 --limit 16",
        "encode scenes --out measured.bin --detector demo --predictor measured:30:50:10 --limit 1",
        "decode a.bin --out decoded",
        "decode a.bin --out overlay --overlay",
        "inspect a.bin --verify-map",
        "extract a.bin --out region.bin",
        "predict scenes --detector demo --out thresholds.json",
        "calibrate scenes --detector demo --out card.json",
        BENCH,
        "cache",
    ],
)
def test_what_the_core_does(line: str, scenes: Path) -> None:
    done = light(*line.split(), cwd=scenes)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_data_sets_and_detectors_can_be_fetched(tmp_path: Path) -> None:
    done = light("dataset", "fetch", "nonsense", "--out", "x", cwd=tmp_path)
    assert done.returncode == 2 and "nonsense" in done.stderr and "not installed" not in done.stderr


def test_what_the_extra_for_data_sets_is_enough_for(scenes: Path) -> None:
    without = sorted(set(LIBRARIES) - set(EXTRAS["datasets"]))
    for line in (
        "build scenes --detector demo --out store --search",
        "stats store",
        "verify store",
        "export labels store --out exported.parquet",
    ):
        done = light("dataset", *line.split(), cwd=scenes, hidden=without)
        assert done.returncode == 0, done.stderr


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    done = light("doctor", "--json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["healthy"] and report["detectors"]["demo"]
    assert report["extras"] == {extra: list(libraries) for extra, libraries in EXTRAS.items()}
    assert "ultralytics" in report["detectors"]["resolves_to"] and "dt_jrd" in report["predictors"]
    shown = light("doctor", cwd=tmp_path).stdout
    assert "pip install 'vcmpipe[train]'" in " ".join(shown.split())


REFUSED = {
    "train dt_jrd --data x --out y": "vcmpipe train needs torch, which is not installed: pip install 'vcmpipe[train]'",
    "train resjnd --data x --out y": "vcmpipe train needs torch",
    "evaluate predictor --weights x --data y": "vcmpipe evaluate predictor needs torch",
    "jnd-map scenes --weights w.pth --out maps": "vcmpipe jnd-map needs torch",
    "dataset build scenes --detector demo --out store": "vcmpipe dataset build needs pandas, which is not installed: "
    "pip install 'vcmpipe[datasets]'",
    "dataset stats store": "vcmpipe dataset stats needs pandas",
    "encode scenes --out b.bin --detector torchvision:ssdlite320_mobilenet_v3_large": "detector "
    "torchvision:ssdlite320_mobilenet_v3_large needs torchvision, which is not installed: pip install "
    "'vcmpipe[torchvision]'",
    "encode scenes --out b.bin --detector yolo11n.pt": "detector yolo11n.pt needs ultralytics, which is not installed: "
    "pip install 'vcmpipe[ultralytics]' (AGPL-3.0",
    "encode scenes --out b.bin --detector here.pt": "detector here.pt needs ultralytics",
    "encode scenes --out b.bin": "no detector: auto looks for weights of ultralytics, which is not installed; name one",
    "encode scenes --out b.bin --detector demo --predictor dt_jrd:w.safetensors": "predictor 'dt_jrd' needs torch, "
    "which is not installed: pip install 'vcmpipe[train]'",
    "predict scenes --out b.json --predictor laser:hr:w.h5": "predictor 'laser' needs torch",
    "encode scenes --out b.bin --detector demo --viewer human --human resjnd:w.pth": "--human resjnd needs torch",
    "encode scenes --out b.bin --detector demo --viewer human --human mtjnd:x:w.h5": "predictor 'mtjnd' needs torch",
    "encode scenes --out b.bin --detector demo --cluster tcp://127.0.0.1:9": "--cluster needs distributed, which is "
    "not installed: pip install 'vcmpipe[cluster]'",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_needs_an_extra_names_it_in_one_line(line: str, scenes: Path) -> None:
    (scenes / "here.pt").touch()
    done = light(*line.split(), cwd=scenes)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"vcmpipe: {REFUSED[line]}")


def test_a_library_that_is_missed_late(scenes: Path) -> None:
    """With torch, but without what reads weights of Keras: nothing asks for it before there are such weights."""
    pytest.importorskip("h5py").File(scenes / "w.h5", "w").close()
    line = "predict scenes --out b.json --predictor laser:lat:w.h5"
    done = light(*line.split(), cwd=scenes, hidden=["h5py"])
    missed = "vcmpipe: vcmpipe predict needs h5py, which is not installed: pip install 'vcmpipe[train]'\n"
    assert (done.returncode, done.stderr) == (2, missed)


def _requirements(text: str) -> set[str]:
    return {re.split(r"[<>=\[ ]", line.strip())[0] for line in text.splitlines() if line.strip()}


def test_extras_are_what_setup_cfg_says() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    extras = {name: _requirements(text) - {"vcmpipe"} for name, text in parser["options.extras_require"].items()}
    core = _requirements(parser["options"]["install_requires"])
    assert set(extras) == {*EXTRAS, "all", "dev", "docs"}
    for extra, libraries in EXTRAS.items():
        brought = extras[extra] | (extras["datasets"] if extra == "train" else set())
        assert set(libraries) - {"distributed"} == brought
    assert not core & set().union(*(extras[extra] for extra in EXTRAS))


def test_nothing_but_its_own_name_and_all_brings_ultralytics() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    extras = parser["options.extras_require"]
    named = {name for name in extras if re.search(r"\bultralytics\b", extras[name])}
    assert named == {"ultralytics", "all"} and "ultralytics" not in parser["options"]["install_requires"]
