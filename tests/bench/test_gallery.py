"""The pictures of the report: what is called kept, lost and new, what is shown first, and how much of it fits."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv
from bench_made import make_outcomes, make_result

from vcmpipe.bench import bench, gallery
from vcmpipe.bench.gallery import Gallery, make_gallery
from vcmpipe.bench.methods import Point
from vcmpipe.bench.operating_points import Album
from vcmpipe.bench.packed import data_uri
from vcmpipe.bench.result import PointResult, chosen_point
from vcmpipe.config import BenchOptions
from vcmpipe.datasets.scenes import write_demo_dataset
from vcmpipe.tasks import DetectionTask


def found(*things: tuple[float, float, int]) -> sv.Detections:
    """(left, score, class) of squares of 10."""
    if not things:
        return sv.Detections.empty()
    left = np.array([thing[0] for thing in things])
    return sv.Detections(
        np.stack([left, left * 0, left + 10, left * 0 + 10], axis=1).astype(np.float32),
        confidence=np.array([thing[1] for thing in things], np.float32),
        class_id=np.array([thing[2] for thing in things]),
    )


@pytest.mark.parametrize(
    ("source", "decoded", "states"),
    [
        ([], [], []),
        ([(0, 0.9, 0)], [(1, 0.3, 0)], ["kept"]),
        ([(0, 0.9, 0)], [(1, 0.1, 0)], ["lost"]),
        ([(0, 0.9, 0)], [(1, 0.9, 1)], ["lost", "new"]),
        # Seen in the source, too, if only just: nothing new; under the score of an object: nothing at all.
        ([(0, 0.25, 0)], [(1, 0.8, 0)], []),
        ([(0, 0.1, 0)], [(1, 0.8, 0)], ["new"]),
        ([], [(1, 0.25, 0)], []),
        # Two where there was one.
        ([(0, 0.9, 0)], [(0, 0.9, 0), (2, 0.8, 0)], ["kept", "new"]),
    ],
)
def test_kept_lost_and_new(source: list, decoded: list, states: list[str]) -> None:
    assert [state for _, state, _ in gallery._states(found(*source), found(*decoded), DetectionTask())] == states


def test_a_picture_is_packed_small_and_seen_again() -> None:
    ramp = np.tile(np.linspace(0, 255, 2000).astype(np.uint8)[None, :, None], (500, 1, 3))
    uri = data_uri(ramp, 80)
    assert uri.startswith("data:image/webp;base64,")
    seen = cv2.imdecode(np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert seen.shape == (240, 960, 3)
    assert np.abs(seen[120, ::96, 0].astype(int) - np.linspace(0, 255, 10)).max() < 30
    assert data_uri(ramp[:50, :40], 80) == data_uri(ramp[:50, :40], 80)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory):
    """A bench of the demo's detector on three scenes, with what the gallery is made of."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo_dataset(folder, 3, 910_000)
    kept: dict[str, object] = {}

    def remember(result: object, outcomes: object, source: object, setting: object, megabytes: int) -> Gallery:
        kept.update(result=result, outcomes=outcomes, source=source, setting=setting)
        return make_gallery(result, outcomes, source, setting, megabytes)  # type: ignore[arg-type]

    patch = pytest.MonkeyPatch()
    patch.setattr(gallery, "make_gallery", remember)
    options = BenchOptions(
        images=str(folder / "images"), detector="demo", predictor="constant:38", methods="plain,plain-scaled,jrd",
        qps="38", margins="0", scales="0.5", out=str(folder / "out"), cache=str(folder / "cache"), resamples=10,
    )  # fmt: skip
    bench(options)
    patch.undo()
    return kept


def test_versions_of_the_best_method_and_the_anchor(demo: dict) -> None:
    made = make_gallery(demo["result"], demo["outcomes"], demo["source"], demo["setting"], 8)
    assert (len(made.pictures), made.of, made.held) == (3, 3, 3)
    for picture in made.pictures:
        assert [version.method for version in picture.versions] == ["jrd", "plain"]
        jrd, plain = picture.versions
        outcome = next(outcome for outcome in demo["outcomes"] if outcome.name == picture.name)
        cells = {(point.method, point.label): cell for point, cell in outcome.cells.items()}
        assert jrd.bytes == cells["jrd", jrd.label].bits // 8
        rows, columns = len(jrd.qps), len(jrd.qps[0])
        # The map covers the picture and less than a CTU more.
        assert rows * jrd.cell[1] > 99.99 and (rows - 1) * jrd.cell[1] < 100
        assert columns * jrd.cell[0] > 99.99 and (columns - 1) * jrd.cell[0] < 100
        assert len(plain.qps) == 1 and plain.regions == []
        if jrd.how == "regions":
            assert sum(w * h for _, _, w, h, _ in jrd.regions) == pytest.approx(10_000, rel=0.01)
            assert {qp for *_, qp in jrd.regions} <= {qp for row in jrd.qps for qp in row}
        for thing in jrd.things:
            assert all(-0.01 <= side <= 100.01 for side in thing.box)
    assert any(version.how == "regions" for picture in made.pictures for version in picture.versions)


def test_it_opens_on_the_method_that_lost_most_and_its_worst_picture(demo: dict) -> None:
    def losses(point: PointResult) -> list[int]:
        counts = []
        for outcome in demo["outcomes"]:
            cell = outcome.cells[Point(point.method, point.label)]
            states = gallery._states(outcome.reference[0], cell.detections[0], DetectionTask())
            counts.append(sum(state == "lost" for _, state, _ in states))
        return counts

    made = make_gallery(demo["result"], demo["outcomes"], demo["source"], demo["setting"], 8)
    shown = [p for p in demo["result"].points if p.method in {v.method for v in made.pictures[0].versions}]
    chosen = [point for point in shown if point == chosen_point(demo["result"], point.method)]
    most = max(sum(losses(point)) for point in chosen)
    assert sum(losses(next(point for point in chosen if point.method == made.opens))) == most
    opened = [next(v for v in picture.versions if v.method == made.opens) for picture in made.pictures]
    lost = [sum(thing.state == "lost" for thing in version.things) for version in opened]
    assert lost == sorted(lost, reverse=True) and sum(lost) == most


@pytest.mark.parametrize(("better", "worse"), [("jrd", "plain"), ("plain", "jrd")])
def test_the_worst_point_is_that_with_most_lost(better: str, worse: str) -> None:
    points = [
        ("jrd", "a", 100.0, 95 if better == "jrd" else 40),
        ("plain", "b", 100.0, 95 if better == "plain" else 40),
    ]
    result, outcomes = make_result(points), make_outcomes(points)
    assert gallery._worst(result.points, outcomes, DetectionTask()).method == worse


def test_no_more_than_there_is_room_for(demo: dict) -> None:
    whole = make_gallery(demo["result"], demo["outcomes"], demo["source"], demo["setting"], 8)
    sizes = [len(p.image) + sum(len(v.image) for v in p.versions) for p in whole.pictures]
    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(gallery, "_PICTURES", 2)
        assert len(make_gallery(demo["result"], demo["outcomes"], demo["source"], demo["setting"], 8).pictures) == 2
    assert sum(sizes) < 8_000_000
    assert make_gallery(demo["result"], demo["outcomes"], demo["source"], demo["setting"], 0).pictures == ()
    small = Album(sum(len(v.coded.data) for v in demo["outcomes"][0].versions.values()))
    taken = [small.take(outcome.versions) for outcome in demo["outcomes"]]
    assert taken[0] and not all(taken)
    held = [dataclasses.replace(o, versions=v) for o, v in zip(demo["outcomes"], taken, strict=True)]
    part = make_gallery(demo["result"], held, demo["source"], demo["setting"], 8)
    assert (len(part.pictures), part.of, part.held) == (sum(map(bool, taken)), 3, sum(map(bool, taken)))


def test_frames_of_a_video_are_found_again(tmp_path: Path, make_frame) -> None:
    from vcmpipe.frames import ColourSpec, Y4mWriter, rgb_to_yuv

    with Y4mWriter(tmp_path / "v.y4m", (96, 64)) as writer:
        for seed in range(3):
            writer.write(rgb_to_yuv(make_frame(96, 64, seed).rgb, ColourSpec()))
    options = BenchOptions(
        images=str(tmp_path / "v.y4m"), detector="demo", predictor="constant:38", methods="plain", qps="40",
        out=str(tmp_path / "out"), cache=str(tmp_path / "cache"), resamples=10, structure="intra",
    )  # fmt: skip
    result = bench(options)
    assert [picture.name for picture in result.per_picture] == ["v.y4m#0", "v.y4m#1", "v.y4m#2"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "All 3 pictures" in page and '"name":"v.y4m#2"' in page
