"""Labelled objects with their pixels: OW-JRD's layout, folders of samples, built stores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.config import ObjectsOptions
from vcmpipe.datasets.samples import Samples, make_table, write_samples
from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture, write_png
from vcmpipe.thresholds import bc_jrd
from vcmpipe.training.bc_jrd import Pairs
from vcmpipe.training.object_run import ObjectPlan
from vcmpipe.training.objects import groups, open_objects


def objects(data: Path | str, **changes: object):
    return open_objects(ObjectsOptions(data=str(data), **changes))  # type: ignore[arg-type]


def test_ow_jrd(ow_jrd: Path) -> None:
    found = objects(f"ow-jrd:{ow_jrd}")
    assert [len(found.split(name)) for name in ("train", "val", "test", "all")] == [28, 10, 12, 50]
    row = found.split("train").iloc[3]
    crop = found.pictures.crop(row)
    assert crop.shape == (20, 24, 3)
    assert crop.mean() == pytest.approx({20: 40, 30: 100, 40: 160, 50: 220}[int(row["label"])], abs=8)
    assert row["picture"] == row["sample"].rpartition("_")[0]
    version = found.pictures.version(row, 63)
    assert version.mean() > crop.mean() + 5


def test_crops_that_are_missing_are_left_out_and_counted(ow_jrd: Path, tmp_path: Path) -> None:
    shutil.copytree(ow_jrd, tmp_path / "set", ignore=lambda folder, names: {"train000_1.png"} & set(names))
    found = objects(f"ow-jrd:{tmp_path / 'set'}")
    assert len(found.split("train")) == 27
    assert any("1 " in line for line in found.samples.missing)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda f: shutil.rmtree(f / "data"), "holds no crops"),
        (lambda f: (f / "jsonfiles" / "JRD_info.json").unlink(), "JRD_info.json"),
        (lambda f: (f / "jsonfiles" / "val_names.json").write_text("{"), "val_names.json"),
        (lambda f: (f / "jsonfiles" / "val_names.json").write_text("[]"), "val_names.json"),
        (lambda f: (f / "jsonfiles" / "val_names.json").write_text('{"names": ["zz_1"]}'), "zz_1"),
        (lambda f: (f / "jsonfiles" / "JRD_info.json").write_text('{"a_1": 64}'), "a_1"),
        (lambda f: shutil.rmtree(f), "JRD_info.json"),
    ],
)
def test_damaged_ow_jrd(ow_jrd: Path, tmp_path: Path, break_it, says: str) -> None:
    shutil.copytree(ow_jrd, tmp_path / "set")
    break_it(tmp_path / "set")
    with pytest.raises(InputError, match=says):
        objects(f"ow-jrd:{tmp_path / 'set'}")


@pytest.mark.parametrize("pattern", ["x.png", "{name}.png", "../{name}_{qp}.png", "/{name}_{qp}.png"])
def test_patterns_that_do_not_name_versions(ow_jrd: Path, pattern: str) -> None:
    with pytest.raises(InputError, match="--pattern"):
        objects(f"ow-jrd:{ow_jrd}", pattern=pattern)


def test_a_version_that_is_not_there_says_how_versions_are_named(ow_jrd: Path) -> None:
    found = objects(f"ow-jrd:{ow_jrd}", pattern="data/distorted/{name}/{qp}.png")
    with pytest.raises(InputError, match=r"7.png is missing: --pattern"):
        found.pictures.version(found.split("val").iloc[0], 7)


def make_samples(folder: Path, **columns: object) -> Path:
    """Two objects in one picture of 40x30."""
    folder.mkdir(parents=True)
    picture = np.arange(40 * 30 * 3, dtype=np.uint32).astype(np.uint8).reshape(30, 40, 3)
    write_png(folder / "p.png", picture)
    values: dict[str, object] = {
        "sample": ["p_1", "p_2"],
        "picture": ["p.png"] * 2,
        "split": ["train"] * 2,
        "label": [33.0, 40.0],
        "x1": [2.0, 0.0],
        "y1": [3.0, 0.0],
        "x2": [12.0, 40.0],
        "y2": [9.0, 30.0],
        "width": [40, 40],
        "height": [30, 30],
        "path": ["p.png"] * 2,
    }
    scale = columns.pop("scale", "vvc-qp")
    samples = Samples(make_table(**(values | columns)), "two", str(scale), root=str(folder))
    write_samples(samples, folder / "samples")
    return folder / "samples"


def test_boxes_are_cut_out_of_pictures_and_crops_are_taken_whole(tmp_path: Path) -> None:
    found = objects(make_samples(tmp_path / "a"))
    rows = found.split("train")
    whole = read_picture(tmp_path / "a" / "p.png")
    assert (found.pictures.crop(rows.iloc[0]) == whole[3:9, 2:12]).all()
    frame, boxes = found.pictures.picture(groups(rows)[0])
    assert (frame.rgb == whole).all() and boxes.tolist() == [[2, 3, 12, 9], [0, 0, 40, 30]]
    crops = objects(make_samples(tmp_path / "b", width=[640, 640], height=[480, 480], picture=["q", "q"]))
    assert (crops.pictures.crop(crops.split("train").iloc[0]) == whole).all()
    with pytest.raises(InputError, match="holds no coded versions"):
        found.pictures.version(rows.iloc[0], 30)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"label": [np.nan, np.nan]}, "has no labelled objects: 2 are in it"),
        ({"label": [0.0, 0.0], "recognisable": [False, False]}, "has no labelled objects"),
        ({"scale": "h264-qp"}, "h264-qp"),
    ],
)
def test_data_without_labels_that_can_be_learned(tmp_path: Path, columns: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        objects(make_samples(tmp_path / "a", **columns))


def test_objects_without_pixels(tmp_path: Path) -> None:
    assert len(objects(make_samples(tmp_path / "a", path=[None, "p.png"])).split("all")) == 1
    with pytest.raises(InputError, match="holds no crops and no pictures, only labels"):
        objects(make_samples(tmp_path / "b", path=[None, None]))
    found = objects(make_samples(tmp_path / "c", path=["gone.png"] * 2))
    with pytest.raises(InputError, match=r"gone\.png"):
        found.pictures.crop(found.split("train").iloc[0])


def test_left_out_limited_excluded(ow_jrd: Path, tmp_path: Path) -> None:
    mixed = objects(make_samples(tmp_path / "a", recognisable=[True, False], label=[33.0, 0.0]))
    assert len(mixed.split("all")) == 1 and mixed.left_out == 1
    limited = objects(f"ow-jrd:{ow_jrd}", limit=4)
    assert [len(limited.split(name)) for name in ("train", "val", "test")] == [4, 4, 4]
    names = tmp_path / "names.txt"
    names.write_text("train000\n\ntest001\nnobody\n")
    fewer = objects(f"ow-jrd:{ow_jrd}", exclude=str(names))
    assert len(fewer.split("all")) == 46 and "train000" not in set(fewer.samples.table["picture"])
    names.write_text("nobody\n")
    with pytest.raises(InputError, match="none of its 1 names"):
        objects(f"ow-jrd:{ow_jrd}", exclude=str(names))
    with pytest.raises(InputError, match="is a folder"):
        objects(f"ow-jrd:{ow_jrd}", exclude=str(tmp_path))


def test_pairs_are_drawn_anew_in_every_epoch_and_none_twice(ow_jrd: Path) -> None:
    found = objects(f"ow-jrd:{ow_jrd}")
    plan = ObjectPlan(
        "bc_jrd", "", "", "random", True, 1, 4, 0.1, 0.0, 0, 7, "32-true", "test_efficientnet", 32, 3.0, 8
    )
    pairs = Pairs(plan, found, found.split("train"), True)
    assert len(pairs) == 28 * 8
    qps = {epoch: [pairs.qp((16 + n, epoch)) for n in range(8)] for epoch in (0, 1)}
    assert len(set(qps[0])) == 8 and qps[0] != qps[1] == [pairs.qp((16 + n, 1)) for n in range(8)]
    all_of_them = Pairs(ObjectPlan(**(plan.__dict__ | {"versions": 64})), found, found.split("train"), True)
    assert {all_of_them.qp((n, 0)) for n in range(64)} == set(range(64))
    val = Pairs(plan, found, found.split("val"), False)
    assert [val.qp((n, 5)) for n in range(8)] == [7, 14, 21, 28, 35, 42, 49, 56]
    original, version, label = pairs[16, 0]
    assert original.shape == version.shape == (3, 32, 32)
    assert label == int(qps[0][0] > found.split("train").iloc[2]["label"])
    assert bc_jrd.SIZE == 640


@pytest.mark.parametrize(("width", "height"), [(1, 1), (15, 3), (40, 9)])
def test_crops_are_as_small_as_their_objects(ow_jrd: Path, tmp_path: Path, width: int, height: int) -> None:
    shutil.copytree(ow_jrd, tmp_path / "set")
    for file in (tmp_path / "set" / "data").rglob("train000_1*.png"):
        write_png(file, np.full((height, width, 3), 90, np.uint8))
    found = objects(f"ow-jrd:{tmp_path / 'set'}")
    row = found.split("train").iloc[0]
    assert found.pictures.crop(row).shape == found.pictures.version(row, 40).shape == (height, width, 3)
    assert found.pictures.picture(found.split("train").iloc[:1])[1].tolist() == [[0, 0, width, height]]


def test_a_built_store(tmp_path: Path) -> None:
    from vcmpipe.config import DatasetBuildOptions
    from vcmpipe.datasets.build import build
    from vcmpipe.datasets.scenes import render_scene

    write_png(tmp_path / "images" / "s.png", render_scene(910_000).rgb)
    out = tmp_path / "store"
    build(DatasetBuildOptions(images=str(tmp_path / "images"), out=str(out), detector="demo", qps="30,50"))
    found = objects(out)
    rows = found.split("all")
    assert len(rows) > 0
    row = rows.iloc[0]
    crop, good, bad = found.pictures.crop(row), found.pictures.version(row, 30), found.pictures.version(row, 50)
    assert crop.shape == good.shape == bad.shape

    def off(version: np.ndarray) -> float:
        return float(np.abs(version.astype(float) - crop).mean())

    assert 0 < off(good) < off(bad) < 60
    (tmp_path / "images").rename(tmp_path / "moved")
    moved = objects(out, images=str(tmp_path / "moved"))
    assert (moved.pictures.crop(row) == crop).all()
    with pytest.raises(InputError, match=r"s\.png"):
        objects(out).pictures.crop(row)


def test_a_store_without_objects(tmp_path: Path) -> None:
    from vcmpipe.config import DatasetBuildOptions
    from vcmpipe.datasets.build import build

    write_png(tmp_path / "images" / "grey.png", np.full((64, 64, 3), 128, np.uint8))
    out = tmp_path / "store"
    build(DatasetBuildOptions(images=str(tmp_path / "images"), out=str(out), detector="demo", qps="30"))
    with pytest.raises(InputError, match="has no labelled objects: 0 are in it"):
        objects(out)


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        objects(tmp_path / "nothing")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "manifest.json").write_text(json.dumps({"kind": "other"}))
    with pytest.raises(InputError):
        objects(tmp_path / "x")
