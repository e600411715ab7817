from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.detection import Detector, load_detector
from vcmpipe.detection.ultralytics import UltralyticsDetector
from vcmpipe.detection.weights_ultralytics import import_ultralytics
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector with random weights: it finds nonsense, but by the true path."""
    import torch

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("weights")
    ultralytics = import_ultralytics()
    random = ultralytics.YOLO("yolo11n.yaml", verbose=False)
    random.model.names = {index: f"thing {index}" for index in range(80)}
    random.save(str(folder / "random.pt"))
    ultralytics.YOLO("yolo11n-cls.yaml", verbose=False).save(str(folder / "classifier.pt"))
    return folder


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    rng = np.random.default_rng(2)
    sizes = [(120, 160), (96, 200), (120, 160)]
    return [Frame(i, rng.integers(0, 256, (*size, 3), dtype=np.uint8), f"{i}.png") for i, size in enumerate(sizes)]


@pytest.fixture(scope="module")
def detector(weights: Path) -> Detector:
    return load_detector(str(weights / "random.pt"), device="cpu", min_score=1e-5)


def test_it_answers_as_ultralytics_does(detector: Detector, weights: Path, frames: list[Frame]) -> None:
    [found] = detector.detect(frames[:1])
    model = import_ultralytics().YOLO(str(weights / "random.pt"))
    bgr = np.ascontiguousarray(frames[0].rgb[..., ::-1])
    theirs = model.predict(bgr, conf=1e-5, verbose=False, device="cpu")[0].boxes.numpy()
    assert len(found) == len(theirs) > 0
    assert found.xyxy == pytest.approx(theirs.xyxy)
    assert found.confidence == pytest.approx(theirs.conf)
    assert found.class_id.tolist() == theirs.cls.astype(int).tolist()


def test_an_answer_does_not_depend_on_its_company(
    detector: Detector, frames: list[Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    together = detector.detect(frames)
    for frame, found in zip(frames, together, strict=True):
        [alone] = detector.detect([frame])
        assert np.array_equal(alone.xyxy, found.xyxy) and np.array_equal(alone.confidence, found.confidence)
    assert detector.detect([]) == []
    assert list(tmp_path.iterdir()) == []  # ultralytics likes to leave a folder `runs`


def test_what_it_says_of_itself(detector: Detector) -> None:
    assert (detector.name, len(detector.digest)) == ("random.pt", 64)
    assert detector.classes[0] == "thing 0" and len(detector.classes) == 80
    assert detector.input_size(1280, 720) == (640, 360)


def test_it_is_quiet(detector: Detector, frames: list[Frame], capfd: pytest.CaptureFixture[str]) -> None:
    detector.detect(frames)
    assert capfd.readouterr() == ("", "")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("bomb-went-off", "w")


def test_a_hostile_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"model": Bomb()}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"model": Bomb()}, protocol=2))
    for name in ("zip.pt", "plain.pt"):
        with pytest.raises(InputError, match=f"{name} holds no ultralytics model") as caught:
            UltralyticsDetector(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "bomb-went-off").exists()


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.pt holds no ultralytics model"):
        UltralyticsDetector(tmp_path / "bad.pt")


def test_models_without_boxes_are_refused(weights: Path) -> None:
    with pytest.raises(InputError, match=r"classifier\.pt is an ultralytics model for 'classify'"):
        load_detector(str(weights / "classifier.pt"))


def test_a_device_that_is_not_there(weights: Path) -> None:
    with pytest.raises(InputError, match="cuda:99"):
        load_detector(str(weights / "random.pt"), device="cuda:99")
