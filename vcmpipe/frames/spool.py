"""Frames of a sequence that wait on the disk until they are coded, so that none has to be held in memory."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from vcmpipe.errors import InputError, OutputError
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.frame import Frame
from vcmpipe.frames.on_demand import OnDemand
from vcmpipe.frames.planes import Planes


class _Place(NamedTuple):
    number: int
    source: str
    timestamp: Fraction | None


def _spooled(colour: ColourSpec) -> Spool:
    return Spool(colour=colour)


class Spool(OnDemand[Frame]):
    """Frames of one size, depth and colour, kept as planes in a file without a name; the last one read stays at hand.

    Pictures become 10-bit planes. A frame is read anew whenever it is asked for, so that what it holds (its RGB) goes
    with it. Reading is safe from several threads; the file goes with the object.

    Args:
        folder: where the file lies; None: where temporary files do.
        colour: what pictures become planes with.
    """

    def __init__(self, folder: str | None = None, colour: ColourSpec | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix="vcmpipe-frames-")  # noqa: SIM115
        self._lock = threading.Lock()
        self._folder = folder
        self._colour = colour or ColourSpec()
        self._places: list[_Place] = []
        self._like: Planes | None = None
        self._last: tuple[int, Frame] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes on the disk."""
        return len(self._places) * self._frame_bytes

    @property
    def _frame_bytes(self) -> int:
        return sum(array.nbytes for array in self._like.arrays) if self._like else 0

    def takes(self, frame: Frame) -> bool:
        """Whether a frame may follow those that are there: it has their size, depth and colour."""
        if self._like is None:
            return True
        planes = frame.planes
        if planes is None:
            return (frame.width, frame.height, self._colour) == (self._like.width, self._like.height, self._like.colour)
        kind = planes.width, planes.height, planes.depth, planes.colour
        return kind == (self._like.width, self._like.height, self._like.depth, self._like.colour)

    def append(self, frame: Frame) -> None:
        """Add a frame.

        Raises:
            InputError: it has another size, depth or colour than the first.
            OutputError: the disk is full.
        """
        if not self.takes(frame):
            raise InputError(f"{frame.source} has another size, bit depth or colour than the frame before it")
        planes = frame.planes or Planes.of_rgb(frame.rgb, self._colour)
        try:
            with self._lock:
                self._file.seek(len(self._places) * self._frame_bytes)
                for array in planes.arrays:
                    self._file.write(np.ascontiguousarray(array).data)
        except OSError as error:
            raise OutputError(
                f"frames that wait to be coded do not fit on the disk ({error.strerror}): set TMPDIR to a folder with "
                "more room, or give a smaller --segment"
            ) from error
        # Only what it is like is kept, not its samples.
        if self._like is None:
            y, u, v = (np.empty_like(array) for array in planes.arrays)
            self._like = Planes(y, u, v, planes.colour)
        self._places.append(_Place(frame.index, frame.source, frame.timestamp))

    def __len__(self) -> int:
        return len(self._places)

    def item(self, place: int) -> Frame:
        """The frame at a place."""
        last = self._last  # read once: another thread may replace it
        if last is None or last[0] != place:
            last = self._last = (place, self._read(place))
        return last[1]

    def _read(self, place: int) -> Frame:
        assert self._like is not None
        data = bytearray(self._frame_bytes)
        with self._lock:
            self._file.seek(place * self._frame_bytes)
            count = self._file.readinto(data)  # type: ignore[attr-defined]
        if count != len(data):
            raise OutputError(f"{self._places[place].source}: what waited on the disk is gone; run again")
        start, arrays = 0, []
        for like in self._like.arrays:
            arrays.append(np.frombuffer(data, like.dtype, like.size, start).reshape(like.shape))
            start += like.nbytes
        y, u, v = arrays
        number, source, timestamp = self._places[place]
        return Frame(number, None, source, timestamp, planes=Planes(y, u, v, self._like.colour))

    def take_from(self, place: int) -> Spool:
        """The frames from a place on, as a spool of their own; they are no longer in this one.

        Raises:
            OutputError: The disk is full, or a frame is gone.
        """
        rest = Spool(self._folder, self._colour)
        for number in range(place, len(self)):
            rest.append(self._read(number))
        with self._lock:
            self._places, self._last = self._places[:place], None
            self._file.truncate(place * self._frame_bytes)
        return rest

    def __reduce__(self) -> tuple[Any, ...]:
        # To a worker on another machine its frames travel with it, one after the other.
        return _spooled, (self._colour,), None, (self._read(place) for place in range(len(self)))

    def extend(self, frames: Iterable[Frame]) -> None:
        """Add frames: see ``append``."""
        for frame in frames:
            self.append(frame)

    def release(self) -> None:
        """Let the frame at hand go, for who keeps many of these."""
        self._last = None
