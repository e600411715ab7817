"""Human viewers beside the machine: the map that their thresholds request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vcmpipe.qpmap import QpMap

if TYPE_CHECKING:
    from vcmpipe.coding.segment_coder import SegmentCoder


@dataclass(frozen=True, eq=False)
class ViewerMap:
    """The QP map that human viewers' thresholds request for one picture.

    Attributes:
        map: At the padded coded size.
        cached: Seconds of work that a cache saved, as far as it knows.
    """

    map: QpMap
    cached: float = 0.0


class HumanViewer(Protocol):
    """The thresholds of human viewers; made by what the registry ``VIEWERS`` names."""

    @property
    def name(self) -> str:
        """What the user requested, made unambiguous; kept in the sidecar."""
        ...

    def request(self, coder: SegmentCoder) -> ViewerMap:
        """The map of the coder's picture."""
        ...
