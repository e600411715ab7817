"""The search for accuracy per bit, with the real encoder: what it counts is true, and it finds what it should."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.search.closed_loop import ClosedLoop, load_further
from vcmpipe.coding.search.rdo import Choice, Memory, RateAccuracySearch
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import EncodeOptions
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.detection import load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, scaled_size
from vcmpipe.tasks import Constraint, Constraints, DetectionTask

FRAME = Frame(0, render_scene(920_000).rgb, "scene.png")
DETECTOR = load_detector("demo")
TASK = DetectionTask()


def search(memory: Memory | None = None, scales: tuple[float, ...] = (1.0, 0.6)) -> RateAccuracySearch:
    encoder = load_encoder("vvenc")

    def coder_at(scale: float) -> SegmentCoder:
        return SegmentCoder(encoder, FRAME, coded_size=scaled_size(FRAME.width, FRAME.height, scale))

    constraints = Constraints([Constraint.of(DETECTOR, TASK, DETECTOR.detect([FRAME]))])
    return RateAccuracySearch(constraints, coder_at, scales=scales, memory=memory)


def test_what_it_says_of_a_version_is_what_the_detector_finds_in_the_stream() -> None:
    mine = search()
    best = mine.run(8 * 5_000.0, 5)
    assert mine.memory.trials == len(mine.memory.judged) == 5
    costs = {choice: each.cost(8 * 5_000.0, "accuracy") for choice, each in mine.memory.judged.items()}
    assert costs[best] == min(costs.values())
    judged, coder = mine.memory.judged[best], mine.coder(best.scale)
    coded = mine.code(best)
    again = DETECTOR.detect([coder.decode_still(coded).frame])
    assert judged.bits == coded.bits and coded.qps == (best.qp,)
    assert judged.judgement.loss == pytest.approx(TASK.loss(DETECTOR.detect([FRAME]), again))
    assert np.array_equal(judged.judgement.found[0][0].xyxy, again[0].xyxy)


def test_more_lambda_never_loses_more_among_the_same_versions_and_memory_saves_trials() -> None:
    memory = Memory()
    search(memory).run(8 * 3_000.0, 6)
    losses = []
    for factor in np.geomspace(10, 1e7, 25):
        losses.append(memory.judged[memory.best(8 * factor, "accuracy")].judgement.loss)
    assert losses == sorted(losses, reverse=True)
    before = dict(memory.judged)
    later = search(memory)
    later.run(8 * 3_000.0, 2)
    assert memory.trials == 8 and set(before) < set(memory.judged)


def test_of_versions_that_lose_fewest_objects_the_cheapest() -> None:
    mine = search()
    for choice in (Choice(1.0, 58), Choice(1.0, 20), Choice(0.6, 30)):
        mine.look(choice)
    kept = mine.memory.best(1e-9, "accuracy", keep=True)
    fewest = min(each.judgement.comparison.lost for each in mine.memory.judged.values())
    assert mine.memory.judged[kept].judgement.comparison.lost == fewest
    assert mine.memory.best(1e-9, "objects") == Choice(1.0, 58)


def options(**more: object) -> EncodeOptions:
    return EncodeOptions(input="x", out="x.bin", detector="demo", scales="1,0.6", max_trials=6, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more", [{"loop": "closed", "objective": "accuracy"}, {"verify": True, "objective": "accuracy", "lambda_": 3000.0}]
)
def test_the_record_says_what_was_weighed(more: dict[str, object]) -> None:
    own = options(verify_with="flip", verify_weights="0.25", **more)
    pipeline = Pipeline(own, detector=DETECTOR)
    segment, detections = Segment.still(FRAME), DETECTOR.detect([FRAME])
    encoded = ClosedLoop(pipeline, own, load_further(own, pipeline)).code(segment, detections)[0]
    found = encoded.record.verification
    assert found is not None and found.objective == "accuracy" and found.factor == own.factor
    assert found.keeps_all == own.verify and 1 <= found.trials <= 6
    assert found.loss is not None and found.at_stake is not None and 0 <= found.loss <= found.at_stake
    assert found.further[0].detector.endswith("(flip)")
    if own.verify:
        assert found.verified and all(thing.kept for thing in encoded.record.frames[0].objects)
    # The loss of both, the view's at a quarter.
    coder = pipeline.coder(segment, encoded.record.coded_size)
    (decoded,) = [each.frame for each in coder.decode(encoded.coded)]
    view = load_further(own, pipeline)[0]
    loss = TASK.loss(detections, DETECTOR.detect([decoded]))
    loss += 0.25 * TASK.loss(view.detect([FRAME]), view.detect([decoded]))
    assert found.loss == pytest.approx(loss, abs=1e-5)


def test_nothing_in_a_picture_is_coded_at_next_to_nothing() -> None:
    own = options(loop="closed", objective="accuracy")
    pipeline = Pipeline(own, detector=DETECTOR)
    grey = Frame(0, np.full((64, 96, 3), 90, np.uint8), "grey.png")
    detections = DETECTOR.detect([grey])
    encoded = ClosedLoop(pipeline, own, []).code(Segment.still(grey), detections)[0]
    assert not len(detections[0]) and encoded.coded.bits < 2000 and encoded.record.verification.trials == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"lambda_": 5.0}, "--objective accuracy or --loop closed"),
        ({"verify": True, "target": "retention=0.9"}, "--target with --verify, which keeps every object"),
        ({"target": "retention=0.9", "lambda_": 1.0, "objective": "accuracy"}, "leave one of the two out"),
        ({"target": "retention=1.2"}, "give retention=0.98"),
        ({"target": "speed=3"}, "give retention=0.98"),
        ({"objective": "accuracy", "lambda_": float("inf")}, "--lambda inf: give"),
        ({"objective": "accuracy", "lambda_": float("nan")}, "--lambda nan: give"),
        ({"target": "bytes=nan"}, "give retention=0.98"),
        ({"target": "bytes=100", "margin": -3}, "--margin with --target"),
        ({"target": "bytes=100", "qp": 30}, "--qp 30 with --target"),
        ({"target": "bytes=100", "check": False}, "--no-check with --target"),
        ({"loop": "closed", "objective": "accuracy", "scale": "0.5"}, "--scale 0.5 with --loop closed"),
        ({"objective": "accuracy", "structure": "random-access"}, "--structure random-access with --objective"),
        ({"objective": "accuracy", "verify_with": "flip"}, "--verify-with needs --verify or --loop closed"),
        ({"loop": "closed", "objective": "accuracy", "strict": True}, "--strict needs --verify"),
        (
            {"verify": True, "verify_with": "flip", "verify_weights": "1,2"},
            "numbers of 0 or more as --verify-with names detectors .1.",
        ),
        ({"scales": "0.5"}, "--scales needs"),
    ],
)
def test_options_that_do_not_go_together(more: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncodeOptions(input="x", out="x.bin", **more)  # type: ignore[arg-type]
