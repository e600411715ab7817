"""Previews: H.264 in MP4 or Matroska, which every player and browser shows.

Where PyAV's build has libx264 it does all of the work; else an FFmpeg program that has it is fed through a pipe.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from vcmpipe.errors import InputError, OutputError
from vcmpipe.frames.chroma import Siting
from vcmpipe.frames.colour import MATRIX_CODES, ColourSpec
from vcmpipe.frames.frame_rate import Schedule
from vcmpipe.frames.marks import PREVIEW_COMMENT, seal
from vcmpipe.frames.yuv import Yuv, yuv_bytes_8
from vcmpipe.process import file_argument, output_error, publish, run

if TYPE_CHECKING:
    import av
    import av.container

SUFFIXES = (".mp4", ".mkv")
"""Endings of files that can be written."""
_CRF = "18"
_PRESET = "veryfast"
# Frames leave in the order in which they come, so that no player has to know of times that begin below zero.
_B_FRAMES = "0"
_MOVFLAGS = "+faststart"
# As fine as times are kept where they have no common measure: that of MPEG streams.
_TICKS = 90_000
_FINEST = 1_000_000
# Decoding included, which is what takes long.
_SECONDS_AT_LEAST, _SECONDS_PER_MEGAPIXEL, _SECONDS_PER_FRAME = 600.0, 5.0, 2.0


def pyav_has_h264() -> bool:
    """Whether PyAV's own FFmpeg was built with libx264."""
    import av

    return "libx264" in av.codecs_available


def write_preview(
    path: Path,
    frames: Iterable[Yuv],
    size: tuple[int, int],
    shown: Schedule,
    spec: ColourSpec,
    *,
    aspect: Fraction | int = 1,
    ffmpeg: Path | None = None,
) -> int:
    """Write frames as H.264 (8 bits, 4:2:0, CRF 18), whole or not at all, marked as decoded; return how many.

    Args:
        path: A file ending in .mp4 or .mkv.
        frames: As many as ``shown`` has.
        size: (width, height) of all frames; an odd side is shown with one more column or row, as 4:2:0 codes it.
        shown: When each is shown; Matroska rounds to milliseconds.
        spec: What the samples mean, which the file states.
        aspect: Width of a sample by its height.
        ffmpeg: A program with libx264; None: PyAV.

    Raises:
        InputError: Another ending, another number of frames, or a frame of another size.
        OutputError: The place cannot be written to.
        ProcessError: The program failed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path} is not the name of a preview: let it end in {' or '.join(SUFFIXES)}")
    video = _Video(size[0] + size[0] % 2, size[1] + size[1] % 2, shown, spec, Fraction(aspect))
    with publish(path) as part:
        if ffmpeg is None:
            _by_pyav(part, frames, video, path)
        else:
            _by_program(ffmpeg, part, frames, video)
        seal(part)
    return len(shown.times)


@dataclass(frozen=True)
class _Video:
    """What all frames have in common; the sides are even."""

    width: int
    height: int
    shown: Schedule
    spec: ColourSpec
    aspect: Fraction

    @cached_property
    def base(self) -> Fraction:
        """Seconds of a tick: at a constant rate a frame's, else what all times are multiples of, or 1/90000."""
        if self.shown.constant:
            return 1 / self.shown.rate
        common = math.lcm(*(time.denominator for time in self.shown.times))
        return Fraction(1, common if common <= _FINEST else _TICKS)

    @cached_property
    def ticks(self) -> list[int]:
        """The time of each frame and the end of the last; no two are the same."""
        ticks: list[int] = []
        for time in (*self.shown.times, self.shown.end):
            ticks.append(max(round(time / self.base), ticks[-1] + 1 if ticks else 0))
        return ticks

    @property
    def range(self) -> int:
        """FFmpeg's code of the range."""
        return 2 if self.spec.range == "full" else 1

    @property
    def matrix(self) -> int:
        """H.273's code of the matrix."""
        return MATRIX_CODES[self.spec.matrix]

    @property
    def x264(self) -> str:
        """What FFmpeg does not hand on: the siting, whose names stand in the order of H.264's codes."""
        return f"chromaloc={get_args(Siting).index(self.spec.siting)}"

    def picture(self, number: int, yuv: Yuv) -> av.VideoFrame:
        """A frame with 8 bits and its times."""
        import av

        if (yuv.width, yuv.height) != (self.width, self.height):
            raise InputError(f"frame {number} has {yuv.width}x{yuv.height} samples, not {self.width}x{self.height}")
        samples = np.frombuffer(yuv_bytes_8(yuv, full_range=self.spec.range == "full"), np.uint8)
        picture = av.VideoFrame.from_ndarray(samples.reshape(-1, self.width), format="yuv420p")
        picture.pts, picture.time_base = self.ticks[number], self.base
        picture.color_range, picture.colorspace = self.range, self.matrix
        return picture


def _by_pyav(part: Path, frames: Iterable[Yuv], video: _Video, path: Path) -> None:
    import av

    options = {"movflags": _MOVFLAGS} if part.suffix.lower() == ".mp4" else {}
    coding = {"crf": _CRF, "preset": _PRESET, "bf": _B_FRAMES, "x264-params": video.x264}
    try:
        with av.open(f"file:{part}", "w", options=options) as container:
            container.metadata["comment"] = PREVIEW_COMMENT
            for _ in _mux(container, "libx264", frames, video, coding):
                pass
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise output_error(path, error) from error
        raise OutputError(f"{path} cannot be coded as H.264 ({error}): name a folder or a .y4m") from error


def _by_program(program: Path, part: Path, frames: Iterable[Yuv], video: _Video) -> None:
    spec, count = video.spec, len(video.shown.times)
    colour = f"color_primaries={spec.primaries}:color_trc={spec.transfer}:colorspace={video.matrix}"
    sar = f"{video.aspect.numerator}/{video.aspect.denominator}"
    is_mp4 = part.suffix.lower() == ".mp4"
    command: list[str | Path] = [program, "-hide_banner", "-nostdin", "-v", "error", "-f", "nut", "-i", "pipe:0"]
    command += ["-vf", f"setparams=range={video.range}:{colour},setsar={sar}", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    command += ["-crf", _CRF, "-preset", _PRESET, "-bf", _B_FRAMES, "-x264-params", video.x264]
    command += ["-fps_mode", "passthrough", "-enc_time_base", "demux", "-metadata", f"comment={PREVIEW_COMMENT}"]
    command += ["-movflags", _MOVFLAGS] if is_mp4 else []
    megapixels = video.width * video.height / 1e6
    timeout = _SECONDS_AT_LEAST + count * (_SECONDS_PER_FRAME + megapixels * _SECONDS_PER_MEGAPIXEL)
    # The input is made while it is read, which can be done once.
    run([*command, file_argument(part)], timeout=timeout, input=_nut(frames, video), retries=0)


class _Pipe:
    """A file to write into whose bytes are taken out again."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def write(self, data: bytes) -> int:
        self._kept += data
        return len(data)

    def take(self) -> bytes:
        """What was written since."""
        kept = bytes(self._kept)
        self._kept.clear()
        return kept


def _nut(frames: Iterable[Yuv], video: _Video) -> Iterator[bytes]:
    """Raw samples with their times, in FFmpeg's own container for pipes."""
    import av

    pipe = _Pipe()
    with av.open(pipe, "w", format="nut") as container:
        for _ in _mux(container, "rawvideo", frames, video, {}):
            yield pipe.take()
    yield pipe.take()


def _mux(
    container: av.container.OutputContainer,
    codec: Literal["libx264", "rawvideo"],
    frames: Iterable[Yuv],
    video: _Video,
    coding: dict[str, str],
) -> Iterator[None]:
    """Code frames into a container; yields after each one."""
    stream: av.VideoStream = container.add_stream(codec, rate=video.shown.rate, options=coding)  # type: ignore[assignment]
    stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
    stream.sample_aspect_ratio = video.aspect
    context = stream.codec_context
    context.time_base = video.base
    context.thread_count = min(8, os.cpu_count() or 1)
    context.color_range, context.colorspace = video.range, video.matrix
    context.color_primaries, context.color_trc = video.spec.primaries, video.spec.transfer
    # The encoder leaves out for how long the last frame is shown.
    ends = dict(pairwise(video.ticks))
    done = 0

    def mux(picture: av.VideoFrame | None) -> None:
        for packet in stream.encode(picture):
            if packet.pts in ends and packet.time_base == video.base:
                packet.duration = ends[packet.pts] - packet.pts
            container.mux(packet)

    for yuv in frames:
        if done < len(video.shown.times):
            mux(video.picture(done, yuv))
        done += 1
        yield
    if done != len(video.shown.times):
        raise InputError(f"there are {done} frames, {len(video.shown.times)} were announced: nothing was written")
    mux(None)
