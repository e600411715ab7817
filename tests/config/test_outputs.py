"""Outputs by a name that promises something else are refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcmpipe.bitstream import CODECS
from vcmpipe.cli.main import main
from vcmpipe.config.outputs import _OF_FILES
from vcmpipe.frames.pictures import SUFFIXES
from vcmpipe.frames.sources import VIDEO_SUFFIXES

# Nothing of what they name is there: an output that is looked at late would not be what is complained of.
FOLDERS = [
    ["bench", "no-frames"],
    ["dataset", "build", "no-frames"],
    ["dataset", "convert", "no-store"],
    ["dataset", "crop", "no-pairs"],
    ["dataset", "export", "ow-jrd", "no-store"],
    ["dataset", "fetch", "no-data-set"],
    ["dataset", "import", "ow-jrd", "no-source"],
    ["dataset", "stats", "no-store"],
    ["evaluate", "predictor", "--data", "no-store"],
    ["jnd-map", "no-frames", "--weights", "no-weights"],
    ["train", "dt_jrd", "no-store"],
]


@pytest.mark.parametrize(
    ("words", "out", "named"),
    [
        *((words, "o.png", "would be a folder, though its name ends in .png: name a folder") for words in FOLDERS),
        (["encode", "no-frames", "-o", "a.bin", "--map-out"], "m.csv", "--map-out m.csv would be a folder"),
        (
            ["encode", "no-frames"],
            "o.mp4/",
            "would be a folder, though its name ends in .mp4: name a folder, or a file",
        ),
        (["extract", "no.bin"], "o.bin/", "is the name of a folder: name a file"),
        (["decode", "no.bin"], "o.GIF", "would be a folder, though its name ends in .gif: name a folder, or a file "),
        (["decode", "no.bin"], "o.mp4/", "ends in .mp4: name a folder, or a file that ends in .y4m, .mp4 or .mkv"),
        (["decode", "no.bin"], "o.avi", "would be a folder, though its name ends in .avi"),
        (["predict", "no-frames"], "o.csv", "name a file that ends in .json"),
        (["predict", "no-frames"], "o/", "is the name of a folder: name a file that ends in .json"),
        (["calibrate", "no-frames"], "card", "name a file that ends in .json"),
        (["dataset", "export", "labels", "no-store"], "o.csv", "name a file that ends in .parquet"),
        (["dataset", "export", "losses", "no-store"], "o", "name a file that ends in .parquet"),
    ],
)
def test_a_name_of_something_else(
    words: list[str],
    out: str,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, *(() if words[-1] == "--map-out" else ("--out",)), out]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and out in err and named in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["decode", "no.bin"], *FOLDERS], ids=" ".join)
@pytest.mark.parametrize("out", ["there.png", "run.2", "plain"])
def test_folders_may_have_any_other_name(
    words: list[str],
    out: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.png").mkdir()
    assert main([*words, "--out", out]) == 2
    assert "--out" not in capsys.readouterr().err


def test_every_ending_that_is_read_or_written_is_known_for_a_files() -> None:
    streams = {ending for codec in CODECS.values() for ending in codec.endings}
    assert {*SUFFIXES, *VIDEO_SUFFIXES, *streams} <= _OF_FILES
