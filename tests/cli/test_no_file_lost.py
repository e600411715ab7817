"""What a user has on disk outlives every command: outputs take no file's place that is not theirs to take."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from vcmpipe.process import only_writer

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
        ("movie.mp4", "was not written by vcmpipe"),
        ("film.mkv", "is a link to"),
        ("picture.bin", ".bin, .266"),
    ],
)
def test_a_stream_takes_no_pictures_place(here: Path, pictures: Path, vcmpipe, unchanged, out: str, named: str) -> None:
    (here / "alias.bin").symlink_to(pictures / "p3.png")
    (here / "picture.bin").symlink_to(here / "new.jpg")
    (here / "new.jpg").write_bytes(b"a picture")
    (here / "movie.mp4").write_bytes(b"a video")
    (here / "film.mkv").symlink_to(here / "movie.mp4")
    unchanged(lambda: vcmpipe("encode", "--input", "in", "--limit", 2, "--out", out, *CODE), 2, named)


def test_a_video_is_an_input_whatever_the_limit(here: Path, pictures: Path, encode, vcmpipe, unchanged) -> None:
    assert encode("a.bin").code == 0
    assert vcmpipe("decode", "--input", "a.bin", "--out", "v.y4m").code == 0
    (here / "video").write_bytes((here / "v.y4m").read_bytes())
    words = ["encode", "--input", "video", "--out", "video", "--limit", 1, *CODE]
    unchanged(lambda: vcmpipe(*words), 2, "one of the inputs")


@pytest.mark.parametrize(
    "words",
    [
        ["--detector", "w.bin"],
        ["--detector", "torchvision:ssd@w.bin"],
        ["--detector", "demo", "--verify", "--verify-with", "demo,onnx:./w.bin"],
        ["--config", "w.bin"],
    ],
)
def test_a_file_that_an_option_names_stays(here: Path, pictures, vcmpipe, unchanged, words: list[str]) -> None:
    (here / "w.bin").write_text("score: 0.3")
    named = next(word for word in reversed(words) if word.startswith("--"))
    unchanged(lambda: vcmpipe("encode", "--input", "in", "--out", "w.bin", *words), 2, "--out w.bin", named)


def test_maps_do_not_go_among_the_inputs(pictures: Path, vcmpipe, unchanged) -> None:
    words = ["encode", "--input", "in", "--out", "a.bin", "--map-out", "in", *CODE]
    unchanged(lambda: vcmpipe(*words), 2, "--map-out in holds the inputs")


@pytest.mark.parametrize("out", ["in/p3.png", "in/p1.png", "new.jpg"])
def test_predictions_and_extracts_take_no_pictures_place(pictures: Path, encode, vcmpipe, unchanged, out: str) -> None:
    words = ["--input", "in", "--limit", 2, "--predictor", "constant", "--out", out]
    unchanged(lambda: vcmpipe("predict", *words), 2, out)
    assert encode("a.bin", "--form", "subpictures", "--realise", "regions").code == 0
    unchanged(lambda: vcmpipe("extract", "--input", "a.bin", "--out", out), 2, out)


def test_predictions_take_no_sidecars_place(here: Path, pictures: Path, encode, vcmpipe, unchanged) -> None:
    assert encode("a.bin").code == 0
    words = ["predict", "--input", "in", "--limit", 1, "--predictor", "constant", "--out"]
    unchanged(lambda: vcmpipe(*words, "a.json"), 2, "a.json is the sidecar of a.bin")
    assert vcmpipe(*words, "p.json").code == 0
    assert vcmpipe(*words, "p.json").code == 0


def test_a_sidecar_of_another_stream_stays(here: Path, pictures: Path, encode, vcmpipe, unchanged) -> None:
    assert encode("t1.bin").code == 0
    unchanged(lambda: encode("t1.266"), 2, "t1.json", "t1.bin", "another name")
    # The same stream anew is what --out asks for; where the other stream is gone, its sidecar is of no use.
    assert encode("t1.bin").code == 0
    (here / "t1.bin").unlink()
    assert encode("t1.266").code == 0
    assert json.loads((here / "t1.json").read_text())["stream"] == "t1.266"
    assert vcmpipe("decode", "--input", "t1.266", "--out", "back").code == 0


def test_a_link_parts_no_stream_from_its_sidecar(here: Path, pictures: Path, encode, vcmpipe, unchanged) -> None:
    assert encode("t.bin", "--form", "subpictures", "--realise", "regions").code == 0
    (here / "link.bin").symlink_to("t.bin")
    unchanged(lambda: encode("link.bin"), 2, "link.bin", "t.bin", "t.json")
    unchanged(lambda: vcmpipe("extract", "--input", "t.bin", "--out", "link.bin"), 2, "the stream itself")
    (here / "else").mkdir()
    (here / "else" / "o.json").symlink_to("../t.json")
    unchanged(lambda: encode("else/o.bin"), 2, "o.json", "t.bin", "another name")
    # A stream and a sidecar behind links belong together.
    (here / "else" / "t.bin").symlink_to("../t.bin")
    (here / "else" / "t.json").symlink_to("../t.json")
    assert encode("else/t.bin").code == 0
    assert vcmpipe("inspect", "t.bin").code == 0


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "// settings\n{}\n", "[" * 100_000, "\x89PNG\r\n", '{"stream":"\\q","sha256":"']
)
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


@pytest.fixture
def immutable():
    """``immutable(path)``: from then on nothing can replace the file; skips where the system cannot do that."""
    done: list[Path] = []

    def make(path: Path) -> None:
        if not shutil.which("chattr") or subprocess.run(["chattr", "+i", path], capture_output=True).returncode:
            pytest.skip("files cannot be made immutable here (chattr +i)")
        done.append(path)

    yield make
    for path in done:
        subprocess.run(["chattr", "-i", path], check=True)


@pytest.mark.parametrize("name", ["a.bin", "a.json"])
def test_a_pair_of_which_one_cannot_be_replaced_stays(here, pictures, encode, unchanged, immutable, name: str) -> None:
    assert encode("a.bin").code == 0
    immutable(here / name)
    unchanged(lambda: encode("a.bin", "--margin", 8), 1, name, "permission denied")


@pytest.mark.parametrize(
    "words", [["inspect"], ["inspect", "--json"], ["decode", "--out", "d"], ["extract", "--out", "x"]]
)
def test_readers_notice_a_sidecar_of_another_stream(here: Path, pictures, encode, vcmpipe, words: list[str]) -> None:
    regions = ["--form", "subpictures", "--realise", "regions"]
    assert encode("a.bin", *regions).code == 0
    assert vcmpipe("encode", "--input", "in/p2.png", "--out", "b.bin", *CODE, *regions).code == 0
    assert vcmpipe(*words, "--input", "a.bin").code == 0
    shutil.copy(here / "b.json", here / "a.json")
    done = vcmpipe(*words, "--input", "a.bin")
    assert done.code == 2 and done.err.count("\n") == 1
    assert "a.json was written for another stream" in done.err and "encode again" in done.err


def test_inspect_says_that_a_sidecar_is_damaged(here: Path, pictures, encode, vcmpipe) -> None:
    assert encode("a.bin").code == 0
    (here / "a.json").write_text((here / "a.json").read_text()[:200])
    done = vcmpipe("inspect", "--input", "a.bin")
    assert (
        done.code == 2 and "a.json is not a sidecar" in done.err and done.err.count("\n") == 1 and "64x48" in done.out
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("a.bin", ["encode", "--input", "in", "--out", "a.bin", *CODE]),
        ("a.266", ["encode", "--input", "in", "--out", "a.266", *CODE]),  # it has the same sidecar
        ("report", ["bench", "--images", "in", "--out", "report", "--limit", "1"]),
        ("deep/report", ["bench", "--images", "in", "--out", "deep/report", "--limit", "1"]),
        ("d", ["decode", "--input", "s.bin", "--out", "d"]),
        ("x.bin", ["extract", "--input", "s.bin", "--out", "x.bin"]),
    ],
)
def test_a_second_run_to_one_output_is_refused(here, pictures, encode, vcmpipe, unchanged, target, words) -> None:
    assert encode("s.bin").code == 0
    (here / "report").mkdir()
    locked = (here / target, here / "a.json") if words[0] == "encode" else (here / target,)
    with only_writer(*locked):
        unchanged(lambda: vcmpipe(*words), 2, "is being written by another vcmpipe")
    assert not list(here.rglob(".vcmpipe*"))


def test_two_encodes_side_by_side(here: Path, pictures, start) -> None:
    """One of them codes, the other says in one line that it may not."""
    words = ["encode", "--input", "in", "--out", "a.bin", "--predictor", "constant", "--no-check"]
    both = [start(*words), start(*words)]
    said = [one.communicate(timeout=120)[1] for one in both]
    codes = [one.returncode for one in both]
    assert 0 in codes
    for code, text in zip(codes, said, strict=True):
        assert code == 0 or (code == 2 and "is being written by another vcmpipe" in text.splitlines()[-1])
    sidecar = json.loads((here / "a.json").read_text())
    assert hashlib.sha256((here / "a.bin").read_bytes()).hexdigest() == sidecar["sha256"]
    assert not list(here.glob(".vcmpipe*"))


def test_a_report_of_which_one_file_cannot_be_replaced_stays(here, pictures, vcmpipe, unchanged, immutable) -> None:
    (here / "report").mkdir()
    for name in ("methods.csv", "report.md", "result.json"):
        (here / "report" / name).write_text("older")
    immutable(here / "report" / "report.md")
    words = ["bench", "--images", "in", "--out", "report", "--limit", 1, "--cache", "cache", "--overwrite"]
    unchanged(lambda: vcmpipe(*words), 1, "report.md", "permission denied")


def test_decode_replaces_only_what_it_wrote(here: Path, pictures, vcmpipe, unchanged, monkeypatch) -> None:
    assert vcmpipe("encode", "--input", "in/p2.png", "--out", "t.bin", *CODE).code == 0
    words = ["decode", "--input", "t.bin", "--out"]
    unchanged(lambda: vcmpipe(*words, "in"), 2, "in/p2.png", "--overwrite")
    # From another folder the sidecar's input leads nowhere.
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    unchanged(lambda: vcmpipe("decode", "--input", "../t.bin", "--out", "../in"), 2, "in/p2.png", "--overwrite")
    monkeypatch.chdir(here)
    # Its own files it replaces, but not when they were changed since.
    for _ in range(2):
        assert vcmpipe(*words, "back").code == 0
    own = (here / "back" / "p2.png").read_bytes()
    (here / "back" / "p2.png").write_bytes(own[:-20] + bytes(20))
    unchanged(lambda: vcmpipe(*words, "back"), 2, "back/p2.png")
    assert vcmpipe(*words, "back", "--overwrite").code == 0
    assert (here / "back" / "p2.png").read_bytes() == own
    assert vcmpipe(*words, "in", "--overwrite").code == 0
    assert (pictures / "p2.png").read_bytes() == own


def test_decode_counts_what_is_in_the_way(here: Path, pictures, vcmpipe, unchanged) -> None:
    assert vcmpipe("encode", "--input", "in", "--out", "t.bin", *CODE).code == 0
    (here / "d").mkdir()
    for name in ("p2.png", "p3.png"):
        (here / "d" / name).write_bytes(b"the user's")
    unchanged(lambda: vcmpipe("decode", "--input", "t.bin", "--out", "d"), 2, "d/p2.png (and 1 more)")
    (here / "t.json").unlink()
    assert vcmpipe("decode", "--input", "t.bin", "--out", "d").code == 0
    (here / "d" / "picture_000001.png").write_bytes(b"the user's")
    unchanged(lambda: vcmpipe("decode", "--input", "t.bin", "--out", "d"), 2, "d/picture_000001.png exists")


def test_decode_replaces_no_video_but_its_own(here: Path, pictures, encode, vcmpipe, unchanged) -> None:
    assert encode("t.bin").code == 0
    words = ["decode", "--input", "t.bin", "--out", "v.y4m"]
    (here / "v.y4m").write_bytes(b"YUV4MPEG2 W64 H48 F25:1 C420p10\n")
    unchanged(lambda: vcmpipe(*words), 2, "v.y4m", "--overwrite")
    assert vcmpipe(*words, "--overwrite").code == 0
    assert vcmpipe(*words).code == 0


def test_decode_into_a_folder_with_an_immutable_file(here, pictures, vcmpipe, unchanged, immutable) -> None:
    assert vcmpipe("encode", "--input", "in", "--out", "t.bin", *CODE).code == 0
    assert vcmpipe("decode", "--input", "t.bin", "--out", "d").code == 0
    immutable(here / "d" / "p3.png")
    unchanged(lambda: vcmpipe("decode", "--input", "t.bin", "--out", "d"), 1, "d/p3.png", "permission denied")
