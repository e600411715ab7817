"""One pass over a video that PyAV has opened: its frames in display order, upright, with times that go forward."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from vcmpipe.errors import InputError
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.containers import WAY_OUT, reason
from vcmpipe.frames.info import INTERLACED_NOTE, VideoInfo, aspect_note, rate_note, sane_aspect, stream_rate
from vcmpipe.frames.limits import check_size
from vcmpipe.frames.planes import Planes
from vcmpipe.frames.rotation import rotated
from vcmpipe.frames.samples import colour_of_picture, planes_of
from vcmpipe.frames.selection import Selection, Shot
from vcmpipe.frames.times import Clock
from vcmpipe.process import one_line
from vcmpipe.process.text import count

if TYPE_CHECKING:
    import av
    import av.container
    import av.video.stream

_TICK_IS_FRAME = ("avi", "yuv4mpegpipe")
"""Containers with a constant rate, whose time stamps are frame numbers."""


class Reading:
    """One pass over an open container's first video stream.

    Args:
        container: the open container.
        name: what messages and frames call it.
        colour: what samples mean, where that is known from elsewhere.
        origin: the time stamp of time 0; None takes that of the first frame.
        size: the file's bytes, to notice one that is cut; None for what has no size.
        lossy: leave out what is damaged and count it, as for what comes over a network, instead of giving up.
        stall: seconds without a frame after which it is given up; None: any time.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        name: str,
        colour: ColourSpec | None = None,
        *,
        origin: int | None = None,
        size: int | None = None,
        lossy: bool = False,
        stall: float | None = None,
    ) -> None:
        self.container, self.name, self._colour = container, name, colour
        self._size, self._lossy, self._left_out = size, lossy, 0
        self._since, self._stall, self._waiting_since = origin, stall, time.monotonic()
        self.stream = next(each for each in container.streams.video if each.codec_context is not None)
        if not self.stream.codec_context.is_open:
            self.stream.thread_type = "AUTO"
        self._by_frame = container.format.name in _TICK_IS_FRAME
        self._stamp: int | None = None
        self.rate = stream_rate(self.stream)
        self.clock = Clock(self.stream.time_base, self.rate, origin)
        self.first: av.VideoFrame | None = None
        self.origin: int | None = None

    def shots(self, number: int = 0, *, numbered: bool = False) -> Generator[Shot]:
        """Yields the frames from where the container stands, the first with a number.

        After a seek ``numbered`` asks for the numbers that frames have in the file, by its index (see
        ``has_numbers``); without, they are counted.
        """
        import av

        index, end = number, 0
        seen = _Seen(self.stream) if numbered and not self._by_frame else None
        try:
            for packet in self._packets():
                if packet is not None:
                    end = max(end, (packet.pos or 0) + packet.size)
                    if seen is not None:
                        seen.add(packet)
                    if packet.is_corrupt and not self._lossy:
                        raise InputError(f"{self._after(index)}: the file is truncated or damaged; {WAY_OUT}")
                for picture in self._decoded(packet):
                    check_size(picture.width, picture.height, f"{self.name}#{index}")
                    if picture.is_corrupt:
                        if self._lossy:
                            self._left_out += 1
                            continue
                        if self._since is not None and self.first is None:
                            continue  # it refers to what lies in front of the key frame
                        raise InputError(f"{self._after(index)}: the next one is damaged; {WAY_OUT}")
                    stamp = self._stamp_of(picture)
                    if self.first is None:
                        self.first, self.origin = picture, stamp
                        if seen is not None:
                            index, seen = seen.number(picture), None
                        elif numbered and self._since is not None and stamp is not None:
                            index = stamp - self._since
                    yield Shot(index, self.clock.time(stamp), partial(self._planes, picture, index))
                    index, self._waiting_since = index + 1, time.monotonic()
        except (av.FFmpegError, TimeoutError, ValueError, MemoryError) as error:
            if self._lossy:
                raise InputError(f"{self.name} ended after {count(index, 'frame')}: {reason(error)}") from error
            raise InputError(f"{self._after(index)}: {reason(error)}; {WAY_OUT}") from error
        # A cut y4m ends for FFmpeg with its last whole picture, without a word.
        if self.container.format.name == "yuv4mpegpipe" and index and self._size is not None and end < self._size:
            raise InputError(f"{self._after(index)}: the file is truncated; {WAY_OUT}")

    def info(self, selection: Selection) -> VideoInfo:
        """What is known once the first frame has been read."""
        picture, stream = self.first, self.stream
        assert picture is not None
        turns = round(picture.rotation / 90) % 4  # counter-clockwise
        aspect = sane_aspect(stream.sample_aspect_ratio)
        planes = self._planes(picture, 0)
        interlaced = picture.interlaced_frame or stream.codec_context.field_order > 1
        notes = [INTERLACED_NOTE] if interlaced else []
        if turns:
            notes.append(f"rotated by {-turns % 4 * 90} degrees")
        if self.rate is None and selection.fps is None:
            notes.append(rate_note(stream.average_rate))
        if turns % 2:
            aspect = 1 / aspect
        if aspect != 1:
            notes.append(aspect_note(aspect))
        return VideoInfo(
            selection.rate(self.rate),
            aspect,
            interlaced,
            -turns % 4 * 90,
            planes.depth,
            planes.colour,
            bool(self.container.streams.audio),
            tuple(notes),
        )

    @property
    def has_numbers(self) -> bool:
        """Whether frames have numbers without reading all before them: where the container has an index of all."""
        return self._by_frame or 0 < self.stream.frames == len(self.stream.index_entries)

    @property
    def notes(self) -> list[str]:
        """What was found wrong so far."""
        lost = f"{count(self._left_out, 'damaged part')} left out"
        return self.clock.notes + ([lost] if self._left_out else [])

    def _stamp_of(self, picture: av.VideoFrame) -> int | None:
        if self.container.format.name != "avi":
            return picture.pts
        # AVI has no presentation times; what FFmpeg makes up for them goes back and forth. The last ones come without
        # when the decoder is emptied.
        self._stamp = picture.dts if picture.dts is not None or self._stamp is None else self._stamp + 1
        return self._stamp

    def _packets(self) -> Iterator[av.Packet[av.video.stream.VideoStream] | None]:
        """The stream's packets; of what comes over a network, None where it breaks off: the decoder is to be emptied.

        Raises:
            TimeoutError: Data comes, but no frame; the container's own limit is one for data of any kind.
        """
        import av

        if not self._lossy:
            yield from self.container.demux(self.stream)
            return
        packets: Iterator[av.Packet[Any]] = self.container.demux()
        try:
            for packet in packets:
                if packet.stream.index == self.stream.index:
                    yield packet
                if self._stall is not None and time.monotonic() - self._waiting_since > self._stall:
                    raise TimeoutError(f"data, but no complete frame, for {self._stall:g} s")
        except (av.FFmpegError, TimeoutError):
            yield None
            raise

    def _decoded(self, packet: av.Packet[av.video.stream.VideoStream] | None) -> list[av.VideoFrame]:
        import av

        try:
            return self.stream.codec_context.decode(None) if packet is None else packet.decode()
        except av.InvalidDataError:
            if not self._lossy:
                raise
            self._left_out += 1
            return []

    def _planes(self, picture: av.VideoFrame, index: int) -> Planes:
        import av

        try:
            planes = planes_of(picture, self._colour_of(picture))
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise InputError(f"{self._after(index)}: {reason(error)}; {WAY_OUT}") from error
        # PyAV gives the counter-clockwise turn that makes the picture upright.
        return rotated(planes, round(picture.rotation / 90))

    def _colour_of(self, picture: av.VideoFrame) -> ColourSpec:
        return self._colour or colour_of_picture(picture, self.stream.codec_context.name)

    def _after(self, index: int) -> str:
        return f"{one_line(self.name)} cannot be read beyond its first {count(index, 'frame')}"


class _Seen:
    """Numbers the first frame after a seek, by an index of all frames.

    In front of it are shown: the frames that are coded before the key frame, and what is coded after it and shown
    before, whether or not a decoder that begins here can give it.
    """

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        self._stream = stream
        self._before: int | None = None
        self._stamps: list[int] = []

    def add(self, packet: av.Packet[av.video.stream.VideoStream]) -> None:
        if self._before is None and packet.dts is not None:
            entries, dts = self._stream.index_entries, packet.dts
            self._before = sum(
                not entry.is_discard for entry in takewhile(lambda entry: entry.timestamp < dts, entries)
            )
        if packet.pts is not None and not packet.is_discard:
            self._stamps.append(packet.pts)

    def number(self, picture: av.VideoFrame) -> int:
        return (self._before or 0) + sum(each < (picture.pts or 0) for each in self._stamps)
