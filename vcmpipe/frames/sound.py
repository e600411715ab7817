"""The sound of a video, carried over as it is coded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from vcmpipe.errors import InputError
from vcmpipe.frames.containers import open_video
from vcmpipe.process import one_line

if TYPE_CHECKING:
    import av
    import av.container


class Sound(AbstractContextManager["Sound"]):
    """The first sound track of a video, read on as pictures are written.

    Args:
        path: The video.

    Attributes:
        codec: What the sound is coded with, by FFmpeg's name; None: there is none.

    Raises:
        InputError: The video cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._name = one_line(str(path))
        self._source = open_video(path)
        self._stream: Any = next(iter(self._source.streams.audio), None)
        self.codec: str | None = None if self._stream is None else self._stream.codec_context.name
        self._waiting: av.Packet[Any] | None = None
        self._packets: Iterator[av.Packet[Any]] = iter(())
        self._out: Any = None
        self._origin = 0

    def begin(self, out: av.container.OutputContainer, origin: Fraction) -> None:
        """Make the track in a container whose time 0 is ``origin`` seconds behind the source's first frame."""
        if self._stream is None:
            return
        self._out = out.add_stream_from_template(self._stream)
        video = self._source.streams.video[0]
        first = Fraction(video.start_time or 0) * (video.time_base or 0)
        self._origin = round((first + origin) / self._stream.time_base)
        self._packets = self._read()

    def until(self, end: Fraction) -> Iterator[av.Packet[Any]]:
        """The packets that begin before ``end``, in seconds of the container, and were not given yet.

        Raises:
            InputError: The source is damaged.
        """
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = packet
            if packet is None or Fraction(packet.pts or 0) * packet.time_base >= end:
                return
            self._waiting = None
            packet.stream = self._out
            yield packet

    def _read(self) -> Iterator[av.Packet[Any]]:
        """The packets from the origin on, their times counted from there."""
        import av

        try:
            for packet in self._source.demux(self._stream):
                if packet.pts is None or not packet.size or packet.pts < self._origin:
                    continue
                packet.pts -= self._origin
                packet.dts = packet.pts if packet.dts is None else packet.dts - self._origin
                yield packet
        except (av.FFmpegError, ValueError) as error:
            reason = one_line(getattr(error, "strerror", None) or str(error))
            raise InputError(f"--audio copy: the sound of {self._name} cannot be read ({reason})") from error

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
