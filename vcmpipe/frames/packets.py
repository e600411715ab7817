"""Coded pictures in MP4 and MKV files: packets in, file out, and back. What is in the packets is not looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, get_args

from vcmpipe.errors import InputError, OutputError
from vcmpipe.frames.sound import Sound
from vcmpipe.frames.truncation import stated_end
from vcmpipe.process import one_line

if TYPE_CHECKING:
    import av
    import av.container

Container = Literal["mp4", "mkv"]
CONTAINERS: Mapping[str, Container] = {".mp4": "mp4", ".mkv": "mkv"}
"""The containers that are written, by the endings of their files."""
MKV_TICKS = 1000
"""Ticks per second of MKV: times are rounded to milliseconds."""

_FORMATS: Mapping[Container, str] = {"mp4": "mp4", "mkv": "matroska"}
PackedCodec = Literal["vvc", "hevc", "av1"]
PACKED_CODECS: tuple[PackedCodec, ...] = get_args(PackedCodec)
"""What is written into containers and read from them."""
# Parameter sets stand among the pictures, where they may change; vvc1 and hvc1 would promise that they do not.
_MP4_TAGS: Mapping[PackedCodec, str] = {"vvc": "vvi1", "hevc": "hev1", "av1": "av01"}
# FFmpeg's names of raw streams.
_RAW_FORMATS: Mapping[PackedCodec, str] = {"vvc": "vvc", "hevc": "hevc", "av1": "obu"}
# Not one of them would be opened otherwise: what a file holds is not decoded in order to be looked at.
_READING = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
    "protocol_whitelist": "file",
    "codec_whitelist": "none",
    "probesize": "32",
    "analyzeduration": "1",
    # A list of edits would leave pictures out that others refer to.
    "ignore_editlist": "1",
}
_MARK = "vcmpipe"
_MAX_BOXES = 10_000
_WAY_OUT = "copy it again or encode again"


@dataclass(frozen=True)
class Packet:
    """One coded picture.

    Attributes:
        data: To be written: an access unit as a stream has it. As read: in the container's form, with lengths in front
            of NAL units, or without the delimiter of a temporal unit.
        time: When it is shown, in seconds; None where a file does not say.
        decode_time: When it is decoded, in seconds; not later than ``time``, and after that of the packet before.
        duration: Seconds until the next one is shown; as read from MKV it is a guess.
        key: Whether decoding can begin with it.
    """

    data: bytes
    time: Fraction | None
    decode_time: Fraction | None
    duration: Fraction
    key: bool


@dataclass(frozen=True)
class VideoTrack:
    """What a container says about its pictures.

    Attributes:
        codec: ``vvc``, ``hevc`` or ``av1``.
        width: Samples in a row.
        height: Rows.
        configuration: To be written: the parameter sets, as in a stream. As read: the decoder configuration record.
        rate: Frames per second; None where it varies or is not known.
        colour: Primaries, transfer characteristics and matrix in the codes of ITU-T H.273, and whether the range is
            full; None: unstated.
        sample_aspect: Width of a sample by its height; None: unstated. MKV takes none from here.
    """

    codec: PackedCodec
    width: int
    height: int
    configuration: bytes
    rate: Fraction | None = None
    colour: tuple[int, int, int, bool] | None = None
    sample_aspect: Fraction | None = None


class ContainerWriter(AbstractContextManager["ContainerWriter"]):
    """Writes one track of pictures, and perhaps one of sound, packet by packet: nothing but MP4's index is kept.

    Args:
        file: Where to; it can be sought in. It is not closed.
        container: The format.
        track: The pictures.
        head: The first access unit, with its parameter sets.
        ticks: Ticks per second; MKV has its own.
        sound: The sound that goes with them.
        origin: When the first picture is shown, in seconds from the first frame of the source of the sound.
    """

    def __init__(
        self,
        file: BinaryIO,
        container: Container,
        track: VideoTrack,
        head: bytes,
        *,
        ticks: int,
        sound: Sound | None = None,
        origin: Fraction = Fraction(0),
    ) -> None:
        import av

        self._base = Fraction(1, ticks)
        self._sound, self._end = sound, Fraction(0)
        # Without bitexact it would write random numbers and the time of day.
        self._file = av.open(file, "w", format=_FORMATS[container], options={"fflags": "+bitexact"})
        self._file.metadata["comment"] = _MARK
        # PyAV makes streams of what it cannot encode of another stream only.
        template = av.open(io.BytesIO(head), format=_RAW_FORMATS[track.codec], options={"codec_whitelist": "none"})
        with template:
            self._video = self._file.add_stream_from_template(template.streams.video[0], opaque=True)
        self._video.time_base = self._base
        _describe(self._video.codec_context, track, container)
        if sound is not None:
            sound.begin(self._file, origin)

    def write(self, packet: Packet) -> None:
        """Append a packet, and the sound up to it.

        Raises:
            OutputError: The container cannot hold it.
            InputError: The sound cannot be read.
            OSError: The file cannot be written to.
        """
        import av

        assert packet.time is not None and packet.decode_time is not None
        if self._sound is not None:
            self._mux(self._sound.until(packet.decode_time))
        out = av.Packet(packet.data)
        out.stream, out.time_base = self._video, self._base
        out.pts, out.dts = round(packet.time / self._base), round(packet.decode_time / self._base)
        out.duration = max(1, round(packet.duration / self._base))
        out.is_keyframe = packet.key
        self._end = max(self._end, packet.time + packet.duration)
        self._mux(iter((out,)))

    def _mux(self, packets: Iterator[av.Packet[Any]]) -> None:
        import av

        for packet in packets:
            try:
                self._file.mux(packet)
            except (av.FFmpegError, ValueError) as error:
                if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
                    raise
                raise OutputError(f"the {self._file.format.name} file takes no more ({_reason(error)})") from error

    def close(self) -> None:
        """Write the sound up to the end of the last picture, and the index; see ``write`` for what it raises."""
        if self._sound is not None:
            self._mux(self._sound.until(self._end))
        self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        with suppress(Exception):
            self._file.close()


def _describe(context: Any, track: VideoTrack, container: Container) -> None:
    context.width, context.height = track.width, track.height
    context.extradata = track.configuration
    context.framerate = track.rate or Fraction(0)
    if track.colour is not None:
        context.color_primaries, context.color_trc, context.colorspace = track.colour[:3]
        context.color_range = 2 if track.colour[3] else 1
    if track.sample_aspect is not None:
        context.sample_aspect_ratio = track.sample_aspect
    if container == "mp4":
        context.codec_tag = _MP4_TAGS[track.codec]


def open_sound(path: Path, container: Container) -> Sound:
    """Open the sound of a video that is to go into a container; it may have none.

    Raises:
        InputError: The video cannot be read, or the container does not take its sound.
    """
    import av

    sound = Sound(path)
    with av.open(io.BytesIO(), "w", format=_FORMATS[container]) as probe:
        taken = sound.codec is None or sound.codec in probe.supported_codecs
    if not taken:
        sound.close()
        raise InputError(
            f"--audio copy: the sound of {one_line(str(path))} is {sound.codec}, which {container.upper()} does not "
            "hold: leave --audio out" + (", or name an .mkv" if container == "mp4" else "")
        )
    return sound


def container_of(path: Path) -> Container | None:
    """Which container a file is, by how it begins; None: neither MP4 nor MKV, or it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return None
    if head[4:8] == b"ftyp":
        return "mp4"
    return "mkv" if head.startswith(b"\x1a\x45\xdf\xa3") else None


def is_own(path: Path) -> bool:
    """Whether a file is a container that ``ContainerWriter`` wrote."""
    import av

    try:
        with av.open(f"file:{path}", options=_READING, metadata_errors="replace") as file:
            tags = {name.lower(): value for name, value in file.metadata.items()}
    except (av.FFmpegError, OSError, ValueError):
        return False
    return tags.get("comment") == _MARK


@dataclass(frozen=True)
class StoredTrack:
    """The pictures of a container.

    Attributes:
        container: The format.
        track: What it says about them.
        packets: All of them, in decoding order.
    """

    container: Container
    track: VideoTrack
    packets: tuple[Packet, ...]


def read_container(path: Path) -> StoredTrack:
    """Read the first video track of an MP4 or MKV file that holds VVC, HEVC or AV1; nothing is decoded.

    Raises:
        InputError: The file cannot be read, is damaged or cut, or holds no such track.
    """
    import av

    name, kind = one_line(str(path)), container_of(path)
    if kind is None:
        raise InputError(f"{name} is neither MP4 nor MKV: name another file")
    try:
        size = path.stat().st_size
        if (_mp4_end(path) if kind == "mp4" else stated_end(path) or 0) > size:
            raise InputError(f"{name} is cut: {_WAY_OUT}")
        with av.open(f"file:{path}", options=_READING, metadata_errors="replace") as file:
            names = [_codec(each) for each in file.streams.video]
            stream = next((file.streams.video[n] for n, own in enumerate(names) if own in _MP4_TAGS), None)
            if stream is None:
                others = ", ".join(names) or "no video"
                raise InputError(
                    f"{name} holds {one_line(others)}, and no VVC, HEVC or AV1: name a file that encode has written"
                )
            packets = tuple(_packets(file, stream, name, limit=2 * size))
            context: Any = stream.codec_context
            track = VideoTrack(
                _codec(stream),  # type: ignore[arg-type]  # one of the tags' names
                context.width,
                context.height,
                context.extradata or b"",
                _rate(packets, kind, stream.average_rate),
            )
    except OSError as error:
        raise InputError(f"{name} cannot be read ({_reason(error)}): {_WAY_OUT}") from error
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise InputError(f"{name} is damaged ({_reason(error)}): {_WAY_OUT}") from error
    if not packets:
        raise InputError(f"{name} holds a video track without pictures: {_WAY_OUT}")
    return StoredTrack(kind, track, packets)


def _codec(stream: Any) -> str:
    """What a track is coded with, whatever the decoder of it is called."""
    return str(stream.codec_context.codec.canonical_name) if stream.codec_context else "unknown"


def _mp4_end(path: Path) -> int:
    """Where the last box of an MP4 file ends, or the last of very many (ISO/IEC 14496-12 clause 4.2)."""
    end, size = 0, path.stat().st_size
    with path.open("rb") as file:
        for _ in range(_MAX_BOXES):
            file.seek(end)
            head = file.read(16)
            if len(head) < 8:
                return end + 8 if head else end
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                return size  # up to the end of the file, or damaged in a way that shows elsewhere
            end += length
    return end


def _packets(file: av.container.InputContainer, stream: Any, name: str, limit: int) -> Iterator[Packet]:
    held, base = 0, stream.time_base
    for packet in file.demux(stream):
        if not packet.size:
            continue
        # The index of a made-up file may name the same bytes over and over.
        held += packet.size
        if held > limit:
            raise InputError(f"{name} is damaged: its pictures take more bytes than the file has; {_WAY_OUT}")
        if packet.is_corrupt:
            raise InputError(f"{name} is truncated or damaged: {_WAY_OUT}")
        yield Packet(
            bytes(packet),
            None if packet.pts is None else packet.pts * base,
            None if packet.dts is None else packet.dts * base,
            (packet.duration or 0) * base,
            packet.is_keyframe,
        )


def _rate(packets: tuple[Packet, ...], kind: Container, stated: Fraction | None) -> Fraction | None:
    """Frames per second, where all are equally far apart (as far as the ticks of MKV can say)."""
    times = sorted(packet.time for packet in packets if packet.time is not None)
    if len(times) < 2 or times[-1] == times[0]:
        return stated or None
    slack = Fraction(1, MKV_TICKS) if kind == "mkv" else Fraction(0)
    for rate in (stated, (len(times) - 1) / (times[-1] - times[0])):
        if rate and all(abs(time - times[0] - number / rate) <= slack for number, time in enumerate(times)):
            return rate
    return None


def _reason(error: BaseException) -> str:
    return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)
