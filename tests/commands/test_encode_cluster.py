"""``encode`` on a real Dask cluster: the bytes of one machine, also when a worker dies in the middle."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.commands.encode import encode, encode_frames
from vcmpipe.config import EncodeOptions
from vcmpipe.datasets.drawn_video import write_drawn_video
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import Frame, scale_rgb, write_png
from vcmpipe.frames.spool import Spool
from vcmpipe.process.work_folder import WorkFolder

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'vcmpipe[cluster]'")
PICTURES = 6


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        rgb = scale_rgb(render_scene(910_000 + number).rgb, (320, 240))
        write_png(folder / f"{chr(ord('a') + number)}.png", rgb)
    return folder


def both(folder: Path, source: Path, cluster: str, progress=lambda done, total: None, **options) -> None:
    """Code here and there, and compare streams and sidecars."""
    streams, records = [], []
    for name, where in (("here", None), ("there", cluster)):
        (folder / name).mkdir()
        out = folder / name / "out.bin"
        known = {"detector": "demo", "jobs": 2, **options}
        sidecar = encode(
            EncodeOptions(input=str(source), out=str(out), cluster=where, **known),
            progress=progress if where else lambda done, total: None,
        )
        assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []
        streams.append(out.read_bytes())
        for name_of_place in ("cluster", "out"):
            del sidecar.configuration[name_of_place]
        records.append(sidecar.to_json())
    assert streams[0] == streams[1] and records[0] == records[1]


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path, pictures: Path, scheduler: str, worker) -> None:
    workers, killed_at = [worker(), worker()], []

    def kill_one(done: int, total: int | None) -> None:
        if done == 1:
            workers[0].send_signal(signal.SIGKILL)
            killed_at.append(done)

    both(tmp_path, pictures, scheduler, kill_one, verify=True, max_trials=5)
    assert killed_at == [1] and workers[0].wait(10) == -signal.SIGKILL and workers[1].poll() is None


def test_a_video_whose_searches_begin_with_earlier_answers(tmp_path: Path, scheduler: str, worker) -> None:
    worker()
    video = write_drawn_video(tmp_path / "clip.y4m", seconds=1.0)
    both(tmp_path, video, scheduler, verify=True, segment=0.4, max_trials=2)


def test_a_picture_that_fails_stops_the_run_and_is_named(
    tmp_path: Path, scheduler: str, worker, pictures: Path
) -> None:
    worker()
    known = {
        "detector": "demo",
        "cluster": scheduler,
        "verify": True,
        "strict": True,
        "min_score": 1.0,
        "max_trials": 2,
    }
    options = EncodeOptions(input=str(pictures), out=str(tmp_path / "out.bin"), **known)  # type: ignore[arg-type]
    with pytest.raises(VcmError, match=r"[a-f]\.png: .* is lost"):
        encode(options)
    assert not (tmp_path / "out.bin").exists()


def test_a_worker_with_other_tools_takes_no_part(tmp_path: Path, pictures: Path) -> None:
    from vcmpipe.coding.segment import Segment
    from vcmpipe.commands.encode_worker import Recipe, code_segment

    options = EncodeOptions(input="-", out="-", detector="demo", predictor="constant")
    segment = Segment.still(Frame(0, np.zeros((64, 64, 3), np.uint8), "a.png"))
    with pytest.raises(InputError, match=r"cannot take part: its encoder is .* that of the run"):
        code_segment(Recipe(options, True, '{"encoder": ["vvenc", "another build"]}'), segment, (), None)


def test_what_a_cluster_cannot_do(tmp_path: Path, pictures: Path) -> None:
    words = {"input": str(pictures), "out": str(tmp_path / "out.bin"), "cluster": "tcp://127.0.0.1:9"}
    for other in ({"target": "bytes=900"}, {"cache": "cache"}):
        with pytest.raises(InputError, match="--cluster with --"):
            EncodeOptions(**words, **other)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="encode_frames takes no 'cluster'"):
        encode_frames([], cluster="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot be handed a detector"):
        encode(EncodeOptions(**words), detector=object())  # type: ignore[arg-type]


def test_an_address_where_nobody_is(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcmpipe.process.cluster.PATIENCE", 1)
    out = tmp_path / "out.bin"
    with pytest.raises(InputError, match="no Dask scheduler answers there"):
        encode(EncodeOptions(input=str(pictures), out=str(out), detector="demo", cluster="tcp://127.0.0.1:9"))
    assert list(tmp_path.iterdir()) == [] and WorkFolder(out).count("picture") == 0


def test_frames_that_wait_on_the_disk_travel(tmp_path: Path) -> None:
    spool = Spool()
    for number in range(3):
        spool.append(Frame(number, np.full((32, 48, 3), 50 * number, np.uint8), f"clip#{number}", number / 2))
    there = pickle.loads(pickle.dumps(spool))
    for own, other in zip(spool, there, strict=True):
        assert (own.index, own.source, own.timestamp) == (other.index, other.source, other.timestamp)
        assert all(np.array_equal(a, b) for a, b in zip(own.planes.arrays, other.planes.arrays, strict=True))
