"""``bench`` on a real Dask cluster: the figures of one machine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from vcmpipe.bench import BenchResult, bench
from vcmpipe.bench.remote import Recipe, bench_segment
from vcmpipe.bench.segments import SourceSegment
from vcmpipe.coding.segment import Segment
from vcmpipe.config import BenchOptions
from vcmpipe.datasets.drawn_video import write_drawn_video
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.errors import InputError
from vcmpipe.frames import scale_rgb, write_png

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'vcmpipe[cluster]'")
KNOWN: dict[str, Any] = {"detector": "demo", "panel": "flip", "qps": "42", "margins": "0", "preset": "faster"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(2):
        write_png(folder / f"{number}.png", scale_rgb(render_scene(910_000 + number).rgb, (320, 240)))
    return folder


def _figures(result: BenchResult) -> dict[str, Any]:
    """All of a result but its times, and where it was made."""
    figures = dataclasses.asdict(result)
    del figures["seconds"], figures["configuration"]
    for method in figures["methods"]:
        del method["costs"]
    return figures


def test_the_figures_are_those_of_one_machine(tmp_path: Path, pictures: Path, scheduler: str, worker) -> None:
    worker(), worker()
    done: list[int] = []
    results = [
        bench(
            BenchOptions(
                images=str(pictures),
                out=str(tmp_path / name),
                cache=str(tmp_path / f"{name} cache"),
                methods="plain,jrd",
                predictor="constant",
                cluster=where,
                gallery=1,
                resamples=0,
                **KNOWN,
            ),
            progress=lambda count, total: done.append(count),
        )
        for name, where in (("here", None), ("there", scheduler))
    ]
    shown = [sorted(path.name for path in (tmp_path / name).rglob("*")) for name in ("here", "there")]
    assert shown[0] == shown[1]
    here, there = map(_figures, results)
    assert here == there and here["pictures"] == 2 and done == [1, 2] * 2


@pytest.mark.slow
def test_the_figures_of_a_video_are_those_of_one_machine(tmp_path: Path, scheduler: str, worker) -> None:
    worker(), worker()
    video = write_drawn_video(tmp_path / "clip.y4m", seconds=0.8)
    results = [
        bench(
            BenchOptions(
                images=str(video),
                out=str(tmp_path / name),
                cache=str(tmp_path / f"{name} cache"),
                methods="plain,verified,plain-whole",
                anchors="plain",
                predictor="constant",
                segment=0.4,
                fps="10",
                cluster=where,
                gallery=1,
                resamples=0,
                **KNOWN,
            )
        )
        for name, where in (("here", None), ("there", scheduler))
    ]
    here, there = map(_figures, results)
    assert here == there and here["pictures"] == 4  # segments
    assert {point["method"] for point in here["points"]} == {"plain", "verified", "plain-whole"}


def test_what_a_cluster_cannot_compare(tmp_path: Path, pictures: Path, scheduler: str) -> None:
    from vcmpipe.detection.demo import DemoDetector

    words = {"out": str(tmp_path / "report"), "cache": str(tmp_path / "cache"), "cluster": scheduler, **KNOWN}
    with pytest.raises(InputError, match="cannot be handed a detector"):
        bench(BenchOptions(images=str(pictures), **words), detector=DemoDetector())
    assert not (tmp_path / "report").exists()


def test_a_worker_with_other_tools_takes_no_part(tmp_path: Path, make_frame) -> None:
    options = BenchOptions(cache=str(tmp_path), predictor="constant", methods="plain", **KNOWN)
    source = SourceSegment(Segment.still(make_frame(64, 64)), ("a.png",), (), (), 0.0)
    with pytest.raises(InputError, match=r"cannot take part: its encoder is .* that of the run"):
        bench_segment(Recipe(options, '{"encoder": ["vvenc", "another build"]}'), source, None, {})
