"""kvazaar (HEVC, with a QP per CTU) through an FFmpeg that carries libkvazaar.

Its own program and uvg266's are described by TOML files (see ``command.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import Vui
from vcmpipe.encoders.base import Capabilities, Job
from vcmpipe.encoders.files import encode_files, ffmpeg_inputs, piped, seconds_allowed
from vcmpipe.encoders.maps import write_map
from vcmpipe.encoders.order import check_order, coding_order, whole_groups
from vcmpipe.errors import ProcessError
from vcmpipe.frames import ColourSpec, lazy, pad_yuv
from vcmpipe.qpmap import KVAZAAR_SPAN, ROI_CTU, ROI_QP_RANGE, MapLimits

# It codes some 10 megapixels a second on one core at its slowest preset here.
_SECONDS_PER_MEGAPIXEL = {"faster": 30, "fast": 30, "medium": 60, "slow": 60, "slower": 120}

CAPABILITIES = Capabilities(
    codec="hevc",
    qp_range=ROI_QP_RANGE,
    native_map=True,
    bit_depths=(8,),
    qp_step_limit=(-26, 25),
    map_limits=MapLimits(ctu=ROI_CTU, qp_range=ROI_QP_RANGE, span=KVAZAAR_SPAN),
    structures=("intra", "random-access", "low-delay"),
)
# Pictures of a group in random access. 8 took 1 to 5 % more bytes on three clips.
GROUP = 16


def structure_keys(job: Job) -> dict[str, str | int]:
    """The keys by which the first picture of a segment is an IDR picture and the others refer as the structure says."""
    if job.coded_structure == "intra":
        return {"period": 1, "gop": 0}
    # By itself it takes 3 off the QP of intra pictures.
    if job.structure == "low-delay":
        # With four references these groups have a table of QPs of their own; without, they keep offsets of the group
        # that the preset chose first.
        return {"period": 0, "gop": "lp-g4d3t1", "ref": 4, "intra-qp-offset": 0}
    period = 0 if job.intra_period is None else whole_groups(job.intra_period, GROUP)
    return {"period": period, "gop": GROUP, "open-gop": 1, "intra-qp-offset": 0}


def map_order(job: Job) -> list[int]:
    """The frames of a job in the order in which maps are read."""
    return coding_order(len(job.frames), GROUP if job.coded_structure == "random-access" else 1)


def parameters(job: Job, roi: str | None) -> str:
    """The keys of libkvazaar for a job; ``roi`` is the map's file name.

    Threads within a picture would need wavefronts, which cost bits: segments are coded side by side instead. The SEI
    with the version and the picture's checksum stays out.
    """
    keys: dict[str, str | int] = {"preset": job.mode.preset, "qp": job.lowest_qp}
    if job.mode.constant_qp or job.coded_structure != "random-access":
        keys |= structure_keys(job)  # else the encoder, as it comes, has groups and intra pictures of its own choice
    keys |= {"threads": 0, "owf": 0, "wpp": 0, "info": 0, "hash": "none"}
    return ",".join(f"{key}={value}" for key, value in keys.items()) + (f",roi={roi}" if roi else "")


def metadata(job: Job, crop: tuple[int, int]) -> str:
    """FFmpeg's bitstream filter that writes the conformance window and the colours into the SPS."""
    vui = Vui.of_colour(job.colour or ColourSpec())
    keys = {"crop_right": crop[0], "crop_bottom": crop[1], "colour_primaries": vui.colour_primaries}
    keys |= {"transfer_characteristics": vui.transfer, "matrix_coefficients": vui.matrix}
    keys |= {"video_full_range_flag": int(vui.full_range), "chroma_sample_loc_type": vui.chroma_siting or 0}
    return "hevc_metadata=" + ":".join(f"{key}={value}" for key, value in keys.items())


@dataclass(frozen=True)
class FfmpegKvazaar:
    """libkvazaar in an FFmpeg binary."""

    binary: Path
    build: str
    name: str = "kvazaar"
    capabilities: Capabilities = CAPABILITIES

    def command(
        self,
        jobs: Sequence[Job],
        inputs: Sequence[Path],
        outputs: Sequence[Path],
        maps: Sequence[Path | None],
        crops: Sequence[tuple[int, int]],
    ) -> list[str]:
        """The command line of one process, run where the maps lie, that codes all jobs (of padded pictures)."""
        argv, numbers = ffmpeg_inputs(self.binary, jobs, inputs, "yuv420p")
        for job, path, output, map_file, crop in zip(jobs, inputs, outputs, maps, crops, strict=True):
            # Maps by their bare names: a folder's name could hold what separates the keys.
            keys = parameters(job, map_file.name if map_file else None)
            argv += ["-map", f"{numbers[path]}:v", "-c:v", "libkvazaar", "-kvazaar-params", keys]
            argv += ["-bsf:v", metadata(job, crop), "-f", "hevc", f"file:{output}"]
        return argv

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        """Code the jobs in one FFmpeg process. See ``Encoder.encode``."""
        # The library takes multiples of 8 only; each segment is padded once, however many jobs code it.
        whole = {id(job.frames): lazy(job.frames, pad_yuv) for job in jobs}
        padded = [replace(job, frames=whole[id(job.frames)]) for job in jobs]
        crops = [(wide.width - job.width, wide.height - job.height) for job, wide in zip(jobs, padded, strict=True)]

        def run(folder: Path, inputs: list[Path], outputs: list[Path]) -> None:
            maps = [
                write_map(job, "roi-text", folder / f"map{i}.txt", self.capabilities, map_order(job)).path
                if job.maps
                else None
                for i, job in enumerate(jobs)
            ]
            argv = self.command(padded, inputs, outputs, maps, crops)
            seconds = seconds_allowed(jobs, _SECONDS_PER_MEGAPIXEL)
            process.run(argv, timeout=seconds, cwd=folder, input=piped(padded, inputs, depth=8))

        streams = encode_files(self, padded, run, depth=8, pipe=True)
        for job, stream in zip(jobs, streams, strict=True):
            if isinstance(job.qp, tuple):
                check_order(stream, map_order(job), self.name)
        return streams


def library_version(binary: Path) -> str | None:
    """The version of libkvazaar in an FFmpeg, which it states in what it codes and nowhere else."""
    argv: list[str | Path] = [binary, "-hide_banner", "-loglevel", "error", "-f", "rawvideo"]
    argv += ["-pix_fmt", "yuv420p", "-s", "64x64", "-i", "pipe:0"]
    argv += ["-c:v", "libkvazaar", "-kvazaar-params", "qp=51,period=1,gop=0,threads=0", "-f", "hevc"]
    try:
        stream = process.run([*argv, "pipe:1"], timeout=30, input=bytes(64 * 64 * 3 // 2)).stdout
    except ProcessError:
        return None
    found = re.search(rb"Kvazaar HEVC Encoder v\. (\d+[\w.]*)", stream)
    return found.group(1).decode() if found else None
