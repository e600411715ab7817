"""Tracks in the bench: kept, false and lost ones, under both detectors, against annotations, and in the report."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from clips_made import YellowDetector, write_clip

from vcmpipe.bench import BenchResult, bench
from vcmpipe.config import BenchOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame

FRAMES, LENGTH = 24, 10


class SecondDetector(YellowDetector):
    """Another one, which sees the square and, in every second frame, something weak beside it."""

    name, digest = "second", "6" * 64

    def _one(self, frame: Frame) -> sv.Detections:
        found = super()._one(frame)
        if frame.index % 2:
            return found
        weak = sv.Detections(
            np.array([[2, 2, 22, 22]], np.float32), confidence=np.array([0.15]), class_id=np.array([1])
        )
        return sv.Detections.merge([found, weak]) if len(found) else weak


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> BenchOptions:
    place = tmp_path_factory.mktemp("tracks")
    write_clip(place / "walk.y4m", FRAMES)
    return BenchOptions(
        images=str(place / "walk.y4m"),
        out=str(place / "report"),
        overwrite=True,
        cache=str(place / "cache"),
        methods="plain,plain-whole,jrd",
        segment=1.0,
        scene_cuts=False,
        qps="27,47",
        margins="-6,6",
        map_scales="1",
        predictor="constant:36",
        resamples=50,
        jobs=2,
    )


def run(options: BenchOptions, **changes) -> BenchResult:
    return bench(dataclasses.replace(options, **changes), detector=YellowDetector(), second_detector=SecondDetector())


@pytest.fixture(scope="module")
def result(options: BenchOptions) -> BenchResult:
    return run(options)


def test_a_track_ends_with_its_segment(result: BenchResult) -> None:
    segments = -(-FRAMES // LENGTH)
    assert [each.tracks for each in result.per_picture] == [1] * segments
    for place, point in enumerate(result.points):
        first, second = point.tracks
        assert (first.total, second.total, point.total) == (segments, segments, FRAMES)
        assert first.kept == sum(each.tracks_kept[place] for each in result.per_picture)
        assert point.quality("track_retention") == pytest.approx(first.kept / segments)
        assert result.sequences[0].points[place].tracks == point.tracks
    fine, coarse = (point for point in result.points if point.method == "plain")
    assert (fine.tracks[0].kept, coarse.tracks[0].kept) == (segments, 0)


def test_figures_follow_tracks_through_the_whole_sequence(result: BenchResult) -> None:
    fine, coarse = (point for point in result.points if point.method == "plain")
    for name in ("hota_source", "idf1_source", "mota_source", "second_hota_source"):
        # Detections that are weak in the source, too, are neither wanted nor wrong.
        assert fine.quality(name) == pytest.approx(1.0, abs=0.06), name
        assert (coarse.quality(name) or 0.0) < 0.9, name
        assert fine.qualities[name].low is None, "not counted in draws"
    assert fine.tracks[0].false_instances == fine.tracks[0].switches == 0
    assert "hota" not in fine.qualities and not result.source_tracks


def test_track_retention_is_a_quality(result: BenchResult) -> None:
    fine = result.points[0]
    assert fine.qualities["track_retention"].low is not None, "segments are drawn"
    plain = result.method("plain")
    assert plain is not None
    against = plain.against["plain-whole"]
    assert against.saved_tracks.keys() == against.saved.keys() == {"0.9", "0.95", "0.98", "0.99"}
    assert {"track_retention", "second_track_retention", "hota_source"} <= against.bd_rate.keys()
    assert "track_retention" in fine.saved["plain-whole"]


def test_tables_and_files_speak_of_tracks(result: BenchResult, options: BenchOptions) -> None:
    out = Path(options.out)
    text = (out / "report.md").read_text()
    for words in ("### Tracks", "at equal track retention", "instances of 3 tracks", "of the tracks", "HOTA vs source"):
        assert words in text, words
    with (out / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["tracks_kept"]) for row in rows] == [point.tracks[0].kept for point in result.points]
    assert {"tracks", "false_instances", "switches", "second_tracks", "second_switches"} <= rows[0].keys()
    with (out / "pictures.csv").open() as file:
        assert [row["tracks"] for row in csv.DictReader(file)] == ["1"] * len(rows) * 3
    with (out / "methods.csv").open() as file:
        assert all("saved_tracks_0.95_plain-whole" in row for row in csv.DictReader(file))


def test_detection_alone_has_no_tracks(options: BenchOptions) -> None:
    result = run(options, task="detection", methods="plain", qps="47", gallery=0, limit=LENGTH)
    assert not result.points[0].tracks and "track_retention" not in result.points[0].qualities
    assert result.per_picture[0].tracks is None and result.objects == LENGTH


def gt(frames: int = FRAMES) -> str:
    """The square, as MOTChallenge would write it down; its class has no number there."""
    return "".join(f"{n + 1},5,{9 + 3 * n % 100},41,32,32,1,-1,1\n" for n in range(frames))


def test_annotations_of_tracks(options: BenchOptions, tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "gt").mkdir()
    (tmp_path / "walk" / "gt" / "gt.txt").write_text(gt())
    out = str(tmp_path / "report")
    result = run(options, annotations=str(tmp_path), methods="plain,plain-whole", out=out, gallery=0)
    assert result.source_tracks["mota"] == pytest.approx(1.0) and (result.source_tracks["hota"] or 0) > 0.9
    assert result.truth == str(tmp_path)
    fine, coarse = (point for point in result.points if point.method == "plain")
    assert (fine.quality("mota") or 0) > (coarse.quality("mota") or 0)
    plain = result.method("plain")
    assert plain is not None and "mota" in plain.against["plain-whole"].bd_rate
    assert result.sequences[0].points[0].qualities["hota"] == fine.qualities["hota"]
    assert "on the source frames HOTA" in (Path(out) / "report.md").read_text()


def test_annotations_of_tracks_are_for_tracks(options: BenchOptions, tmp_path: Path, counting_encoder) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(gt())
    for changes, message in (
        ({"task": "detection"}, "are of tracks, which --task detection does not follow"),
        ({"structure": "intra", "methods": "plain"}, "annotations of tracks are for sequences"),
    ):
        wanted = dataclasses.replace(options, annotations=str(path), **changes)
        with pytest.raises(InputError, match=message):
            bench(wanted, detector=YellowDetector(), encoder=counting_encoder)
    assert counting_encoder.jobs == 0


def test_what_was_lost_is_shown(options: BenchOptions, tmp_path: Path) -> None:
    out = tmp_path / "report"
    result = run(options, methods="plain,plain-whole", qps="47", out=str(out))
    assert result.points[0].tracks[0].kept == 0
    page = (out / "report.html").read_text()
    assert page.count("<video controls") == 1 and "data:video/mp4;base64," in page and "media-src data:" in page
    assert page.count("A lost track: square from walk.y4m#") == 3 == page.count('<img src="data:image/webp')
    assert "3 of 3 lost tracks" in page and "walk.y4m over time, 3 segments" in page
    # Small rooms hold less.
    small = tmp_path / "small"
    run(options, methods="plain,plain-whole", qps="47", out=str(small), gallery=0)
    assert "<video" not in (small / "report.html").read_text()
