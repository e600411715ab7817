"""Whether the pictures of a folder are the frames of a video, one after the other."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames.pictures import picture_size, read_picture

if TYPE_CHECKING:
    from vcmpipe.frames.sources import PictureSource

_PAIRS = 8
_SIDE = 32
_ALIKE = 0.6
"""Correlation of neighbours' thumbnails, the median of up to 8 pairs.

Measured: three clips 0.96 to 1.00 frame by frame, 0.77 to 1.00 at every tenth; photos in any order (150 of COCO, 20,000
draws) up to 0.35, and with 2 pairs up to 0.50 in 99.9 % of the draws.
"""
_FLAT = 1.0
"""Grey levels (standard deviation) below which a thumbnail shows nothing that could be compared."""


def consecutive(source: PictureSource) -> tuple[bool, str]:
    """Whether pictures are a video's consecutive frames, and why, in words.

    They are where there are at least 3, of one size, with names that differ in one number alone, which goes up by one
    step, and neighbours look alike. Headers are read of all, samples of 16 pictures at most. One that cannot be read
    says nothing: whoever reads it for its own sake names it.
    """
    number = len(source.paths)
    if number < 3:
        return False, f"{number} picture{'s' * (number != 1)}: fewer than 3"
    numbers = _numbers(source.paths)
    if numbers is None:
        return False, f"{number} pictures whose names do not count up by one step"
    sizes = {path: size for path in source.paths if (size := _size(path)) is not None}
    if not sizes:
        return False, f"{number} pictures, none of which can be read"
    width, height = next(iter(sizes.values()))
    for path, other in sizes.items():
        if other != (width, height):
            return False, (
                f"{number} pictures of several sizes: {width}x{height}, and {other[0]}x{other[1]} in {path.name}"
            )
    pairs = min(_PAIRS, number - 1)
    places = sorted({round(each * (number - 2) / max(pairs - 1, 1)) for each in range(pairs)})
    near = {each for place in places for each in (place, place + 1)}
    thumbs = {each: thumb for each in sorted(near) if (thumb := _thumbnail(source.paths[each])) is not None}
    compared = [_likeness(thumbs[place], thumbs[place + 1]) for place in places if {place, place + 1} <= thumbs.keys()]
    if not compared:
        return False, f"{number} pictures, too few of which can be read"
    likeness = median(compared)
    what = f"{number} pictures of {width}x{height}, numbered {numbers[0]} to {numbers[1]}, neighbours"
    if likeness < _ALIKE:
        return False, f"{what} not alike ({likeness:.2f} of 1)"
    return True, f"{what} alike"


def _numbers(paths: tuple[Path, ...]) -> tuple[int, int] | None:
    """The first and last of the numbers that count the names up; None where they do not."""
    names = [re.split(r"([0-9]+)", path.name.casefold()) for path in paths]
    if len({len(parts) for parts in names}) > 1:
        return None
    columns = list(zip(*names, strict=True))
    values = [[int(value) for value in column] for column in columns[1::2]]
    changing = [column for column in values if len(set(column)) > 1]
    if any(len(set(column)) > 1 for column in columns[::2]) or len(changing) != 1:
        return None
    (count,) = changing
    steps = {after - before for before, after in pairwise(count)}
    return (count[0], count[-1]) if len(steps) == 1 and min(steps) > 0 else None


def _size(path: Path) -> tuple[int, int] | None:
    try:
        return picture_size(path)
    except InputError:
        return None


def _thumbnail(path: Path) -> NDArray[np.float32] | None:
    import cv2

    try:
        grey = cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2GRAY)
    except InputError:
        return None
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)


def _likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlation, -1 to 1; of two flat pictures 1, of a flat one with another 0."""
    spread = float(one.std()), float(other.std())
    if min(spread) < _FLAT:
        return float(max(spread) < _FLAT)
    return float(((one - one.mean()) * (other - other.mean())).mean()) / (spread[0] * spread[1])
