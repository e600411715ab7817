"""What an encode can do whose detections come from a file, and what it cannot: nobody looks at what was coded."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from vcmpipe.config import EncodeOptions
from vcmpipe.detection import resolve_detector_spec
from vcmpipe.detection.recorded import WAYS_FORWARD, RecordedDetector, recorded_path
from vcmpipe.detection.registry import load_detector, plugin_detectors
from vcmpipe.errors import InputError
from vcmpipe.frames import FrameSource, PictureSource, VideoSource
from vcmpipe.process.progress import Warn
from vcmpipe.process.text import one_line

if TYPE_CHECKING:
    from vcmpipe.detection import Detector


def detector_of(options: EncodeOptions) -> RecordedDetector | None:
    """The detector of an encode where it is a file of detections; else None, and nothing is loaded.

    Raises:
        InputError: The file is damaged, or names of classes were given without one.
    """
    spec = resolve_detector_spec(options.detector)
    if recorded_path(spec) is None or spec.partition(":")[0] in plugin_detectors():
        if options.classes is not None:
            raise InputError(f"--classes {one_line(options.classes)} is for detections in a file (--detector FILE)")
        return None
    found = load_detector(spec, again=False, classes=options.classes)
    assert isinstance(found, RecordedDetector)
    return found


def without_looking(options: EncodeOptions, detector: Detector | None, warn: Warn) -> EncodeOptions:
    """The options as they are; or without a check, where the detector is a file of detections.

    Raises:
        InputError: They need somebody who looks at decoded pictures.
    """
    if not isinstance(detector, RecordedDetector):
        return options
    search = "--verify" if options.verify else "--loop closed" if options.closed else None
    measured = options.predictor.partition(":")[0] == "measured"
    needs = [
        search,
        "--target" if options.target is not None else None,
        "--objective accuracy" if options.weighed else None,
        "--fail-under" if options.fail_under is not None else None,
        "--found-out" if options.found_out is not None else None,
        f"--predictor {options.predictor}" if measured else None,
        "--scale detector" if options.scale == "detector" else None,
    ]
    for way in filter(None, needs):
        raise InputError(
            f"{way} needs a detector that runs, and {detector.name} has detections in the source only: "
            f"{WAYS_FORWARD}, or leave {way.split()[0]} out: then thresholds are predicted, and nothing is checked"
        )
    if options.check:
        warn(
            f"{detector.name} has detections in the source only: the coded pictures are not checked, and what is "
            "kept is not known"
        )
    return dataclasses.replace(options, check=False)


def check_belongs(detector: Detector | None, source: FrameSource) -> None:
    """Refuse, before any work, a file of detections that knows none of the pictures, or nothing of the video.

    Of a pipe or an address that is seen only at its end: see ``RecordedDetector.remarks``.

    Raises:
        InputError: It knows none.
    """
    if not isinstance(detector, RecordedDetector):
        return
    if isinstance(source, VideoSource):
        detector.settle_video(source.path)
    if isinstance(source, PictureSource):
        places = (source.first + place * source.stride for place in range(len(source.paths)))
        detector.settle((str(path), place) for path, place in zip(source.paths, places, strict=True))
