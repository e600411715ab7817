"""Pictures as coded at their JND: by real encoders, or from the data set's folders."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.thresholds.jnd.laser import SIZE
from vcmpipe.training.jnd import coded
from vcmpipe.training.jnd.coded import Folders, Made, find_coded, make_all
from vcmpipe.training.jnd.pictures import open_pictures


@pytest.mark.parametrize(("scale", "fine", "coarse"), [("vvc-qp", 20, 45), ("h264-qp", 18, 42), ("jpeg-qf", 95, 10)])
def test_real_encoders_code_at_the_label(
    scale: str, fine: float, coarse: float, jnd_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = jnd_set.parent / "images"
    made = Made(root, scale, tmp_path / "kept")
    source = cv2.resize(read_picture(root / "train/p2.png"), SIZE[::-1], interpolation=cv2.INTER_LINEAR).astype(float)
    good, bad = (made.read("train/p2.png", label) for label in (fine, coarse))
    assert good.shape == bad.shape == (*SIZE, 3)
    near, far = (np.abs(version - source).mean() for version in (good, bad))
    assert 0 < near < far < 40
    # What is kept is not coded again, and what lies between two steps goes to the finer one.
    monkeypatch.setattr(coded, "_coded", lambda *words: pytest.fail("coded again"))
    between = fine - 0.4 if scale == "jpeg-qf" else fine + 0.4
    for copy in (made, pickle.loads(pickle.dumps(made)), Made(root, scale, tmp_path / "kept")):
        assert (copy.read("train/p2.png", between) == good).all()


def with_folders(make_jnd_set, folder: Path):
    data = make_jnd_set(folder)
    for split in ("train", "val"):
        for picture in (folder / "images" / split).iterdir():
            partner = folder / "images" / f"jnd2{split}" / f"{picture.stem}.bmp"
            partner.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(partner), cv2.blur(cv2.imread(str(picture)), (3, 3)))
    return data


def test_the_folders_of_the_data_set(make_jnd_set, options, tmp_path: Path) -> None:
    pictures = open_pictures(options("laser", with_folders(make_jnd_set, tmp_path), tmp_path / "run"), (2,))
    found, how = find_coded(pictures, 2, "auto", tmp_path / "kept")
    assert how == "folders" and isinstance(found, Folders)
    expected = read_picture(tmp_path / "images" / "jnd2train" / "p1.bmp")
    assert (found.read("train/p1.png", 30) == expected).all()
    assert find_coded(pictures, 1, "auto", tmp_path / "kept")[1] == "encode"
    assert find_coded(pictures, 2, "encode", tmp_path / "kept")[1] == "encode"
    with pytest.raises(InputError, match=r"jnd1train has no partner of 'train/p0.png'"):
        find_coded(pictures, 1, "folders", tmp_path / "kept")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "jnd2train" / "p1.bmp").unlink(), r"jnd2train has no partner of 'train/p1\.png': .*--coded"),
        (
            lambda f: cv2.imwrite(str(f / "jnd2val" / "p3.bmp"), np.zeros((40, 64, 3), np.uint8)),
            r"'val/p3\.png' has 64x48 pixels, its partner .*p3\.bmp 64x40",
        ),
    ],
)
def test_folders_with_a_fault_are_no_reason_to_code(make_jnd_set, options, tmp_path: Path, spoil, says: str) -> None:
    pictures = open_pictures(options("laser", with_folders(make_jnd_set, tmp_path), tmp_path / "run"), (2,))
    spoil(tmp_path / "images")
    with pytest.raises(InputError, match=says):
        find_coded(pictures, 2, "auto", tmp_path / "kept")


def test_all_are_made_before_training(jnd_set: Path, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = open_pictures(options("laser", jnd_set, tmp_path / "run"), (1,))
    made, _ = find_coded(pictures, 1, "encode", tmp_path / "kept")
    said: list[str] = []
    make_all(pictures, 1, made, said.append)
    assert "4 pictures as coded at their JND1 (h264-qp)" in said[0]
    monkeypatch.setattr(coded, "_coded", lambda *words: pytest.fail("coded again"))
    for row in pictures.table.to_dict("records"):
        assert made.read(row["path"], row[1]).shape == (*SIZE, 3)
