"""Detectors that look besides a first one: others, and views of the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vcmpipe.detection.registry import load_detector, resolve_detector_spec
from vcmpipe.detection.views import VIEWS, viewed

if TYPE_CHECKING:
    from vcmpipe.detection.base import Detector


def load_judges(first: Detector, names: Sequence[str], *, jobs: int | None, device: str) -> list[Detector]:
    """The detectors of some names; the name of a view is one of the first detector.

    Args:
        first: The detector that they look besides.
        names: Views (see ``VIEWS``), or detectors as ``load_detector`` takes them.
        jobs: As ``load_detector`` takes it.
        device: Likewise.

    Raises:
        InputError: As ``load_detector``.
    """
    return [
        viewed(first, name) if name in VIEWS else load_detector(resolve_detector_spec(name), jobs=jobs, device=device)
        for name in names
    ]
