"""What a user has on disk outlives every command: outputs take no file's place that is not theirs to take."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

CODE = ["--predictor", "constant", "--no-check", "--preset", "faster"]


@pytest.fixture
def pictures(here: Path, make_picture) -> Path:
    """Three pictures in ``here/in``."""
    folder = here / "in"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"p{number}.png").write_bytes(make_picture(64, 48, number))
    return folder


@pytest.fixture
def encode(vcmpipe):
    """Runs ``encode`` on the first picture."""
    return lambda out, *words: vcmpipe("encode", "--input", "in/p1.png", "--out", out, *CODE, *words)


@pytest.fixture
def unchanged(here: Path, contents):
    """Runs a command that has to be refused, and checks that every file is as it was."""

    def check(done, code: int, *named: str) -> None:
        before = contents(here)
        done().refused(code, *named)
        assert contents(here) == before

    return check


@pytest.mark.parametrize(
    ("out", "named"),
    [
        ("in/p3.png", "one of the inputs"),
        ("in/../in/p3.png", "one of the inputs"),
        ("alias.bin", "one of the inputs"),
        ("new.png", ".bin, .266"),
        ("new.JPEG", ".bin, .266"),
        ("new.tiff", ".bin, .266"),
        ("new.y4m", ".bin, .266"),
        ("new.mp4", ".bin, .266"),
        ("new.mkv", ".bin, .266"),
        ("picture.bin", ".bin, .266"),
    ],
)
def test_a_stream_takes_no_pictures_place(here: Path, pictures: Path, vcmpipe, unchanged, out: str, named: str) -> None:
    (here / "alias.bin").symlink_to(pictures / "p3.png")
    (here / "picture.bin").symlink_to(here / "new.jpg")
    (here / "new.jpg").write_bytes(b"a picture")
    unchanged(lambda: vcmpipe("encode", "--input", "in", "--limit", 2, "--out", out, *CODE), 2, named)


def test_a_video_is_an_input_whatever_the_limit(here: Path, pictures: Path, encode, vcmpipe, unchanged) -> None:
    assert encode("a.bin").code == 0
    assert vcmpipe("decode", "--input", "a.bin", "--out", "v.y4m").code == 0
    (here / "video").write_bytes((here / "v.y4m").read_bytes())
    words = ["encode", "--input", "video", "--out", "video", "--limit", 1, *CODE]
    unchanged(lambda: vcmpipe(*words), 2, "one of the inputs")


def test_maps_do_not_go_among_the_inputs(pictures: Path, vcmpipe, unchanged) -> None:
    words = ["encode", "--input", "in", "--out", "a.bin", "--map-out", "in", *CODE]
    unchanged(lambda: vcmpipe(*words), 2, "--map-out in holds the inputs")


@pytest.mark.parametrize("out", ["in/p3.png", "in/p1.png", "new.jpg"])
def test_predictions_and_extracts_take_no_pictures_place(pictures: Path, encode, vcmpipe, unchanged, out: str) -> None:
    words = ["--input", "in", "--limit", 2, "--predictor", "constant", "--out", out]
    unchanged(lambda: vcmpipe("predict", *words), 2, out)
    assert encode("a.bin", "--form", "subpictures", "--realise", "regions").code == 0
    unchanged(lambda: vcmpipe("extract", "--input", "a.bin", "--out", out), 2, out)


def test_a_sidecar_of_another_stream_stays(here: Path, pictures: Path, encode, vcmpipe, unchanged) -> None:
    assert encode("t1.bin").code == 0
    unchanged(lambda: encode("t1.266"), 2, "t1.json", "t1.bin", "another name")
    # The same stream anew is what --out asks for; where the other stream is gone, its sidecar is of no use.
    assert encode("t1.bin").code == 0
    (here / "t1.bin").unlink()
    assert encode("t1.266").code == 0
    assert json.loads((here / "t1.json").read_text())["stream"] == "t1.266"
    assert vcmpipe("decode", "--input", "t1.266", "--out", "back").code == 0


@pytest.mark.parametrize("text", ['{"a": 1}', "// settings\n{}\n", "[" * 100_000, "\x89PNG\r\n"])
def test_a_json_file_of_the_users_stays(here: Path, pictures: Path, encode, unchanged, text: str) -> None:
    (here / "t.json").write_text(text)
    unchanged(lambda: encode("t.bin"), 2, "t.json", "not vcmpipe's")


def test_a_damaged_sidecar_of_another_stream_stays(here: Path, pictures: Path, encode, unchanged) -> None:
    assert encode("t.bin").code == 0
    (here / "t.json").write_text((here / "t.json").read_text()[:200])
    unchanged(lambda: encode("t.266"), 2, "t.json", "t.bin")
    assert encode("t.bin").code == 0


def test_an_extract_takes_no_sidecar_from_its_stream(here: Path, pictures: Path, encode, vcmpipe, unchanged) -> None:
    assert encode("a.bin", "--form", "subpictures", "--realise", "regions").code == 0
    for suffix in (".bin", ".json"):
        shutil.copy(here / f"a{suffix}", here / f"b{suffix}")
    for out in ("b.bin", "b.266", "a.266"):
        unchanged(lambda out=out: vcmpipe("extract", "--input", "a.bin", "--out", out), 2, out, ".json")
    assert vcmpipe("extract", "--input", "a.bin", "--out", "c.bin").code == 0
