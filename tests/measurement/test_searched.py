"""Labels by search are those of the whole ladder."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.detection import load_detector
from vcmpipe.evaluation import MatchRule
from vcmpipe.frames import Frame
from vcmpipe.measurement import search_labels
from vcmpipe.tasks import DetectionTask


def test_a_pictures_labels_take_a_fraction_of_its_versions(counting_encoder) -> None:
    detector, task = load_detector("demo", jobs=1), DetectionTask(MatchRule())
    frame = Frame(0, render_scene(910_000).rgb, "scene.png")
    (objects,) = task.reference(detector.detect([frame])).detections
    coder = SegmentCoder(counting_encoder, frame).of_frame(0)
    labels = search_labels(objects, coder, detector, task)
    assert labels.found.shape == (len(objects), 64) and len(objects) > 2
    assert labels.coded == counting_encoder.jobs < 32
    assert labels.recognisable.any() and (labels.label[labels.recognisable] > 0).all()
    # At its label an object is found.
    at = detector.detect(list(coder.many(labels.label.tolist())))
    kept = [task.compare(task.reference(detector.detect([frame])), [version]).kept[n] for n, version in enumerate(at)]
    assert np.mean(np.array(kept)[labels.recognisable]) > 0.8


@pytest.mark.parametrize("objects", [0])
def test_without_objects_nothing_is_coded(counting_encoder, make_frame, objects: int) -> None:
    import supervision as sv

    coder = SegmentCoder(counting_encoder, make_frame(64, 64)).of_frame(0)
    labels = search_labels(sv.Detections.empty(), coder, load_detector("demo"), DetectionTask(MatchRule()))
    assert len(labels.label) == labels.coded == counting_encoder.jobs == 0
