"""Which frames of a source are taken, and when they are shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from fractions import Fraction

from vcmpipe.errors import InputError
from vcmpipe.frames.frame import Frame
from vcmpipe.frames.planes import Planes
from vcmpipe.frames.times import parse_rate
from vcmpipe.process import one_line


@dataclass(frozen=True)
class Shot:
    """A frame that a reader has come to, its samples not yet copied.

    Attributes:
        index: its number in the source.
        time: seconds from the source's first frame.
        planes: makes its samples; to be called before the reader goes on.
    """

    index: int
    time: Fraction
    planes: Callable[[], Planes]


@dataclass(frozen=True)
class Selection:
    """The frames that are taken; see ``open_source``.

    Attributes:
        limit: the most frames, or None for all.
        start: seconds; frames with earlier times are left out.
        stride: every how many frames one is taken, from the first that is.
        fps: frames per second that replace the source's own times, or None.
    """

    limit: int | None = None
    start: Fraction = Fraction(0)
    stride: int = 1
    fps: Fraction | None = None

    @classmethod
    def of(cls, limit: int | None, start: float, stride: int, fps: str | None) -> Selection:
        """The selection that a user asks for; InputError where a number is out of its range."""
        if limit is not None and limit < 1:
            raise InputError(f"the number of frames to read is at least 1, not {limit}")
        if not math.isfinite(start) or start < 0:
            raise InputError(f"the time to start at is a number of seconds from 0 up, not {start}")
        if stride < 1:
            raise InputError(f"every Nth frame is taken with N from 1 up, not {stride}")
        # The decimal that was typed: 0.1 as a float lies a little after the frame at 1/10.
        return cls(limit, Fraction(str(start)), stride, None if fps is None else parse_rate(fps))

    def frames(self, shots: Iterable[Shot], name: str) -> Generator[Frame]:
        """Yields those of a video's frames that are taken; InputError where there is none.

        ``name`` is what the frames are called, with ``#`` and their number.
        """
        taken, first, last = 0, 0, None
        for shot in shots:
            last = shot.time
            if shot.time < self.start:
                continue
            if not taken:
                first = shot.index
            if (shot.index - first) % self.stride:
                continue
            time = shot.time if self.fps is None else shot.index / self.fps
            yield Frame(shot.index, None, f"{name}#{shot.index}", time, planes=shot.planes())
            taken += 1
            if taken == self.limit:
                return
        if last is not None and not taken:
            raise InputError(
                f"{one_line(name)} has no frame from {float(self.start):g} s on: its last one is at {float(last):.2f} s"
            )
        if not taken:
            raise InputError(
                f"{one_line(name)} holds a video without pictures: convert it, or name a folder of pictures"
            )

    def rate(self, own: Fraction | None) -> Fraction | None:
        """Frames per second of what is taken, of a source with that rate."""
        rate = self.fps or own
        return rate and rate / self.stride
