"""Options of the commands that read streams, and of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import Options, option
from vcmpipe.config.detections import WRITES
from vcmpipe.config.outputs import FILE, FOLDER
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DecodeOptions(Options):
    """Decode a VVC, HEVC or AV1 stream into PNG files, a .y4m video, or an H.264 preview for any player."""

    input: str = option(bare=True, help="the bitstream: raw, .mp4 or .mkv")
    out: str = option(
        help="a folder for PNG files, a file ending in .y4m, or in .mp4 or .mkv for a preview",
        writes=(FOLDER, ".y4m", ".mp4", ".mkv"),
    )
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream, if it exists")
    restore: bool = option(True, help="do not scale pictures back to the source size that the sidecar states")
    overlay: bool = option(False, help="draw the sidecar's boxes with class and score; lost objects dashed, in orange")
    overwrite: bool = option(False, help="also replace files of the same names that decode did not write")
    found_out: str | None = option(
        None,
        metavar="FILE",
        help="write what a detector finds in the decoded pictures: .json (COCO results), .coco.json, .csv, .parquet, "
        ".txt (MOT), or a folder of YOLO labels",
        writes=WRITES,
    )
    detector: str | None = option(
        None, help="with --found-out: the detector, as in encode; default: VCMPIPE_DETECTOR, else auto"
    )
    device: str = option("auto", help="where torch detectors run: auto, cpu, cuda, cuda:N")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.detector is not None and self.found_out is None:
            raise InputError(f"--detector {self.detector}: say where to write what it finds, with --found-out FILE")


@dataclass(frozen=True, kw_only=True)
class InspectOptions(Options):
    """Show a stream's headers, pictures and regions; check its QPs against the map."""

    input: str = option(bare=True, help="the bitstream: raw, .mp4 or .mkv")
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream")
    verify_map: bool = option(
        False, help="compare the QPs in the stream with the sidecar's map; exit 1 if they differ or cannot be compared"
    )


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(Options):
    """Cut out a region, or a span of time, as a stream of its own, without re-encoding."""

    input: str = option(
        bare=True,
        help="the bitstream: raw, .mp4 or .mkv; to cut out a region: all-intra in regions, or with sub-pictures",
    )
    out: str = option(help="the stream to write; in .mp4 and .mkv a span keeps its times", writes=(FILE,))
    time: str | None = option(
        None,
        metavar="FROM:TO",
        help="cut out the segments shown in this span: seconds or HH:MM:SS from the first frame, either side may be "
        "empty",
    )
    region: int | None = option(
        None, help="the region's number, as inspect lists it; default: 0, or with --time the whole picture"
    )
    picture: int | None = option(None, help="cut the region out of this picture only; default: out of every picture")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.time is not None and self.region is None and self.picture is not None:
            raise InputError(f"--picture {self.picture} with --time: it is for --region; leave one of the two out")


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Options):
    """Report what this machine has: encoders, decoder, detectors, predictors, devices."""
