"""Cards of ``calibrate``: written, read, damaged, and of other detectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv

from vcmpipe.detection import load_detector
from vcmpipe.errors import InputError
from vcmpipe.thresholds import Calibration, ConstantPredictor, load_predictor, own_margin
from vcmpipe.thresholds.calibrated import Calibrated, CalibratedCard
from vcmpipe.thresholds.detector_aware import AwareWeights
from vcmpipe.thresholds.foreign import DEFAULT_BASE, adopted, base_spec, digest_of, load_base
from vcmpipe.thresholds.registry import WEIGHTS
from vcmpipe.thresholds.transfer import Transfer

CURVE = ((-12, 0.99), (-8, 0.96), (-4, 0.9))


class Other:
    """A detector of nobody's, with a few classes of COCO under numbers of its own."""

    name, digest = "other.onnx", "0" * 64

    def __init__(self, classes: dict[int, str]) -> None:
        self.classes = classes

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return 320, 320

    def detect(self, frames: Any) -> list[sv.Detections]:
        return [found() for _ in frames]


def found(classes: tuple[int, ...] = (0, 1)) -> sv.Detections:
    boxes = np.array([[8 + 40 * n, 8, 40 + 40 * n, 60] for n in range(len(classes))], np.float32)
    return sv.Detections(boxes, confidence=np.full(len(classes), 0.6), class_id=np.array(classes))


@pytest.fixture(scope="module")
def demo():
    return load_detector("demo")


@pytest.fixture
def card(demo) -> CalibratedCard:
    calibration = Calibration(CURVE, "30 pictures with 99 objects of demo", demo.digest, {"scale": "1"})
    transfer = Transfer(0.9, 2.0, 1.2)
    return CalibratedCard(
        "constant:30",
        "constant:30",
        "demo",
        demo.digest,
        "line",
        transfer,
        -7,
        calibration,
        {"counts": {"objects": 99}},
    )


def test_a_card_comes_back_as_it_was_written(card: CalibratedCard, tmp_path: Path) -> None:
    card.write(tmp_path / "card.json")
    assert CalibratedCard.read(tmp_path / "card.json") == card
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


@pytest.mark.parametrize("form", ["{}", "calibrated:{}"])
def test_the_registry_knows_it_by_its_file(card: CalibratedCard, demo, tmp_path: Path, make_frame, form: str) -> None:
    path = tmp_path / "card.json"
    card.write(path)
    predictor = load_predictor(form.format(path), demo)
    assert predictor.name == f"calibrated:{path}"
    assert predictor.predict(make_frame(128, 96), found()).argmax().tolist() == [29, 29]
    assert (own_margin(predictor), own_margin(predictor, stills=False)) == (-7, 0)
    assert predictor.calibration == card.calibration


def edited(**changes: Any):
    return lambda content: json.dumps({k: v for k, v in (content | changes).items() if v is not ...})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: "", "is damaged, or not a card of vcmpipe calibrate"),
        (lambda content: json.dumps(content)[:100], "is damaged, or not a card of vcmpipe calibrate"),
        (lambda content: "[" * 100_000, "is damaged, or not a card of vcmpipe calibrate"),
        (lambda content: "[1]", "is not a card of vcmpipe calibrate"),
        (edited(kind="other"), "is not a card of vcmpipe calibrate"),
        (edited(kind="detector_aware"), "name it as detector_aware:"),
        (edited(version=2), "is of version 2, this vcmpipe reads 1"),
        (edited(base=...), "it has no base"),
        (edited(base=7), "base is not text"),
        (edited(form=""), "form is not text"),
        (edited(margin="x"), "the margin must be a whole number"),
        (edited(margin=99), "the margin must be a whole number"),
        (edited(transfer=3), "the transfer is not an object"),
        (edited(transfer={"scale": 1}), "it has no offset"),
        (edited(transfer={"scale": "1", "offset": 0, "spread": 1}), "finite numbers"),
        (edited(transfer={"scale": -1, "offset": 0, "spread": 1}), "a transfer needs a scale of 0 or more"),
        (edited(calibration=4), "the calibration in the card"),
        (
            edited(calibration={"curve": [[1, 0.9]], "material": "m", "conditions": {}}),
            "a calibration must be two or more",
        ),
    ],
)
def test_a_damaged_card_is_refused_in_one_line(card: CalibratedCard, demo, tmp_path: Path, damage, says: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(damage(card.to_dict()))
    with pytest.raises(InputError, match=says) as refused:
        load_predictor(str(path), demo)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_a_card_that_is_not_there(demo, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_predictor(str(tmp_path / "none.json"), demo)
    with pytest.raises(InputError, match="needs a card"):
        load_predictor("calibrated", demo)


def test_a_card_of_another_detector(card: CalibratedCard, tmp_path: Path) -> None:
    card.write(tmp_path / "card.json")
    with pytest.raises(InputError, match=r"calibrated for demo, not for other\.onnx: run vcmpipe calibrate"):
        load_predictor(str(tmp_path / "card.json"), Other({0: "person"}))
    with pytest.raises(InputError, match="needs the detector"):
        load_predictor(str(tmp_path / "card.json"))


def test_a_base_that_has_changed_since(card: CalibratedCard, demo, tmp_path: Path) -> None:
    changed = json.dumps(card.to_dict() | {"base_digest": "another"})
    (tmp_path / "card.json").write_text(changed)
    with pytest.raises(InputError, match="with other weights of constant:30"):
        load_predictor(str(tmp_path / "card.json"), demo)


def test_what_no_qp_keeps_stays_so(make_frame) -> None:
    class Lost(ConstantPredictor):
        def predict(self, frame, detections, coder=None):
            answer = super().predict(frame, detections, coder)
            return type(answer)(answer.mass, np.array([True, False]))

    predictor = Calibrated(Lost(30), Transfer(1.0, -3.0))
    assert predictor.predict(make_frame(64, 64), found()).recognisable.tolist() == [True, False]
    assert predictor.digest != Calibrated(Lost(30), Transfer(1.0, -4.0)).digest


@pytest.mark.parametrize(
    ("classes", "kept"),
    [
        ({0: "person", 1: "bicycle"}, [0, 1]),
        ({5: "Person", 9: "TRAFFIC_LIGHT"}, [5, 9]),
        ({0: "scratch", 1: "dent"}, []),
        ({3: "person", 4: "scratch"}, [3]),
    ],
)
def test_what_was_learned_of_a_class_holds_for_the_same_name(classes: dict[int, str], kept: list[int]) -> None:
    weights = AwareWeights.load(WEIGHTS / "yolox_nano.safetensors")
    own = adopted(weights, Other(classes))  # type: ignore[arg-type]
    assert own.plain.classes.tolist() == kept == own.looked.classes.tolist()
    numbers = {name: int(number) for number, name in weights.card["class_names"].items()}
    for place, number in enumerate(kept):
        name = classes[number].lower().replace("_", " ")
        (theirs,) = np.flatnonzero(weights.plain.classes == numbers[name])
        assert own.plain.class_offset[place] == weights.plain.class_offset[theirs]
    assert "calibration" not in own.card and own.card["detector"] == "other.onnx"


def test_weights_for_another_detector_answer_for_this_one(make_frame) -> None:
    detector = Other({0: "person", 1: "scratch"})
    base = load_base(base_spec("auto", detector), detector)  # type: ignore[arg-type]
    masses = base.predict(make_frame(128, 96), found()).mass
    assert masses.shape == (2, 64) and base.name == DEFAULT_BASE
    assert digest_of(base).startswith("detector_aware:")


def test_what_a_base_is_called(demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for ending in (".json", ".safetensors"):
        shutil.copy(WEIGHTS / f"demo{ending}", tmp_path / f"mine{ending}")
    other = Other({0: "person"})
    assert base_spec("auto", demo).startswith("detector_aware:demo")
    assert base_spec("auto", other) == base_spec("detector_aware", other) == DEFAULT_BASE  # type: ignore[arg-type]
    # A card may be used from another folder than it was made in.
    assert base_spec("detector_aware:mine.safetensors", other) == f"detector_aware:{tmp_path / 'mine.safetensors'}"  # type: ignore[arg-type]
    assert base_spec("constant:33", other) == "constant:33"  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", ["calibrated:card.json", "card.json"])
def test_a_calibrated_predictor_is_no_base(demo, spec: str) -> None:
    with pytest.raises(InputError, match="is calibrated itself"):
        load_base(spec, demo)


def test_auto_names_the_command_where_nothing_is_shipped() -> None:
    notes: list[str] = []
    assert load_predictor("auto", Other({0: "person"}), warn=notes.append).name == "constant:30"  # type: ignore[arg-type]
    assert "vcmpipe calibrate" in notes[0]
