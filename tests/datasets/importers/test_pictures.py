"""CPL-Set and pictures with their coded versions in folders."""

from __future__ import annotations

import typing
from pathlib import Path

import pandas as pd
import pytest

from tests.datasets.importers.conftest import importing, picture, write_json
from vcmpipe.cli.main import main
from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.importers import import_dataset, jrd_images
from vcmpipe.datasets.importers.patterns import filled
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.errors import InputError
from vcmpipe.jnd.importers import cpl_set
from vcmpipe.plugins import IMPORTERS


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for part, name in (("train", "1"), ("train", "2"), ("valid", "1")):
        for kind in ("data_crop", "label_crop"):
            picture(tmp_path / "cpl" / "Dataset" / part / kind / f"{name}.png")
    return tmp_path / "cpl"


def test_pairs_become_samples_without_labels(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "import", "cpl-set", str(pairs), "--out", str(tmp_path / "out")]) == 0
    assert "3 samples of 3 pictures (none), 3 of them without a label" in capsys.readouterr().out
    samples = load_samples(tmp_path / "out")
    assert samples.table[["sample", "split"]].to_numpy().tolist() == [
        ["train/1", "train"],
        ["train/2", "train"],
        ["valid/1", "val"],
    ]
    assert samples.missing == ("879 of 882 pairs",)
    table = pd.read_parquet(tmp_path / "out" / "pairs.parquet")
    for path in (*table["path"], *table["critical"]):
        assert (Path(samples.root or "") / path).is_file()


def test_pairs_that_do_not_match_are_named(pairs: Path, tmp_path: Path) -> None:
    train = pairs / "Dataset" / "train"
    with pytest.raises(InputError, match="name CPL-Set's folder"):
        cpl_set.read(importing("cpl-set", tmp_path))
    picture(train / "data_crop" / "3.png")
    with pytest.raises(InputError, match="'3' has no partner in label_crop"):
        cpl_set.read(importing("cpl-set", pairs))
    picture(train / "label_crop" / "3.png", (32, 16))
    with pytest.raises(InputError, match="has 24x16 pixels"):
        cpl_set.read(importing("cpl-set", pairs))
    picture(train / "label_crop" / "3.bmp")
    with pytest.raises(InputError, match="have one name"):
        cpl_set.read(importing("cpl-set", pairs))
    (train / "label_crop" / "3.bmp").unlink()
    (train / "label_crop" / "3.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"3\.png"):
        cpl_set.read(importing("cpl-set", pairs))


@pytest.fixture
def coded(tmp_path: Path) -> Path:
    """Three pictures with two coded versions each; one lacks one."""
    folder = tmp_path / "coded"
    for name in ("a", "b_1", "c"):
        picture(folder / "original" / f"{name}.png", (24, 16))
        for qp in (22, 27):
            picture(folder / "distorted" / name / f"{name}_{qp}.png", (24, 16))
    (folder / "distorted" / "c" / "c_27.png").unlink()
    return folder


def test_pictures_without_labels_are_samples_whose_label_is_not_known(coded: Path) -> None:
    samples = jrd_images.read(importing("jrd-images", coded, qps="22,27")).samples
    assert samples.table["sample"].tolist() == ["a", "b_1", "c"]
    assert samples.table["label"].isna().all() and samples.table["width"].tolist() == [24] * 3
    assert samples.missing == (
        "the labels: vcmpipe dataset build on the originals makes them",
        "coded versions of 1 of 3 pictures (distorted/{name}/{name}_{qp}.png, QP 22,27)",
    )


def test_labels_are_of_pictures_or_of_objects_in_them(coded: Path) -> None:
    # "b_1" is a picture, whatever its name looks like; "b_1_1" is an object in it.
    write_json(coded / "JRD_info.json", {"a_1": 40, "a_2": 41, "b_1_1": 3})
    samples = jrd_images.read(importing("jrd-images", coded, qps="22,27")).samples
    table = samples.table
    assert table["sample"].tolist() == ["a_1", "a_2", "b_1_1", "c"]
    assert table["picture"].tolist() == ["a", "a", "b_1", "c"]
    assert table["label"].isna().tolist() == [False, False, False, True]
    assert "labels of 1 of 3 pictures" in samples.missing
    for split, names in (("train", ["a_1", "a_2"]), ("val", []), ("test", ["b_1_1"])):
        write_json(coded / f"{split}_names.json", {"names": names})
    splits = jrd_images.read(importing("jrd-images", coded)).samples.table["split"].tolist()
    assert splits[:3] == ["train", "train", "test"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"x_1": 3}, "'x_1' belongs to no picture"),
        ({"a": 3, "a_1": 4}, "'a' has a label of its own and labels of objects"),
        ({"a": 64}, "must be a whole number from 0 to 63"),
    ],
)
def test_labels_that_do_not_fit_are_named(coded: Path, labels: dict[str, int], message: str) -> None:
    write_json(coded / "my.json", labels)
    with pytest.raises(InputError, match=message):
        jrd_images.read(importing("jrd-images", coded, labels=str(coded / "my.json")))


def test_namings_of_pictures_are_told_by_patterns(coded: Path) -> None:
    with pytest.raises(InputError, match="give their names with --originals"):
        jrd_images.read(importing("jrd-images", coded, originals="{name}/source.png"))
    picture(coded / "x" / "source.png")
    picture(coded / "x" / "q22.png")
    samples = jrd_images.read(
        importing("jrd-images", coded, originals="{name}/source.png", pattern="{name}/q{qp}.png", qps="22")
    ).samples
    assert samples.table["path"].tolist() == ["x/source.png"]
    assert not any("coded" in line for line in samples.missing)
    picture(coded / "original" / "a.bmp")
    with pytest.raises(InputError, match=r"a\.bmp and original/a\.png are both named 'a'"):
        jrd_images.read(importing("jrd-images", coded))
    assert filled("{name}/{qp}", "{qp}", 3) == "{qp}/3"


def test_every_data_set_has_an_importer_and_options_of_others_are_refused(tmp_path: Path) -> None:
    assert set(typing.get_args(typing.get_type_hints(DatasetImportOptions)["data_set"])) == set(IMPORTERS.built_in)
    with pytest.raises(InputError, match="--labels is for jrd-images"):
        importing("ow-jrd", tmp_path, labels="x.json")
    with pytest.raises(InputError, match="--pattern is for ow-jrd and jrd-images"):
        importing("videoset", tmp_path, pattern="x")
    with pytest.raises(InputError, match="does not exist"):
        import_dataset(importing("ow-jrd", tmp_path / "nowhere"))
