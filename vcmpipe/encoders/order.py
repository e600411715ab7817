"""The order in which encoders code the frames of a segment, which some of them read maps in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vcmpipe.bitstream import inspect_stream, presentation_order
from vcmpipe.errors import ProcessError


def whole_groups(period: int, group: int) -> int:
    """Frames from one intra picture to the next: as requested, or as many more as fill up a group of pictures."""
    return max(1, -(-period // group)) * group


def coding_order(frames: int, group: int) -> list[int]:
    """The frames of a segment, counted in presentation order, in the order of a hierarchy of bidirectional frames.

    ``group`` frames, a power of two, are coded after what stands before them: the last, the one half-way to it, the
    halves of the halves (16, 8, 4, 2, 1, 3, 6, 5, 7, ...). Those that the segment does not have are left out. In groups
    of one, frames are coded as they come.
    """
    order = [0]
    for first in range(0, frames - 1, group):
        last = first + group
        order += (frame for frame in (last, *_halves(first, last)) if frame < frames)
    return order


def _halves(first: int, last: int) -> Iterator[int]:
    if last - first > 1:
        middle = (first + last) // 2
        yield middle
        yield from _halves(first, middle)
        yield from _halves(middle, last)


def check_order(stream: bytes, expected: Sequence[int], name: str) -> None:
    """Refuse a stream whose frames were coded in another order than their maps were written in: ProcessError."""
    actual = presentation_order(inspect_stream(stream).pictures)
    for number, (frame, planned) in enumerate(zip(actual, expected, strict=True)):
        if frame != planned:
            raise ProcessError(
                f"{name} coded frame {frame} as number {number}, not frame {planned} whose map it read then: "
                "give all frames of the segment one map"
            )
