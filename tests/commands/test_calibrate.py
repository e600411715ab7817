"""``vcmpipe calibrate``, from pictures to a card that ``encode`` promises by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vcmpipe.cli import main
from vcmpipe.commands.calibrate import _spread, calibrate
from vcmpipe.config import CalibrateOptions
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png
from vcmpipe.thresholds import EXPECTED_RETENTION
from vcmpipe.thresholds.calibrated import CalibratedCard

BASE = "detector_aware:yolox_nano"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for n in range(3):
        write_png(folder / f"scene{n}.png", render_scene(910_000 + n).rgb[:256, :320])
    return folder


def test_from_pictures_to_a_promise(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["calibrate", str(scenes), "--out", "card.json", "--detector", "demo", "--predictor", BASE]
    assert main([*words, "--scale", "1", "--cache", "cache", "--json"]) == 0
    out, err = capsys.readouterr()
    content, card = json.loads(out), CalibratedCard.read(tmp_path / "card.json")
    assert {key: content[key] for key in card.to_dict()} == json.loads((tmp_path / "card.json").read_text())
    assert (card.base, card.detector, card.known["counts"]["pictures"]) == (BASE, "demo", 3)
    assert set(card.known["errors"]) == {"constant", "base", "calibrated"}
    objects = card.known["counts"]["objects"]
    assert ("with fewer than 20 no scale is fitted" in err) == (card.known["counts"]["with_threshold"] < 20)
    counted = card.known["counted"]
    assert len(counted) >= 4 and all(each["kept"] <= objects for each in counted)
    assert [each["margin"] for each in counted] == sorted(each["margin"] for each in counted)
    assert card.calibration is not None and card.calibration.conditions["scale"] == "1"
    assert "95 %" in card.calibration.material
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "card.json"]

    code = ["encode", str(scenes), "--out", "a.bin", "--detector", "demo", "--predictor", "card.json", "--json"]
    assert main(code) == 0
    sidecar = json.loads(capsys.readouterr().out)
    assert sidecar["configuration"]["margin"] == card.margin
    expected = sidecar["provenance"]["expected"]
    assert expected["basis"] == card.calibration.material
    assert expected["retention"] == pytest.approx(EXPECTED_RETENTION, abs=0.03)


def options(folder: Path, card: Path, **changes: object) -> CalibrateOptions:
    values: dict[str, object] = {"images": str(folder), "out": str(card), "detector": "demo"}
    return CalibrateOptions(**(values | changes))  # type: ignore[arg-type]


def pictures(folder: Path, kinds: str) -> Path:
    """A folder of pictures, each a letter: e without objects, s with some, b broken, t text."""
    folder.mkdir()
    for n, kind in enumerate(kinds):
        if kind == "t":
            (folder / f"{n}.txt").write_text("no picture")
        elif kind == "b":
            (folder / f"{n}.png").write_bytes(b"\x89PNG, or not")
        else:
            rgb = render_scene(910_000).rgb[:128, :128]
            write_png(folder / f"{n}.png", rgb if kind == "s" else rgb * 0 + 128)
    return folder


@pytest.mark.parametrize(
    ("kinds", "changes", "says"),
    [
        ("t", {}, "hold no pictures"),
        ("ee", {}, "found no object"),
        ("eb", {}, "found no object"),
        ("e", {"scale": "2"}, "--scale 2"),
        ("e", {"predictor": "nonsense"}, "unknown predictor"),
        ("e", {"predictor": "card.json"}, "is calibrated itself"),
        ("e", {"detector": "none"}, "finds nothing"),
        ("e", {"out": "card.bin"}, "ends in .json"),
    ],
)
def test_what_nothing_can_be_fitted_to(tmp_path: Path, kinds: str, changes: dict[str, object], says: str) -> None:
    folder = pictures(tmp_path / "in", kinds)
    with pytest.raises(InputError, match=says):
        calibrate(options(folder, tmp_path / "card.json", **changes))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "detector_aware"}', "[]"])
def test_no_other_file_is_overwritten(tmp_path: Path, content: str) -> None:
    folder, out = pictures(tmp_path / "in", "e"), tmp_path / "card.json"
    out.write_text(content)
    with pytest.raises(InputError, match="not a card of vcmpipe calibrate"):
        calibrate(options(folder, out))
    assert out.read_text() == content


@pytest.mark.parametrize(
    ("count", "limit", "expected"), [(3, 30, [0, 1, 2]), (10, 4, [0, 3, 6, 9]), (100, 2, [0, 99]), (5, 5, [*range(5)])]
)
def test_pictures_are_evenly_spread(count: int, limit: int, expected: list[int]) -> None:
    paths = [Path(str(n)) for n in range(count)]
    assert _spread(paths, limit) == [paths[n] for n in expected]


def test_an_interrupt_leaves_nothing(scenes: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(options(scenes, tmp_path / "card.json"), progress=interrupt)
    assert list(tmp_path.iterdir()) == []
