"""Labels become VVC QPs: by a line, and by real encodes that are never done twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import textured
from vcmpipe.cli.main import main
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import Samples, make_table, write_samples
from vcmpipe.errors import ProcessError
from vcmpipe.frames import read_picture, write_png
from vcmpipe.jnd import conversion
from vcmpipe.jnd.models.scale import H264_TO_VVC

LEVELS = "26 30 34\n24 32 40\n"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two small pictures with H.264 labels, and a version of each coded at JND 1."""
    folder = tmp_path / "pictures"
    for place in ("train", "jnd1train"):
        (folder / place).mkdir(parents=True)
        for i in range(2):
            write_png(folder / place / f"{i}.png", textured(64, 48, i))
    (folder / "train" / "JND-Levels.txt").write_text(LEVELS)
    return folder


@pytest.fixture
def samples(pictures: Path, tmp_path: Path) -> Path:
    assert main(["dataset", "import", "jnd-levels", str(pictures), "--out", str(tmp_path / "samples")]) == 0
    return tmp_path / "samples"


Converting = Callable[..., int]


@pytest.fixture
def converting(samples: Path, tmp_path: Path, counting_encoder, monkeypatch: pytest.MonkeyPatch) -> Converting:
    monkeypatch.setattr(conversion, "load_encoder", lambda name: counting_encoder)

    def convert(out: str, *words: str) -> int:
        places = ["--out", str(tmp_path / out), "--cache", str(tmp_path / "cache"), "--jobs", "1"]
        return main(["dataset", "convert", str(samples), *places, *words])

    return convert


def test_identity_and_the_line_need_no_pictures(
    converting: Converting, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "train" / "0.png").unlink()
    assert converting("same", "--how", "identity") == 0
    assert "6 labels, h264-qp to vvc-qp by identity" in capsys.readouterr().out
    same = load_samples(tmp_path / "same")
    assert same.scale == "vvc-qp" and same.table["label"].tolist() == [26, 30, 34, 24, 32, 40]
    assert (tmp_path / "same" / "coded.parquet").is_file()
    assert converting("line", "--how", "affine", "--to", "vvc-qp") == 0
    line = load_samples(tmp_path / "line")
    expected = np.floor(H264_TO_VVC(np.array([26.0, 30, 34, 24, 32, 40])) + 0.5)
    assert line.table["label"].tolist() == expected.tolist()
    assert line.source["converted"]["slope"] == str(H264_TO_VVC.slope)


def test_a_match_goes_on_where_it_was_ended_and_is_the_same(
    converting: Converting,
    tmp_path: Path,
    counting_encoder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def breaking(path: Path):
        if path.name == "1.png":
            raise ProcessError("the power is gone")
        return read_picture(path)

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "read_picture", breaking)
        assert converting("out", "--how", "psnr") == 1
    assert not (tmp_path / "out").exists()
    first, counting_encoder.jobs = counting_encoder.jobs, 0
    assert converting("out", "--how", "psnr") == 0
    second, counting_encoder.jobs = counting_encoder.jobs, 0
    assert first > 0 and second > 0
    made, told = load_samples(tmp_path / "out"), pd.read_parquet(tmp_path / "out" / "conversion.parquet")
    labels = made.table["label"].to_numpy()
    assert told["sample"].tolist() == made.table["sample"].tolist()
    assert told["before"].tolist() == [26, 30, 34, 24, 32, 40] and told["after"].tolist() == labels.tolist()
    assert (told["quality"] >= told["target"]).all() and told["reached"].all()
    # VVC's QPs quantise as H.264's do.
    assert (np.abs(labels - told["before"]) <= 6).all() and (np.diff(labels.reshape(2, 3)) >= 0).all()
    assert made.source["converted"]["how"] == "psnr" and "libvvenc" in made.source["converted"]["encoder_build"]
    capsys.readouterr()
    assert converting("again", "--how", "psnr", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert counting_encoder.jobs == 0 and report["pictures"] == 2 and report["unreached"] == 0
    assert load_samples(tmp_path / "again").table["label"].tolist() == labels.tolist()


def test_quality_factors_become_qps(
    pictures: Path, samples: Path, tmp_path: Path, converting: Converting, capsys: pytest.CaptureFixture[str]
) -> None:
    given = load_samples(samples)
    table = given.table.assign(label=[80.0, 30, np.nan, np.nan, 30, np.nan])
    folder = tmp_path / "jpeg"
    write_samples(Samples(table, "jpeg", "jpeg-qf", root=given.root), folder)
    out = str(tmp_path / "vvc")
    assert main(["dataset", "convert", str(folder), "--out", out, "--how", "identity"]) == 2
    assert "a JPEG quality factor is not a QP" in capsys.readouterr().err
    words = ["--how", "xpsnr", "--cache", str(tmp_path / "cache")]
    assert main(["dataset", "convert", str(folder), "--out", out, *words]) == 0
    labels = load_samples(tmp_path / "vvc").table["label"].to_numpy()
    assert np.isnan(labels).tolist() == [False, False, True, True, False, True]
    assert labels[1] > labels[0] + 4 and abs(labels[4] - labels[1]) < 8


@pytest.mark.parametrize(
    ("changes", "words", "message"),
    [
        ({"scale": "vvc-qp"}, [], "its labels are VVC QPs already"),
        ({"scale": "none", "label": np.nan}, [], "its labels are missing"),
        ({"path": None}, [], "holds no pictures (the pictures), and they are needed: only --how affine codes none"),
        ({"path": "nowhere.png"}, [], "'nowhere.png' is not below"),
        ({}, ["--encoder", "kvazaar"], "kvazaar codes hevc"),
        ({}, ["--jobs", "-1"], "--jobs -1"),
    ],
)
def test_what_cannot_be_converted_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], words: list[str], message: str
) -> None:
    write_png(tmp_path / "a.png", textured(64, 48))
    values = {"label": 30.0, "path": "a.png", "level": 1} | changes
    scale = str(values.pop("scale", "h264-qp"))
    table = make_table(sample=["a"], picture=["a"], split=["test"], **{key: [value] for key, value in values.items()})
    write_samples(Samples(table, "x", scale, ("the pictures",), root=str(tmp_path)), tmp_path / "s")
    assert main(["dataset", "convert", str(tmp_path / "s"), "--out", str(tmp_path / "out"), *words]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not (tmp_path / "out").exists()


def test_an_output_that_is_there_is_said_before_anything_is_coded(
    converting: Converting, tmp_path: Path, counting_encoder, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").touch()
    assert converting("out", "--how", "psnr") == 2
    assert "exists and is not empty" in capsys.readouterr().err and counting_encoder.jobs == 0


def test_strings_of_another_scale_do_not_come_along(tmp_path: Path) -> None:
    table = make_table(sample=["a"], picture=["a"], split=["test"], label=[30.0], string=["10"])
    write_samples(Samples(table, "x", "h264-qp", qps=(30, 40)), tmp_path / "s")
    out = str(tmp_path / "out")
    assert main(["dataset", "convert", str(tmp_path / "s"), "--out", out, "--how", "identity"]) == 0
    made = load_samples(tmp_path / "out")
    assert made.table["string"].isna().all() and made.qps is None and made.scale == "vvc-qp"
