"""Detections with what they lose by scale and QP, as the loss curves of ``detector_aware`` learn from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds.looks import LOOKS, Look
from vcmpipe.training.described import Described, described

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.datasets.loss_table import LossTable
    from vcmpipe.detection import Detector

Floats = NDArray[np.float64]
_BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True, eq=False)
class LossData:
    """N detections in S scales and Q QPs.

    Attributes:
        features: (N, F) see ``features.describe`` and ``looks.look_again``.
        weight: (N,) what each weighs.
        lost: (N, S, Q) the share lost, 0..1; NaN where it was not coded.
        known: (N, S) the share lost by the scale alone, in pictures that were not coded.
        picture: (N,) names; detections of a picture stay together.
        scales: (S,)
        qps: (Q,)
    """

    features: Floats
    weight: Floats
    lost: Floats
    known: Floats
    picture: NDArray[np.str_]
    scales: Floats
    qps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.weight)

    def __getitem__(self, rows: npt.ArrayLike) -> LossData:
        """Some of the detections."""
        kept = {name: getattr(self, name)[rows] for name in ("features", "weight", "lost", "known", "picture")}
        return replace(self, **kept)


def judge_of(table: LossTable, detector: Detector) -> str:
    """What a loss table calls a detector; InputError where it is none of its judges."""
    judges: Mapping[str, Any] = table.facts.get("judges", {})
    for name in table.judges:
        if judges.get(name, {}).get("digest") == detector.digest:
            return name
    known = ", ".join(table.judges) or "none"
    raise InputError(f"the detector {detector.name} is not one of the loss table's judges ({known})")


def collect_losses(
    table: LossTable,
    judge: str,
    detector: Detector,
    images: Path,
    *,
    looks: Sequence[Look] = LOOKS,
    pictures: set[str] | None = None,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> LossData:
    """Describe a judge's detections.

    Args:
        table: What they lose.
        judge: Whose detections.
        detector: The judge itself, for its input size and the looks.
        images: The folder of the pictures.
        looks: Degraded copies that it looks at.
        pictures: The names to take; all where absent.
        cache: A folder that keeps what was computed.
        progress: Called with each picture's name.

    Raises:
        InputError: The table has no such judge or no coded version, or a picture is gone or has changed.
    """
    if judge not in table.judges:
        raise InputError(f"the loss table has no judge {judge!r}: it has {', '.join(table.judges) or 'none'}")
    detections = table.detections(judge).reset_index(drop=True)
    lost = table.shares(judge).astype(np.float64)
    if len(table.qps) < 2:
        raise InputError("the loss table has no coded version to learn from")
    rows, names = np.zeros((len(detections), 0)), detections["picture"].astype(str).to_numpy()
    parts, places = [], []
    for name, own in _by_picture(detections, pictures):
        if progress is not None:
            progress(name)
        known = Described(images / name, str(own["source_sha256"].iloc[0]), own[_BOX].to_numpy(np.float32))
        parts.append(described(known, _column(own, "score"), _column(own, "class_id"), detector, looks, cache))
        places.append(own.index.to_numpy())
    if not parts:
        raise InputError("the loss table has no detections to learn from")
    order, rows = np.concatenate(places), np.concatenate([np.hstack(part) for part in parts])
    uncoded = np.nan_to_num(lost[order, :, 0])
    return LossData(
        rows,
        detections["weight"].to_numpy(np.float64)[order],
        lost[order, :, 1:],
        np.where(np.asarray(table.scales) < 1, uncoded, 0.0),
        names[order],
        np.asarray(table.scales),
        np.asarray(table.qps[1:]),
    )


def _by_picture(detections: pd.DataFrame, pictures: set[str] | None) -> list[tuple[str, pd.DataFrame]]:
    groups = detections.groupby("picture", observed=True, sort=True)
    return [(str(name), own) for name, own in groups if pictures is None or str(name) in pictures]


def _column(rows: pd.DataFrame, name: str) -> NDArray[Any]:
    return rows[name].to_numpy(np.float32 if name == "score" else np.int64)
