"""Thresholds that satisfy a share of a panel: what the objects of one detector bear in the eyes of several machines.

The machines of a panel are the judges of a loss table: detectors, and views of them. An object counts for those that
see it in the source; the QP that satisfies a share of them is the last at which so many still find it (the satisfied
machine ratio, counted by object).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.errors import InputError
from vcmpipe.measurement.labels import DEFAULT_RULE, fill
from vcmpipe.thresholds.base import QP_COUNT
from vcmpipe.thresholds.looks import LOOKS, Look
from vcmpipe.training.aware_data import AwareData
from vcmpipe.training.described import Described, described

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.datasets.loss_table import LossTable
    from vcmpipe.detection import Detector

SHARES = (0.5, 0.75, 1.0)
"""Of the panel, that thresholds are learned for."""
_IOU = 0.5
_BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True, eq=False)
class PanelData:
    """N objects of a detector, as the M machines of a panel see them.

    Attributes:
        objects: Described; their labels mean nothing.
        sees: (N, M) whether a machine finds the object in the source.
        found: (N, M, 64) whether it finds it at each QP; False where it does not see it.
        machines: (M,) names.
    """

    objects: AwareData
    sees: NDArray[np.bool_]
    found: NDArray[np.bool_]
    machines: tuple[str, ...]

    def at(self, share: float, machines: Sequence[str] | None = None) -> AwareData:
        """The objects with the thresholds that satisfy a share, above 0 and at most 1, of some machines, or of all.

        Objects that none of these machines sees, or that no QP keeps for so many, are left out.
        """
        if not 0.0 < share <= 1.0:
            raise InputError(f"a share of a panel lies above 0 and is at most 1, not {share}")
        which = [self.machines.index(name) for name in machines or self.machines]
        sees, found = self.sees[:, which], self.found[:, which]
        count = sees.sum(axis=1)
        kept = found.sum(axis=1) >= np.ceil(share * np.maximum(count, 1) - 1e-9)[:, None]
        some = count > 0
        known = self.objects
        rows = AwareData(known.features, known.looked, known.class_id, kept, known.label, known.picture)
        return rows[some].relabelled(DEFAULT_RULE)


def collect_panel(
    table: LossTable,
    judge: str,
    detector: Detector,
    images: Path,
    *,
    looks: Sequence[Look] = LOOKS,
    pictures: set[str] | None = None,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> PanelData:
    """Describe a judge's objects, and find out which machines find them at which QPs, at the source's size.

    Args:
        table: With one judge or more.
        judge: Whose objects.
        detector: The judge itself.
        images: The folder of the pictures.
        looks: Degraded copies that it looks at.
        pictures: The names to take; all where absent.
        cache: A folder that keeps what was computed.
        progress: Called with each picture's name.

    Raises:
        InputError: The table has no such judge, was not coded at the source's size, or has no objects.
    """
    if judge not in table.judges or table.scales[0] != 1.0:
        raise InputError(f"the loss table has no judge {judge!r} at the source's size")
    machines = (judge, *(name for name in table.judges if name != judge))
    strings = {name: _strings(table, name) for name in machines}
    parts: list[AwareData] = []
    sees, found = [], []
    for name, own in strings[judge][0].groupby("picture", observed=True, sort=True):
        if pictures is not None and str(name) not in pictures:
            continue
        if progress is not None:
            progress(str(name))
        boxes, kinds = own[_BOX].to_numpy(np.float32), own["class_id"].to_numpy(np.int64)
        picture = Described(images / str(name), str(own["source_sha256"].iloc[0]), boxes)
        rows, looked = described(picture, own["score"].to_numpy(np.float32), kinds, detector, looks, cache)
        seen, kept = np.zeros((len(own), len(machines)), np.bool_), np.zeros((len(own), len(machines), QP_COUNT), bool)
        for m, machine in enumerate(machines):
            theirs, marks = strings[machine]
            rows_of = theirs[theirs["picture"] == name]
            names = (_classes(table, judge), _classes(table, machine))
            for mine, other in _pairs(own, rows_of, names):
                seen[mine, m], kept[mine, m] = True, marks[rows_of.index[other]]
        label = np.zeros(len(own), np.int64)
        parts.append(AwareData(rows, looked, kinds, kept[:, 0], label, np.full(len(own), str(name))))
        sees.append(seen)
        found.append(kept)
    if not parts:
        raise InputError("the loss table has no objects to learn from")
    names_of = vars(parts[0])
    objects = AwareData(**{key: np.concatenate([getattr(part, key) for part in parts]) for key in names_of})
    return PanelData(objects, np.concatenate(sees), np.concatenate(found), machines)


def _strings(table: LossTable, judge: str) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """A judge's objects, and (N, 64) whether each is found at each QP; where it was not coded, as at the nearest."""
    rows, found = table.detections(judge), table.found(judge)[:, 0, 1:]
    objects = ~np.isnan(found).all(axis=1)
    marks = np.zeros((int(objects.sum()), QP_COUNT), np.bool_)
    for place, own in enumerate(found[objects]):
        coded = ~np.isnan(own)
        marks[place] = fill(own[None, coded] > 0, np.asarray(table.qps[1:])[coded], np.arange(QP_COUNT))[0]
    return rows.iloc[np.flatnonzero(objects)].reset_index(drop=True), marks


def _classes(table: LossTable, judge: str) -> Mapping[str, str]:
    """Class names by number, as far as the table knows them."""
    judges: Mapping[str, Any] = table.facts.get("judges", {})
    names: Mapping[str, str] = judges.get(judge, {}).get("classes", {})
    return names


def _pairs(
    mine: pd.DataFrame, theirs: pd.DataFrame, names: tuple[Mapping[str, str], Mapping[str, str]]
) -> list[tuple[int, int]]:
    """Which objects of two machines are the same: of one class by name, each with the one that it overlaps most."""
    if not len(mine) or not len(theirs):
        return []
    called = [
        [own.get(str(number), str(number)) for number in rows["class_id"]]
        for rows, own in zip((mine, theirs), names, strict=True)
    ]
    overlap = pairwise_iou(*(rows[_BOX].to_numpy(np.float32) for rows in (mine, theirs)))
    overlap = np.where(np.array(called[0])[:, None] == np.array(called[1])[None, :], overlap, 0.0)
    pairs = []
    while overlap.max() >= _IOU:
        a, b = np.unravel_index(int(overlap.argmax()), overlap.shape)
        pairs.append((int(a), int(b)))
        overlap[a, :] = overlap[:, b] = 0.0
    return pairs
