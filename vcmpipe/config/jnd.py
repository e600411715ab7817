"""Options of ``jnd-map``."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import Options, option
from vcmpipe.config.limits import MAX_SIDE, MIN_SIDE
from vcmpipe.config.outputs import FOLDER


@dataclass(frozen=True, kw_only=True)
class JndMapOptions(Options):
    """Write what human viewers do not notice in each pixel: a ResJND map per picture."""

    input: str = option(bare=True, help="a folder of pictures, one picture, a video file or a .y4m")
    weights: str = option(help="weights of ResJND: .safetensors with its card, or the published .pth")
    out: str = option(
        help="the folder for the maps: NAME.npy (grey levels) and NAME.png (preview) per picture", writes=(FOLDER,)
    )
    tile: int = option(
        512,
        low=MIN_SIDE,
        high=MAX_SIDE,
        help="longest side of the tiles in which large pictures are processed; smaller: less memory",
    )
    device: str = option("auto", help="where the network runs: auto, cpu, cuda, cuda:N")
    limit: int | None = option(None, low=1, help="use only the first N pictures")
    overwrite: bool = option(False, help="make every map again, replacing any file of its name")
