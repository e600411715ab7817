"""Options of ``calibrate``."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import option
from vcmpipe.config.cache import CacheSizeOptions
from vcmpipe.config.coding import CodingOptions, MapOptions


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions(CodingOptions, MapOptions, CacheSizeOptions):
    """Fit a predictor to a detector of your own, from some of your pictures."""

    images: str = option(bare=True, help="a folder of pictures like those that will be coded")
    out: str = option(help="the card to write (.json), which encode takes as --predictor", writes=(".json",))
    limit: int = option(30, low=2, help="code at most N of the pictures, evenly spread over the folder")
    predictor: str = option(
        "auto",
        help="what is fitted: a predictor as in encode, such as detector_aware:WEIGHTS, dt_jrd:WEIGHTS or constant; "
        "auto: the shipped weights of detector_aware",
    )
    scale: str = option(
        "auto",
        help="the scale at which margins are counted, and encode then codes: a factor in (0, 1], detector, or "
        "auto (0.75 if that takes fewer bytes for as many objects, else 1)",
    )
    cache: str | None = option(None, help="a folder that stores every encode by content, so that a second run is quick")
