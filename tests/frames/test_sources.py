from __future__ import annotations

import os
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, PictureSource, natural_key, open_source


def _picture(path: Path, value: int = 0, size: tuple[int, int] = (20, 18)) -> Path:
    Image.new("RGB", size, (value, value, value)).save(path, {".jpg": "JPEG"}.get(path.suffix.lower(), "PNG"))
    return path


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    names = ["10.png", "2.png", "1.PNG", "B2.png", "a10.png", "A9.png", "a9b.png", "-i.png", "http:x.png"]
    for n, name in enumerate(names):
        _picture(tmp_path / name, n)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("no picture either")
    (tmp_path / "folder.png").mkdir()
    source = open_source(tmp_path)
    order = ["1.PNG", "2.png", "10.png", "-i.png", "A9.png", "a9b.png", "a10.png", "B2.png", "http:x.png"]
    frames = list(source)
    assert isinstance(source, PictureSource)
    assert [Path(frame.source).name for frame in frames] == order
    assert [frame.index for frame in frames] == list(range(9))
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == [names.index(name) for name in order]
    assert (source.count, len(source), source.path) == (9, 9, tmp_path)
    assert source[-1].index == 8 and source[1].name == "2" and frames[0].timestamp is None
    assert [frame.source for frame in source] == [frame.source for frame in frames]  # again from the start


def test_limit(tmp_path: Path) -> None:
    for n in range(5):
        _picture(tmp_path / f"{n}.png", n)
    assert [frame.name for frame in open_source(tmp_path, limit=2)] == ["0", "1"]
    assert open_source(tmp_path, limit=9).count == 5
    for limit in (0, -3):
        with pytest.raises(InputError, match="at least 1"):
            open_source(tmp_path, limit=limit)


@given(st.lists(st.text(alphabet="aAbB0123456789._٣", min_size=1, max_size=8), unique=True, max_size=12), st.randoms())
def test_the_order_does_not_depend_on_the_folder(names: list[str], shuffler: random.Random) -> None:
    shuffled = names[:]
    shuffler.shuffle(shuffled)
    assert sorted(names, key=natural_key) == sorted(shuffled, key=natural_key)


def test_natural_key_knows_numbers() -> None:
    names = ["img12.png", "img2.png", "IMG10.png", "img02.png", "img1a.png"]
    assert sorted(names, key=natural_key) == ["img1a.png", "img02.png", "img2.png", "IMG10.png", "img12.png"]


@pytest.mark.parametrize("name", ["-i.png", "http:x.png", "a%03d.png", "concat:a|b.jpg", "no-suffix", "#5.png"])
def test_names_are_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _picture(Path(name), 77)
    source = open_source(name)
    (frame,) = source
    assert frame.source == name and abs(int(frame.rgb[3, 3, 0]) - 77) < 3
    assert frame.name == Path(name).stem


def test_sizes_come_from_headers_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        path = _picture(tmp_path / f"{n}.png", size=(20 + n, 300))
        path.write_bytes(path.read_bytes()[:60])
    source = open_source(tmp_path)
    assert list(source.sizes()) == [(20, 300), (21, 300), (22, 300)]
    with pytest.raises(InputError, match=r"0\.png"):
        next(iter(source))


def test_a_damaged_picture_is_met_when_its_turn_comes(tmp_path: Path) -> None:
    _picture(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"")
    frames = iter(open_source(tmp_path))
    assert next(frames).name == "1"
    with pytest.raises(InputError, match=r"2\.png is empty"):
        next(frames)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    cases = [
        ("empty", "holds no pictures"),
        ("texts", "1 other files"),
        ("gone", "does not exist"),
        ("a\0b", "cannot be read"),
    ]
    cases += [("zero.mp4", "is empty"), ("junk.mp4", "neither a picture .* nor a video")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        cases.append(("pipe", "neither a file nor a folder"))
    for name, expected in cases:
        with pytest.raises(InputError, match=expected) as caught:
            open_source(tmp_path / name)
        assert str(caught.value).isprintable() and str(tmp_path) in str(caught.value)


def test_undecodable_names_do_not_break_messages(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\n.png")
    try:
        path.write_bytes(b"junk")
    except OSError:
        pytest.skip("this file system takes no such names")
    with pytest.raises(InputError) as caught:
        next(iter(open_source(path)))
    assert str(caught.value).isprintable()
    str(caught.value).encode()


def test_frames_are_checked() -> None:
    for bad in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(InputError, match="uint8"):
            Frame(0, bad, "x")  # type: ignore[arg-type]
    assert Frame(0, np.zeros((4, 6, 3), np.uint8), "d/v.mp4#12", 0.5).name == "v_000012"
    assert (
        Frame(0, np.zeros((4, 6, 3), np.uint8), "d/pic#12.png").name,
        Frame(3, np.zeros((4, 6, 3), np.uint8), "x").width,
    ) == (
        "pic#12",
        6,
    )


def test_memory_does_not_grow_with_the_folder(tmp_path: Path) -> None:
    first = _picture(tmp_path / "0.png", size=(1200, 1000))
    for n in range(1, 60):
        os.link(first, tmp_path / f"{n}.png")
    program = (
        "import resource, sys\n"
        "from vcmpipe.frames import open_source\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for n, frame in enumerate(open_source(sys.argv[1])):\n"
        "    if n == 4: before = peak()\n"
        "print(n + 1, peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    count, grown = (int(word) for word in done.stdout.split())
    # 55 pictures of 3.6 MB each would be 198 MB
    assert count == 60 and (grown < 20_000 or sys.platform == "darwin")


def test_importing_frames_loads_no_heavy_library() -> None:
    program = "import sys, vcmpipe.frames; print([m for m in ('cv2', 'av', 'torch', 'PIL.Image') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_pictures_with_a_rate(tmp_path: Path) -> None:
    for n in range(10):
        _picture(tmp_path / f"{n}.png", n)
    source = open_source(tmp_path, start=0.3, stride=2, limit=3, fps="10")
    assert isinstance(source, PictureSource) and source.info is not None and source.info.rate == 5
    assert [(frame.index, frame.name, frame.timestamp) for frame in source] == [
        (3, "3", Fraction(3, 10)),
        (5, "5", Fraction(1, 2)),
        (7, "7", Fraction(7, 10)),
    ]
    assert [frame.name for frame in open_source(tmp_path, stride=4)] == ["0", "4", "8"]
    assert open_source(tmp_path).info is None
    with pytest.raises(InputError, match="give their rate"):
        open_source(tmp_path, start=1)
    with pytest.raises(InputError, match="end before"):
        open_source(tmp_path, start=1, fps="10")
