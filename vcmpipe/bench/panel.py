"""The panel: the detector that pictures are coded for, a second one and further ones, which take no part in coding.

What a method keeps for one detector by luck, another does not see. The satisfied ratio says for how many of them a
picture is still good: here a detector is satisfied where it finds all of its objects of a picture again. Source of the
idea: Zhang et al., "Perceptual Video Coding for Machines via Satisfied Machine Ratio Modeling", arXiv 2211.06797.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bench.coded_detections import guarded_detector
from vcmpipe.config import BenchOptions
from vcmpipe.detection.views import VIEWS, viewed
from vcmpipe.process.progress import Warn
from vcmpipe.sidecar import provenance

if TYPE_CHECKING:
    from vcmpipe.detection import Detector


@dataclass(frozen=True)
class Panel:
    """The detectors besides the one that pictures are coded for.

    Attributes:
        second: That of ``--second-detector``.
        others: Those of ``--panel``.
    """

    second: Detector | None = None
    others: Sequence[Detector] = ()

    @property
    def further(self) -> tuple[Detector, ...]:
        """All of them, the second one first."""
        return (*([] if self.second is None else [self.second]), *self.others)

    def provenance(self) -> dict[str, Any]:
        """Which detectors they are."""
        found: dict[str, Any] = {}
        if self.second is not None:
            found["second_detector"] = provenance.of_detector(self.second)
        if self.others:
            found["panel"] = {other.name: provenance.of_detector(other) for other in self.others}
        return found


def load_panel(
    options: BenchOptions,
    detector: Detector,
    load: Callable[[str | None], Detector],
    parts: Mapping[str, Any],
    warn: Warn,
) -> Panel:
    """The detectors that options name, or the objects in ``parts`` (``second_detector``, ``panel``) instead of them.

    If one of them fails on a picture it raises ``DetectionError``.

    Args:
        options: What was requested.
        detector: The detector that pictures are coded for; views are of it.
        load: Makes a detector of what a user calls it.
        parts: May hold the detectors themselves.
        warn: Told of a detector that is named twice: it is counted once.

    Raises:
        InputError: A detector is unknown, missing or damaged.
    """
    second = parts.get("second_detector")
    if second is None and options.second_detector is not None:
        second = load(options.second_detector)
    named = [name for name in (options.panel or "").split(",") if name]
    others = parts.get("panel")
    if others is None:
        others = [viewed(detector, name) if name in VIEWS else load(name) for name in named]
    known = {each.digest for each in (detector, second) if each is not None}
    taken = []
    for other in others:
        if other.digest in known:
            warn(f"{other.name} is in the panel already: it is counted once")
            continue
        known.add(other.digest)
        taken.append(other)
    return Panel(guarded_detector(second) if second is not None else None, [guarded_detector(each) for each in taken])


@dataclass(frozen=True)
class Satisfied:
    """For how much of a panel segments are good, at P operating points.

    Attributes:
        frames: (N,) frames of each segment that hold an object for any of the detectors.
        share: (P, N) for these, summed: the share of the detectors that see an object in the frame's source for which
            all of its objects are kept.
    """

    frames: NDArray[np.int64]
    share: NDArray[np.float64]


def satisfied_share(
    panel: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], segment: NDArray[np.int64], count: int
) -> Satisfied:
    """Count for how much of a panel the frames of ``count`` segments are good.

    Args:
        panel: Per detector the objects of each frame, (F,), and those kept at each point, (P, F).
        segment: (F,) the segment of each frame.
        count: Of segments.
    """
    judges = np.sum([total > 0 for total, _ in panel], axis=0)  # (F,) detectors that see something
    content = np.sum([(total > 0) & (kept == total) for total, kept in panel], axis=0)  # (P, F) those that see it all
    share = np.divide(content, judges, out=np.zeros(content.shape), where=judges > 0)
    return Satisfied(sums((judges > 0).astype(np.int64), segment, count), sums(share, segment, count))


def sums(values: NDArray[Any], segment: NDArray[np.int64], count: int) -> NDArray[Any]:
    """(..., N) sums over the frames of each of N segments, of (..., F) values of frames."""
    found = np.zeros((count, *values.shape[:-1]), values.dtype)
    np.add.at(found, segment, values.T)
    return found.T
