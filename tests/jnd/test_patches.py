"""Patches of pairs: cut at the same places, and read again by the importer."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe.config import DatasetCropOptions, DatasetImportOptions
from vcmpipe.datasets.importers import import_dataset
from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.jnd.pairs import read_pairs
from vcmpipe.jnd.patches import crop_pairs


def coordinates(number: int, width: int, height: int) -> np.ndarray:
    """A picture in which every pixel says where it is, and of which picture."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x, y, np.full_like(x, number)], axis=-1).astype(np.uint8)


def write(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """30 pairs of 43x25 in data and label: the partner's third colour is 100 more."""
    for number in range(30):
        picture = coordinates(number, 43, 25)
        write(tmp_path / "whole" / "data" / f"p{number}.png", picture)
        write(tmp_path / "whole" / "label" / f"p{number}.bmp", picture + np.array([0, 0, 100], np.uint8))
    return tmp_path / "whole"


def cut(source: Path, out: Path, **changes: object):
    return crop_pairs(DatasetCropOptions(source=str(source), out=str(out), **changes))  # type: ignore[arg-type]


def imported(source: Path, out: Path):
    import_dataset(DatasetImportOptions(data_set="cpl-set", source=str(source), out=str(out)))
    return read_pairs(out)


def test_patches_come_back_through_the_importer_whole_and_in_place(whole: Path, tmp_path: Path) -> None:
    report = cut(whole, tmp_path / "patches", size=16, stride=9)
    places = [(y, x) for y in (0, 9) for x in (0, 9, 18, 27)]
    assert report.pictures == 30 and sum(report.patches.values()) == 30 * len(places)
    assert report.patches["train"] and report.patches["val"] and not report.patches["test"]
    pairs = imported(tmp_path / "patches", tmp_path / "samples")
    assert len(pairs.table) == 30 * len(places)
    seen: dict[int, set[tuple[str, int, int]]] = {}
    for row in pairs.table.to_dict("records"):
        pristine, critical = read_picture(pairs.root / row["path"]), read_picture(pairs.root / row["critical"])
        number, x, y = int(pristine[0, 0, 2]), int(pristine[0, 0, 0]), int(pristine[0, 0, 1])
        assert (pristine == coordinates(number, 43, 25)[y : y + 16, x : x + 16]).all()
        assert (critical == pristine + np.array([0, 0, 100], np.uint8)).all()
        seen.setdefault(number, set()).add((row["split"], y, x))
    for found in seen.values():
        assert {(y, x) for _, y, x in found} == set(places)
        assert len({split for split, _, _ in found}) == 1, "a picture is in two splits"
    about = json.loads((tmp_path / "patches" / "crops.json").read_text())
    assert about["size"] == 16 and about["stride"] == 9 and about["provenance"]["vcmpipe"]


def test_samples_keep_their_split(tmp_path: Path) -> None:
    for part, numbers in {"train": (1, 2), "valid": (3,), "test": (4,)}.items():
        for number in numbers:
            for kind in ("data_crop", "label_crop"):
                write(
                    tmp_path / "set" / "Dataset" / part / kind / "same.png".replace("same", f"p{number}"),
                    coordinates(number, 32, 32),
                )
    imported(tmp_path / "set", tmp_path / "samples")
    report = cut(tmp_path / "samples", tmp_path / "patches", size=16)
    assert report.patches == {"train": 8, "val": 4, "test": 4}
    again = imported(tmp_path / "patches", tmp_path / "again")
    splits = {
        int(read_picture(again.root / row["path"])[0, 0, 2]): row["split"] for row in again.table.to_dict("records")
    }
    assert splits == {1: "train", 2: "train", 3: "val", 4: "test"}


def test_another_seed_is_another_split(whole: Path, tmp_path: Path) -> None:
    names = []
    for seed in (0, 0, 1):
        out = tmp_path / f"{len(names)}"
        cut(whole, out, size=20, seed=seed)
        names.append(sorted(path.name for path in (out / "Dataset" / "valid" / "data_crop").iterdir()))
    assert names[0] == names[1] != names[2]


def test_small_pictures_are_told_of(whole: Path, tmp_path: Path) -> None:
    write(whole / "data" / "tiny.png", coordinates(77, 18, 16))
    write(whole / "label" / "tiny.png", coordinates(77, 18, 16))
    assert cut(whole, tmp_path / "out", size=17).too_small == ["tiny"]


@pytest.mark.parametrize(
    ("spoil", "size", "says"),
    [
        (lambda folder: None, 30, "no picture holds a patch of 30 pixels"),
        (lambda folder: (folder / "label" / "p3.bmp").unlink(), 16, "'p3' has no partner in label"),
        (lambda folder: write(folder / "label" / "p3.bmp", coordinates(3, 43, 24)), 16, r"p3.png has 43x25 .* 43x24"),
        (lambda folder: (folder / "label" / "p3.bmp").write_bytes(b"BM"), 16, r"p3\.bmp"),
        (lambda folder: (folder / "label").rename(folder / "labels"), 16, "holds no pairs"),
        (lambda folder: folder.rename(folder.with_name("gone")), 16, "does not exist"),
    ],
)
def test_what_cannot_be_cut_leaves_nothing_behind(spoil, size: int, says: str, whole: Path, tmp_path: Path) -> None:
    spoil(whole)
    with pytest.raises(InputError, match=says):
        cut(whole, tmp_path / "new" / "out", size=size)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_is_left_alone(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        cut(whole, tmp_path / "out")
    for words in ({"size": 15}, {"stride": 0}):
        with pytest.raises(InputError, match="give at least 1"):
            cut(whole, tmp_path / "other", **words)
