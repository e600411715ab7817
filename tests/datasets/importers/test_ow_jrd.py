"""OW-JRD: the published figures, the layout, and whatever can be wrong with JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.datasets.importers.conftest import LABELS, SPLIT, importing, picture, write_json, write_ow_jrd
from vcmpipe.cli.main import main
from vcmpipe.datasets.importers import ow_jrd as module
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import Samples
from vcmpipe.errors import InputError

LABELS_FILE = "JRD_info.json"


def read(folder: Path, **changes: Any) -> Samples:
    return module.read(importing("ow-jrd", folder, **changes)).samples


def test_the_published_figures_come_out(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = shared_data / "reference" / "ow-jrd", tmp_path / "samples"
    assert main(["dataset", "import", "ow-jrd", str(source), "--out", str(out), "--json"]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert (report["samples"], report["labelled"], report["pictures"]) == (29_218, 29_218, 8_471)
    assert report["splits"] == {"train": 23_251, "val": 3_027, "test": 2_940}
    assert "missing: the crops of 29,218 of 29,218 objects" in said.err
    table = load_samples(out).table
    labels = table["label"]
    assert (round(labels.mean(), 2), labels.median(), round(labels.std(), 1)) == (39.39, 41, 9.6)
    test = labels[table["split"] == "test"]
    error = (test - 41).abs()
    assert (round(error.mean(), 3), round(error[test.between(27, 51)].mean(), 3)) == (7.499, 5.321)


def test_the_files_become_one_table(ow_jrd: Path) -> None:
    samples = read(ow_jrd)
    table = samples.table.set_index("sample")
    assert table["label"].to_dict() == LABELS
    assert {split: table.index[table["split"] == split].tolist() for split in SPLIT} == SPLIT
    assert table["picture"].tolist() == ["00020", "00020", "00022", "00027", "a_b"]
    assert table["class_name"].isna().all() and table["path"].isna().all()
    assert (samples.scale, len(samples.missing)) == ("vvc-qp", 3)


def test_classes_boxes_and_crops_are_taken_where_they_are_there(ow_jrd: Path) -> None:
    infos: dict[str, Any] = {name: {"class": 2} for name in LABELS}
    infos["00020_1"] = {"class": "person", "bbox_xyxy": [1, 2, 30.5, 40]}
    infos["00020_2"] = {"class": "0"}
    infos["00022_1"] = {"class": "unicorn"}
    infos["not_labelled_1"] = {"class": 0}
    write_json(ow_jrd / "all_objects_infos.json", infos)
    picture(ow_jrd / "data" / "original" / "00020_1" / "00020_1.png")
    for qp in range(64):
        picture(ow_jrd / "data" / "distorted" / "00020_1" / f"00020_1_{qp}.png")
        picture(ow_jrd / "data" / "distorted" / "00020_2" / f"00020_2_{qp}.png")
    (ow_jrd / "data" / "distorted" / "00020_2" / "00020_2_63.png").unlink()
    samples = read(ow_jrd)
    table = samples.table
    assert table["class_name"].tolist() == ["person", "person", "unicorn", "car", "car"]
    assert table["class_id"].tolist() == [0, 0, pd.NA, 2, 2]
    assert table.loc[0, ["x1", "y1", "x2", "y2"]].tolist() == [1, 2, 30.5, 40]
    assert table["path"].tolist() == ["data/original/00020_1/00020_1.png"] + [pd.NA] * 4
    assert (Path(samples.root or "") / table["path"][0]).is_file()
    assert [line.split(" (")[0] for line in samples.missing] == [
        "the crops of 4 of 5 objects",
        "coded versions of 4 of 5 objects",
    ]


def test_the_classes_of_the_first_paper_are_read_too(ow_jrd: Path) -> None:
    write_json(ow_jrd / "objects_infos.json", {name: {"CategoryId": 2} for name in LABELS})
    assert read(ow_jrd).table["class_name"].tolist() == ["car"] * 5


def test_other_namings_are_told_by_patterns(ow_jrd: Path) -> None:
    for name in LABELS:
        picture(ow_jrd / "crops" / f"{name}.png")
        for qp in range(64):
            (ow_jrd / "coded" / f"{qp}").mkdir(parents=True, exist_ok=True)
            (ow_jrd / "coded" / f"{qp}" / f"{name}.png").touch()
    samples = read(ow_jrd, originals="crops/{name}.png", pattern="coded/{qp}/{name}.png")
    assert samples.table["path"].notna().all()
    assert not [line for line in samples.missing if "crops" in line or "coded" in line]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("JRD_info.json", '{"00020_1": 5', "damaged, truncated, or not JSON"),
        ("JRD_info.json", "", "damaged, truncated"),
        ("JRD_info.json", "[" * 100_000, "damaged, truncated"),
        ("JRD_info.json", "[1, 2]", "must hold an object.*not a list"),
        ("JRD_info.json", "{}", "holds no labels"),
        ("JRD_info.json", '{"00020_1": 1, "00020_1": 2}', "'00020_1' occurs twice"),
        ("JRD_info.json", '{"00020_1": 64}', "label of '00020_1' is 64: it must be a whole number from 0 to 63"),
        ("JRD_info.json", '{"00020_1": -1}', "is -1: it must be"),
        ("JRD_info.json", '{"00020_1": 4.5}', "is 4.5: it must be a whole number"),
        ("JRD_info.json", '{"00020_1": "41"}', "is '41': it must be a number"),
        ("JRD_info.json", '{"00020_1": null}', "must be a number"),
        ("JRD_info.json", '{"00020_1": true}', "must be a number"),
        ("JRD_info.json", '{"00020_1": NaN}', "NaN is not a number"),
        ("JRD_info.json", '{"00020_1": 1e999}', "1e999 is not a number"),
        ("JRD_info.json", '{"00020_1": 1%s}' % ("0" * 400), "000 is not a number"),
        ("JRD_info.json", '{"": 1}', "empty name"),
        ("JRD_info.json", None, "JRD_info.json does not exist"),
        ("test_names.json", None, "test_names.json does not exist"),
        ("test_names.json", '{"name": []}', 'no key "names"'),
        ("test_names.json", '{"names": [1]}', "must be a list of names"),
        ("test_names.json", '{"names": {}}', "must be a list of names"),
        ("test_names.json", '{"names": ["00027_1", "a_b_1", "a_b_1"]}', "'a_b_1' occurs twice"),
        ("test_names.json", '{"names": ["00027_1", "a_b_1", "x_1", "y_1"]}', r"'x_1' \(and 1 more\) has no label"),
        ("test_names.json", '{"names": ["00027_1"]}', "'a_b_1' is in none of the three splits"),
        ("test_names.json", '{"names": ["00027_1", "a_b_1", "00022_1"]}', "'00022_1' is in the val split, too"),
        ("val_names.json", '{"names": ["00022_1", "00020_2"]}', "'00020_2' is in the train split, too"),
        ("coco80_indices.json", '{"x": "person"}', "'x' is not a class"),
        ("coco80_indices.json", '{"0": 3}', "'0' is not a class"),
        ("all_objects_infos.json", "{}", "has no object '00020_1'"),
        ("all_objects_infos.json", '{"00020_1": {}}', "'00020_1' has no \"class\""),
        ("all_objects_infos.json", '{"00020_1": {"class": -1}}', "is -1"),
        ("all_objects_infos.json", '{"00020_1": {"class": []}}', "must be a number"),
        ("all_objects_infos.json", '{"00020_1": {"class": 0, "bbox_xyxy": [1]}}', "list of 4 numbers"),
        ("all_objects_infos.json", '{"00020_1": {"class": 0, "bbox_xyxy": [1, 2, 3, "x"]}}', "must be a number"),
        ("all_GT_classes.json", '{"gt": [[63], [31]]}', "does not hold the labels"),
        ("all_GT_classes.json", '{"gt": 3}', "must hold"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(
    ow_jrd: Path, file: str, content: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        (ow_jrd / file).unlink()
    else:
        (ow_jrd / file).write_text(content)
    with pytest.raises(InputError, match=message):
        read(ow_jrd)
    assert main(["dataset", "import", "ow-jrd", str(ow_jrd), "--out", str(ow_jrd / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and file.split(".")[0] in said.replace(LABELS_FILE, file)
    assert not (ow_jrd / "out").exists()


def test_a_split_must_not_cut_a_picture(ow_jrd: Path) -> None:
    write_json(ow_jrd / "train_names.json", {"names": ["00020_1"]})
    write_json(ow_jrd / "val_names.json", {"names": ["00020_2", "00022_1"]})
    with pytest.raises(InputError, match="objects of picture '00020' are in the train split, too"):
        read(ow_jrd)


def test_the_json_files_may_lie_in_a_folder_of_their_own(ow_jrd: Path) -> None:
    table = read(ow_jrd).table
    (ow_jrd / "jsonfiles").mkdir()
    for file in ow_jrd.glob("*.json"):
        file.rename(ow_jrd / "jsonfiles" / file.name)
    assert read(ow_jrd).table.equals(table)


def test_test_labels_that_agree_are_accepted(ow_jrd: Path) -> None:
    write_json(ow_jrd / "all_GT_classes.json", {"gt": [[63], [30]]})
    assert len(read(ow_jrd)) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pattern": "x/{name}.png"}, r"--pattern 'x/\{name\}\.png' lacks \{qp\}"),
        ({"pattern": "../{name}_{qp}.png"}, "below the data set's folder"),
        ({"originals": "/x/{name}.png"}, "below the data set's folder"),
        ({"originals": "x.png"}, r"lacks \{name\}"),
    ],
)
def test_patterns_that_lead_nowhere_are_refused(ow_jrd: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(ow_jrd, **changes)


NAMES = st.sampled_from([*LABELS, "names", "gt", "class", "bbox_xyxy", "0"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=6,
)
FILES = ["JRD_info.json", "train_names.json", "coco80_indices.json", "all_objects_infos.json", "all_GT_classes.json"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(file=st.sampled_from(FILES), value=JSON, damage=st.none() | st.binary(max_size=12))
def test_no_json_makes_it_stumble(tmp_path: Path, file: str, value: object, damage: bytes | None) -> None:
    folder = write_ow_jrd(tmp_path / "fuzzed")
    for extra in ("all_objects_infos.json", "all_GT_classes.json"):
        (folder / extra).unlink(missing_ok=True)
    text = json.dumps(value).encode()
    (folder / file).write_bytes(text if damage is None else text[: len(text) // 2] + damage)
    try:
        samples = read(folder)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
    else:
        assert np.isfinite(samples.table["label"]).all()
