"""``jnd-map``: what it writes, that it goes on where it was interrupted, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vcmpipe.cli.main import main
from vcmpipe.commands.jnd_map import write_jnd_maps
from vcmpipe.config import JndMapOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, read_picture, write_png
from vcmpipe.jnd.maps import preview, read_jnd_map
from vcmpipe.jnd.models import resjnd
from vcmpipe.thresholds.weights import write_weights


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network with few channels: the same layers, for a fraction of the time."""
    monkeypatch.setattr(resjnd, "CHANNELS", 4)


def small_weights(path: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    write_weights(path, resjnd.ResJnd(), {"model": "resjnd"})
    return path


@pytest.fixture
def options(tmp_path: Path) -> JndMapOptions:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, (width, height) in enumerate([(40, 24), (33, 17)]):
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
        write_png(folder / f"p{number}.png", noise)
    weights = small_weights(tmp_path / "r.safetensors")
    return JndMapOptions(input=str(folder), weights=str(weights), out=str(tmp_path / "maps"), device="cpu")


def test_maps_and_previews_of_every_picture(options: JndMapOptions) -> None:
    done: list[tuple[int, int | None]] = []
    report = write_jnd_maps(options, progress=lambda *counts: done.append(counts))
    assert done == [(1, 2), (2, 2)]
    network = resjnd.load(Path(options.weights), "cpu")
    for each, name in zip(report.pictures, ("p0", "p1"), strict=True):
        rgb = read_picture(Path(options.input) / f"{name}.png")
        values = np.load(Path(options.out) / f"{name}.npy")
        np.testing.assert_array_equal(values, resjnd.jnd_map(network, rgb))
        assert (values.dtype, values.shape) == (np.float32, rgb.shape[:2])
        np.testing.assert_array_equal(read_picture(Path(options.out) / f"{name}.png"), preview(values))
        assert (
            each.made and each.maximum == pytest.approx(values.max(), rel=1e-4) and Path(each.map).name == f"{name}.npy"
        )
    assert len(list(Path(options.out).iterdir())) == 4


def test_a_second_run_makes_what_is_missing_or_damaged(options: JndMapOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_jnd_maps(options)
    folder = Path(options.out)
    assert [each.made for each in write_jnd_maps(options).pictures] == [False, False]
    assert dataclasses.replace(first, pictures=[dataclasses.replace(p, made=False) for p in first.pictures]) == (
        write_jnd_maps(options)
    )
    (folder / "p0.npy").write_bytes((folder / "p0.npy").read_bytes()[:-4])
    assert [each.made for each in write_jnd_maps(options).pictures] == [True, False]
    np.save(folder / "p1.npy", np.zeros((17, 33), np.float32))
    assert [each.made for each in write_jnd_maps(options).pictures] == [False, True]
    # Killed between the map and its preview.
    (folder / "p1.png").unlink()
    assert [each.made for each in write_jnd_maps(options).pictures] == [False, True]
    assert [each.made for each in write_jnd_maps(dataclasses.replace(options, overwrite=True)).pictures] == [True, True]

    def interrupted(*args: object, **words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(resjnd, "jnd_map", interrupted)
    (folder / "p0.npy").unlink()
    with pytest.raises(KeyboardInterrupt):
        write_jnd_maps(options)
    assert sorted(path.name for path in folder.iterdir()) == ["p0.png", "p1.npy", "p1.png"]


def test_maps_of_other_weights_pictures_or_makers_stay(options: JndMapOptions, tmp_path: Path) -> None:
    write_jnd_maps(options)
    before = {path.name: path.read_bytes() for path in Path(options.out).iterdir()}
    other = dataclasses.replace(options, weights=str(small_weights(tmp_path / "other.safetensors", 1)))
    with pytest.raises(InputError, match=r"p0.npy was made with other weights"):
        write_jnd_maps(other)
    write_png(Path(options.input) / "p0.png", np.full((24, 40, 3), 7, np.uint8))
    with pytest.raises(InputError, match=r"p0.npy was made of another picture"):
        write_jnd_maps(options)
    assert {path.name: path.read_bytes() for path in Path(options.out).iterdir()} == before
    write_jnd_maps(dataclasses.replace(other, overwrite=True))
    assert (Path(options.out) / "p0.npy").read_bytes() != before["p0.npy"]
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "p0.npy").write_text("mine")
    with pytest.raises(InputError, match=r"p0.npy exists and is not a JND map"):
        write_jnd_maps(dataclasses.replace(options, out=str(foreign)))
    assert (foreign / "p0.npy").read_text() == "mine"


def test_inputs_that_would_harm_each_other_are_refused(options: JndMapOptions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the preview would take the place of"):
        write_jnd_maps(dataclasses.replace(options, out=options.input))
    with pytest.raises(InputError, match="is a file"):
        write_jnd_maps(dataclasses.replace(options, out=options.weights))
    (Path(options.input) / "p0.bmp").write_bytes((Path(options.input) / "p0.png").read_bytes())
    with pytest.raises(InputError, match=r"p0.bmp and p0.png would both become p0.npy"):
        write_jnd_maps(options)


def test_frames_of_a_video_are_numbered(options: JndMapOptions, tmp_path: Path) -> None:
    from vcmpipe.frames import ColourSpec, Y4mWriter, rgb_to_yuv

    clip = tmp_path / "clip.y4m"
    with Y4mWriter(clip, (32, 16)) as writer:
        for value in (10, 200):
            writer.write(rgb_to_yuv(np.full((16, 32, 3), value, np.uint8), ColourSpec()))
    report = write_jnd_maps(dataclasses.replace(options, input=str(clip)))
    assert [Path(each.map).name for each in report.pictures] == ["clip_000000.npy", "clip_000001.npy"]


def test_the_command(options: JndMapOptions, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["jnd-map", "--input", options.input, "--weights", options.weights, "--out", options.out]
    assert main([*words, "--limit", "1", "--tile", "16", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "p0.png" in out and "1 map in" in out and "Traceback" not in err
    assert main([*words, "--device", "cpu", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [each["made"] for each in report["pictures"]] == [False, True] and len(report["weights"]) == 64
    for wrong, code in (
        (["--tile", "3"], 2),
        (["--limit", "0"], 2),
        (["--weights", "gone.pth"], 2),
        (["--out", ""], 2),
    ):
        assert main([*words, *wrong]) == code
        err = capsys.readouterr().err
        assert err.startswith("vcmpipe: ") and err.count("\n") == 1


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (np.zeros((3, 4), np.float64), "is not a JND map"),
        (np.zeros((3, 4, 1), np.float32), "is not a JND map"),
        (np.full((3, 4), np.nan, np.float32), "not numbers, or are negative"),
        (np.full((3, 4), -1, np.float32), "not numbers, or are negative"),
        (np.zeros((4, 3), np.float32), "is of a picture of 3x4"),
        (None, "does not exist"),
        # A header that states 800 GB, and one that states less than there is.
        (b"\x93NUMPY\x01\x00\x76\x00" + HEADER % b"(447213, 447213)", "shorter or longer than its header states"),
        (b"\x93NUMPY\x01\x00\x76\x00" + HEADER % b"(3, 4)" + bytes(99), "shorter or longer than its header states"),
        (b"\x93NUMPY\x01\x00\x76\x00" + HEADER.replace(b"}", b"") % b"(3, 4)", "its header is damaged"),
        (b"PK\x03\x04", "is damaged, or not a JND map"),
    ],
)
def test_reading_what_is_no_map_of_a_picture(values: np.ndarray | bytes | None, named: str, tmp_path: Path) -> None:
    if isinstance(values, bytes):
        head, _, rest = values.partition(b"\n")
        (tmp_path / "p.npy").write_bytes(head.ljust(127) + b"\n" + rest)
    elif values is not None:
        np.save(tmp_path / "p.npy", values)
    with pytest.raises(InputError, match=named):
        read_jnd_map(tmp_path / "p.npy", Frame(0, np.zeros((3, 4, 3), np.uint8), "p.png"))


def test_a_map_of_another_picture_is_known_by_its_preview(options: JndMapOptions) -> None:
    write_jnd_maps(options)
    rgb, target = read_picture(Path(options.input) / "p0.png"), Path(options.out) / "p0.npy"
    assert read_jnd_map(target, Frame(0, rgb, "p0.png")).shape == rgb.shape[:2]
    with pytest.raises(InputError, match=r"p0.npy was made of another picture than p0.png"):
        read_jnd_map(target, Frame(0, rgb[::-1], "p0.png"))


def test_previews_compare() -> None:
    colours = preview(np.array([[0.0, 8.0, 32.0, 99.0]], np.float32))[0].tolist()
    assert colours[2] == colours[3] and colours[0] != colours[1] != colours[2]
    assert sum(colours[0]) < sum(colours[1]) < sum(colours[2])
