"""Options of ``jnd-map``."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import MAX_SIDE, MIN_SIDE, check_names, option
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class JndMapOptions:
    """Write what people do not notice in each pixel: a ResJND map per picture, with a preview."""

    input: str = option(help="a folder of pictures, one picture, a video file or a .y4m")
    weights: str = option(help="weights of ResJND: .safetensors with its card, or the published .pth")
    out: str = option(help="the folder for the maps: NAME.npy (grey levels) and NAME.png (preview) per picture")
    tile: int = option(512, help="longest side of the tiles that large pictures go through in; smaller: less memory")
    device: str = option("auto", help="where the network runs: auto, cpu, cuda, cuda:N")
    limit: int | None = option(None, help="take only the first N pictures")
    overwrite: bool = option(False, help="make every map anew, in place of whatever has its name")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "input", "weights", "out")
        if not MIN_SIDE <= self.tile <= MAX_SIDE:
            raise InputError(f"--tile {self.tile}: give {MIN_SIDE} to {MAX_SIDE} pixels")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more pictures")
