"""What comes once and cannot be gone back in: an address, or y4m on standard input.

A thread reads ahead, so that whoever waits for the next frame can be interrupted: FFmpeg's own waiting ends only with
its time allowed. A pipe, and a file on a server, wait for whoever takes their frames; a camera does not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.frames.address import Address, LiveRules
from vcmpipe.frames.backlog import Backlog
from vcmpipe.frames.frame import Frame
from vcmpipe.frames.info import VideoInfo
from vcmpipe.frames.selection import Selection, Shot
from vcmpipe.frames.y4m import Reader, read_header, read_y4m
from vcmpipe.process import interrupt, one_line
from vcmpipe.process.text import count

_AHEAD = 4
# What waits in memory of a camera's frames: some seconds of video, for coding takes its frames in bursts.
_LIVE_FRAMES, _LIVE_BYTES = 64, 256 << 20
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
        address: Address | None = None,
        stopped: threading.Event | None = None,
        *,
        drop: bool = False,
    ) -> None:
        self.name, self.path, self.info = name, Path(name), info
        self.count = selection.limit
        self.notes: list[str] = []
        self.ended_by: str | None = None
        # What is dropped is not counted as taken.
        self._shots, self._selection = shots, replace(selection, limit=None) if drop else selection
        self._address, self._stopped, self._begun = address, stopped or threading.Event(), False
        self._backlog = Backlog(_LIVE_FRAMES, _LIVE_BYTES, drop=True) if drop else Backlog(_AHEAD)

    @property
    def facts(self) -> dict[str, int]:
        """Of an address: the frames that were dropped, and how often it was opened again; of a pipe nothing."""
        if self._address is None:
            return {}
        return {"dropped": self._backlog.dropped, "reconnects": self._address.reconnects}

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
            self._let_go()

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
                    frame = self._backlog.get()
                except queue.Empty:
                    continue
                except InputError as error:
                    if not taken:
                        raise
                    self.ended_by = str(error)
                    return
                if frame is None:
                    self.ended_by = "it was stopped" if self._stopped.is_set() else None
                    return
                taken += 1
                yield frame
                if taken == self.count:
                    return
        finally:
            self.stop()
            self.notes += self._remarks()

    def _remarks(self) -> list[str]:
        if self._address is None:
            return []
        dropped = self._backlog.dropped
        late = [f"{count(dropped, 'frame')} dropped: coding could not keep up"] if dropped else []
        return [*self._address.notes, *self._address.interruptions, *late]

    def _read(self) -> None:
        """The thread: what it reads goes into the backlog."""
        last: BaseException | None = None
        try:
            with closing(self._selection.frames(self._shots, self.name)) as frames:
                for frame in frames:
                    while not self._stopped.is_set() and not self._backlog.put(frame):
                        pass
                    if self._stopped.is_set():
                        break
        except BaseException as error:
            last = error
        finally:
            self._let_go()
        self._backlog.end(last)

    def _let_go(self) -> None:
        if self._address is not None:
            self._address.close()


def open_live(url: str, selection: Selection, rules: LiveRules | None = None) -> LiveSource:
    """Open an address; it is read until its first frame.

    Raises:
        InputError: another scheme, no answer within the time allowed, or no video.
    """
    rules, stopped = rules or LiveRules(), threading.Event()
    address = Address(url, rules, stopped)
    info = address.reading.info(selection)
    drop = rules.drop and not address.recorded
    return LiveSource(address.name, info, address.shots(), selection, address, stopped, drop=drop)


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
