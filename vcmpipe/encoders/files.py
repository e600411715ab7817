"""What every adapter does: raw pictures in, streams out and checked, FFmpeg's inputs, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vcmpipe.bitstream import Codec, codec_of, count_pictures
from vcmpipe.encoders.base import Job
from vcmpipe.errors import BitstreamError, ProcessError
from vcmpipe.frames import yuv_bytes, yuv_bytes_8

_SECONDS_AT_LEAST = 120


def seconds_allowed(jobs: Sequence[Job], per_megapixel: Mapping[str, float]) -> float:
    """Seconds after which an encoder is taken to hang, from the seconds per megapixel of each preset."""
    return _SECONDS_AT_LEAST + sum(job.yuv.y.size / 1e6 * per_megapixel[job.mode.preset] for job in jobs)


def write_inputs(jobs: Sequence[Job], folder: Path, *, depth: int = 10) -> list[Path]:
    """Write the raw pictures, each once however many jobs code it, and return the path for every job."""
    paths: dict[int, Path] = {}
    for job in jobs:
        if id(job.yuv) not in paths:
            path = folder / f"in{len(paths)}.yuv"
            full = job.colour is not None and job.colour.range == "full"
            path.write_bytes(yuv_bytes(job.yuv) if depth == 10 else yuv_bytes_8(job.yuv, full_range=full))
            paths[id(job.yuv)] = path
    return [paths[id(job.yuv)] for job in jobs]


def read_outputs(outputs: Sequence[Path], name: str, codec: Codec) -> list[bytes]:
    """Read and check what the encoder wrote: exactly one picture of its codec per file."""
    streams = []
    for path in outputs:
        # An encoder can leave with exit code 0 having written nothing, or too little.
        data = path.read_bytes() if path.is_file() else b""
        try:
            pictures = count_pictures(data) if data else 0
        except BitstreamError as error:
            raise ProcessError(f"{name} exited with 0 but wrote a damaged stream: {error}") from error
        if pictures != 1:
            raise ProcessError(f"{name} exited with 0 but wrote {pictures} pictures where 1 was requested")
        if codec_of(data) != codec:
            raise ProcessError(f"{name} wrote a {codec_of(data).upper()} stream where {codec.upper()} was expected")
        streams.append(data)
    return streams


def ffmpeg_inputs(
    binary: Path, jobs: Sequence[Job], inputs: Sequence[Path], pixels: str
) -> tuple[list[str], dict[Path, int]]:
    """The beginning of an FFmpeg command line that reads the raw pictures, and the number of each input."""
    argv = [str(binary), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    numbers: dict[Path, int] = {}
    for job, path in zip(jobs, inputs, strict=True):
        if path not in numbers:
            numbers[path] = len(numbers)
            size = f"{job.yuv.width}x{job.yuv.height}"
            argv += ["-f", "rawvideo", "-pix_fmt", pixels, "-s", size, "-i", f"file:{path}"]
    return argv, numbers
