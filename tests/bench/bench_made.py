"""A small bench: outcomes made by hand, everything behind them for real."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import supervision as sv

from vcmpipe.bench import BenchResult
from vcmpipe.bench.methods import Point
from vcmpipe.bench.observations import Observations, observe, picture_results
from vcmpipe.bench.operating_points import Cell
from vcmpipe.bench.panel import Panel
from vcmpipe.bench.regret import cheapest_whole
from vcmpipe.bench.result import Costs, PanelDetector
from vcmpipe.bench.segments import SegmentOutcome
from vcmpipe.bench.statistics import summarise
from vcmpipe.config import BenchOptions
from vcmpipe.evaluation import pseudo_truth
from vcmpipe.tasks import DetectionTask

# (method, label, bytes per picture, kept of 100)
POINTS = [
    ("jrd", "margin -3", 9_000.0, 99),
    ("jrd", "margin +0", 5_000.0, 95),
    ("jrd", "margin +3", 2_500.0, 80),
    ("plain", "QP 22", 20_000.0, 99),
    ("plain", "QP 32", 10_000.0, 95),
    ("plain", "QP 42", 5_000.0, 70),
    ("frame", "margin -3", 8_000.0, 90),
    ("frame", "margin +3", 6_000.0, 85),
]
PICTURES = 10


@dataclass
class NamedClasses:
    """What statistics need of a detector."""

    classes: dict[int, str] = field(default_factory=lambda: {0: "cat", 1: "dog", 2: "fish"})


def boxes(count: int, first_class: int = 0) -> sv.Detections:
    """Objects in a row, none touching another; classes in turn."""
    if not count:
        return sv.Detections.empty()
    left = 12.0 * np.arange(count)
    return sv.Detections(
        np.stack([left, left * 0, left + 10, left * 0 + 10], axis=1).astype(np.float32),
        confidence=np.linspace(0.9, 0.5, count).astype(np.float32),
        class_id=(np.arange(count) + first_class) % 3,
    )


def make_outcomes(
    points: Sequence[tuple[str, str, float, int]] = POINTS,
    *,
    objects: int = 100,
    pictures: int = PICTURES,
    second: bool = False,
) -> list[SegmentOutcome]:
    """Pictures that together have these sizes and keep so many of their objects.

    Sizes alternate around their mean; the objects that are lost are the last ones of the first pictures.
    """
    per = [objects // pictures + (i < objects % pictures) for i in range(pictures)]
    outcomes = []
    for i in range(pictures):
        reference = boxes(per[i], i)
        cells: dict[Point, Cell] = {}
        for method, label, size, kept in points:
            lost = max(0, objects - kept)
            own = max(0, per[i] - (lost // pictures + (i < lost % pictures)))
            factor = 1.0 if pictures % 2 and i == pictures - 1 else 1.2 if i % 2 else 0.8
            found = reference[np.arange(own)]
            split = (round(6 * size * factor), round(1.5 * size * factor), round(0.5 * size * factor))
            cells[Point(method, label)] = Cell(
                round(8 * size * factor),
                40.0,
                (found,),
                ((found,),) if second else (),
                split if method == "jrd" else None,
            )
        outcomes.append(
            SegmentOutcome(
                (f"p{i}.png",), 640, 480 if i % 2 else 320, (reference,), ((reference,),) if second else (), cells
            )
        )
    return outcomes


def make_observations(outcomes: Sequence[SegmentOutcome], *, truth: bool = True) -> Observations:
    own = pseudo_truth({o.name: o.reference[0] for o in outcomes}, NamedClasses().classes) if truth else None
    panel = Panel(NamedClasses()) if outcomes[0].further else None
    return observe(outcomes, NamedClasses(), DetectionTask(), own, panel)


def make_result(
    points: Sequence[tuple[str, str, float, int]] | None = None,
    *,
    truth: bool = True,
    objects: int = 100,
    second: bool = False,
    average: str = "pictures",
    resamples: int = 100,
    **changes: Any,
) -> BenchResult:
    points = POINTS if points is None else points
    observed = make_observations(make_outcomes(points, objects=objects, second=second), truth=truth)
    anchors = tuple(name for name in ("plain", "plain-scaled") if any(point[0] == name for point in points))
    figures = summarise(observed, anchors, average, resamples, 0)
    costs = Costs(0.01, 2.0, 0.0, 0.5, 22.0, 0.25, 0)
    result = BenchResult(
        pictures=PICTURES,
        objects=objects,
        empty=int((observed.objects.total == 0).sum()),
        second_objects=objects if second else None,
        truth="instances.json" if truth else None,
        source_ap=0.41 if truth else None,
        source_ap50=0.62 if truth else None,
        average=average,
        anchors=anchors,
        points=figures.points,
        methods=[
            dataclasses.replace(method, costs=costs, about=f"What {method.method} does.") for method in figures.methods
        ],
        classes=figures.classes,
        per_picture=picture_results(observed, cheapest_whole(observed)),
        left_out=(),
        seconds=12.5,
        regrets=figures.regrets,
        panel=[PanelDetector(name, objects) for name in ("first.onnx", "second.onnx")] if second else (),
        configuration=dataclasses.asdict(BenchOptions(images="frames", limit=12, resamples=resamples)),
        provenance={"versions": {"vcmpipe": "0.1.0"}, "commit": None, "predictor": "measured:18:58:2"},
    )
    return dataclasses.replace(result, **changes)
