"""``dataset build --scales --judges`` for real: what is in the stores of each scale, going on, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from tests.datasets.conftest import QPS, options, write_scenes
from tests.datasets.test_build import contents
from vcmpipe.cli.main import main
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import DatasetExportOptions, DatasetVerifyOptions
from vcmpipe.datasets.build import build
from vcmpipe.datasets.exporters import export_dataset
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.loss_table import UNCODED, LossTable
from vcmpipe.datasets.records import PictureRecord
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.verification import verify_store
from vcmpipe.datasets.work import Failure, Recipe, code_item
from vcmpipe.detection import load_detector
from vcmpipe.detection.views import viewed
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import scaled_size
from vcmpipe.tasks import DetectionTask
from vcmpipe.tasks.loss import AccuracyLoss

SCALES = {"scales": "0.5,1", "judges": "flip,shrink"}
LADDER = [26, 34, 42, 50]
FLIP, SHRINK = "demo (flip)", "demo (shrink)"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("two") / "scenes", 2)


@pytest.fixture(scope="module")
def both(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of two scenes at two scales, with two further judges; not to be changed."""
    out = tmp_path_factory.mktemp("stores") / "store"
    report = build(options(pictures, out, **SCALES))
    assert (report.pictures, report.built, report.encodes, report.failures) == (2, 2, 16, [])
    return Store.open(out)


@pytest.fixture
def copy(both: Store, tmp_path: Path) -> Store:
    return Store.open(shutil.copytree(both.path, tmp_path / "store"))


def same(ours: sv.Detections | None, theirs: sv.Detections | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return np.array_equal(ours.xyxy, theirs.xyxy) and np.array_equal(ours.confidence, theirs.confidence)


def test_each_scale_is_a_store_of_what_is_coded_and_seen(both: Store) -> None:
    (half,) = both.scaled()
    assert (both.manifest.scale, half.manifest.scale, half.path.name) == (1.0, 0.5, "scale-0.5")
    assert [judge.name for judge in half.manifest.judges] == [FLIP, SHRINK]
    detector = load_detector("demo")
    judges = {FLIP: viewed(detector, "flip"), SHRINK: viewed(detector, "shrink")}
    for store in (both, half):
        assert store.names() == ["scene0.png", "sub/scene1.png"] and store.scaled() == ([half] if store is both else [])
        record, frame = store.record("scene0.png"), store.source("scene0.png")
        size = scaled_size(frame.width, frame.height, store.manifest.scale)
        coder = SegmentCoder(load_encoder("vvenc"), frame, coded_size=size)
        coded = coder.uniform(LADDER)
        decoded = [coder.decode_still(each) for each in coded]
        assert record.bits.tolist() == [each.bits for each in coded]
        assert record.psnr_y.tolist() == [psnr for _, psnr in decoded]
        assert store.stream(record, 34) == coded[1].data
        assert np.array_equal(store.versions("scene0.png", [42])[0].rgb, decoded[2].frame.rgb)
        assert list(record.judges) == [FLIP, SHRINK]
        for looks, own in ((record.looks, detector), *((record.judges[name], judge) for name, judge in judges.items())):
            assert same(looks.source, own.detect([frame])[0]) and len(looks.source) > 0
            seen = own.detect([version for version, _ in decoded])
            assert all(map(same, looks.versions, seen))
            assert same(looks.uncoded, own.detect([coder.uncoded()])[0] if store is half else None)
        task = DetectionTask(store.manifest.rule)
        assert np.array_equal(record.matched(task).found, record.found)


def test_a_store_of_one_scale_and_one_detector_is_as_it_was(pictures: Path, both: Store, tmp_path: Path) -> None:
    build(options(pictures, tmp_path / "plain"))
    plain = Store.open(tmp_path / "plain")
    assert not {"scale", "judges"} & set(json.loads((plain.path / "manifest.json").read_text()))
    assert {path.name for path in plain.path.iterdir()} >= {"manifest.json", "pictures", "streams"}
    assert plain.scaled() == []
    for name in plain.names():
        record, same_but_judges = plain.record(name), dataclasses.replace(both.record(name), judges={})
        assert record.to_parquet() == same_but_judges.to_parquet() == plain.record_path(name).read_bytes()
        assert plain.stream_path(name).read_bytes() == both.stream_path(name).read_bytes()


def test_a_build_goes_on_at_the_scales_that_are_missing(pictures: Path, both: Store, tmp_path: Path) -> None:
    out, judges = tmp_path / "store", {"judges": SCALES["judges"]}
    assert build(options(pictures, out, **judges, limit=1)).encodes == 4
    report = build(options(pictures, out, **SCALES))
    assert (report.pictures, report.built, report.encodes) == (2, 2, 12)
    assert contents(out) == contents(both.path)
    half = both.scaled()[0]
    (out / half.record_path("scene0.png").relative_to(both.path)).unlink()
    expected = build(options(pictures, out, **SCALES, estimate=True))
    assert expected.pictures == 1 and expected.estimate is not None
    assert (expected.estimate.pictures, expected.estimate.encodes) == (1, 4)
    assert build(options(pictures, out, **SCALES)).encodes == 4
    assert contents(out) == contents(both.path)
    assert build(options(pictures, out, **SCALES)).encodes == 0


def test_a_broken_picture_is_named_once(pictures: Path, tmp_path: Path) -> None:
    images = shutil.copytree(pictures, tmp_path / "images")
    (images / "broken.png").write_bytes(b"no picture")
    seen: list[tuple[int, int | None]] = []
    report = build(
        options(images, tmp_path / "store", scales="1,0.5", qps="40"), progress=lambda *each: seen.append(each)
    )
    assert [failure.name for failure in report.failures] == ["broken.png"] and report.built == 2
    assert seen[-1] == (6, 6)


def test_a_search_at_each_scale(pictures: Path, tmp_path: Path) -> None:
    report = build(options(pictures, tmp_path / "store", **SCALES, qps="20:58:2", search=True))
    assert report.built == 2 and report.encodes < 0.75 * 80
    store = Store.open(tmp_path / "store")
    for each in (store, *store.scaled()):
        for record in each.records():
            assert 0 < len(record.qps) < 20 and {len(own.versions) for own in record.judges.values()} == {
                len(record.qps)
            }
    assert verify_store(DatasetVerifyOptions(store=str(store.path))).faults == []
    export_dataset(DatasetExportOptions(layout="losses", store=str(store.path), out=str(tmp_path / "losses.parquet")))
    shares = LossTable.load(tmp_path / "losses.parquet").shares("demo")
    assert shares.shape[1:] == (2, 21) and not np.isnan(shares[:, :, 0]).any() and np.isnan(shares[:, :, 1:]).any()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"judges": "flip"}, "further judges: demo (flip) (SHA-256"),
        ({"judges": None}, "requested now: none"),
        ({"out": "scale-0.5", "scales": "1"}, "scale: 0.5; requested now: 1.0"),
        ({"qps": "30"}, "QPs: 26:50:8; requested now: 30"),
    ],
)
def test_a_store_of_another_configuration_is_refused(
    pictures: Path, both: Store, changes: dict[str, object], named: str
) -> None:
    before = contents(both.path)
    with pytest.raises(InputError, match="was made with another configuration") as refused:
        build(options(pictures, both.path / str(changes.pop("out", "")), **(SCALES | changes)))
    assert named in str(refused.value) and contents(both.path) == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scales": "0.5"}, "--scales 0.5: add 1"),
        ({"scales": "1,2"}, "--scales '1,2': give factors above 0 and at most 1"),
        ({"judges": "flip,flip"}, "--judges flip,flip: two detectors are called demo (flip)"),
        ({"judges": "nobody"}, "unknown detector 'nobody'"),
        ({"judges": "gone.onnx"}, "there is no such file"),
    ],
)
def test_bad_options(pictures: Path, tmp_path: Path, changes: dict[str, object], named: str) -> None:
    with pytest.raises(InputError) as refused:
        build(options(pictures, tmp_path / "store", **changes))
    assert named in str(refused.value)


def test_every_scale_is_verified(both: Store, copy: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "verify", str(both.path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pictures"], report["versions"], report["decoded"], report["faults"]) == (2, 16, 16, [])
    (half,) = copy.scaled()

    def found() -> str:
        return "\n".join(verify_store(DatasetVerifyOptions(store=str(copy.path), decode="none")).faults)

    def write(record: PictureRecord) -> None:
        half.record_path(record.name).write_bytes(record.to_parquet())

    record = half.record("scene0.png")
    write(dataclasses.replace(record, judges={FLIP: record.judges[FLIP]}))
    assert "its further judges are not those of the manifest" in found()
    write(dataclasses.replace(record, seen_uncoded=None))
    assert "nobody looked at a scaled picture" in found()
    half.record_path("scene0.png").unlink()
    assert "scene0.png: no record at scale 0.5" in found()
    write(record)
    manifest = half.manifest.to_json()
    (half.path / "manifest.json").write_text(dataclasses.replace(half.manifest, scale=0.7).to_json())
    assert "it is of the scale 0.7" in found()
    (half.path / "manifest.json").write_text(manifest.replace('"scale": 0.5', '"scale": 7'))
    with pytest.raises(InputError, match="a scale of 7"):
        found()
    half.path.rename(copy.path / "scale-0.4")
    (copy.path / "scale-0.4" / "manifest.json").write_text(manifest)
    assert "scale-0.4: it is of the scale 0.5" in found()


def test_a_judge_that_has_not_seen_every_version(both: Store) -> None:
    record = both.record("scene0.png")
    looks = dataclasses.replace(record.judges[FLIP], versions=record.judges[FLIP].versions[:2])
    data = dataclasses.replace(record, judges=record.judges | {FLIP: looks}).to_parquet()
    with pytest.raises(InputError, match="is a damaged picture record"):
        PictureRecord.from_parquet(data, "x")


@pytest.mark.parametrize(
    ("digests", "named"),
    [({}, ""), ({FLIP: "1" * 64}, "has other weights as flip: SHA-256"), ({SHRINK: "2" * 64}, "has other weights as")],
)
def test_a_worker_elsewhere_looks_with_the_same_judges(
    pictures: Path, both: Store, digests: dict[str, str], named: str
) -> None:
    (half,) = both.scaled()
    judges = [dataclasses.replace(each, digest=digests.get(each.name, each.digest)) for each in half.manifest.judges]
    manifest = dataclasses.replace(half.manifest, judges=tuple(judges))
    recipe = pickle.loads(pickle.dumps(Recipe(manifest, "vvenc", "demo", "auto", 1, ("flip", "shrink"))))
    result = code_item(recipe, "scene0.png", (pictures / "scene0.png").read_bytes())
    if isinstance(result, Failure):
        assert named and named in result.reason
    else:
        assert not named and result.scale == 0.5
        assert result.record.to_parquet() == half.record_path("scene0.png").read_bytes()


def test_a_scale_is_a_store_for_other_commands(both: Store, capsys: pytest.CaptureFixture[str]) -> None:
    half = both.scaled()[0]
    assert main(["dataset", "stats", str(half.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 2
    ours, base = load_samples(half.path).table, load_samples(both.path).table
    assert ours["sample"].tolist() == base["sample"].tolist() and ours["string"].tolist() != base["string"].tolist()


def test_the_losses_of_a_store(both: Store, tmp_path: Path) -> None:
    out = tmp_path / "losses.parquet"
    words = ["dataset", "export", "losses", str(both.path), "--out", str(out)]
    assert main(words) == 0
    table = LossTable.load(out)
    assert (table.scales, table.qps) == ((1.0, 0.5), (UNCODED, *LADDER))
    assert table.judges == ["demo", FLIP, SHRINK] == list(table.facts["judges"])
    assert table.facts["judges"][FLIP]["digest"] == both.manifest.judges[0].digest
    assert table.facts["encoder_build"] == both.manifest.encoder_build and table.facts["pictures"] == 2
    assert AccuracyLoss(**table.facts["loss"]) == AccuracyLoss()
    half, record = both.scaled()[0].record("scene0.png"), both.record("scene0.png")
    source = record.judges[FLIP].source
    rows = table.detections(FLIP)["picture"] == "scene0.png"
    tiles = table.tiles(FLIP)["picture"] == "scene0.png"
    assert rows.sum() == len(source)
    np.testing.assert_allclose(table.detections(FLIP)[rows][["x1", "y1", "x2", "y2"]], source.xyxy)
    weight = table.detections(FLIP)["weight"][rows].to_numpy()
    uncoded = half.judges[FLIP].uncoded
    assert uncoded is not None
    looked = {
        (0, 0): source,
        (1, 0): uncoded,
        (0, 2): record.judges[FLIP].versions[1],
        (1, 4): half.judges[FLIP].versions[3],
    }
    for place, seen in looked.items():
        lost = weight @ table.shares(FLIP)[rows][:, *place] + table.false_alarms(FLIP)[tiles][:, *place].sum()
        assert lost == pytest.approx(AccuracyLoss().of(source, seen), abs=float(weight.sum()) / 500)
    objects = (table.detections("demo")["picture"] == "scene0.png") & (table.detections("demo")["score"] >= 0.3)
    assert np.array_equal(table.found("demo")[objects, 1, 1:] == 1, half.found)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["STORE", "--out", "losses.csv"], "name a file that ends in .parquet"),
        (["nowhere", "--out", "x.parquet"], "nowhere is not a JRD store"),
        (["STORE", "--out", "x.parquet", "--rule", "last"], "--rule is for ow-jrd and labels: leave it out for losses"),
    ],
)
def test_exports_that_are_refused(
    both: Store,
    words: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dataset", "export", "losses", *(word.replace("STORE", str(both.path)) for word in words)]) == 2
    assert named in capsys.readouterr().err


def test_the_losses_of_a_store_of_one_scale(built: Store, tmp_path: Path) -> None:
    out = str(tmp_path / "losses.parquet")
    report = export_dataset(DatasetExportOptions(layout="losses", store=str(built.path), out=out))
    table = LossTable.load(out)
    assert (table.scales, table.qps, table.judges) == ((1.0,), (UNCODED, *LADDER), ["demo"])
    assert report.objects == len(table.detections("demo")) and QPS == "26:50:8"
    assert (table.shares("demo")[:, 0, 0] == 0).all()
