"""Building a JRD store for real: what is in it, what goes wrong, and who may build."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.conftest import options, write_scenes
from vcmpipe.bitstream import count_pictures, inspect_stream
from vcmpipe.cli.main import main
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.datasets import estimate
from vcmpipe.datasets.build import build
from vcmpipe.datasets.store import Store
from vcmpipe.detection import load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, VcmError
from vcmpipe.evaluation import MatchRule, match
from vcmpipe.frames import write_png
from vcmpipe.tasks import DetectionTask


def contents(store: Path) -> dict[str, bytes]:
    """Everything in a store."""
    files = sorted(path for path in store.rglob("*") if path.is_file())
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files}


def test_a_store_holds_what_the_pipeline_codes_and_the_detector_sees(built: Store) -> None:
    assert built.names() == ["scene0.png", "scene2.png", "sub/scene1.png"]
    detector, rule = load_detector("demo"), MatchRule()
    for record in built.records():
        frame = built.source(record.name)
        coder = SegmentCoder(load_encoder("vvenc"), frame)
        coded = coder.uniform([26, 34, 42, 50])
        assert record.qps.tolist() == [26, 34, 42, 50]
        assert record.bits.tolist() == [each.bits for each in coded]
        assert [built.stream(record, qp) for qp in (26, 50)] == [coded[0].data, coded[3].data]
        decoded = [coder.decode_still(each) for each in coded]
        assert record.psnr_y.tolist() == [psnr for _, psnr in decoded]
        source = detector.detect([frame])[0]
        objects = source[rule.select(source)]
        assert np.array_equal(record.xyxy, objects.xyxy) and len(objects) > 0
        for i, found in enumerate(detector.detect([each for each, _ in decoded])):
            pairs = match(objects, found, iou=rule.iou, min_score=rule.found_score)
            assert record.found[:, i].tolist() == pairs.kept.tolist()
            np.testing.assert_allclose(record.iou[:, i], pairs.iou, rtol=1e-6)
        for version, (again, _) in zip(built.versions(record.name, [26, 42]), (decoded[0], decoded[2]), strict=True):
            assert np.array_equal(version.rgb, again.rgb)


def test_all_versions_of_a_picture_are_one_stream_that_plays(built: Store) -> None:
    data = built.stream_path("sub/scene1.png").read_bytes()
    assert count_pictures(data) == 4
    assert [picture.regions[0].qp for picture in inspect_stream(data).pictures] == [26, 34, 42, 50]


def test_another_task_needs_no_coding(built: Store) -> None:
    record = built.record("scene0.png")
    same = record.matched(DetectionTask())
    assert np.array_equal(same.found, record.found) and np.array_equal(same.confidence, record.confidence)
    strict = record.matched(DetectionTask(MatchRule(reference_score=0.3, found_score=0.9, iou=0.9)))
    assert strict.found.shape == record.found.shape
    assert strict.found.sum() < record.found.sum() and not (strict.found & ~record.found).any()


def test_nothing_is_coded_twice_and_a_longer_folder_is_gone_on_with(scenes: Path, built: Store, tmp_path: Path) -> None:
    out = shutil.copytree(built.path, tmp_path / "store")
    report = build(options(scenes, out))
    assert (report.pictures, report.built, report.estimate) == (3, 0, None)
    assert contents(out) == contents(built.path)
    (out / "pictures" / "scene0.png.parquet").unlink()
    report = build(options(scenes, out, jobs=1))
    assert (report.pictures, report.built, report.encodes) == (3, 1, 4)
    assert contents(out) == contents(built.path)


def test_faults_in_pictures_stop_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = write_scenes(tmp_path / "images", 2)
    (images / "broken.png").write_bytes((images / "scene0.png").read_bytes()[:5000])
    (images / "empty.jpg").write_bytes(b"")
    (images / "notes.txt").write_text("no picture")
    (images / ".hidden.png").write_bytes(b"")
    write_png(images / "tiny.png", np.zeros((8, 8, 3), np.uint8))
    write_png(images / "grey.png", np.full((64, 96, 3), 128, np.uint8))
    write_png(images / "sub" / "scene0.png", np.full((64, 64, 3), 90, np.uint8))  # the name is there above it, too
    words = ["dataset", "build", "--images", str(images), "--out", str(tmp_path / "store"), "--detector", "demo"]
    assert main([*words, "--qps", "40", "--json"]) == 3
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["pictures"], report["built"], report["without_objects"]) == (4, 4, 2)
    assert [each["name"] for each in report["failures"]] == ["broken.png", "empty.jpg", "tiny.png"]
    assert "broken.png is a truncated or damaged picture" in err and "empty.jpg is empty" in err
    assert err.splitlines()[-1].startswith("vcmpipe: 3 pictures failed; the others are done")
    store = Store.open(tmp_path / "store")
    assert store.names() == ["grey.png", "scene0.png", "sub/scene0.png", "sub/scene1.png"]
    assert store.record("grey.png").found.shape == (0, 1)


def test_a_run_that_stops_at_a_fault_keeps_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = write_scenes(tmp_path / "images", 2)
    (images / "scene0b.png").write_bytes((images / "scene0.png").read_bytes()[:5000])
    words = ["dataset", "build", "--images", str(images), "--out", str(tmp_path / "store"), "--detector", "demo"]
    words += ["--qps", "40", "--jobs", "1"]
    assert main([*words, "--on-error", "stop"]) == 1
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "damaged" in line]
    assert "scene0b.png is a truncated or damaged picture" in said and said.endswith("leaves out what fails)")
    assert Store.open(tmp_path / "store").names() == ["scene0.png"]
    assert main([*words]) == 3
    assert Store.open(tmp_path / "store").names() == ["scene0.png", "sub/scene1.png"]


def test_starting_over_codes_everything_again(scenes: Path, built: Store, tmp_path: Path) -> None:
    out = shutil.copytree(built.path, tmp_path / "store")
    stream = built.stream_path("sub/scene1.png").relative_to(built.path)
    (out / stream).write_bytes(b"something else")
    report = build(options(scenes, out, fresh=True))
    assert (report.pictures, report.built, report.encodes) == (3, 3, 12)
    assert contents(out) == contents(built.path)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"qps": "26:50:4"}, "QPs: 26:50:8; requested now: 26:50:4"),
        ({"qps": "1,2,9"}, "QPs: 26:50:8; requested now: 1,2,9"),
        ({"preset": "fast"}, "preset: faster; requested now: fast"),
        ({"iou": 0.75}, "iou 0.5; requested now: reference score 0.3, found score 0.2, iou 0.75"),
        ({"matrix": "bt601"}, "colour: matrix bt709"),
        ({"search": True}, "search: no; requested now: yes"),
        ({"encoder": "kvazaar"}, "encoder: vvenc; requested now: kvazaar"),
    ],
)
def test_a_store_of_another_configuration_is_refused(
    scenes: Path, built: Store, changes: dict[str, object], named: str
) -> None:
    before = contents(built.path)
    with pytest.raises(InputError, match="was made with another configuration") as refused:
        build(options(scenes, built.path, **changes))
    assert named in str(refused.value)
    assert contents(built.path) == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"qps": "0:64"}, "from 0 to 63"),
        ({"qps": "40:30"}, "is not FIRST:LAST"),
        ({"limit": 0}, "--limit 0: give at least 1"),
        ({"images": "nowhere"}, "nowhere does not exist"),
        ({"images": "."}, "hold no pictures"),
        ({"out": ""}, "--out is empty"),
        ({"score": 1.5}, "--score 1.5: give at least 0 and at most 1"),
        ({"encoder": "kvazaar", "qps": "0:63"}, "kvazaar codes QPs from 0 to 51"),
        ({"cluster": "tcp://127.0.0.1:9"}, "no Dask scheduler answers there"),
    ],
)
def test_bad_options(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vcmpipe.process.cluster.PATIENCE", 1)
    with pytest.raises(VcmError) as refused:
        build(options(**({"images": scenes, "out": tmp_path / "store"} | changes)))
    assert named in str(refused.value)


def test_a_folder_that_holds_something_else_is_left_alone(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("It was")
    with pytest.raises(InputError, match="is not a JRD store"):
        build(options(scenes, tmp_path / "thesis"))


def test_half_written_and_outdated_records_are_made_again(built: Store, tmp_path: Path) -> None:
    images = write_scenes(tmp_path / "images", 3)
    out = shutil.copytree(built.path, tmp_path / "store")
    record = out / "pictures" / "scene0.png.parquet"
    record.write_bytes(record.read_bytes()[:900])
    (out / "pictures" / "scene2.png.parquet").write_bytes(b"")
    notes: list[str] = []
    report = build(options(images, out), warn=notes.append)
    assert report.built == 2 and sum("damaged picture record" in note for note in notes) == 2
    assert contents(out) == contents(built.path)
    shutil.copy(images / "scene0.png", images / "scene2.png")
    notes.clear()
    assert build(options(images, out), warn=notes.append).built == 1
    assert any("scene2.png has changed since it was coded" in note for note in notes)
    store = Store.open(out)
    assert store.record("scene2.png").found.tolist() == store.record("scene0.png").found.tolist()


def test_only_one_builder_at_a_time(scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    refused: list[str] = []

    def second(done: int, total: int | None) -> None:
        with pytest.raises(InputError, match="is being written by another vcmpipe") as error:
            build(options(scenes, out))
        refused.append(str(error.value))

    assert build(options(scenes, out, qps="50"), progress=second).built == 3
    assert len(refused) == 3


def test_too_little_space_is_told_before_the_start(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dataset", "build", "--images", str(scenes), "--out", str(tmp_path / "store"), "--detector", "demo"]
    assert main([*words, "--estimate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["estimate"]
    assert not (tmp_path / "store").exists()
    assert (told["pictures"], told["encodes"]) == (3, 192)
    full = type(shutil.disk_usage("/"))(10**9, 10**9, 1000)
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda path: full)
    assert main(words) == 2
    assert "0.0 GB are free" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["manifest.json"]


def test_the_estimate_is_near(built: Store, scenes: Path, tmp_path: Path) -> None:
    expected = build(options(scenes, tmp_path / "store", estimate=True)).estimate
    assert expected is not None
    size = sum(int(record.bits.sum()) for record in built.records()) / 8
    assert 0.5 * size < expected.bytes < 2 * size


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_an_interrupt_finishes_what_is_under_way(scenes: Path, built: Store, tmp_path: Path) -> None:
    out = tmp_path / "store"
    notes: list[str] = []

    def interrupt_once(done: int, total: int | None) -> None:
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build(options(scenes, out, jobs=1), progress=interrupt_once, warn=notes.append)
    assert any(note.startswith("stopping: work in progress is finished first") for note in notes)
    done = Store.open(out).names()
    assert len(done) == 1  # a lone worker had not begun the next
    assert build(options(scenes, out)).built == 3 - len(done)
    assert contents(out) == contents(built.path)
