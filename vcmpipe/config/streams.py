"""Options of the commands that read streams, and of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import Options, option


@dataclass(frozen=True, kw_only=True)
class DecodeOptions(Options):
    """Decode a VVC or HEVC stream into PNG files or a .y4m video."""

    input: str = option(bare=True, help="the bitstream")
    out: str = option(help="a folder for PNG files, or a file ending in .y4m")
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream, if it is there")
    restore: bool = option(True, help="do not scale pictures back to the source size that the sidecar states")
    overwrite: bool = option(False, help="replace files of the same names that decode did not write itself, too")


@dataclass(frozen=True, kw_only=True)
class InspectOptions(Options):
    """Show a stream's headers, pictures and regions; check its QPs against the map."""

    input: str = option(bare=True, help="the bitstream")
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream")
    verify_map: bool = option(
        False, help="compare the QPs in the stream with the sidecar's map; exit 1 where they differ or nobody can tell"
    )


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(Options):
    """Cut one region out into a stream of its own, without coding it again."""

    input: str = option(bare=True, help="the bitstream: all-intra in regions, or with sub-pictures")
    out: str = option(help="the stream to write")
    region: int = option(0, help="the region's number, as inspect lists it")
    picture: int | None = option(None, help="cut it out of this picture alone; default: of every picture")


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Options):
    """Say what this machine has: encoders, decoder, detectors, predictors, devices."""
