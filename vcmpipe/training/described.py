"""Features of a picture's detections, computed once and kept: what everything in ``detector_aware`` learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, read_picture
from vcmpipe.thresholds import features
from vcmpipe.thresholds.looks import Look, look_again, names

if TYPE_CHECKING:
    from vcmpipe.detection import Detector

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Described:
    """A picture and its N boxes.

    Attributes:
        path: The picture file.
        sha256: Of that file, hexadecimal; empty where it is not known.
        xyxy: (N, 4) in pixels of the picture.
    """

    path: Path
    sha256: str
    xyxy: NDArray[np.float32]


def described(
    picture: Described,
    score: NDArray[np.float32],
    class_id: NDArray[np.int64],
    detector: Detector,
    looks: Sequence[Look],
    cache: Path | None,
) -> tuple[Floats, Floats]:
    """Features (N, F) of a picture's detections and (N, 3 K) of K more looks.

    Raises:
        InputError: The picture is gone or is another one than it was.
    """
    import supervision as sv

    found = sv.Detections(picture.xyxy, confidence=score, class_id=class_id)
    columns = [*features.NAMES, *names(looks)]
    try:
        digest = hashlib.sha256(picture.path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"{picture.path} cannot be read ({error.strerror}): --images names the folder of the pictures"
        ) from error
    if picture.sha256 and picture.sha256 != digest:
        raise InputError(f"{picture.path} is another picture than the one that was coded: it has changed since")
    what = hashlib.sha256(picture.xyxy.tobytes() + score.tobytes() + "\n".join(columns).encode()).hexdigest()
    file = cache / f"{digest[:32]}-{detector.digest[:16]}-{what[:16]}.npz" if cache else None
    if file is not None and file.is_file():
        with np.load(file) as kept:
            return kept["rows"], kept["looked"]
    frame = Frame(0, read_picture(picture.path), str(picture.path))
    rows = features.describe(frame, found, detector.input_size(frame.width, frame.height))
    looked = look_again(detector, frame, found, looks)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {"rows": rows, "looked": looked}
        np.savez(file, **arrays)
    return rows, looked
