"""Predictors of whole pictures: their cards and files, what they answer, and predict with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import supervision as sv
import torch

from vcmpipe.cli import main
from vcmpipe.commands.predict import predict
from vcmpipe.config import PredictOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png
from vcmpipe.jnd.models import laser, mtjnd
from vcmpipe.jnd.models.picture_jnd import PictureJnd
from vcmpipe.jnd.models.scale import to_vvc_qp
from vcmpipe.jnd.picture_predictors import picture_predictor
from vcmpipe.thresholds import ThresholdPredictor, load_predictor, own_margin
from vcmpipe.thresholds.weights import card_path, write_weights

Small = Callable[[str], tuple[int, int]]


def blank(model: ModuleType, variant: str) -> torch.nn.Module:
    """A network all of whose weights are 0: it answers with the last biases, and costs nothing to make."""
    with torch.device("meta"):
        network: torch.nn.Module = model.build(variant)
    network = network.to_empty(device="cpu")
    for value in network.state_dict().values():
        value.zero_()
    return network


def written(
    folder: Path, model: ModuleType, variant: str, levels: list[float], spread: float = 1.0, **card: Any
) -> tuple[Path, torch.nn.Module]:
    """Weights whose answers lie around these levels."""
    torch.manual_seed(3)
    network: torch.nn.Module = blank(model, variant) if spread == 0 else model.build(variant)
    for layer, level in zip(network.output_layers(), levels, strict=True):
        torch.nn.init.normal_(layer.weight, std=spread / 10)
        torch.nn.init.constant_(layer.bias, level)
    path = folder / f"{variant}.safetensors"
    full = {"model": model.MODEL, "variant": variant, "scale": "h264-qp", "levels": len(levels), "range": [1, 51]}
    write_weights(path, network, full | card)
    return path, network.eval()


def boxes(count: int) -> sv.Detections:
    return sv.Detections(np.tile(np.array([[1, 2, 30, 40]], np.float32), (count, 1)))


@pytest.mark.parametrize(("model", "variant", "levels"), [(laser, "lat", [26]), (mtjnd, "mt_3ljnd_va", [24, 28, 33])])
def test_every_object_gets_the_pictures_own(
    model: ModuleType, variant: str, levels: list[float], small: Small, tmp_path: Path, make_frame
) -> None:
    small(variant)
    path, network = written(tmp_path, model, variant, levels)
    spec = f"{model.MODEL}:{variant}:{path}"
    predictor = load_predictor(spec)
    assert isinstance(predictor, ThresholdPredictor) and own_margin(predictor) == 0
    assert predictor.name == f"{model.MODEL}:{variant}:{path.name}"
    answers = []
    for seed in (0, 1):
        frame = make_frame(161, 99, seed)  # of another size than the network takes, and odd
        with torch.inference_mode():
            expected = network(model.prepare(frame.rgb)[None])[0].double().clamp(1, 51).numpy()
        jnd = picture_predictor(spec).picture(frame)
        assert jnd.levels == pytest.approx(expected.tolist(), rel=1e-5) and list(jnd.levels) == sorted(jnd.levels)
        assert jnd.vvc_qp == pytest.approx(to_vvc_qp(expected, "h264-qp").tolist(), rel=1e-5)
        assert jnd.numbers == ((1, 2, 3) if len(levels) == 3 else (1,))
        thresholds = predictor.predict(frame, boxes(3), None)
        assert thresholds.argmax().tolist() == [int(jnd.vvc_qp[0])] * 3 == [jnd.threshold] * 3
        assert thresholds.mass.max(axis=1).tolist() == [1.0] * 3
        assert len(predictor.predict(frame, boxes(0), None)) == 0
        answers.append(jnd.levels)
    assert answers[0] != answers[1]


@pytest.mark.parametrize(
    ("card", "levels", "answers"),
    [
        ({}, [-3.0, 20.0, 99.0], [1.0, 20.0, 51.0]),
        ({}, [30.0, 20.0, 40.0], [30.0, 30.0, 40.0]),
        ({"range": [12, 40]}, [3.0, 20.0, 99.0], [12.0, 20.0, 40.0]),
        ({"scale": "vvc-qp", "range": [0, 63]}, [3.25, 20.0, 99.0], [3.25, 20.0, 63.0]),
        ({"scale": "jpeg-qf", "range": [1, 100]}, [70.0, 80.0, -1.0], [70.0, 70.0, 1.0]),  # less is coarser
    ],
)
def test_answers_are_clipped_and_in_order(
    card: dict[str, Any], levels: list[float], answers: list[float], small: Small, tmp_path: Path, make_frame
) -> None:
    small("mj_rec")
    path, _ = written(tmp_path, laser, "mj_rec", levels, spread=0, **card)
    jnd = picture_predictor(f"laser:mj_rec:{path}").picture(make_frame(64, 48))
    assert list(jnd.levels) == answers and jnd.scale == card.get("scale", "h264-qp")
    assert list(jnd.vvc_qp) == sorted(jnd.vvc_qp) and 0 <= jnd.vvc_qp[0] <= jnd.vvc_qp[2] <= 63


@pytest.mark.parametrize(("qp", "threshold"), [(0.0, 0), (31.99, 31), (32.0, 32), (63.0, 63)])
def test_the_threshold_is_rounded_down(qp: float, threshold: int) -> None:
    assert PictureJnd("vvc-qp", (1,), (qp,), (qp,)).threshold == threshold


def test_published_weights_count_as_h264_unless_a_card_says_otherwise(
    keras: ModuleType, small: Small, tmp_path: Path, make_frame
) -> None:
    height, width = small("lat")
    by_hand = keras.Keras(9)
    by_hand.laser("lat", np.zeros((height, width, 3)))
    by_hand.layers["JND_output"] = {"kernel": np.zeros((128, 1)), "bias": np.array([30.5])}
    path = by_hand.save(tmp_path / "LATJND2.h5")
    predictor = picture_predictor(f"laser:lat:{path}")
    jnd = predictor.picture(make_frame(64, 48))
    assert (jnd.scale, jnd.levels, jnd.numbers, predictor.range) == ("h264-qp", (30.5,), (1,), (1, 51))
    card = {"kind": "threshold-predictor", "version": 1, "model": "laser", "variant": "lat", "scale": "jpeg-qf"}
    card_path(path).write_text(json.dumps(card | {"level": 2}))
    again = picture_predictor(f"laser:lat:{path}")
    assert (again.scale, again.numbers, again.range) == ("jpeg-qf", (2,), (0, 100))
    assert again.digest != predictor.digest
    card_path(path).unlink()
    with pytest.raises(
        InputError, match=r"convolution 5 of 9\).*its layers are those of laser:lat: name it as laser:lat:"
    ):
        picture_predictor(f"laser:rec:{path}")


@pytest.mark.filterwarnings("ignore:Initializing zero-element")  # lat, which is tried too, has no place at this size
def test_a_fault_of_fitting_weights_is_said_as_it_is(keras: ModuleType, small: Small, tmp_path: Path) -> None:
    height, width = small("rec")
    by_hand = keras.Keras(9)
    by_hand.laser("rec", np.zeros((height, width, 3)))
    by_hand.layers["JND_output"]["bias"][:] = np.inf
    with pytest.raises(InputError, match=r"the bias of JND_output holds numbers that are not finite$"):
        picture_predictor(f"laser:rec:{by_hand.save(tmp_path / 'REC.h5')}")  # the layers are those of e2e_rec, too


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("laser", r"needs a variant \(lat, .*write laser:VARIANT:FILE"),
        ("laser:lat", "laser:lat needs weights: write laser:lat:FILE"),
        ("laser:lta:w.h5", "laser has no variant 'lta'; .* did you mean 'lat'"),
        ("mtjnd:mt_3jnd", "mtjnd has no variant 'mt_3jnd'; .* did you mean 'mt_3ljnd'"),
        ("laser:lat:no.h5", "no.h5 does not exist"),
        ("mtjnd:mt_3ljnd:no.safetensors", "no.safetensors does not exist"),
        ("laser:rec:{w}", "holds weights of laser:lat, not of laser:rec: name it as laser:lat:.*lat.safetensors"),
        ("mtjnd:mt_3ljnd:{w}", "holds weights of laser, not of mtjnd"),
    ],
)
def test_what_cannot_be_loaded(spec: str, says: str, small: Small, tmp_path: Path) -> None:
    small("lat")
    path = tmp_path / "lat.safetensors"
    if "{w}" in spec:
        write_weights(path, torch.nn.Linear(1, 1), {"model": "laser", "variant": "lat", "scale": "vvc-qp"})
    with pytest.raises(InputError, match=says):
        load_predictor(spec.format(w=path))


@pytest.mark.parametrize(
    ("card", "says"),
    [
        (None, "the card of .*lat.safetensors has to say on which scale"),
        ({"scale": "h265-qp"}, "the scale 'h265-qp' is not one of vvc-qp, h264-qp, jpeg-qf"),
        ({"scale": None}, "the scale None is not one of"),
        ({"scale": ["vvc-qp"]}, "is not one of"),
        ({"stage": "jnd", "variant": None}, r"an autoencoder \(stage jnd\).*train a head"),
        ({"range": [0, 99]}, r"the range \[0, 99\] is not within 0..51"),
        ({"range": [30, 29]}, "is not within"),
        ({"range": "all"}, "the range all is not within"),
        ({"levels": 3}, "levels 3; lat has 1"),
        ({"level": 4}, "level 4"),
        ({}, "lat.safetensors is of another architecture: it lacks autoencoders.0.encoder.0.weight"),
    ],
)
def test_cards_that_do_not_fit(card: dict[str, Any] | None, says: str, small: Small, tmp_path: Path) -> None:
    small("lat")
    path = tmp_path / "lat.safetensors"
    whole = {"model": "laser", "variant": "lat", "scale": "h264-qp", "levels": 1, "range": [1, 51]}
    write_weights(path, torch.nn.Linear(1, 1), whole | (card or {}))
    if card is None:
        card_path(path).unlink()
    with pytest.raises(InputError, match=says):
        load_predictor(f"laser:lat:{path}")


def test_weights_that_answer_no_number_are_named(small: Small, tmp_path: Path, make_frame) -> None:
    small("lat")
    path, _ = written(tmp_path, laser, "lat", [float("nan")])
    with pytest.raises(InputError, match=r"lat.safetensors answers with no number for picture_0.png"):
        picture_predictor(f"laser:lat:{path}").picture(make_frame(64, 48))


@pytest.fixture
def pictures(tmp_path: Path, make_frame) -> Path:
    """Two pictures, in one of which nothing is."""
    folder = tmp_path / "frames"
    folder.mkdir()
    write_png(folder / "a.png", make_frame(161, 99).rgb)
    write_png(folder / "flat.png", np.full((48, 64, 3), 90, np.uint8))
    return folder


def test_the_command_at_full_size(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, _ = written(tmp_path, laser, "lat", [27.5], spread=0)
    out = tmp_path / "jnd.json"
    words = ["predict", "--input", str(pictures), "--predictor", "laser:lat", "--weights", str(weights)]
    # No detector and no encoder is looked for.
    words += ["--detector", "no-such.onnx", "--encoder", "no-such", "--margin", "-2", "--device", "cpu"]
    assert main([*words, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    qp = float(to_vvc_qp([27.5], "h264-qp")[0])
    for name in ("a.png", "flat.png"):
        (line,) = (line.split() for line in text.splitlines() if name in line)
        assert line == [name, "JND1", "27.5", "H.264", "QP", f"{qp:.1f}", str(int(qp) - 2)]
    assert "2 pictures; predictor laser:lat:lat.safetensors" in text and "margin -2" in text
    content = json.loads(out.read_text())
    assert (content["detector"], content["margin"]) == (None, -2)
    jnd = {"scale": "h264-qp", "numbers": [1], "levels": [27.5], "vvc_qp": [round(qp, 3)], "threshold": int(qp) - 2}
    sizes = [("a.png", 161, 99), ("flat.png", 64, 48)]
    assert content["pictures"] == [
        {"source": name, "width": width, "height": height, "objects": [], "jnd": jnd} for name, width, height in sizes
    ]


def test_the_command_prints_json_for_three_levels(
    pictures: Path, tmp_path: Path, small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    small("mj_rec")
    weights, _ = written(tmp_path, laser, "mj_rec", [20, 30, 40], spread=0, scale="vvc-qp", range=[0, 63])
    words = ["predict", "--input", str(pictures), "--predictor", f"laser:mj_rec:{weights}", "--limit", "1"]
    assert main([*words, "--json"]) == 0
    ((picture,), _) = (json.loads(capsys.readouterr().out)["pictures"], None)
    assert picture["jnd"]["levels"] == picture["jnd"]["vvc_qp"] == [20.0, 30.0, 40.0]
    assert picture["jnd"]["numbers"] == [1, 2, 3] and picture["jnd"]["threshold"] == 20
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert [f"JND{n}" in shown for n in (1, 2, 3, 4)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": "w.safetensors"}, "--weights needs the name of a predictor"),
        ({"weights": "", "predictor": "laser:lat"}, "--weights is empty"),
        ({"weights": "no.h5", "predictor": "laser:lat"}, "no.h5 does not exist"),
        ({"weights": "no.pth", "predictor": "dt_jrd", "detector": "demo"}, "no.pth does not exist"),
        ({"predictor": "laser:latt", "weights": "no.h5"}, "did you mean 'lat'"),
        ({"predictor": "laser:lat"}, "needs weights"),
    ],
)
def test_bad_input(changes: dict[str, Any], says: str, pictures: Path) -> None:
    with pytest.raises(InputError, match=says):
        predict(PredictOptions(input=str(pictures), **changes))
