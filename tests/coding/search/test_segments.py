"""A segment of several frames, verified: what is promised of every frame is found in every decoded frame."""

from __future__ import annotations

import numpy as np

from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.search.closed_loop import ClosedLoop
from vcmpipe.coding.segment import Segment
from vcmpipe.config import EncodeOptions
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.detection import load_detector
from vcmpipe.frames import Frame


def test_every_frame_of_a_segment_keeps_its_own_objects() -> None:
    scene = render_scene(920_000).rgb
    segment = Segment(0, tuple(Frame(i, np.roll(scene, 16 * i, axis=1), f"pan.y4m#{i}") for i in range(2)))
    detector = load_detector("demo")
    options = EncodeOptions(
        input="pan", out="pan.bin", detector="demo", verify=True, max_trials=4, scales="1,0.5", background_blur=3.0
    )
    pipeline = Pipeline(options, detector=detector)
    detections = detector.detect(segment.frames)
    encoded = ClosedLoop(pipeline, options, [detector]).code(segment, detections)[0]
    reference = pipeline.task.reference(detections)
    size = encoded.record.coded_size
    decoded = [each.frame for each in pipeline.coder(segment, size).decode(encoded.coded)]
    found = pipeline.task.compare(reference, detector.detect(decoded))
    assert len(decoded) == 2 and all(len(objects) > 1 for objects in reference.detections)
    records = [frame.objects for frame in encoded.record.frames]
    assert [[one.kept for one in own] for own in records] == [own.tolist() for own in reference.by_frame(found.kept)]
    assert encoded.record.verification.verified
    assert found.lost <= len(encoded.record.verification.unrecoverable)
    # The same detector asked twice says the same of each object, all frames after one another.
    (second,) = encoded.record.verification.further
    assert second.objects == [one for own in records for one in own]
