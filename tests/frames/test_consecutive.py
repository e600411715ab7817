from __future__ import annotations

from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe.frames import PictureSource, consecutive, open_source, write_png


def _folder(folder: Path, pictures: list[np.ndarray], names: list[str] | None = None) -> PictureSource:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        write_png(folder / (names[number] if names else f"{number + 1:06d}.png"), picture)
    source = open_source(folder)
    assert isinstance(source, PictureSource)
    return source


def _moving(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    scene = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (100, 400, 3), np.uint8), (0, 0), 5) * 2
    return [scene[10 : 10 + size[1], 2 * n : 2 * n + size[0]] for n in range(count)]


def _unrelated(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [cv2.resize(rng.integers(0, 256, (4, 4, 3), np.uint8), (64, 48)) for _ in range(count)]


def test_frames_of_a_pan(tmp_path: Path) -> None:
    assert consecutive(_folder(tmp_path / "pan", _moving(24))) == (
        True,
        "24 pictures of 64x48, numbered 1 to 24, neighbours alike",
    )
    flat = [np.zeros((48, 64, 3), np.uint8)] * 4
    assert consecutive(_folder(tmp_path / "black", flat))[0]


def test_other_pictures(tmp_path: Path) -> None:
    assert "not alike" in consecutive(_folder(tmp_path / "photos", _unrelated(12)))[1]
    assert consecutive(_folder(tmp_path / "two", _moving(2))) == (False, "2 pictures: fewer than 3")
    sizes = [*_moving(3), *_moving(2, (66, 48))]
    found, why = consecutive(_folder(tmp_path / "sizes", sizes))
    assert not found and "64x48, and 66x48 in 000004.png" in why


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["f1.png", "f2.png", "f3.png"], True),
        (["cam2_f08.png", "cam2_f09.png", "cam2_f10.png"], True),
        (["10.png", "20.png", "30.png"], True),
        (["1.png", "2.png", "4.png"], False),
        (["a1.png", "b2.png", "c3.png"], False),
        (["a1_1.png", "a2_2.png", "a3_3.png"], False),
        (["a.png", "b.png", "c.png"], False),
        (["1.png", "2.png", "2b.png"], False),
    ],
)
def test_names(names: list[str], expected: bool, tmp_path: Path) -> None:
    assert consecutive(_folder(tmp_path / "names", _moving(3), names))[0] is expected


def test_few_pictures_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _folder(tmp_path / "many", _moving(150))
    read: list[Path] = []
    module = import_module("vcmpipe.frames.consecutive")  # its function has the package's name of it
    real = module.read_picture
    monkeypatch.setattr(module, "read_picture", lambda path: (read.append(path), real(path))[1])
    assert consecutive(source)[0] and len(read) == len(set(read)) == 16


def test_a_damaged_picture_says_nothing(tmp_path: Path) -> None:
    source = _folder(tmp_path / "damaged", _moving(8))
    source.paths[1].write_bytes(b"junk")
    assert consecutive(source)[0]
    for path in source.paths:
        path.write_bytes(b"junk")
    assert consecutive(source) == (False, "8 pictures, none of which can be read")


def test_real_clips_and_photos(shared_data: Path, tmp_path: Path) -> None:
    for name in ("car-detection", "bottle-detection", "bbb_1280x720"):
        clip = [frame.rgb for frame in open_source(shared_data / "video" / f"{name}.mp4", limit=100, stride=10)]
        small = [cv2.resize(rgb, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for rgb in clip]
        assert consecutive(_folder(tmp_path / name, small))[0]
    photos = open_source(shared_data / "coco-dev" / "images", limit=30)
    squares = [cv2.resize(frame.rgb, (200, 200), interpolation=cv2.INTER_AREA) for frame in photos]
    assert not consecutive(_folder(tmp_path / "photos", squares))[0]
