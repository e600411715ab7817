from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vcmpipe.detection import Detector, load_detector
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame

NAME = "ssdlite320_mobilenet_v3_large"


def build(classes: int) -> Any:
    import torch
    from torchvision.models import get_model

    torch.manual_seed(4)
    return get_model(NAME, weights=None, weights_backbone=None, num_classes=classes).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("weights")
    names = json.dumps(["__background__", "cat", "dog"])
    save_file(build(3).state_dict(), folder / "three.safetensors", metadata={"classes": names})
    torch.save(build(3).state_dict(), folder / "three.pth")
    torch.save(build(91).state_dict(), folder / "coco.pth")
    torch.save(build(3), folder / "model.pth")
    return folder


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    rng = np.random.default_rng(2)
    sizes = [(120, 160), (96, 200), (120, 160)]
    return [Frame(i, rng.integers(0, 256, (*size, 3), dtype=np.uint8), f"{i}.png") for i, size in enumerate(sizes)]


@pytest.fixture(scope="module")
def detector(folder: Path) -> Detector:
    return load_detector(f"torchvision:{NAME}@{folder / 'three.safetensors'}", device="cpu", min_score=0.01)


def test_it_answers_as_torchvision_does(detector: Detector, frames: list[Frame]) -> None:
    import torch

    model = build(3)
    model.score_thresh = 0.01
    found = detector.detect(frames)
    for frame, ours in zip(frames, found, strict=True):
        with torch.inference_mode():
            [theirs] = model([torch.from_numpy(frame.rgb).permute(2, 0, 1) / 255.0])
        assert len(ours) > 0
        assert ours.confidence == pytest.approx(np.sort(theirs["scores"].numpy())[::-1], abs=1e-6)
        assert set(ours.class_id.tolist()) <= {1, 2}
        assert (np.diff(ours.confidence) <= 0).all()
    assert detector.detect([]) == []


def test_what_it_says_of_itself(detector: Detector, folder: Path) -> None:
    assert detector.name == f"torchvision:{NAME}@three.safetensors"
    assert detector.classes == {1: "cat", 2: "dog"}
    assert detector.digest == hashlib.sha256((folder / "three.safetensors").read_bytes()).hexdigest()
    assert detector.input_size(640, 480) == (320, 320)


@pytest.mark.parametrize(("file", "classes"), [("three.pth", {1: "class 1", 2: "class 2"}), ("coco.pth", None)])
def test_the_number_of_classes_is_read_from_the_weights(folder: Path, file: str, classes: dict[int, str]) -> None:
    found = load_detector(f"torchvision:{NAME}@{folder / file}").classes
    if classes is None:
        assert (len(found), found[1], found[90], 0 in found) == (80, "person", "toothbrush", False)
    else:
        assert found == classes


def test_input_size_of_a_two_stage_model(tmp_path: Path) -> None:
    import torch
    from torchvision.models import get_model

    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    torch.save(get_model(name, weights=None, weights_backbone=None, num_classes=4).state_dict(), tmp_path / "f.pth")
    detector = load_detector(f"torchvision:{name}@{tmp_path / 'f.pth'}")
    assert len(detector.classes) == 3
    picture = torch.zeros(3, 480, 640)
    tensors = detector._model.transform([picture])[0]  # type: ignore[attr-defined]
    assert detector.input_size(640, 480) == (tensors.image_sizes[0][1], tensors.image_sizes[0][0])


@pytest.mark.parametrize(
    ("model", "file", "says"),
    [
        (NAME, "none.pth", "none.pth does not exist"),
        (NAME, "bad.pth", "damaged or not a state dict"),
        (NAME, "bad.safetensors", "damaged or not a state dict"),
        (NAME, "model.pth", "damaged or not a state dict"),  # a pickled module would run code
        ("ssd300_vgg16", "three.safetensors", "not a state dict of torchvision's ssd300_vgg16: it lacks"),
    ],
)
def test_wrong_files_are_one_line(folder: Path, model: str, file: str, says: str) -> None:
    for name in ("bad.pth", "bad.safetensors"):
        (folder / name).write_bytes(b"garbage")
    with pytest.raises(InputError, match=says) as caught:
        load_detector(f"torchvision:{model}@{folder / file}")
    assert "\n" not in str(caught.value)
