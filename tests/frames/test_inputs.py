"""Several names as input: files, folders, trees and patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import PictureSource, VideoSource, Y4mWriter, find_inputs, is_plain, open_inputs, write_png
from vcmpipe.frames.colour import ColourSpec, rgb_to_yuv

GREY = np.full((16, 16, 3), 99, np.uint8)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures in folders, two videos, and what is neither."""
    for name in ("a/2.png", "a/10.png", "a/1.jpg.png", "b/c/3.png", "b/.hidden/4.png", "odd[1]/5.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / name, GREY)
    for name in ("b/v.y4m", "w.y4m"):
        with Y4mWriter(tmp_path / name, (16, 16), 25, ColourSpec()) as writer:
            for _ in range(3):
                writer.write(rgb_to_yuv(GREY, ColourSpec()))
    (tmp_path / "a" / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "recursive", "pictures"),
    [
        (["a"], False, "a/1.jpg.png a/2.png a/10.png"),
        (["b/c/3.png", "a"], False, "b/c/3.png a/1.jpg.png a/2.png a/10.png"),
        (["a", "a/2.png", "./a"], False, "a/1.jpg.png a/2.png a/10.png"),
        (["a/2.png", "a"], False, "a/2.png a/1.jpg.png a/10.png"),
        (["a/*"], False, "a/1.jpg.png a/2.png a/10.png"),
        (["a/[0-9].png"], False, "a/2.png"),
        (["**/[35].png"], False, "b/c/3.png odd[1]/5.png"),
        (["odd[1]"], False, "odd[1]/5.png"),  # what is there is no pattern
        (["odd[1]/5.png", "a/2.png"], False, "odd[1]/5.png a/2.png"),
        (["b/c", "a"], True, "b/c/3.png a/1.jpg.png a/2.png a/10.png"),
    ],
)
def test_pictures_in_order(tree: Path, names: list[str], recursive: bool, pictures: str) -> None:
    source = open_inputs(names, recursive=recursive)
    assert isinstance(source, PictureSource)
    assert [str(path) for path in source.paths] == pictures.split()
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_which_of_them(tree: Path) -> None:
    source = open_inputs(["a", "b/c"], stride=2, limit=2, fps="10")
    assert [(frame.source, frame.index, float(frame.timestamp or 0)) for frame in source] == [
        ("a/1.jpg.png", 0, 0.0),
        ("a/10.png", 2, 0.2),
    ]
    assert source.path == tree and open_inputs(["a", "b/c"]).count == 4


def test_trees(tree: Path) -> None:
    (whole,) = find_inputs(["b"], recursive=True)
    assert ([str(p) for p in whole.pictures], [str(p) for p in whole.videos]) == (["b/c/3.png"], ["b/v.y4m"])
    assert isinstance(open_inputs(["b/v.y4m"], recursive=True), VideoSource)
    pictures = open_inputs(["b"], recursive=True, only_pictures=True)
    assert [frame.source for frame in pictures] == ["b/c/3.png"]
    assert [each.name for each in find_inputs([".", "b/v.y4m", "a/1.jpg.png"], recursive=True)] == [
        *(tree.name, "v", "1.jpg")
    ]


def test_one_name_is_what_it_was(tree: Path) -> None:
    assert is_plain("a") and is_plain(["a"]) and is_plain("odd[1]") and is_plain("-") and is_plain("rtsp://x/[1]*")
    assert not is_plain("a/*") and not is_plain(["a", "b"]) and not is_plain("a", recursive=True)
    assert open_inputs(Path("a")).path == Path("a")


@pytest.mark.parametrize(
    ("names", "recursive", "says"),
    [
        (["w.y4m", "b/v.y4m"], False, r"2 videos such as w\.y4m cannot be one stream: name a folder, --out FOLDER/"),
        (["w.y4m", "a"], False, r"1 video such as w\.y4m and 3 pictures cannot be one stream"),
        (["b"], True, r"1 video such as b/v\.y4m and 1 picture cannot be one stream"),
        (["a", "none"], False, "none does not exist"),
        (["a", "b"], False, "b holds no pictures"),
        (["*.jpg"], False, r"\*\.jpg stands for no picture and no video: check the pattern"),
        (["a/*.txt"], False, r"stands for no picture and no video \(1 other file\)"),
        (["-", "a"], False, "- is read alone"),
        (["a", "rtsp://x/y"], False, "is read alone"),
        (["-"], True, "- is read alone"),
        (["b/.hidden/../../none*"], True, "stands for no picture"),
    ],
)
def test_what_cannot_be(tree: Path, names: list[str], recursive: bool, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        open_inputs(names, recursive=recursive)
    assert "\n" not in str(error.value)
    (tree / "empty").mkdir(exist_ok=True)
    with pytest.raises(InputError, match="empty and its sub-folders hold no pictures and no videos"):
        open_inputs("empty", recursive=True)
