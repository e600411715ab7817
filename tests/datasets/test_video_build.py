"""A store of video: segments at every QP, a label per track, and what else is made of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from tests.datasets.conftest import options
from tests.datasets.test_build import contents
from vcmpipe.bitstream import count_pictures
from vcmpipe.cli.main import main
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import DatasetVerifyOptions, ObjectsOptions
from vcmpipe.datasets.build import build
from vcmpipe.datasets.clips import segments_of
from vcmpipe.datasets.drawn_video import write_drawn_video
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.matched import by_frame, flat, matched
from vcmpipe.datasets.records import PictureRecord
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.verification import verify_store
from vcmpipe.detection import load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.tasks import DetectionTask
from vcmpipe.tasks.tracking import TrackingTask
from vcmpipe.training.objects import open_objects

QPS = [26, 42, 58]
VIDEO: dict[str, object] = {"qps": "26,42,58", "structure": "random-access"}
NAMES = ["a.y4m/0000", "a.y4m/0001", "sub/b.y4m/0000", "sub/b.y4m/0001"]
Damage = Callable[[Store], None]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short videos with a cut in each, one of them in a sub-folder; not to be changed."""
    folder = tmp_path_factory.mktemp("videos") / "clips"
    (folder / "sub").mkdir(parents=True)
    write_drawn_video(folder / "a.y4m", 0.6)
    write_drawn_video(folder / "sub" / "b.y4m", 0.5, seed=910_100)
    (folder / "notes.txt").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def built(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of the two at three QPs and two scales, seen by a further judge; not to be changed."""
    out = tmp_path_factory.mktemp("stores") / "store"
    report = build(options(clips, out, scales="1,0.5", judges="flip", **VIDEO))
    assert (report.pictures, report.built, report.encodes, report.noun) == (4, 4, 24, "segment")
    assert not report.failures
    return Store.open(out)


def test_a_store_holds_what_segments_are_coded_to_and_tracks_are_labelled(built: Store, clips: Path) -> None:
    assert built.names() == NAMES
    detector, task = load_detector("demo"), TrackingTask()
    rule = built.manifest.video
    assert rule is not None and built.manifest.task.digest == task.digest
    for segment in segments_of(clips / "a.y4m", rule, built.manifest.colour):
        record = built.record(f"a.y4m/{segment.index:04d}")
        assert record.span is not None
        assert (record.span.first, record.span.frames) == (6 * segment.index, 6)
        coder = SegmentCoder(load_encoder("vvenc"), segment)
        coded = coder.uniform(QPS)
        assert record.qps.tolist() == QPS and record.bits.tolist() == [each.bits for each in coded]
        assert [built.stream(record, qp) for qp in QPS] == [each.data for each in coded]
        source = detector.detect(list(segment.frames))
        reference = task.reference(source)
        tracks = list(dict.fromkeys(reference.tracks.tolist()))
        assert len(record.xyxy) == len(tracks) > 0
        for column, version in enumerate(coded):
            shown = list(coder.decode(version))
            assert record.psnr_y[column] == np.mean([each.psnr_y for each in shown])
            found = task.compare(reference, detector.detect([each.frame for each in shown]))
            assert found.held is not None
            kept = [bool(found.held[reference.tracks == track].all()) for track in tracks]
            assert record.found[:, column].tolist() == kept
        for place, box, instances in zip(record.span.place, record.xyxy, record.span.instances, strict=True):
            assert np.array_equal(read_picture(built.frame_path(record, place)), segment.frames[place].rgb)
            assert any(np.array_equal(box, each) for each in source[place].xyxy) and instances >= 5
        # Detections are kept frame by frame, so that another task needs no coding.
        for kept_look, seen in zip(by_frame(record.seen_in_source, 6), source, strict=True):
            assert np.array_equal(kept_look.xyxy, seen.xyxy)
        single = record.matched(DetectionTask())
        assert len(single.xyxy) == sum(len(each) for each in DetectionTask().reference(source).detections)


def test_versions_of_a_segment_are_one_stream_and_scales_and_judges_are_there(built: Store) -> None:
    (half,) = built.scaled()
    for store in (built, half):
        for record in store.records():
            assert count_pictures(store.stream_path(record.name).read_bytes()) == 3 * record.frames
            assert list(record.judges) == ["demo (flip)"]
            assert (record.seen_uncoded is not None) == (store is half)
            assert PictureRecord.from_parquet(record.to_parquet(), "x").to_parquet() == record.to_parquet()
    assert half.record(NAMES[0]).bits.sum() < built.record(NAMES[0]).bits.sum()


def test_a_build_goes_on_segment_by_segment(clips: Path, built: Store, tmp_path: Path) -> None:
    out = tmp_path / "store"
    first = build(options(clips, out, limit=1, scales="1,0.5", judges="flip", **VIDEO))
    assert (first.pictures, first.built) == (1, 1)
    said: list[str] = []
    report = build(options(clips, out, scales="1,0.5", judges="flip", **VIDEO), warn=said.append)
    assert (report.pictures, report.built) == (4, 3)
    assert said[0].startswith("3 segments, about 18 encodes, 1 done before")
    assert contents(out) == contents(built.path)
    (out / "pictures" / f"{NAMES[2]}.parquet").unlink()
    assert build(options(clips, out, scales="1,0.5", judges="flip", jobs=1, **VIDEO)).encodes == 3
    assert contents(out) == contents(built.path)


def test_the_estimate_of_segments_is_near(clips: Path, tmp_path: Path) -> None:
    ladder = VIDEO | {"qps": "2:58:8"}
    expected = build(options(clips / "a.y4m", tmp_path / "store", estimate=True, **ladder)).estimate
    assert expected is not None and (expected.pictures, expected.encodes) == (2, 16)
    report = build(options(clips / "a.y4m", tmp_path / "store", **ladder))
    assert 0.5 * report.bytes < expected.bytes < 2 * report.bytes


def test_a_search_codes_fewer_and_low_delay_is_another_store(clips: Path, tmp_path: Path) -> None:
    changes = VIDEO | {"qps": "26:58:4", "structure": "low-delay", "segment": 0.3, "scene_cuts": False}
    store = tmp_path / "store"
    report = build(options(clips / "sub" / "b.y4m", store, search=True, limit=2, **changes))
    assert (report.pictures, report.failures) == (2, []) and 0 < report.encodes < 18
    assert [each.frames for each in Store.open(store).records()] == [3, 3]
    with pytest.raises(InputError, match=r"its material: video, low-delay, segments of 0.3 s, no scene cuts, tracks"):
        build(options(clips, store, search=True, **(changes | {"structure": "random-access"})))
    assert verify_store(DatasetVerifyOptions(store=str(store), decode="none")).faults == [
        "b.y4m/0002 and 1 more: no record; vcmpipe dataset build continues with them"
    ]


def test_faults_in_clips_stop_no_others(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    data = (clips / "a.y4m").read_bytes()
    (folder / "cut.y4m").write_bytes(data[: len(data) // 2 - 1000])
    (folder / "empty.mp4").write_bytes(b"")
    shutil.copy(clips / "a.y4m", folder / "whole.y4m")
    words = ["dataset", "build", "--images", str(folder), "--out", str(tmp_path / "store"), "--detector", "demo"]
    assert main([*words, "--qps", "50", "--structure", "random-access", "--json"]) == 3
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["pictures"], report["noun"]) == (2, "segment")
    assert [each["name"] for each in report["failures"]] == ["cut.y4m", "empty.mp4"]
    assert "empty.mp4 is empty" in err
    # A clip that has changed is coded again.
    shutil.copy(clips / "sub" / "b.y4m", folder / "whole.y4m")
    assert main([*words, "--qps", "50", "--structure", "random-access"]) == 3
    assert capsys.readouterr().err.count("whole.y4m has changed since it was coded") == 1
    assert Store.open(tmp_path / "store").record("whole.y4m/0000").frames == 5


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "hold no pictures (JPEG, PNG, WebP, BMP or TIFF); for videos, add --structure random-access"),
        ({"structure": "random-access", "cluster": "tcp://h:1"}, "--cluster is for intra"),
        ({"segment": 2.0}, "--segment is for random-access and low-delay"),
        ({"structure": "random-access", "images": "/nowhere"}, "nowhere does not exist"),
    ],
)
def test_bad_options(clips: Path, tmp_path: Path, changes: dict[str, object], named: str) -> None:
    with pytest.raises(InputError) as refused:
        build(options(**({"images": clips, "out": tmp_path / "store"} | changes)))  # type: ignore[arg-type]
    assert named in str(refused.value)


def test_pictures_are_no_video(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hold no videos"):
        build(options(scenes, tmp_path / "store", **VIDEO))
    report = build(options(scenes / "scene0.png", tmp_path / "other", **VIDEO))
    assert report.pictures == 0 and "is a picture, not a video" in report.failures[0].reason


def faults(store: Store, **changes: object) -> list[str]:
    return verify_store(DatasetVerifyOptions(store=str(store.path), **changes)).faults  # type: ignore[arg-type]


def spoil_a_frame(store: Store) -> None:
    record = store.record(NAMES[0])
    assert record.span is not None
    store.frame_path(record, int(record.span.place[0])).write_bytes(b"no picture")


def change(**values: object) -> Damage:
    def damage(store: Store) -> None:
        record = dataclasses.replace(store.record(NAMES[0]), **values)  # type: ignore[arg-type]
        store.record_path(NAMES[0]).write_bytes(record.to_parquet())

    return damage


def cut_elsewhere(store: Store) -> None:
    record = store.record(NAMES[0])
    assert record.span is not None
    change(span=dataclasses.replace(record.span, first=1))(store)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (spoil_a_frame, ".png is not the picture that its record means"),
        (cut_elsewhere, "its record is of other frames than the clip is cut into"),
        (lambda store: store.record_path(NAMES[0]).unlink(), "a.y4m/0000: no record; vcmpipe dataset build continues"),
        (lambda store: shutil.copytree(store.path / "frames" / "a.y4m", store.path / "frames" / "c.y4m"), ""),
        (change(source_sha256="0" * 64), "its clip is not the one that was coded"),
        (change(psnr_y=np.full(3, 30.0)), "its record states 30.000"),
        (change(span=None), "damaged picture record"),
    ],
)
def test_verify_names_damage(built: Store, tmp_path: Path, damage: Damage, named: str) -> None:
    store = Store.open(shutil.copytree(built.path, tmp_path / "store"))
    if named == "damaged picture record":
        path = store.record_path(NAMES[0])
        path.write_bytes(path.read_bytes()[:-50])
    else:
        damage(store)
    found = faults(store, decode="some")
    assert any(named in fault for fault in found) if named else not found
    assert not any("b.y4m" in fault for fault in found)


def test_verify_reads_each_clip_once_and_says_which_are_gone(
    built: Store, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "verify", str(built.path)]) == 0
    out = capsys.readouterr().out
    assert "4 segments, " in out and " tracks, 24 versions (24 decoded)" in out and out.endswith("sound\n")
    moved = shutil.copytree(clips, tmp_path / "moved")
    (moved / "a.y4m").unlink()
    assert set(faults(built, images=str(moved), decode="none")) == {"a.y4m no longer exists"}


def test_stats_labels_and_training_read_it(built: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "stats", str(built.path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    tracks = sum(len(record.xyxy) for record in built.records())
    bare = sum(len(record.xyxy) == 0 for record in built.records())
    figures = [report[key] for key in ("noun", "pictures", "samples", "without_objects")]
    assert figures == ["segment", 4, tracks, bare]
    first = built.record(NAMES[0])
    bpp = [int(record.bits[0]) / (384 * 288 * record.frames) for record in built.records()]
    assert report["rates"][0]["bpp"] == pytest.approx(np.median(bpp))
    assert main(["dataset", "stats", str(built.path)]) == 0
    assert "kB per  median" in capsys.readouterr().out
    table = tmp_path / "labels.parquet"
    assert main(["dataset", "export", "labels", str(built.path), "--out", str(table), "--rule", "last"]) == 0
    samples = load_samples(table)
    assert len(samples) == tracks and samples.root is None
    assert samples.table["picture"][0] == f"{NAMES[0]}/{first.span.first + first.span.place[0]:06d}.png"  # type: ignore[union-attr]
    # A clip is in one split, whatever its segments and frames are called.
    clip = samples.table["picture"].str.rsplit("/", n=2).str[0]
    assert samples.table.groupby(clip)["split"].nunique().max() == 1
    for data, images in ((str(built.path), None), (str(table), str(built.path / "frames"))):
        objects = open_objects(ObjectsOptions(data=data, images=images))
        rows = objects.split("all")
        crop = objects.pictures.crop(rows.iloc[0])
        whole = read_picture(built.path / "frames" / rows["path"][0])
        assert crop.shape[0] <= whole.shape[0] and crop.size


def test_what_is_of_pictures_alone_is_refused(built: Store, tmp_path: Path) -> None:
    out = str(tmp_path / "out.parquet")
    assert main(["dataset", "export", "losses", str(built.path), "--out", out]) == 2
    assert main(["dataset", "export", "ow-jrd", str(built.path), "--out", str(tmp_path / "o")]) == 2
    assert main(["dataset", "export", "ow-jrd", str(built.path), "--out", str(tmp_path / "o"), "--no-crops"]) == 0
    with pytest.raises(InputError, match="holds segments of video"):
        built.versions(NAMES[0], [26])
    with pytest.raises(InputError, match="holds segments of video"):
        built.source(NAMES[0])


def test_a_segment_without_tracks_has_no_strings() -> None:
    empty = sv.Detections(np.zeros((0, 4), np.float32), confidence=np.zeros(0), class_id=np.zeros(0, np.int64))
    found = matched(flat([empty] * 3), [flat([empty] * 3)] * 2, TrackingTask(), 3)
    assert found.found.shape == (0, 2) and found.place.shape == (0,)
