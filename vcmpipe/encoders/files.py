"""What every adapter does: raw frames in, streams out and checked, FFmpeg's inputs, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import CODECS, Codec, codec_of, count_pictures
from vcmpipe.encoders.base import Encoder, IncompleteError, Job
from vcmpipe.errors import BitstreamError, InputError, ProcessError
from vcmpipe.frames import Yuv, yuv_bytes_8
from vcmpipe.frames.yuv import yuv_pieces
from vcmpipe.process.text import count

_SECONDS_AT_LEAST = 120
PIPED_FROM = 1 << 30
"""Bytes of luma from which a sequence is not written into a file first. A file feeds an encoder without a pause, which
VVenC in FFmpeg needs: it loses pictures of sequences that come more slowly than it codes them."""
PIPE = Path("pipe:0")
"""Stands for the raw frames where they come on an encoder's standard input."""


def encode_files(
    encoder: Encoder,
    jobs: Sequence[Job],
    run: Callable[[Path, list[Path], list[Path]], None],
    *,
    depth: int = 10,
    pipe: bool = False,
) -> list[bytes]:
    """Code jobs through files in a temporary folder; see ``Encoder.encode``.

    ``run`` codes them, given the folder, the raw frames of each job (of ``depth`` bits) and where each stream is to go.
    With ``pipe`` it is given ``PIPE`` for the frames of a long sequence that all jobs code: see ``piped``.
    """
    codec, structures = encoder.capabilities.codec, encoder.capabilities.structures
    if job := next((job for job in jobs if len(job.frames) > 1 and job.structure not in structures), None):
        raise InputError(f"encoder {encoder.name} does not code {job.structure}: it codes {', '.join(structures)}")
    with process.temporary_folder(encoder.name) as folder:
        outputs = [folder / f"out{i}{CODECS[codec].endings[0]}" for i in range(len(jobs))]
        long = 2 * jobs[0].samples > PIPED_FROM and all(job.frames is jobs[0].frames for job in jobs)
        streamed = pipe and long and len(jobs[0].frames) > 1
        inputs = [PIPE] * len(jobs) if streamed else write_inputs(jobs, folder, depth=depth)
        run(folder, inputs, outputs)
        return read_outputs(jobs, outputs, encoder.name, codec)


def seconds_allowed(jobs: Sequence[Job], per_megapixel: Mapping[str, float]) -> float:
    """Seconds after which an encoder is taken to hang, from the seconds per megapixel of each preset."""
    return _SECONDS_AT_LEAST + sum(job.samples / 1e6 * per_megapixel[job.mode.preset] for job in jobs)


def write_inputs(jobs: Sequence[Job], folder: Path, *, depth: int = 10) -> list[Path]:
    """Write the raw frames, those of a segment once however many jobs code it, and return the path for every job."""
    paths: dict[int, Path] = {}
    for job in jobs:
        if id(job.frames) not in paths:
            path = folder / f"in{len(paths)}.yuv"
            full = job.colour is not None and job.colour.range == "full"
            with path.open("wb") as file:
                file.writelines(RawFrames(job.frames, depth, full))
            paths[id(job.frames)] = path
    return [paths[id(job.frames)] for job in jobs]


@dataclass(frozen=True)
class RawFrames:
    """Frames as bytes, piece by piece: nobody holds more than one of them."""

    frames: Sequence[Yuv]
    depth: int = 10
    full_range: bool = False

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for yuv in self.frames:
            if self.depth == 10:
                yield from yuv_pieces(yuv)
            else:
                yield yuv_bytes_8(yuv, full_range=self.full_range)


def piped(jobs: Sequence[Job], inputs: Sequence[Path], *, depth: int = 10) -> RawFrames | None:
    """What the encoder's standard input is to be: the frames where they are not in a file."""
    if inputs[0] != PIPE:
        return None
    return RawFrames(jobs[0].frames, depth, jobs[0].colour is not None and jobs[0].colour.range == "full")


def read_outputs(jobs: Sequence[Job], outputs: Sequence[Path], name: str, codec: Codec) -> list[bytes]:
    """Read and check what the encoder wrote: as many pictures of its codec as each job has frames."""
    streams = []
    for job, path in zip(jobs, outputs, strict=True):
        # An encoder can leave with exit code 0 having written nothing, or too little.
        data = path.read_bytes() if path.is_file() else b""
        try:
            pictures = count_pictures(data) if data else 0
        except BitstreamError as error:
            raise ProcessError(f"{name} exited with 0 but wrote a damaged stream: {error}") from error
        if pictures != len(job.frames):
            wrote = f"{count(pictures, 'picture')} for {count(len(job.frames), 'frame')}"
            raise IncompleteError(f"{name} exited with 0 but wrote {wrote}")
        if codec_of(data) != codec:
            raise ProcessError(f"{name} wrote a {codec_of(data).upper()} stream where {codec.upper()} was expected")
        streams.append(data)
    return streams


def ffmpeg_inputs(
    binary: Path, jobs: Sequence[Job], inputs: Sequence[Path], pixels: str
) -> tuple[list[str], dict[Path, int]]:
    """The beginning of an FFmpeg command line that reads the raw frames, and the number of each input."""
    argv = [str(binary), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    numbers: dict[Path, int] = {}
    for job, path in zip(jobs, inputs, strict=True):
        if path not in numbers:
            numbers[path] = len(numbers)
            size = f"{job.width}x{job.height}"
            argv += ["-f", "rawvideo", "-pix_fmt", pixels, "-s", size]
            argv += ["-framerate", str(job.rate)] if job.rate else []
            argv += ["-i", str(path) if path == PIPE else f"file:{path}"]
    return argv, numbers
