"""Which picture of a file a frame is, whatever either calls it."""

from __future__ import annotations

import pytest

from vcmpipe.detection.exchange.naming import PictureNames, distinct_names


@pytest.mark.parametrize(
    ("pictures", "source", "found"),
    [
        (["dog.jpg"], "in/dog.jpg", "dog.jpg"),
        (["dog.jpg"], "dog.png", None),
        (["dog"], "in/dog.png", "dog"),
        (["photo.v2"], "in/photo.v2.png", "photo.v2"),
        (["val/dog.jpg"], "elsewhere/dog.jpg", "val/dog.jpg"),
        (["val\\dog.jpg"], "elsewhere/dog.jpg", "val\\dog.jpg"),
        (["a/1.jpg", "b/1.jpg"], "/x/b/1.jpg", "b/1.jpg"),
        (["a/1.jpg", "1.jpg"], "a/1.jpg", "a/1.jpg"),
        (["a/1", "b/1"], "/x/b/1.jpg", "b/1"),
        ([139, 5], "in/000000000139.jpg", 139),
        ([139], "in/x139.jpg", None),
        ([139], "in/140.jpg", None),
        ([12], "in/clip.mp4#12", 12),
        (["clip.mp4#12"], "in/clip.mp4#12", "clip.mp4#12"),
        (["clip.mp4#12"], "in/other.mp4#12", None),
        (["clip_13"], "in/clip.mp4#12", "clip_13"),
        (["clip_00013"], "in/clip.mp4#12", "clip_00013"),
        (["clip_000012.png"], "in/clip.mp4#12", "clip_000012.png"),
        (["clip_12"], "in/clip.mp4#12", None),
        (["a#1.png"], "in/a#1.png", "a#1.png"),
        (["1" * 40], f"{'1' * 40}.png", "1" * 40),
        ([], "a.png", None),
    ],
)
def test_what_a_frame_is_called(pictures: list[str | int], source: str, found: str | int | None) -> None:
    assert PictureNames(pictures, by_place=False).find(source, 0) == found


@pytest.mark.parametrize(
    ("pictures", "known"),
    [
        ([3], True),
        (["x/clip.mp4#7"], True),
        (["clip_8"], True),
        (["clip_000007.png"], True),
        (["clap_000007.png", "clap_8", "clap.mp4#7", "clip.png", "clip"], False),
    ],
)
def test_videos(pictures: list[str | int], known: bool) -> None:
    assert PictureNames(pictures, by_place=False).knows_video("clip.mp4") == known


def test_by_place() -> None:
    names = PictureNames([0, 7], by_place=True)
    assert [names.find("in/000007.jpg", index) for index in (0, 6, 7)] == [0, None, 7]


@pytest.mark.parametrize(
    ("pictures", "source", "message"),
    [
        (["a/1.jpg", "b/1.jpg"], "c/1.jpg", "it may be a/1.jpg or b/1.jpg"),
        (["clip_0", "clip_1"], "clip.mp4#1", "clip_0: frames are counted from 1"),
    ],
)
def test_one_or_another(pictures: list[str | int], source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PictureNames(pictures, by_place=False).find(source, 0)


def test_names_with_as_many_folders_as_tell_them_apart() -> None:
    assert distinct_names(["x/a/1.png", "x/b/2.png"]) == ["1.png", "2.png"]
    assert distinct_names(["x/a/1.png", "x/b/1.png", "y/c.png"]) == ["a/1.png", "b/1.png", "y/c.png"]
    assert distinct_names(["x/a/1.png", "y/a/1.png"]) == ["x/a/1.png", "y/a/1.png"]
    assert distinct_names([]) == []
