"""Pictures as coded at their JND: by real encoders, or from the data set's folders."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.jnd.models.laser import SIZE
from vcmpipe.jnd.training import coded
from vcmpipe.jnd.training.coded import Made, Partners, find_coded, make_all
from vcmpipe.jnd.training.pictures import open_pictures


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


def with_folders(make_jnd_set, options, folder: Path, level: int = 2, skip: str = ""):
    """Pictures of a data set that was imported with the pictures coded at one JND."""
    data = make_jnd_set(folder)
    images = folder / "images"
    rows = []
    for path in ("train/p0.png", "train/p1.png", "train/p2.png", "val/p3.png"):
        coded_path = f"jnd{level}{path.replace('.png', '.bmp')}"
        (images / coded_path).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(images / coded_path), cv2.blur(cv2.imread(str(images / path)), (3, 3)))
        if path != skip:
            rows.append((f"{Path(path).stem}_{level}", path, coded_path))
    pd.DataFrame(rows, columns=["sample", "path", "coded"]).to_parquet(data / "coded.parquet")
    return data, open_pictures(options("laser", data, folder / "run"), (level,))


def test_the_pictures_that_the_data_set_has(make_jnd_set, options, tmp_path: Path) -> None:
    data, pictures = with_folders(make_jnd_set, options, tmp_path)
    found, how = find_coded(pictures, data, 2, "auto", tmp_path / "kept")
    assert how == "folders" and isinstance(found, Partners)
    expected = read_picture(tmp_path / "images" / "jnd2train" / "p1.bmp")
    assert (found.read("train/p1.png", 30) == expected).all()
    assert find_coded(pictures, data, 1, "auto", tmp_path / "kept")[1] == "encode"
    assert find_coded(pictures, data, 2, "encode", tmp_path / "kept")[1] == "encode"
    with pytest.raises(InputError, match=r"'train/p0.png' has no picture coded at its JND1: .*--coded encode"):
        find_coded(pictures, data, 1, "folders", tmp_path / "kept")


def smaller(folder: Path) -> None:
    cv2.imwrite(str(folder / "images" / "jnd2val" / "p3.bmp"), np.zeros((40, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("skip", "spoil", "says"),
    [
        ("train/p1.png", None, r"'train/p1\.png' has no picture coded at its JND2"),
        ("", lambda f: (f / "images" / "jnd2train" / "p1.bmp").unlink(), r"'train/p1\.png' has no picture coded"),
        ("", smaller, r"'val/p3\.png' has 64x48 pixels, as coded at its JND2 \('jnd2val/p3\.bmp'\) 64x40"),
        ("", lambda f: (f / "samples" / "coded.parquet").write_bytes(b"PAR1"), "coded.parquet is damaged"),
    ],
)
def test_a_fault_is_no_reason_to_code(make_jnd_set, options, tmp_path: Path, skip: str, spoil, says: str) -> None:
    data, pictures = with_folders(make_jnd_set, options, tmp_path, skip=skip)
    if spoil is not None:
        spoil(tmp_path)
    with pytest.raises(InputError, match=says):
        find_coded(pictures, data, 2, "auto", tmp_path / "kept")


def test_all_are_made_before_training(jnd_set: Path, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = open_pictures(options("laser", jnd_set, tmp_path / "run"), (1,))
    made, _ = find_coded(pictures, jnd_set, 1, "encode", tmp_path / "kept")
    said: list[str] = []
    make_all(pictures, 1, made, said.append)
    assert "4 pictures as coded at their JND1 (h264-qp)" in said[0]
    monkeypatch.setattr(coded, "_coded", lambda *words: pytest.fail("coded again"))
    for row in pictures.table.to_dict("records"):
        assert made.read(row["path"], row[1]).shape == (*SIZE, 3)
