"""Open-loop choices on textured pictures with planted detections, coded for real where bits are spoken of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import supervision as sv

from vcmpipe.coding.open_loop import POLICIES, OpenChoice, OpenLoop, choose_open
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import PipelineOptions
from vcmpipe.detection.nothing import NoDetector
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, scaled_size
from vcmpipe.thresholds import Thresholds

MakeFrame = Callable[..., Frame]


class Planted:
    """Sees a sure thing, a less sure one and a weak one; the less sure one only in pictures that are not blurred."""

    name, digest = "planted", "0" * 64
    classes = {0: "left", 1: "right"}  # noqa: RUF012

    def __init__(self, sharp: float = 0.0) -> None:
        self.sharp = sharp

    def detect(self, frames):
        return [self.one(frame) for frame in frames]

    def one(self, frame: Frame) -> sv.Detections:
        boxes = np.array([[8, 8, 60, 50], [100, 80, 150, 120], [120, 8, 150, 40]], np.float32)
        contrast = np.abs(np.diff(frame.rgb.astype(float), axis=1)).mean()
        some = sv.Detections(boxes, confidence=np.array([0.9, 0.5, 0.1], np.float32), class_id=np.array([0, 1, 0]))
        return some if contrast >= self.sharp else some[np.array([0, 2])]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


class Predicted:
    """Certain thresholds, in the order of the detections."""

    name = "planted"

    def __init__(self, *qps: int) -> None:
        self.qps = qps

    def predict(self, frame, detections, coder=None) -> Thresholds:
        return Thresholds.from_qps(self.qps[: len(detections)])


def loop(frame: Frame, detector: Planted | None = None, *, encoder: str = "vvenc", **more: object) -> OpenLoop:
    detector = detector or Planted()
    options = PipelineOptions(detector="demo", encoder=encoder, jobs=1)
    pipeline = Pipeline(options, detector=detector, predictor=Predicted(34, 40, 30))  # type: ignore[arg-type]
    coders: dict[float, SegmentCoder] = {}

    def coder_at(scale: float) -> SegmentCoder:
        if scale not in coders:
            coders[scale] = pipeline.coder(frame, scaled_size(frame.width, frame.height, scale))
        return coders[scale]

    return OpenLoop(pipeline, coder_at, detector.detect([frame]), **more)  # type: ignore[arg-type]


def cost(choice: OpenChoice, lambda_: float) -> float:
    return choice.bits / 8 + lambda_ * choice.loss


@pytest.mark.parametrize("policy", POLICIES)
def test_more_worth_is_lost_less_and_no_policy_is_expected_to_be_worse_than_one_qp(
    policy: str, make_frame: MakeFrame
) -> None:
    made = loop(make_frame(160, 128))
    choices = [made.choose(each, policy) for each in (0, 100, 1_000, 10_000, 100_000)]
    for lambda_, choice in zip((0, 100, 1_000, 10_000, 100_000), choices, strict=True):
        assert (choice.qp_map.width, choice.qp_map.height) == choice.coder.padded_size
        assert cost(choice, lambda_) <= cost(made.choose(lambda_, "uniform"), lambda_) * (1 + 1e-9)
    losses = [choice.loss for choice in choices]
    assert losses[-1] < 0.1 * losses[0]
    if policy == "uniform":
        assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(("policy", "encoder"), [("objects", "vvenc"), ("objects", "kvazaar"), ("mfiba", "vvenc")])
def test_choices_are_coded_as_expected(policy: str, encoder: str, make_frame: MakeFrame) -> None:
    made = loop(make_frame(320, 256), encoder=encoder, scales=(1.0,))
    choice = made.choose(10_000, policy)
    coded = choice.coder.by_map(choice.qp_map)
    assert not choice.qp_map.is_uniform
    if encoder == "kvazaar":
        assert coded.realisation == "native"
    else:
        assert 0.5 < coded.bits / choice.bits < 2.0
        assert coded.actual(choice.qp_map) == choice.qp_map, "it was chosen for the regions that are coded"


def test_a_scale_that_loses_objects_without_coding_is_left_alone(make_frame: MakeFrame) -> None:
    frame = make_frame(160, 128)
    contrast = np.abs(np.diff(frame.rgb.astype(float), axis=1)).mean()
    blind, sharp = loop(frame), loop(frame, Planted(0.95 * contrast))
    assert sharp.view(0.5).stakes.loss[1, 0] == pytest.approx(0.25, abs=0.01)
    assert blind.view(0.5).stakes.loss[1, 0] < 0.01
    assert blind.choose(3_000).scale < 1.0 and sharp.choose(30_000).scale == 1.0


def test_weak_detections_count_and_what_no_class_wants_does_not(make_frame: MakeFrame) -> None:
    frame = make_frame(160, 128)
    assert loop(frame).weights == pytest.approx([0.81, 0.25, 0.01])
    pipeline = Pipeline(PipelineOptions(jobs=1), detector=Planted(), predictor=Predicted(34), classes="right")  # type: ignore[arg-type]
    only = OpenLoop(pipeline, lambda scale: pipeline.coder(frame), Planted().detect([frame]), scales=(1.0,))
    assert only.weights == pytest.approx([0.25])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_picture_without_detections_costs_as_little_as_possible(policy: str, make_frame: MakeFrame) -> None:
    frame = make_frame(96, 64)
    pipeline = Pipeline(PipelineOptions(jobs=1), detector=NoDetector(), predictor=Predicted())  # type: ignore[arg-type]

    def coder_at(scale: float) -> SegmentCoder:
        return pipeline.coder(frame, scaled_size(frame.width, frame.height, scale))

    choice = choose_open(pipeline, coder_at, pipeline.detector.detect([frame]), 10_000, policy)
    assert (choice.loss, choice.qp_map.minimum()) == (0.0, 54)


@pytest.mark.parametrize(
    ("lambda_", "policy", "message"),
    [
        (1, "magic", "no allocation 'magic'"),
        (-1, "objects", "lambda is in bytes"),
        (float("nan"), "objects", "lambda is in bytes"),
    ],
)
def test_bad_choices_are_refused(lambda_: float, policy: str, message: str, make_frame: MakeFrame) -> None:
    with pytest.raises(InputError, match=message):
        loop(make_frame(96, 64)).choose(lambda_, policy)


def test_sequences_are_refused(make_frame: MakeFrame) -> None:
    frame = make_frame(96, 64)
    pipeline = Pipeline(PipelineOptions(jobs=1), detector=Planted(), predictor=Predicted())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one by one"):
        OpenLoop(pipeline, lambda scale: pipeline.coder(frame), [sv.Detections.empty()] * 2)
