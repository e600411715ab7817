"""Options of the commands that read streams, and of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import check_names, option


@dataclass(frozen=True, kw_only=True)
class DecodeOptions:
    """Decode any VVC or HEVC Annex-B stream into PNG files or a .y4m video."""

    input: str = option(help="the bitstream")
    out: str = option(help="a folder for PNG files, or a file ending in .y4m")
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream, if it is there")
    restore: bool = option(True, help="scale pictures back to the source size that the sidecar states")
    overwrite: bool = option(False, help="replace files of the same names that decode did not write itself, too")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "input", "out", "sidecar")


@dataclass(frozen=True, kw_only=True)
class InspectOptions:
    """Show a stream's headers, pictures and regions, and check its QPs against the map requested."""

    input: str = option(help="the bitstream")
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream")
    verify_map: bool = option(
        False, help="compare the QPs in the stream with the sidecar's map; exit 1 where they differ or nobody can tell"
    )
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "input", "sidecar")


@dataclass(frozen=True, kw_only=True)
class ExtractOptions:
    """Cut one region out into a stream of its own, without coding it again."""

    input: str = option(help="the bitstream: all-intra in regions, or with sub-pictures")
    out: str = option(help="the stream to write")
    region: int = option(0, help="the region's number, as inspect lists it")
    picture: int | None = option(None, help="cut it out of this picture alone; default: of every picture")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "input", "out")


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Say what this machine has: encoders, decoder, detectors, predictors, devices."""

    json: bool = option(False, help="print the result as JSON")
