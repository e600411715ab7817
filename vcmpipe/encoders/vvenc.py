"""VVenC, through an FFmpeg that carries libvvenc or through its own vvencapp.

VVenC takes no QP map; vcmpipe gives it regions (see ``regions.py``). What its switches do and which of its defaults
spoil a constant QP is collected in ``docs/encoders.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import CODECS, RegionLayout, inspect_stream, merge_regions
from vcmpipe.encoders.base import KEY_OFFSET, Capabilities, CodingMode, IncompleteError, Job, TooDenseError
from vcmpipe.encoders.files import encode_files, ffmpeg_inputs, piped, seconds_allowed
from vcmpipe.errors import ProcessError
from vcmpipe.frames import extend_yuv, lazy

# Seconds allowed per megapixel and picture, by preset; VVenC needs about a tenth on one core of an ordinary machine.
_SECONDS_PER_MEGAPIXEL = {"faster": 60, "fast": 90, "medium": 180, "slow": 480, "slower": 1200}

_CAPABILITIES = Capabilities(
    codec="vvc",
    qp_range=CODECS["vvc"].qp_range,
    native_map=False,
    regions=True,
    structures=("intra", "random-access", "low-delay"),
)
# Pictures of a group. With 32, VVenC's own choice, a static camera took 2 to 5 % more bytes for 0.3 dB, a film 6 to
# 14 % for 0.4 to 0.9 dB (benchmarks/vvenc_sequences.py): no clear gain, for twice the delay.
GOP = 16
# The only length that it takes without reordering.
_LOW_DELAY_GOP = 8


def structure_keys(job: Job) -> dict[str, str]:
    """The keys by which the first picture of a segment, and no other, is an IDR picture, whatever the structure.

    Random access could spare 0.4 to 2 % by leading pictures in front of it (POC0IDR=0); with it first in output order,
    too, segments can be joined, cut and put into containers with nothing before their first picture.
    """
    if len(job.frames) == 1 or job.structure == "intra":
        return {"IntraPeriod": "1", "DecodingRefreshType": "idr"}
    if job.structure == "low-delay":
        keys = {"GOPSize": str(_LOW_DELAY_GOP), "IntraPeriod": "-1", "POC0IDR": "1"}
        return keys | {"PicReordering": "0", "DecodingRefreshType": "none"}
    period = -1 if job.intra_period is None else -(-job.intra_period // GOP) * GOP
    return {"GOPSize": str(GOP), "IntraPeriod": str(period), "POC0IDR": "1", "DecodingRefreshType": "cra"}


def key_offset(job: Job) -> int:
    """QP steps by which the intra pictures of a sequence are coded finer; none where all pictures are intra.

    All other frames live on them: 3 brought 0.1 to 0.8 dB for 1 to 11 % more bytes at QP 22 and 37
    (benchmarks/vvenc_sequences.py); JVET's random access has 3, too.
    """
    return min(KEY_OFFSET, job.lowest_qp) if job.coded_structure != "intra" else 0


def parameters(job: Job) -> dict[str, str]:
    """VVenC's configuration keys for a job (the keys are the same in FFmpeg and vvencapp)."""
    mode, frames = job.mode, len(job.frames)
    keys: dict[str, str] = {}
    # The encoder as it comes chooses its own groups and its own intra period; that all are intra has to be said.
    if mode.constant_qp or (frames > 1 and job.structure != "random-access"):
        keys |= structure_keys(job)
    if mode.ctu is not None:
        keys["CTUSize"] = str(mode.ctu)
    if mode.constant_qp:
        # GOPQPA, IntraQPOffset and BIM move the QP; MCTF filters the source before coding, even of intra pictures; STA
        # may change picture types.
        keys |= {"GOPQPA": "0", "MCTF": "0", "BIM": "0", "IntraQPOffset": str(-key_offset(job)), "STA": "0"}
        keys["accessunitdelimiter"] = "0"
    if mode.region:
        keys |= {"TreatAsSubPic": "1", "threads": "0"}
        if frames > 1 and job.structure != "intra":
            # Slices of one picture share their collocated picture, which VVenC chooses by the QP of each.
            keys["TMVPMode"] = "0"
    if not mode.alf:
        keys["ALF"] = "0"
    return keys


# Encoders side by side in one process from which on each gets one thread, and luma samples, of all frames, up to which
# one alone does: the bits are the same, and the cores, filled by encoders and segments side by side, lose 5 to 25 %
# less to waiting.
_ONE_THREAD_FROM = 4
_ONE_THREAD_UP_TO = 1 << 19
# FFmpeg exits with the low byte of its error; this is AVERROR_EXTERNAL, "Generic error in an external library".
_EXTERNAL_ERROR = -int.from_bytes(b"EXT ", "little") & 0xFF


def _may_be_too_dense(job: Job) -> bool:
    """Whether a picture could need more than the byte per pixel that FFmpeg's buffer for libvvenc holds.

    That takes a noisy picture at a low QP, or one so small that headers alone fill the buffer.
    """
    return job.lowest_qp < 20 or job.width * job.height <= 64 * 64


@dataclass(frozen=True)
class FfmpegVvenc:
    """libvvenc in an FFmpeg binary.

    Attributes:
        threads: Threads of each encoder; None: VVenC's own number for few large pictures, one for small pictures and
            where several run side by side. The bits are the same (but with 0, which has VVenC work
            without threads, in sequences).
    """

    binary: Path
    build: str
    name: str = "vvenc"
    capabilities: Capabilities = _CAPABILITIES
    threads: int | None = None

    def command(self, jobs: Sequence[Job], inputs: Sequence[Path], outputs: Sequence[Path]) -> list[str]:
        """The command line of one process that codes all jobs side by side."""
        argv, numbers = ffmpeg_inputs(self.binary, jobs, inputs, "yuv420p10le")
        for job, path, output in zip(jobs, inputs, outputs, strict=True):
            argv += ["-map", f"{numbers[path]}:v", "-c:v", "libvvenc", "-preset", job.mode.preset]
            argv += ["-qpa", "0" if job.mode.constant_qp else "1", "-qp", str(job.qp)]
            keys = parameters(job)
            single = len(jobs) >= _ONE_THREAD_FROM or job.samples <= _ONE_THREAD_UP_TO
            threads = 1 if self.threads is None and single else self.threads
            if threads is not None:
                keys.setdefault("threads", str(threads))
            if keys:
                argv += ["-vvenc-params", ":".join(f"{key}={value}" for key, value in keys.items())]
            argv += ["-f", "vvc", f"file:{output}"]  # a file, never a pipe: libvvenc writes its warnings to stdout
        return argv

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        """Code the jobs in one FFmpeg process. See ``Encoder.encode``.

        A whole picture that FFmpeg has no room for is coded again on a canvas of twice the height, which doubles the
        room; the stream then shows the upper half. A region cannot be: it has to lie beside others. A sequence of which
        pictures are missing is coded again from a file.
        """
        try:
            return self._encode(jobs)
        except IncompleteError:
            if all(len(job.frames) == 1 for job in jobs):
                raise
            # Where frames come more slowly than they are coded, FFmpeg takes it for the end that no picture is ready.
            return self._encode(jobs, pipe=False)
        except TooDenseError:
            if any(_may_be_too_dense(job) and job.mode.region for job in jobs):
                raise
        roomy = [i for i, job in enumerate(jobs) if not _may_be_too_dense(job)]
        streams = dict(zip(roomy, self._encode([jobs[i] for i in roomy]), strict=True)) if roomy else {}
        # A stream must not depend on what else was requested: each picture is tried as it is before it is padded, but
        # for those of which a higher QP already took too many bits.
        too_dense: set[tuple[int, CodingMode]] = set()
        for i in sorted(
            (i for i in range(len(jobs)) if i not in streams), key=lambda i: jobs[i].lowest_qp, reverse=True
        ):
            picture = id(jobs[i].frames), jobs[i].mode
            if picture not in too_dense:
                try:
                    streams[i] = self._encode([jobs[i]])[0]
                    continue
                except TooDenseError:
                    too_dense.add(picture)
            streams[i] = self._encode_with_room(jobs[i])
        return [streams[i] for i in range(len(jobs))]

    def _encode_with_room(self, job: Job) -> bytes:
        canvas = replace(job, frames=lazy(job.frames, lambda yuv: extend_yuv(yuv, 2 * job.height)))
        stream = self._encode([canvas])[0]
        layout = RegionLayout.single(canvas.width, canvas.height, inspect_stream(stream).pictures[0].ctu)
        return merge_regions([stream], layout, display_size=(job.width, job.height))

    def _encode(self, jobs: Sequence[Job], *, pipe: bool = True) -> list[bytes]:
        def run(_: Path, inputs: list[Path], outputs: list[Path]) -> None:
            process.run(
                self.command(jobs, inputs, outputs),
                timeout=seconds_allowed(jobs, _SECONDS_PER_MEGAPIXEL),
                input=piped(jobs, inputs),
            )

        try:
            return encode_files(self, jobs, run, pipe=pipe)
        except ProcessError as error:
            if error.returncode == _EXTERNAL_ERROR and any(_may_be_too_dense(job) for job in jobs):
                raise TooDenseError(
                    "a picture takes more than the 8 bits per pixel that FFmpeg leaves libvvenc room for: "
                    "code it at a higher QP, or with vvencapp"
                ) from error
            raise


@dataclass(frozen=True)
class Vvencapp:
    """VVenC's own command-line encoder."""

    binary: Path
    build: str
    name: str = "vvenc"
    capabilities: Capabilities = _CAPABILITIES

    def command(self, job: Job, source: Path, output: Path) -> list[str]:
        """The command line that codes one job."""
        argv = [str(self.binary), "--verbosity", "1", "--preset", job.mode.preset]
        argv += ["--input", str(source), "--size", f"{job.width}x{job.height}", "--format", "yuv420_10"]
        argv += ["--framerate", str(job.rate.numerator), "--framescale", str(job.rate.denominator)] if job.rate else []
        argv += ["--frames", str(len(job.frames)), "--qp", str(job.qp), "--qpa", "0" if job.mode.constant_qp else "1"]
        keys = parameters(job)
        if keys:
            argv += ["--additional", " ".join(f"{key}={value}" for key, value in keys.items())]
        return [*argv, "--output", str(output)]

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        """Code the jobs, one process after another. See ``Encoder.encode``."""

        def run(_: Path, inputs: list[Path], outputs: list[Path]) -> None:
            for job, source, output in zip(jobs, inputs, outputs, strict=True):
                process.run(self.command(job, source, output), timeout=seconds_allowed([job], _SECONDS_PER_MEGAPIXEL))

        return encode_files(self, jobs, run)
