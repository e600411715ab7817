from __future__ import annotations

from pathlib import Path

import pytest

from vcmpipe.errors import InputError, OutputError
from vcmpipe.process.folders import publish_folder, safe_stem, same_file


def test_a_new_folder_appears_with_its_files_only(tmp_path: Path) -> None:
    with publish_folder(tmp_path / "a" / "b") as folder:
        (folder / "x").write_text("new")
        assert not (tmp_path / "a" / "b").exists()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "x"]


def test_an_old_folder_keeps_what_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    (tmp_path / "y").write_text("old")
    with publish_folder(tmp_path) as folder:
        (folder / "x").write_text("new")
        assert (tmp_path / "x").read_text() == "old"
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"x": "new", "y": "old"}


@pytest.mark.parametrize("existed", [True, False])
def test_an_error_leaves_nothing(tmp_path: Path, existed: bool) -> None:
    target = tmp_path / "a" / "b"
    if existed:
        target.mkdir(parents=True)
        (target / "x").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KeyboardInterrupt), publish_folder(target) as folder:
        (folder / "x").write_text("new")
        raise KeyboardInterrupt
    assert sorted(tmp_path.rglob("*")) == before
    assert not existed or (target / "x").read_text() == "old"


def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file"), publish_folder(tmp_path / "file"):
        pass
    with pytest.raises(OutputError, match="part of its path is a file"), publish_folder(tmp_path / "file" / "x"):
        pass
    (tmp_path / "x").mkdir()
    with pytest.raises(OutputError, match="x cannot be written: it is a folder"), publish_folder(tmp_path) as folder:
        (folder / "a").write_text("")
        (folder / "x").write_text("")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "x"]


def test_a_folder_of_which_one_file_cannot_be_replaced_stays(tmp_path: Path) -> None:
    for name in "abd":
        (tmp_path / name).write_text("old")
    with pytest.raises(OutputError, match="c cannot be written"), publish_folder(tmp_path) as folder:
        for name in "abd":
            (folder / name).write_text("new")
        (folder / "c").mkdir()  # a folder cannot take a file's name, which is there only now
        (tmp_path / "c").symlink_to("nowhere")
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == dict.fromkeys("abd", "old")


@pytest.mark.parametrize(
    ("stem", "safe"),
    [
        ("dog", "dog"),
        (".hidden", "hidden"),
        ("a/b", "a_b"),
        ("..", "other"),
        ("", "other"),
        ("a\0b", "ab"),
        ("\ud800", "other"),
        ("x" * 300, "x" * 224),
        ("é" * 150, "é" * 112),
        ("漢" * 83, "漢" * 74),
    ],
)
def test_safe_stems(stem: str, safe: str) -> None:
    assert safe_stem(stem, "other") == safe


def test_same_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "b").symlink_to("a")
    assert same_file(tmp_path / "a", tmp_path / "b")
    assert not same_file(tmp_path / "a", tmp_path / "c")
