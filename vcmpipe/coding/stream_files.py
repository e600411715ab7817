"""The file that a stream is written into while its segments are coded: raw, or MP4 or MKV with the frames' times."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Protocol

from vcmpipe.bitstream import CODECS, AccessUnit, Codec, PictureInfo, presentation_order
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import refuse_frame_endings
from vcmpipe.frames.packets import (
    CONTAINERS,
    MKV_TICKS,
    Container,
    ContainerWriter,
    Packet,
    VideoTrack,
    is_own,
    open_sound,
)
from vcmpipe.frames.sound import Sound
from vcmpipe.frames.timestamps import DecodeClock, ticks_per_second
from vcmpipe.process import one_line
from vcmpipe.process.text import count

DEFAULT_RATE = Fraction(25)
"""Frames per second of frames that have no times and no rate."""


def check_ending(out: Path, codec: Codec) -> Container | None:
    """What a stream file is, by its ending: a container, or None for a raw stream.

    Raises:
        InputError: It is neither, or a raw stream of another codec.
    """
    ending, spec = out.suffix.lower(), CODECS[codec]
    if ending in CONTAINERS:
        return CONTAINERS[ending]
    raw = (".bin", *spec.endings)
    if ending in raw:
        return None
    other = next((each.name.upper() for each in CODECS.values() if ending in each.endings), None)
    why = (
        f"{ending} is for {other} streams" if other else f"{ending} is not an ending" if ending else "it has no ending"
    )
    raise InputError(
        f"--out {one_line(str(out))}: {why} for a {codec.upper()} stream: name a file that ends in "
        f"{', '.join(CONTAINERS)} (with times) or {', '.join(raw)} (raw)"
    )


def check_place(out: Path) -> None:
    """Refuse to write a stream in the place of a folder, of a picture, or of somebody's video.

    Raises:
        InputError: One of these is there, or a link of that name leads to one; or a container's name to another ending.
    """
    if out.suffix.lower() not in CONTAINERS or out.is_dir():
        refuse_frame_endings(out, ".bin, .266 or .vvc (.hevc or .265 for HEVC, .obu for AV1), .mp4 or .mkv")
        return
    target = Path(os.path.realpath(out))
    if target.suffix.lower() != out.suffix.lower():
        raise InputError(f"--out {one_line(str(out))} is a link to {one_line(str(target))}: name another file")
    if out.is_file() and out.stat().st_size and not is_own(out):
        raise InputError(
            f"--out {one_line(str(out))} exists and was not written by vcmpipe: name another file, or move it away"
        )


class StreamFile(Protocol):
    """A stream file that is being written.

    Attributes:
        size: Bytes of the Annex-B stream so far, as ``read_stream`` gives it back.
        notes: What the file cannot hold as it is, a line each.
    """

    size: int
    notes: list[str]

    @property
    def sha256(self) -> str:
        """The digest of the Annex-B stream so far, as ``read_stream`` gives it back."""

    def add(self, data: bytes, times: Sequence[Fraction | None], rate: Fraction | None = None) -> int:
        """Append a coded segment.

        Args:
            data: Its Annex-B bytes as they continue the stream: parameter sets stand in it where they are new. It
                begins with an IDR picture, or another at which decoding can begin.
            times: Per frame, in order of presentation, when it is shown, in seconds from the source's first frame;
                those without follow the frame before at ``rate``.
            rate: Frames per second; None takes 25 where a time is missing.

        Returns:
            The bytes by which the stream grew: those of ``data``, but in containers every start code has four bytes, as
            ``StreamJoiner`` writes them.

        Raises:
            BitstreamError: It is not one of the codec's streams.
            ProcessError: It holds another number of pictures.
            OutputError: The container cannot hold it.
            OSError: The file cannot be written to.
        """


@contextmanager
def stream_file(
    part: Path | BinaryIO,
    out: Path,
    codec: Codec,
    *,
    audio: Path | None = None,
    sample_aspect: Fraction | None = None,
) -> Iterator[StreamFile]:
    """A stream file to add segments to, finished when the block ends without error.

    What is in memory does not grow with the stream, but for the index of MP4: about 100 bytes per frame.

    Args:
        part: The file to write, or one that is open in binary form.
        out: The name that it will have, whose ending decides what is written.
        codec: What the segments are coded with.
        audio: A video whose first sound track is carried over, cut to the frames; frames have its times. Containers
            alone hold it.
        sample_aspect: Width of a sample by its height, which MP4 states.

    Raises:
        InputError: The ending is none for such a stream, somebody else's video is in its place (see ``check_place``),
            or the sound cannot be carried over.
    """
    container = check_ending(out, codec)
    check_place(out)
    if audio is not None and container is None:
        raise InputError(
            f"--audio copy: {one_line(str(out))} is a raw stream, which holds no sound: name an .mp4 or .mkv, or "
            "leave --audio out"
        )
    with ExitStack() as stack:
        sound: Sound | None = None
        if audio is not None and container is not None:
            sound = stack.enter_context(open_sound(audio, container))
        file = stack.enter_context(part.open("wb")) if isinstance(part, Path) else part
        if container is None:
            yield _RawFile(file)
        else:
            yield stack.enter_context(_ContainerFile(file, container, codec, sound, sample_aspect))
        if container is None:
            file.flush()


class _RawFile:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        self.notes: list[str] = []

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, data: bytes, times: Sequence[Fraction | None], rate: Fraction | None = None) -> int:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)


class _ContainerFile:
    def __init__(
        self, file: BinaryIO, container: Container, codec: Codec, sound: Sound | None, aspect: Fraction | None
    ) -> None:
        self._file, self._container, self._spec = file, container, CODECS[codec]
        self._sound, self._aspect = sound, aspect
        self._digest = hashlib.sha256()
        self.size = 0
        self.notes: list[str] = []
        if sound is not None and sound.codec is None:
            self.notes.append("--audio copy: the source has no sound")
        # The parameter sets in force: a segment need not bring its own.
        self._sets: dict[tuple[int, int], bytes] = {}
        self._stack = ExitStack()
        self._writer: ContainerWriter | None = None
        self._clock = DecodeClock()
        self._ticks = 0
        self._origin = Fraction(0)
        self._next = Fraction(0)  # when the next frame is shown where nothing says it
        self._last = -1
        self._moved = False

    def __enter__(self) -> _ContainerFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, data: bytes, times: Sequence[Fraction | None], rate: Fraction | None = None) -> int:
        units = self._spec.split(data)
        pictures = self._spec.inspect(b"".join(self._sets.values()) + data).pictures
        if not len(units) == len(pictures) == len(times):
            raise ProcessError(
                f"a segment of {count(len(times), 'frame')} came back with {count(len(units), 'picture')}: the encoder "
                "is at fault, try another one"
            )
        for unit in units:
            for place, own in unit.parameter_sets:
                self._sets.pop(place, None)  # what is sent again moves to the end: a PPS stays behind its SPS
                self._sets[place] = own
        if all(time is None for time in times):
            rate = rate or DEFAULT_RATE
        filled = self._filled(times, rate)
        if self._writer is None:
            self._begin(units[0], pictures[0], filled, rate)
        assert self._writer is not None
        grown = 0
        for packet in self._packets(units, pictures, filled, rate):
            self._writer.write(packet)
            self._digest.update(packet.data)
            grown += len(packet.data)
        self.size += grown
        return grown

    def _filled(self, times: Sequence[Fraction | None], rate: Fraction | None) -> list[Fraction]:
        """The frames' times, with those that are missing."""
        filled = []
        for time in times:
            filled.append(self._next if time is None else time)
            self._next = filled[-1] + 1 / (rate or DEFAULT_RATE)
        return filled

    def _begin(self, unit: AccessUnit, picture: PictureInfo, times: Sequence[Fraction], rate: Fraction | None) -> None:
        self._origin = times[0]
        self._ticks = ticks_per_second([time - self._origin for time in times])
        vui = picture.vui
        track = VideoTrack(
            codec=self._spec.name,
            width=picture.display_width,
            height=picture.display_height,
            configuration=b"".join(own for _, own in unit.parameter_sets),
            rate=rate if rate and _is_steady(times, rate) else None,
            colour=None if vui is None else (vui.colour_primaries, vui.transfer, vui.matrix, vui.full_range),
            sample_aspect=self._aspect,
        )
        self._writer = self._stack.enter_context(
            ContainerWriter(
                self._file,
                self._container,
                track,
                unit.data,
                ticks=self._ticks,
                sound=self._sound,
                origin=self._origin,
            )
        )

    def _packets(
        self,
        units: Sequence[AccessUnit],
        pictures: Sequence[PictureInfo],
        times: Sequence[Fraction],
        rate: Fraction | None,
    ) -> Iterator[Packet]:
        shown = [self._tick(time - self._origin) for time in times]
        order = presentation_order(pictures)
        step = round(self._ticks / (rate or DEFAULT_RATE))
        gaps = [later - earlier for earlier, later in pairwise(shown)]
        gaps.append(step if rate or not gaps else gaps[-1])
        presentation = [shown[place] for place in order]
        decoded = self._clock.of(presentation, step)
        base = Fraction(1, self._ticks)
        for unit, place, due, early in zip(units, order, presentation, decoded, strict=True):
            yield Packet(unit.data, due * base, early * base, gaps[place] * base, unit.is_a("irap"))

    def _tick(self, time: Fraction) -> int:
        """A time in ticks, after that of the frame before."""
        grain = self._ticks // MKV_TICKS if self._container == "mkv" else 1
        tick = round(time * self._ticks / grain) * grain
        if tick <= self._last:
            if not self._moved:
                self._moved = True
                self.notes.append(
                    f"frame times that repeat, go back, or lie closer together than {self._container.upper()} can say "
                    "were put right behind the frame before"
                )
            tick = (self._last // grain + 1) * grain
        self._last = tick
        return tick


def _is_steady(times: Sequence[Fraction], rate: Fraction) -> bool:
    slack = Fraction(1, MKV_TICKS)
    return all(abs(time - times[0] - number / rate) <= slack for number, time in enumerate(times))
