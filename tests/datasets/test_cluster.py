"""The same build on a real Dask cluster: a scheduler and two workers, one of which dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets.conftest import options, write_scenes
from tests.datasets.test_build import contents
from vcmpipe.datasets.build import build
from vcmpipe.errors import InputError

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'vcmpipe[cluster]'")

PICTURES = 6


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """The address of a scheduler, and its two workers of one thread each."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(argv, **quiet))  # type: ignore[call-overload]
        return started[-1]

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    assert scheduler.stderr is not None
    address = next(found[0] for line in scheduler.stderr if (found := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
    workers = [start("worker", address, "--nthreads", "1", "--no-nanny") for _ in range(2)]
    yield address, workers
    for each in started:
        each.kill()
        each.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_a_worker_that_is_killed_loses_nothing(cluster, tmp_path: Path) -> None:
    address, workers = cluster
    images = write_scenes(tmp_path / "images", PICTURES)
    (images / "broken.png").write_bytes(b"no picture")
    killed_at: list[int] = []

    def kill_one(done: int, total: int | None) -> None:
        if len(list((tmp_path / "store" / "pictures").rglob("*.parquet"))) >= 1 and not killed_at:
            workers[0].send_signal(signal.SIGKILL)
            killed_at.append(done)

    report = build(options(images, tmp_path / "store", cluster=address), progress=kill_one)
    assert killed_at and killed_at[0] < PICTURES, "the worker was killed when all was done"
    assert workers[0].wait(10) == -signal.SIGKILL and workers[1].poll() is None
    assert (report.built, [failure.name for failure in report.failures]) == (PICTURES, ["broken.png"])
    (images / "broken.png").unlink()
    build(options(images, tmp_path / "here"))
    assert contents(tmp_path / "store") == contents(tmp_path / "here")


def test_an_address_where_nobody_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcmpipe.process.cluster.PATIENCE", 1)
    images = write_scenes(tmp_path / "images", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense", "http://127.0.0.1:9"):
        with pytest.raises(InputError, match="no Dask scheduler answers there"):
            build(options(images, tmp_path / "store", cluster=address))
