"""Ground truth that belongs to other pictures is refused before anything is coded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.evaluation import GroundTruth, coco_accuracy
from vcmpipe.frames import Frame, FrameSource, PictureSource


def check_truth(truth: GroundTruth, source: FrameSource, classes: Mapping[int, str]) -> None:
    """Compare a ground truth with the pictures and the detector.

    Raises:
        InputError: It knows none of the detector's classes, lacks a picture, has one for two pictures, or states
            another size for one.
    """
    coco_accuracy(truth, {}, classes)
    if not isinstance(source, PictureSource):
        return
    known: dict[int, str] = {}
    where = f"--annotations {truth.source}"
    for path, size in zip(source.paths, source.sizes(), strict=True):
        number = truth.image_id(path.name)
        if number is None:
            raise InputError(
                f"{where}: {path.name} is not in it: name the annotations of these pictures, or leave them out"
            )
        if number in known:
            raise InputError(f"{where}: {known[number]} and {path.name} are one picture in it: take one of them out")
        known[number] = path.name
        stated = truth.sizes.get(number)
        if stated is not None and stated != size:
            raise InputError(
                f"{where}: {path.name} is {size[0]}x{size[1]}, but its annotations are for {stated[0]}x{stated[1]}: "
                "name the annotations of these very pictures"
            )


def known_frames(truth: GroundTruth | None, frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames; one that the ground truth does not have (of a video, whose frames have no files) ends them.

    Raises:
        InputError: A frame is not in the ground truth.
    """
    for frame in frames:
        name = Path(frame.source).name
        if truth is not None and truth.image_id(name) is None:
            raise InputError(
                f"--annotations {truth.source}: {name} is not in it: name annotations with such frames, or leave them out"
            )
        yield frame
