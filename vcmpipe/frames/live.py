"""What comes once and cannot be gone back in: an address, or y4m on standard input.

A thread reads, a few frames ahead at most, so that whoever waits for the next frame can be interrupted: FFmpeg's own
waiting ends only with its time allowed.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.frames.containers import TIMEOUT, address_name, open_address
from vcmpipe.frames.frame import Frame
from vcmpipe.frames.info import VideoInfo
from vcmpipe.frames.reading import Reading
from vcmpipe.frames.selection import Selection, Shot
from vcmpipe.frames.y4m import Reader, read_header, read_y4m
from vcmpipe.process import interrupt, one_line

_AHEAD = 4
_LOOK = 0.1  # seconds between two looks at whether somebody wants to stop
_PIPE = "write y4m into it, such as with ffmpeg -i clip.mp4 -f yuv4mpegpipe - | vcmpipe encode -"
STDIN = "-"
"""The name of standard input."""


class LiveSource:
    """Frames that can be read once, until they end, ``stop`` is called, or something breaks.

    An error before the first frame is raised. One after it ends the frames and is kept in ``ended_by``: what came
    before stays good, and is to be used. An interrupt that Python raises (``KeyboardInterrupt``) passes through;
    whoever wants to keep what was read lets the signal's handler call ``stop`` instead.

    Attributes:
        path: the name as a path; nothing is there.
        name: the address without what can be secret, or ``stdin``.
        info: what it states about itself.
        count: None, it is not known; or the limit, if there is one.
        notes: lines for the user about what was found wrong, once reading has ended.
        ended_by: why the frames ended early, as a part of a sentence; None where they ended by themselves or by the
            limit.
        live: True.
    """

    live = True

    def __init__(
        self,
        name: str,
        info: VideoInfo,
        shots: Iterator[Shot],
        selection: Selection,
        *,
        remarks: Callable[[], list[str]] = list,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self.path, self.info = name, Path(name), info
        self.count = selection.limit
        self.notes: list[str] = []
        self.ended_by: str | None = None
        self._shots, self._selection, self._remarks, self._close = shots, selection, remarks, close
        self._stopped, self._begun = threading.Event(), False
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(_AHEAD)

    def __iter__(self) -> Iterator[Frame]:
        if self._begun:
            raise InputError(f"{one_line(self.name)} can be read only once: write it into a file first")
        self._begun = True
        return self._frames()

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yields (width, height) per frame, by reading them: there is no second reading."""
        return ((frame.width, frame.height) for frame in self)

    def stop(self) -> None:
        """End the frames with the one at hand; safe in a signal handler and in other threads."""
        self._stopped.set()

    def close(self) -> None:
        """Let go of the connection, whether or not it was read."""
        self.stop()
        if not self._begun:
            self._begun = True
            self._close()

    def _frames(self) -> Iterator[Frame]:
        threading.Thread(target=self._read, daemon=True, name="vcmpipe-live").start()
        taken = 0
        try:
            while True:
                interrupt.check()
                if self._stopped.is_set():
                    self.ended_by = "it was stopped"
                    return
                try:
                    item = self._queue.get(timeout=_LOOK)
                except queue.Empty:
                    continue
                if item is None:
                    return
                if isinstance(item, BaseException):
                    if not taken or not isinstance(item, InputError):
                        raise item
                    self.ended_by = str(item)
                    return
                taken += 1
                yield item
        finally:
            self.stop()
            self.notes += self._remarks()

    def _read(self) -> None:
        """The thread: what it reads goes into the queue, the end as None, an error as itself."""
        last: BaseException | None = None
        try:
            with closing(self._selection.frames(self._shots, self.name)) as frames:
                for frame in frames:
                    if not self._put(frame):
                        break
        except BaseException as error:
            last = error
        finally:
            self._close()
        self._put(last)

    def _put(self, item: Frame | BaseException | None) -> bool:
        """False where nobody takes it any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False


def open_live(url: str, selection: Selection, timeout: float = TIMEOUT) -> LiveSource:
    """Open an address; it is read until its first frame.

    Raises:
        InputError: another scheme, no answer within the time allowed, or no video.
    """
    name = address_name(url)
    container = open_address(url, timeout)
    try:
        reading = Reading(container, name, lossy=True)
        shots = reading.shots()
        first = next(shots, None)
        if first is None:
            raise InputError(f"{name} sent no frame: check that a video is sent there now")
        info = reading.info(selection)
    except BaseException:
        container.close()
        raise
    return LiveSource(
        name, info, chain([first], shots), selection, remarks=lambda: reading.notes, close=container.close
    )


def open_pipe(file: Reader | None, selection: Selection, name: str = "stdin") -> LiveSource:
    """Read y4m from an unbuffered file; None is standard input. InputError where its header is none."""
    if file is None:
        # Without Python's buffer: its lock, held by a waiting thread, would break the interpreter's end.
        try:
            file = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
        except OSError as error:
            raise InputError(f"there is no standard input: {_PIPE}") from error
        if file.isatty():
            raise InputError(f"standard input is a terminal: {_PIPE}")
    header = read_header(file, name)
    return LiveSource(name, header.info(selection), read_y4m(file, header, name), selection)
