"""Ground truth: which of its images a frame is, and one that belongs to other pictures refused before any coding."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.evaluation import GroundTruth, coco_accuracy
from vcmpipe.frames import FrameSource, PictureSource
from vcmpipe.process.progress import Warn

_OF_VIDEO = re.compile(r"(.+)#(\d+)")


def truth_name(truth: GroundTruth, name: str) -> str | None:
    """What the ground truth calls a frame, given as its source without folders; None where it does not have it.

    Frame 12 of ``clip.mp4`` is ``clip.mp4#12`` or ``clip_000012``, with any ending: so ``decode`` names pictures.
    """
    found = _OF_VIDEO.fullmatch(name)
    if found is None or name in truth.images:
        return name if truth.image_id(name) is not None else None
    as_picture = f"{Path(found[1]).stem}_{int(found[2]):06d}"
    return as_picture if truth.image_id(as_picture) is not None else None


def check_truth(
    truth: GroundTruth, sources: Sequence[FrameSource], classes: Mapping[int, str], warn: Warn = lambda message: None
) -> None:
    """Compare a ground truth with the frames and the detector.

    Of a video some frames may have no annotations; they take no part in AP.

    Args:
        truth: What is in the frames.
        sources: Where they come from.
        classes: Those of the detector.
        warn: Told of a video without any annotation beside others that have some.

    Raises:
        InputError: It knows none of the detector's classes, lacks a picture or every frame of every video, has one
            picture for two, or states another size for one.
    """
    coco_accuracy(truth, {}, classes)
    missing = []
    for source in sources:
        if isinstance(source, PictureSource):
            _check_pictures(truth, source)
        elif not _has_frames_of(truth, source.path):
            missing.append(source.path.name)
    where = f"--annotations {truth.source}"
    if missing and len(missing) == len(sources):
        first = Path(missing[0])
        raise InputError(
            f"{where}: no frame of {first.name} is in it: its images are to be named like {first.stem}_000000.png, for "
            f"the first frame, or {first.name}#0; or leave the annotations out"
        )
    if missing:
        warn(f"{where}: it has no frame of {', '.join(missing)}, which AP leaves out")


def _has_frames_of(truth: GroundTruth, video: Path) -> bool:
    frame = re.compile(rf"{re.escape(video.name)}#\d+|{re.escape(video.stem)}_\d{{6,}}(\.\w+)?")
    return any(frame.fullmatch(name) for name in truth.images)


def _check_pictures(truth: GroundTruth, source: PictureSource) -> None:
    known: dict[int, str] = {}
    where = f"--annotations {truth.source}"
    for path, size in zip(source.paths, source.sizes(), strict=True):
        number = truth.image_id(path.name)
        if number is None:
            raise InputError(
                f"{where}: {path.name} is not in it: name the annotations of these pictures, or leave them out"
            )
        if number in known:
            raise InputError(f"{where}: {known[number]} and {path.name} are the same picture in it: remove one of them")
        known[number] = path.name
        stated = truth.sizes.get(number)
        if stated is not None and stated != size:
            raise InputError(
                f"{where}: {path.name} is {size[0]}x{size[1]}, but its annotations are for {stated[0]}x{stated[1]}: "
                "name the annotations of these very pictures"
            )
