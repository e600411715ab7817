"""Hostile files of every format at what reads them: some of each in every run, many in ``make test-slow``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from hostile_formats import FORMATS, STREAMS  # noqa: E402
from hostile_run import case, corpus_of, make_corpus, throw  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="alarms, limits and /proc are Linux's")
pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real files of every format."""
    folder = tmp_path_factory.mktemp("hostile")
    make_corpus(folder)
    return folder


# Those that are quick to start; what loads torch and its like is tried in the slow run.
_LIGHT = ("sidecar", "configuration", "annotations", "JND", "tracks", "detections")
QUICK = [STREAMS, *(name for name in FORMATS if name.startswith(_LIGHT))]


@pytest.mark.parametrize("name", QUICK)
def test_some_hostile_files(corpus: Path, name: str) -> None:
    tally = throw(corpus, name, seed=7, first=0, last=40)
    assert tally.faults == [] and tally.ends.total() == 40
    assert tally.ends["refused"] and tally.ends["accepted"], "a test of refusals alone would say little"


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_many_hostile_files(corpus: Path, name: str) -> None:
    tally = throw(corpus, name, seed=8, first=0, last=500)
    assert tally.faults == [] and tally.ends.total() == 500


def test_a_case_comes_again(corpus: Path) -> None:
    for name in FORMATS:
        files = corpus_of(corpus, name)
        assert case(name, files, 1, 5) == case(name, files, 1, 5)
        assert len({case(name, files, 1, number) for number in range(10)}) > 5


_FAULTY = """
import os, pathlib, sys, time
sys.path.insert(0, sys.argv[1])
import hostile_formats as formats, hostile_run as run
run.PATIENCE = 1
name, number = "tracks (MOT text)", int(sys.argv[3])
def use(path):
    if number == 0: raise KeyError("x")
    if number == 1: time.sleep(9)
    if number == 2: os.abort()
    if number == 3: pathlib.Path("../../escaped").write_text("x")
each = formats.FORMATS[name]
formats.FORMATS[name] = formats.Format(each.make, each.ending, each.spoil, use)
run.work(pathlib.Path(sys.argv[2]), name, 1, number, number + 1)
"""


def test_faults_are_seen(corpus: Path) -> None:
    """A reader that crashes, hangs, ends its process or writes elsewhere is not taken for a refusal."""
    seen = []
    for number in range(5):
        argv = [sys.executable, "-c", _FAULTY, str(HERE), str(corpus), str(number)]
        environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        kind = done.stdout.partition("\n")[0].partition(" ")[2].partition(":")[0]
        seen.append((done.returncode, kind))
    assert seen == [(0, "crash"), (-14, ""), (-6, ""), (0, "outside"), (0, "accepted")]
