"""A built store, exported: the published layout with its crops, and the label table."""

from __future__ import annotations

import json
import shutil
import typing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.cli.main import main
from vcmpipe.config import DatasetExportOptions
from vcmpipe.datasets.exporters import export_dataset
from vcmpipe.datasets.exporters.ow_jrd import tight
from vcmpipe.datasets.label_table import label_table, load_samples
from vcmpipe.datasets.samples import Samples, make_table, write_label_table
from vcmpipe.datasets.store import Store
from vcmpipe.errors import InputError
from vcmpipe.plugins import EXPORTERS


def exporting(store: Path | str, out: Path, **changes: Any) -> DatasetExportOptions:
    return DatasetExportOptions(**({"layout": "ow-jrd", "store": str(store), "out": str(out)} | changes))  # type: ignore[arg-type]


def table_of(path: Path, **columns: Any) -> Path:
    """A label table of three objects, as a file."""
    values = {
        "sample": ["x/a_1", "x/a_2", "b_1"],
        "picture": ["x/a.png", "x/a.png", "b.png"],
        "split": ["train", "train", "test"],
        "label": [40.0, 0.0, 50.0],
        "recognisable": [True, False, True],
    }
    write_label_table(Samples(make_table(**(values | columns)), "some", "vvc-qp"), path)
    return path


def read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None, path
    return picture[..., ::-1]


def test_a_store_comes_back_from_the_published_layout(
    built: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "ow-jrd", tmp_path / "samples"
    words = ["dataset", "export", "ow-jrd", str(built.path), "--rule", "last", "--out", str(out), "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    samples = label_table(built, "last")
    kept = samples.table[samples.table["recognisable"]]
    assert report["objects"] == len(kept) > 0 and report["left_out"] == len(samples) - len(kept)
    assert report["crops"] == 5 * len(kept) and report["rule"] == "last"
    assert main(["dataset", "import", "ow-jrd", str(out), "--out", str(again)]) == 0
    # Four QPs are not all 64: that, and only that, is missing.
    assert [line.split(" (")[0] for line in load_samples(again).missing] == [
        f"coded versions of {len(kept)} of {len(kept)} objects"
    ]
    # Scripts look up every class of the detector.
    classes = json.loads((out / "jsonfiles" / "coco80_indices.json").read_text())
    assert classes == {str(number): name for number, name in built.manifest.classes.items()}
    back = load_samples(again).table
    for key in ("label", "split", "class_name", "class_id", "x1", "y1", "x2", "y2"):
        assert back[key].tolist() == kept[key].tolist(), key
    assert back["sample"].tolist() == kept["sample"].str.replace("/", "_").tolist()
    versions = {name: built.versions(name, [26, 50]) for name in built.names()}
    for name, row in zip(back["sample"], kept.itertuples(), strict=True):
        x1, y1, x2, y2 = tight(row.x1, row.y1, row.x2, row.y2, row.width, row.height)
        pictures = [built.source(row.picture), *versions[row.picture]]
        files = [f"original/{name}/{name}.png", f"distorted/{name}/{name}_26.png", f"distorted/{name}/{name}_50.png"]
        for frame, file in zip(pictures, files, strict=True):
            assert np.array_equal(read(out / "data" / file), frame.rgb[y1:y2, x1:x2])


def test_it_is_there_whole_or_not_at_all(built: Store, tmp_path: Path) -> None:
    gone = shutil.copytree(built.path, tmp_path / "store")
    with pytest.raises(InputError, match=r"elsewhere/.*scene.\.png does not exist"):
        export_dataset(exporting(gone, tmp_path / "out", images=str(tmp_path / "elsewhere")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
    assert export_dataset(exporting(gone, tmp_path / "out", crops=False)).crops == 0
    assert not (tmp_path / "out" / "data").exists()
    with pytest.raises(InputError, match="exists and is not empty"):
        export_dataset(exporting(gone, tmp_path / "out", crops=False))


def test_a_seed_splits_anew_and_cuts_no_picture(built: Store, tmp_path: Path) -> None:
    splits = set()
    for seed in range(6):
        out = tmp_path / str(seed)
        export_dataset(exporting(built.path, out, crops=False, seed=seed))
        lists = [
            json.loads((out / "jsonfiles" / f"{part}_names.json").read_text())["names"]
            for part in ("train", "val", "test")
        ]
        homes = [{name.rpartition("_")[0] for name in names} for names in lists]
        assert sum(map(len, homes)) == len(set().union(*homes))
        splits.add(str(lists))
    assert len(splits) > 1


def test_names_are_no_paths_and_unique(tmp_path: Path) -> None:
    table = table_of(
        tmp_path / "t.parquet",
        sample=["x/a_1", "x_a_1", "b_1"],
        picture=["x/a.png", "x_a.png", "b.png"],
        recognisable=[True] * 3,
    )
    export_dataset(exporting(table, tmp_path / "out", crops=False))
    names = list(json.loads((tmp_path / "out" / "jsonfiles" / "JRD_info.json").read_text()))
    assert len(set(names)) == 3 and names[2] == "b_1" and all("/" not in name for name in names)


def test_objects_that_are_never_recognised_are_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = table_of(tmp_path / "t.parquet")
    assert main(["dataset", "export", "ow-jrd", str(table), "--no-crops", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "2 objects of 2 pictures" in said.out and "1 object left out: never recognised" in said.err
    assert json.loads((tmp_path / "out" / "jsonfiles" / "JRD_info.json").read_text()) == {"x_a_1": 40, "b_1": 50}
    assert json.loads((tmp_path / "out" / "jsonfiles" / "all_GT_classes.json").read_text()) == {"gt": [[50]]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "is not a JRD store"),  # crops need one
        ({"crops": False, "rule": "last"}, "no strings"),
        ({"crops": False, "pattern": "{name}.png"}, "lacks"),
        ({"crops": False, "originals": "{name}.*"}, r"without \*"),
        ({"layout": "labels"}, "ends in .parquet"),
    ],
)
def test_what_cannot_be_exported_is_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    table = table_of(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=message):
        export_dataset(exporting(table, tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


def test_a_data_set_without_recognisable_objects_or_of_another_scale_is_refused(tmp_path: Path) -> None:
    table = table_of(tmp_path / "t.parquet", recognisable=[False] * 3, label=[0.0] * 3)
    with pytest.raises(InputError, match="no recognisable objects"):
        export_dataset(exporting(table, tmp_path / "out", crops=False))
    jnd = Samples(make_table(sample=["a"], picture=["a"], split=["train"], label=[30.0]), "jnd", "h264-qp")
    write_label_table(jnd, tmp_path / "jnd.parquet")
    with pytest.raises(InputError, match="the layout is for VVC QPs"):
        export_dataset(exporting(tmp_path / "jnd.parquet", tmp_path / "out", crops=False))


def test_a_label_table_needs_no_store(built: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "labels.parquet"
    assert main(["dataset", "export", "labels", str(built.path), "--out", str(out)]) == 0
    assert "labels by best-step" in capsys.readouterr().out
    for rule in ("last", "first-loss", "best-step"):
        pd.testing.assert_frame_equal(load_samples(out, rule).table, label_table(built, rule).table)
    assert str(built.manifest.images).encode() not in out.read_bytes()


@given(st.lists(st.floats(-50, 150), min_size=4, max_size=4), st.integers(1, 100), st.integers(1, 100))
def test_a_tight_box_is_in_the_picture_and_not_empty(sides: list[float], width: int, height: int) -> None:
    x1, y1, x2, y2 = tight(min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2]), width, height)
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height


def test_every_layout_has_an_exporter() -> None:
    assert set(typing.get_args(typing.get_type_hints(DatasetExportOptions)["layout"])) == set(EXPORTERS.built_in)
    assert tight(1.2, 3.0, 4.0, 5.1, 100, 100) == (1, 3, 4, 6)
