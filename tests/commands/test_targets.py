"""Targets: how a dial is turned, and that a run reaches what it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vcmpipe import EncodeOptions, encode, encode_frames
from vcmpipe.cli.main import main
from vcmpipe.commands.targets import Dial, chosen, turn
from vcmpipe.config import parse_target
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.errors import InputError
from vcmpipe.evaluation import coco_accuracy, pseudo_truth
from vcmpipe.frames import Frame, write_png
from vcmpipe.sidecar import Sidecar

LAMBDA = Dial.of(EncodeOptions(input="x", out="y.bin", objective="accuracy"), 0)
MARGIN = Dial.of(EncodeOptions(input="x", out="y.bin"), -2)


@pytest.mark.parametrize(
    ("dial", "target", "figure", "place"),
    [
        # Smooth figures are hit; lambda is 2 to the place.
        (LAMBDA, "bytes=4000", lambda at: 2.0 ** (at / 2 + 4), pytest.approx(2 * np.log2(4000 / 16), abs=0.1)),
        (LAMBDA, "retention=0.9", lambda at: 1 - 2.0 ** (-at / 4), pytest.approx(4 * np.log2(10), abs=0.3)),
        # Steps of whole QPs: the coarsest margin that is good enough, the finest that is cheap enough.
        (MARGIN, "retention=0.9", lambda at: 0.85 + 0.01 * at, 5.0),
        (MARGIN, "bytes=1000", lambda at: 500 * 2.0 ** (at / 6), 6.0),
        # What is out of reach: the nearest.
        (MARGIN, "retention=0.9", lambda at: 0.5, None),
        (LAMBDA, "bytes=10", lambda at: 20 + at, pytest.approx(np.log2(10), abs=0.1)),
        # It falls back once on its way up.
        (MARGIN, "retention=0.9", lambda at: 0.95 if at in (4, 14) or at > 20 else 0.8, None),
    ],
)
def test_a_dial_is_turned_to_its_target(
    dial: Dial, target: str, figure: Callable[[float], float], place: object
) -> None:
    asked: list[float] = []

    def counted(at: float) -> float:
        asked.append(at)
        return figure(at)

    wanted = parse_target(target)
    seen = turn(dial, wanted, counted, 12)
    assert len(asked) == len(set(asked)) <= 12 and all(dial.low <= at <= dial.high for at in asked)
    at = chosen(seen, wanted)
    assert at in seen
    if place is not None:
        assert at == place
    met = [
        each for each, value in seen.items() if (value >= wanted.value) == wanted.of_quality or value == wanted.value
    ]
    if met:
        assert at == (min(met) if wanted.of_quality else max(met))


def test_dials_are_lambdas_and_margins() -> None:
    options = EncodeOptions(input="x", out="y.bin", target="retention=0.9")
    assert MARGIN.value(6.0) == -6 and MARGIN.turned(options, 6.0).margin == -6
    weighed = EncodeOptions(input="x", out="y.bin", objective="accuracy", target="retention=0.9")
    turned = LAMBDA.turned(weighed, 10.0)
    assert (turned.lambda_, turned.target) == (1024.0, None)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for number in range(2):
        write_png(folder / f"{number}.png", render_scene(940_000 + number).rgb)
    return folder


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("bytes=1500", {"loop": "closed", "objective": "accuracy"}),
        ("accuracy=0.7", {"loop": "closed", "objective": "accuracy"}),
        ("retention=0.7", {"loop": "closed"}),
        pytest.param("bytes=1500", {"objective": "accuracy"}, marks=pytest.mark.slow),
        pytest.param("bytes=3000", {}, marks=pytest.mark.slow),
        ("retention=0.8", {}),
    ],
)
def test_a_run_reaches_its_target(target: str, more: dict[str, str], scenes: Path, tmp_path: Path) -> None:
    from vcmpipe import decode_stream, load_detector

    out = tmp_path / "out.bin"
    scales = {"scales": "1,0.6"} if more else {}
    own: dict[str, Any] = {"input": str(scenes), "out": str(out), "detector": "demo", "target": target}
    options = EncodeOptions(**own, **more, **scales)
    sidecar = encode(options)
    assert Sidecar.read(tmp_path / "out.json") == sidecar
    record, wanted = sidecar.target, parse_target(target)
    assert record is not None and record.met and record.passes >= 1
    assert (record.kind, record.value) == (wanted.kind, wanted.value)
    assert sidecar.configuration["lambda_" if record.dial == "lambda" else "margin"] == record.at
    if wanted.kind == "bytes":
        assert sidecar.bytes / 2 <= wanted.value
        # A step of a margin is a whole QP; with two pictures lambdas move in steps, too.
        assert record.reached >= 0.6 * wanted.value
    elif wanted.kind == "retention":
        assert sidecar.kept is not None and sidecar.lost is not None
        share = sidecar.kept / (sidecar.kept + sidecar.lost)
        assert share == pytest.approx(record.reached, abs=1e-6) and share >= wanted.value
    else:
        detector = load_detector("demo")
        frames = [Frame(n, render_scene(940_000 + n).rgb, f"{n}") for n in range(2)]
        source = detector.detect(frames)
        truth = pseudo_truth(
            {str(n): own[own.confidence >= 0.3] for n, own in enumerate(source)}, detector.classes, score=0
        )
        decoded = [Frame(each.index, each.rgb(), str(each.index)) for each in decode_stream(out.read_bytes())]
        if all(each.rgb.shape == frames[0].rgb.shape for each in decoded):
            found = {str(n): own for n, own in enumerate(detector.detect(decoded))}
            assert coco_accuracy(truth, found, detector.classes).ap == pytest.approx(record.reached, abs=1e-4)


def test_frames_in_memory_reach_a_target_too() -> None:
    frames = (render_scene(940_000 + n).rgb for n in range(2))
    made = encode_frames(frames, detector="demo", target="bytes=2500")
    assert made.sidecar.target is not None and len(made.data) / 2 <= 2500


def test_what_cannot_be_read_twice_or_has_no_rate(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="several passes"):
        encode(EncodeOptions(input="-", out=str(tmp_path / "x.bin"), target="bytes=100"))
    with pytest.raises(InputError, match="--fps"):
        encode(EncodeOptions(input=str(scenes), out=str(tmp_path / "x.bin"), detector="demo", target="bitrate=100"))
    assert not list(tmp_path.iterdir())
    # Out of reach: the nearest is written, and said to be no more.
    words = ["encode", str(scenes), "--out", str(tmp_path / "x.bin"), "--detector", "demo", "--target", "bytes=10"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "which misses it" in captured.out.replace("\n", " ") and "was not reached" in captured.err
