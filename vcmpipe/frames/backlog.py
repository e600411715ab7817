"""Frames that wait between the thread that reads them and whoever takes them."""

from __future__ import annotations

import queue
import threading
from collections import deque

from vcmpipe.frames.frame import Frame

LOOK = 0.1
"""Seconds for which either side waits before it looks whether somebody wants to stop."""


class Backlog:
    """A queue of frames, bounded in their number and in the bytes of their samples; for one reader and one taker.

    Where it is full the reader waits, or with ``drop`` the oldest frames go: what is taken next is then never older
    than the queue is long, and what is missing is missing in one piece, right after what was taken last. One frame
    fits, whatever its size.

    Args:
        most: frames.
        nbytes: bytes of samples; None: no bound.
        drop: whether frames go where there is no room.

    Attributes:
        dropped: frames that went, of those before the last that was taken.
    """

    def __init__(self, most: int, nbytes: int | None = None, *, drop: bool = False) -> None:
        self._most, self._nbytes, self._drop = most, nbytes, drop
        self._frames: deque[Frame] = deque()
        self._held = self._gone = self.dropped = 0
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None

    def put(self, frame: Frame) -> bool:
        """Add a frame; False where there is no room for now."""
        with self._changed:
            if self._drop:
                while not self._fits(frame):
                    self._pop()
                    self._gone += 1
            elif not self._changed.wait_for(lambda: self._fits(frame), LOOK):
                return False
            self._frames.append(frame)
            self._held += _size(frame)
            self._changed.notify_all()
            return True

    def end(self, error: BaseException | None = None) -> None:
        """No frame follows, because of an error or without one."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def get(self) -> Frame | None:
        """The next frame; None where there are no more.

        Raises:
            queue.Empty: there is none for now.
            BaseException: the error that ended them.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._frames or self._ended, LOOK):
                raise queue.Empty
            if self._frames:
                self.dropped, self._gone = self.dropped + self._gone, 0
                self._changed.notify_all()
                return self._pop()
            if self._error is not None:
                raise self._error
            return None

    def _pop(self) -> Frame:
        frame = self._frames.popleft()
        self._held -= _size(frame)
        return frame

    def _fits(self, frame: Frame) -> bool:
        if not self._frames:
            return True
        small = self._nbytes is None or self._held + _size(frame) <= self._nbytes
        return small and len(self._frames) < self._most


def _size(frame: Frame) -> int:
    return sum(array.nbytes for array in (frame.planes.arrays if frame.planes is not None else (frame.rgb,)))
