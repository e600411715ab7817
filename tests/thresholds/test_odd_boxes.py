"""Boxes that are hardly any, for all three predictors: outside the picture, without area, one pixel, not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch

from vcmpipe.detection.demo import DemoDetector
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.thresholds import ThresholdPredictor, load_predictor
from vcmpipe.thresholds.bc_jrd import BcJrd
from vcmpipe.thresholds.dt_jrd import build
from vcmpipe.thresholds.weights import write_weights

WIDTH, HEIGHT = 96, 64
# Each beside the pixel that it stands for.
ODD = {
    "one pixel": ((30, 20, 31, 21), (30, 20, 31, 21)),
    "no area": ((30, 20, 30, 20), (30, 20, 31, 21)),
    "no height": ((30, 20, 40, 20), (30, 20, 40, 21)),
    "left above": ((-50, -40, -10, -5), (0, 0, 1, 1)),
    "right below": ((200, 100, 300, 400), (WIDTH - 1, HEIGHT - 1, WIDTH, HEIGHT)),
    "at the corner": ((WIDTH, HEIGHT, WIDTH, HEIGHT), (WIDTH - 1, HEIGHT - 1, WIDTH, HEIGHT)),
    "half outside": ((80, 50, 500, 500), (80, 50, WIDTH, HEIGHT)),
    "larger than all": ((-9, -9, 999, 999), (0, 0, WIDTH, HEIGHT)),
}


class Same:
    """A coder that costs nothing and changes nothing."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __call__(self, qp: int) -> Frame:
        return self.frame

    def many(self, qps) -> Iterator[Frame]:
        return (self.frame for _ in qps)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ThresholdPredictor]:
    folder: Path = tmp_path_factory.mktemp("weights")
    torch.manual_seed(2)
    dt, bc = build("test_vit", 32), BcJrd("test_efficientnet", 32)
    torch.nn.init.normal_(dt.head.weight, std=1.0)  # a head that says something
    for name, network, backbone in (("dt_jrd", dt, "test_vit"), ("bc_jrd", bc, "test_efficientnet")):
        card = {"model": name, "backbone": backbone, "size": 32}
        write_weights(folder / f"{name}.safetensors", network, card)
    made = {name: load_predictor(f"{name}:{folder / name}.safetensors") for name in ("dt_jrd", "bc_jrd")}
    return made | {"detector_aware": load_predictor("detector_aware", detector=DemoDetector(jobs=1))}


def detections(*boxes: tuple[float, ...]) -> sv.Detections:
    count = len(boxes)
    return sv.Detections(
        np.array(boxes, np.float32), confidence=np.full(count, 0.6, np.float32), class_id=np.zeros(count, np.int64)
    )


@pytest.mark.parametrize("name", ["dt_jrd", "bc_jrd", "detector_aware"])
@pytest.mark.parametrize("kind", list(ODD))
def test_a_box_stands_for_the_pixels_of_the_picture_that_it_touches(
    predictors: dict[str, ThresholdPredictor], make_frame: Callable[..., Frame], name: str, kind: str
) -> None:
    frame = make_frame(WIDTH, HEIGHT)
    odd, plain = (predictors[name].predict(frame, detections(box), Same(frame)) for box in ODD[kind])
    assert odd.mass.shape == (1, 64) and odd.mass.sum() == pytest.approx(1.0)
    assert np.array_equal(odd.mass, plain.mass)


@pytest.mark.parametrize("name", ["dt_jrd", "bc_jrd", "detector_aware"])
def test_all_of_them_in_one_picture(
    predictors: dict[str, ThresholdPredictor], make_frame: Callable[..., Frame], name: str
) -> None:
    frame = make_frame(WIDTH, HEIGHT)
    found = predictors[name].predict(frame, detections(*(odd for odd, _ in ODD.values())), Same(frame))
    assert len(found) == len(ODD) and ((found.decide() >= 0) & (found.decide() <= 63)).all()


@pytest.mark.parametrize("name", ["dt_jrd", "bc_jrd", "detector_aware"])
@pytest.mark.parametrize("side", [np.nan, np.inf])
def test_a_side_that_is_no_number(
    predictors: dict[str, ThresholdPredictor], make_frame: Callable[..., Frame], name: str, side: float
) -> None:
    frame = make_frame(WIDTH, HEIGHT)
    boxes = detections((1, 1, 9, 9))
    boxes.xyxy[0, 2] = side  # new ones are checked by supervision itself
    with pytest.raises(InputError, match=r"finite|not a number"):
        predictors[name].predict(frame, boxes, Same(frame))
