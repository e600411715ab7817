"""Labels of a panel: which machines see an object, and up to which QP a share of them still finds it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import supervision as sv

from vcmpipe.datasets.loss_table import LossTable, rows_of
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.detection.demo import DemoDetector
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png
from vcmpipe.tasks import DetectionTask
from vcmpipe.tasks.loss import AccuracyLoss
from vcmpipe.training.panel import PanelData, collect_panel

QPS = [20, 30, 40, 50]
CAR, BUS = (10, 10, 60, 60, 0.9, 2), (80, 20, 140, 90, 0.8, 5)


def found(*boxes: tuple[float, ...]) -> sv.Detections:
    values = np.array(boxes, np.float32).reshape(-1, 6)
    return sv.Detections(values[:, :4], confidence=values[:, 4], class_id=values[:, 5].astype(np.int64))


def renumbered(box: tuple[float, ...], number: int) -> tuple[float, ...]:
    return (*box[:5], number)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> PanelData:
    """Three machines: the second numbers its classes otherwise, the third sees the car alone."""
    folder = tmp_path_factory.mktemp("panel")
    write_png(folder / "a.png", render_scene(913_000).rgb)
    digest = hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()
    # Up to which QP each machine finds the car and the bus.
    limits = {"one": (40, 20), "two": (30, 50), "three": (20, None)}
    rows = []
    for judge, (car, bus) in limits.items():
        numbers = (0, 1) if judge == "two" else (2, 5)
        things = [renumbered(CAR, numbers[0])] + ([renumbered(BUS, numbers[1])] if bus else [])
        kept = {
            (1.0, qp): found(*(t for t, limit in zip(things, (car, bus), strict=False) if limit and qp <= limit))
            for qp in QPS
        }
        source = found(*things)
        made = rows_of("a.png", digest, (384, 288), judge, source, kept, loss=AccuracyLoss(), task=DetectionTask())
        rows.append(made)
    coco = {"digest": "x", "classes": {"2": "car", "5": "bus"}}
    judges = {"one": coco, "two": {"digest": "y", "classes": {"0": "car", "1": "bus"}}, "three": coco}
    table = LossTable.of(rows, scales=[1.0], qps=QPS, facts={"judges": judges})
    return collect_panel(table, "one", DemoDetector(jobs=1), folder)


def test_who_sees_what(panel: PanelData) -> None:
    assert panel.machines == ("one", "two", "three")
    assert panel.sees.tolist() == [[True, True, True], [True, True, False]]


@pytest.mark.parametrize(
    ("share", "machines", "labels"),
    [
        # QPs that were not coded answer as the nearest that was, the lower of two: 40 holds to 45.
        (1.0, None, [25, 25]),
        (0.75, None, [25, 25]),
        (0.5, None, [35, 63]),
        (0.1, None, [45, 63]),
        (1.0, ["one"], [45, 25]),
        (1.0, ["three"], [25]),
    ],
)
def test_a_share_that_is_satisfied(
    panel: PanelData, share: float, machines: list[str] | None, labels: list[int]
) -> None:
    assert panel.at(share, machines).label.tolist() == labels


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, float("nan")])
def test_shares_that_are_none(panel: PanelData, share: float) -> None:
    with pytest.raises(InputError, match="a share of a panel lies above 0"):
        panel.at(share)
