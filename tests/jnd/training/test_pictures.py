"""Pictures with JNDs: what is read, and the words for each fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.jnd.training.pictures import open_pictures


def test_labels_by_level(jnd_set: Path, options, tmp_path: Path) -> None:
    found = open_pictures(options("laser", jnd_set, tmp_path), (1, 3))
    assert list(found.table.columns) == ["path", "split", 1, 3]
    assert found.labels("train").tolist() == [[24, 32], [27, 35], [30, 38]]
    assert found.labels("val").tolist() == [[33, 41]] and len(found.split("test")) == 0
    assert found.read("train/p1.png").shape == (48, 64, 3) and not found.out_of_order()
    other = open_pictures(options("laser", jnd_set, tmp_path), (1, 2))
    assert other.digest != found.digest


def test_limit_and_exclude(jnd_set: Path, options, tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("p0\n")
    chosen = options("laser", jnd_set, tmp_path, exclude=str(tmp_path / "out.txt"), limit=1)
    assert list(open_pictures(chosen, (1,)).table["path"]) == ["train/p1.png", "val/p3.png"]


def test_pictures_alone_need_no_labels(make_jnd_set, options, tmp_path: Path) -> None:
    data = make_jnd_set(tmp_path, scale="none", change=lambda table: table.assign(label=np.nan))
    assert len(open_pictures(options("laser", data, tmp_path), ()).table) == 4


def test_labels_out_of_order(make_jnd_set, options, tmp_path: Path) -> None:
    data = make_jnd_set(tmp_path / "a", scale="jpeg-qf")
    assert len(open_pictures(options("laser", data, tmp_path), (1, 2, 3)).out_of_order()) == 4

    def turned(table):
        return table.assign(label=90 - table["label"])

    data = make_jnd_set(tmp_path / "b", scale="jpeg-qf", change=turned)
    assert not open_pictures(options("laser", data, tmp_path), (1, 2, 3)).out_of_order()


def gone(folder: Path) -> None:
    (folder / "images" / "train" / "p1.png").unlink()


@pytest.mark.parametrize(
    ("words", "spoil", "levels", "says"),
    [
        ({"drop": ((1, 2),)}, None, (1, 2, 3), r"'train/p1\.png' lacks a label of level 2, which is learned"),
        ({"drop": ((0, 1), (2, 1))}, None, (1,), r"'train/p0\.png' \(and 1 more\) lacks a label of level 1"),
        ({"levels": (1,)}, None, (1, 2, 3), r"'train/p0\.png' \(and 3 more\) lacks a label of level 2"),
        ({"change": lambda t: t.assign(label=t["label"].where(t["sample"] != "p3_1"))}, None, (1,), "p3.* lacks a"),
        ({}, gone, (1,), r"'train/p1\.png' is not below .*images: name their folder with --images"),
        ({"change": lambda t: t.assign(level=t["level"].replace(2, 1))}, None, (1,), r"level 1 twice \(and 3"),
        ({"change": lambda t: t.assign(path=None)}, None, (1,), "holds no pictures"),
        ({"change": lambda t: t.assign(path=t["path"].where(t["level"] != 3))}, None, (1,), r"'p0_3' \(and 3 more\)"),
        ({"change": lambda t: t.assign(level=None)}, None, (1,), "has no JND levels: its labels are of objects"),
        ({"scale": "none", "change": lambda t: t.assign(label=np.nan)}, None, (1,), "has no labels"),
    ],
)  # fmt: skip
def test_faults(make_jnd_set, options, tmp_path: Path, words, spoil, levels, says: str) -> None:
    data = make_jnd_set(tmp_path, **words)
    if spoil is not None:
        spoil(tmp_path)
    with pytest.raises(InputError, match=says):
        open_pictures(options("laser", data, tmp_path / "run"), levels)


def test_labels_outside_the_scale(make_jnd_set, options, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has a label outside 0\.\.51"):
        make_jnd_set(tmp_path, change=lambda table: table.assign(label=table["label"] + 30))


def test_pictures_that_have_moved(make_jnd_set, options, tmp_path: Path) -> None:
    data = make_jnd_set(tmp_path)
    (tmp_path / "images").rename(tmp_path / "moved")
    found = open_pictures(options("laser", data, tmp_path / "run", images=str(tmp_path / "moved")), (1,))
    assert found.read("val/p3.png").shape == (48, 64, 3)
