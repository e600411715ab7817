"""What every adapter does: raw frames in, streams out and checked, FFmpeg's inputs, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import CODECS, Codec, codec_of, count_pictures
from vcmpipe.encoders.base import Encoder, Job
from vcmpipe.errors import BitstreamError, InputError, ProcessError
from vcmpipe.frames import yuv_bytes, yuv_bytes_8
from vcmpipe.process.text import count

_SECONDS_AT_LEAST = 120


def encode_files(
    encoder: Encoder, jobs: Sequence[Job], run: Callable[[Path, list[Path], list[Path]], None], *, depth: int = 10
) -> list[bytes]:
    """Code jobs through files in a temporary folder; see ``Encoder.encode``.

    ``run`` codes them, given the folder, the raw frames of each job (of ``depth`` bits) and where each stream is to go.
    """
    codec, structures = encoder.capabilities.codec, encoder.capabilities.structures
    if job := next((job for job in jobs if len(job.frames) > 1 and job.structure not in structures), None):
        raise InputError(f"encoder {encoder.name} does not code {job.structure}: it codes {', '.join(structures)}")
    with process.temporary_folder(encoder.name) as folder:
        outputs = [folder / f"out{i}{CODECS[codec].endings[0]}" for i in range(len(jobs))]
        run(folder, write_inputs(jobs, folder, depth=depth), outputs)
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
                for yuv in job.frames:
                    file.write(yuv_bytes(yuv) if depth == 10 else yuv_bytes_8(yuv, full_range=full))
            paths[id(job.frames)] = path
    return [paths[id(job.frames)] for job in jobs]


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
            raise ProcessError(f"{name} exited with 0 but wrote {wrote}")
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
            argv += ["-f", "rawvideo", "-pix_fmt", pixels, "-s", size, "-i", f"file:{path}"]
    return argv, numbers
