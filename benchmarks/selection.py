"""What comes out where each picture of a set is taken in one of its versions: rates, accuracies, BD-rates.

Shared by the studies that count in tables of versions (``uniform_trials.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import supervision as sv
from numpy.typing import NDArray
from uniform_trials import QPS, Table

from vcmpipe.detection.coco_names import COCO_80
from vcmpipe.evaluation import (
    Curves,
    Estimate,
    GroundTruth,
    MatchRule,
    ap_table,
    bd_rates,
    draw,
    estimate,
    load_ground_truth,
    match,
    pseudo_truth,
)

Floats = NDArray[np.float64]
QUALITIES = ("AP", "AP50", "AP source", "AP50 source", "retention", "2nd retention", "2nd AP source")


@dataclass(frozen=True, eq=False)
class Curve:
    """A method's L points in 1 + R draws of the pictures: bytes per picture, and qualities by name, (1 + R, L) each."""

    rates: Floats
    qualities: Mapping[str, Floats]

    def against(self, anchor: Curve) -> dict[str, Estimate]:
        """BD-rates over each quality, in percent."""
        return {
            name: estimate(
                *bd_rates(Curves.of(anchor.rates, anchor.qualities[name]), Curves.of(self.rates, self.qualities[name]))
            )
            for name in self.qualities
        }


class Study:
    """A set of pictures with all their versions.

    Args:
        tables: The pictures.
        annotations: COCO's instances, or None.
        first: The detector that chooses; ``second``, one that does not.
        resamples: Draws of the pictures for intervals; 0: none.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        annotations: Path | None,
        first: str = "yolox_nano",
        second: str = "fastestdet",
        resamples: int = 0,
    ) -> None:
        self.tables = tables
        self.first, self.second = first, second
        self.classes = dict(enumerate(COCO_80))
        self.rule = MatchRule()
        self.weights = draw(len(tables), resamples, 0)
        self._truth = load_ground_truth(annotations) if annotations else None
        self._source = {name: self._pseudo(name) for name in (first, second)}
        self._kept = {name: [self._kept_of(table, name) for table in tables] for name in (first, second)}

    def _pseudo(self, detector: str) -> GroundTruth:
        sources = {table.name: table.source[detector] for table in self.tables}
        return pseudo_truth(sources, self.classes, score=self.rule.reference_score)

    def _kept_of(self, table: Table, detector: str) -> NDArray[np.int64]:
        """(V,) objects kept in each version; those of the source at place 0."""
        source = table.source[detector]
        wanted = source[self.rule.select(source)]
        found = [int(match(wanted, own).kept.sum()) for own in table.found[detector]]
        return np.array([len(wanted), *found])

    def kept_in(self, detector: str, table: int, version: int | None) -> int:
        """Objects of a detector that a version keeps; None: those of the source."""
        return int(self._kept[detector][table][0 if version is None else 1 + version])

    def kept(self, table: int) -> NDArray[np.bool_]:
        """(V,) whether a version keeps every object of the first detector."""
        own = self._kept[self.first][table]
        return np.asarray(own[1:] == own[0])

    def matrix(
        self, value: Callable[[sv.Detections, sv.Detections], float], detector: str | None = None
    ) -> list[Floats]:
        """By picture (V,) a loss of each version."""
        name = detector or self.first
        return [np.array([value(table.source[name], own) for own in table.found[name]]) for table in self.tables]

    def curve(self, chosen: Sequence[Sequence[int]]) -> Curve:
        """The curve of points, each of which takes one version of every picture."""
        rates, values = [], {name: [] for name in QUALITIES if self._truth or "source" in name or "ret" in name}
        for point in chosen:
            bits = np.array([table.bits[v] for table, v in zip(self.tables, point, strict=True)])
            rates.append(self.weights @ bits / self.weights.sum(axis=1) / 8)
            found = {
                name: {table.name: table.found[name][v] for table, v in zip(self.tables, point, strict=True)}
                for name in (self.first, self.second)
            }
            if self._truth:
                values["AP"], values["AP50"] = self._more(values, "AP", self._truth, found[self.first])
            self._more_source(values, found)
            for name, key in ((self.first, "retention"), (self.second, "2nd retention")):
                kept = np.array([own[1 + v] for own, v in zip(self._kept[name], point, strict=True)])
                total = np.array([own[0] for own in self._kept[name]])
                with np.errstate(invalid="ignore"):
                    values[key].append((self.weights @ kept) / (self.weights @ total))
        return Curve(np.stack(rates, 1), {name: np.stack(each, 1) for name, each in values.items()})

    def _more(self, values, name: str, truth: GroundTruth, found) -> tuple[list[Floats], list[Floats]]:
        ap, ap50 = ap_table(truth, found, self.classes).values(self.weights)
        return [*values[name], ap], [*values[f"{name[:2]}50{name[2:]}"], ap50]

    def _more_source(self, values, found) -> None:
        pair = self._more(values, "AP source", self._source[self.first], found[self.first])
        values["AP source"], values["AP50 source"] = pair
        ap, _ = ap_table(self._source[self.second], found[self.second], self.classes).values(self.weights)
        values["2nd AP source"].append(ap)

    def place(self, table: int, scale: float, qp: int) -> int:
        """The place of a version; where the encoder could not code it, of the next coarser one."""
        own = self.tables[table]
        fit = np.flatnonzero((np.abs(own.scale - scale) < 1e-6) & (own.qp >= qp))
        return int(fit[0])

    def plain(self, scales: Sequence[float] = (1.0,), qps: Sequence[int] = QPS) -> Curve:
        """One QP and one scale for all."""
        pairs = [(scale, qp) for scale in scales for qp in qps]
        return self.curve([[self.place(t, *pair) for t in range(len(self.tables))] for pair in pairs])

    def traced(
        self, losses: Sequence[Floats], lambdas: Sequence[float], allowed: Sequence[NDArray] | None = None
    ) -> list[list[int]]:
        """By lambda the version of each picture with the least bits + lambda x loss, bits in bytes."""
        chosen = []
        for factor in lambdas:
            point = []
            for place, (table, loss) in enumerate(zip(self.tables, losses, strict=True)):
                coded = table.coded if allowed is None else allowed[place]
                cost = table.bits[coded] / 8 + factor * loss[coded]
                point.append(int(coded[cost.argmin()]))
            chosen.append(point)
        return chosen


def header(first: str, curve: Curve) -> str:
    """The head of a table whose rows ``show`` makes."""
    names = [*first.split(" | "), *curve.qualities]
    return f"| {' | '.join(names)} |\n|{'|'.join(['---', *['---:'] * (len(names) - 1)])}|"


def show(name: str, curve: Curve, anchors: Mapping[str, Curve]) -> str:
    """A row: BD-rates against each anchor."""
    cells = []
    compared = {key: curve.against(anchor) for key, anchor in anchors.items()}
    for quality in curve.qualities:
        parts = []
        for found in compared.values():
            own = found[quality]
            parts.append("-" if own.value is None else f"{own.value:+.0f}")
        first = next(iter(compared.values()))[quality]
        more = "" if first.low is None or first.high is None else f" ({first.low:.0f} to {first.high:.0f})"
        cells.append(" / ".join(parts) + more)
    return f"| {name} | " + " | ".join(cells) + " |"
