"""For which viewer pictures are coded: a machine, humans, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import Options, option
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ViewerOptions(Options):
    """Whose thresholds make the map."""

    viewer: Literal["machine", "human", "both"] = option(
        "machine", help="whose thresholds count: the detector's, human viewers', or the smaller of the two in every CTU"
    )
    human: str | None = option(
        None,
        help="thresholds of human viewers: resjnd:WEIGHTS, maps:FOLDER (as jnd-map writes it), laser:VARIANT:WEIGHTS, "
        "mtjnd:VARIANT:WEIGHTS, constant:QP, or a plugin's name",
    )
    jnd_factor: float = option(
        1.0,
        above=0,
        high=1_000_000,
        help="resjnd and maps: error that a CTU may have, as a multiple of its mean squared JND",
    )
    jnd_floor: float = option(
        3.0, low=0, high=255, help="resjnd and maps: JNDs below this many grey levels count as this many; 0: none"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.viewer != "machine" and not self.human:
            raise InputError(
                f"--viewer {self.viewer} needs thresholds of human viewers: name them with --human, "
                "such as resjnd:WEIGHTS"
            )
        if self.viewer == "machine" and self.human is not None:
            raise InputError(f"--human {self.human} changes nothing for machines: add --viewer both, or human")
