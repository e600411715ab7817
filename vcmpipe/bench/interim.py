"""First figures of a bench that still runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.bench import fmt
from vcmpipe.bench.result import TARGET
from vcmpipe.bench.tables import Table
from vcmpipe.bench.tracks import frame_task
from vcmpipe.evaluation import Curves, rate_at
from vcmpipe.process.text import count

if TYPE_CHECKING:
    from vcmpipe.bench.segments import SegmentOutcome
    from vcmpipe.tasks import Task


def due(done: int, total: int | None) -> bool:
    """Whether figures are worth the reader's time: after 1, 2, 4, 8, ... pictures, but not after the last."""
    return done > 0 and done & (done - 1) == 0 and done != total


def interim(outcomes: Sequence[SegmentOutcome], task: Task) -> Table:
    """By method the bytes per picture that keep ``TARGET`` of the objects, of the pictures so far, at least one.

    Of sequences: bytes per frame, of the segments so far.
    """
    item, image = ("segment", "frame") if outcomes[0].sequence else ("picture", "picture")
    frames = sum(len(outcome.names) for outcome in outcomes)
    references = [task.reference(outcome.reference) for outcome in outcomes]
    objects, frames_of = sum(len(own) for own in references), frame_task(task)
    points: dict[str, list[tuple[float, float]]] = {}
    for point in outcomes[0].cells:
        cells = [outcome.cells[point] for outcome in outcomes]
        kept = sum(
            int(frames_of.compare(own, cell.detections).kept.sum()) for own, cell in zip(references, cells, strict=True)
        )
        size = sum(cell.bits for cell in cells) / 8 / frames
        points.setdefault(point.method, []).append((size, kept / objects if objects else np.nan))
    sizes = {method: float(rate_at(Curves.of(*np.array(own).T), TARGET)[0][0]) for method, own in points.items()}
    first, anchor = next(iter(sizes.items()))
    rows = []
    for method, size in sizes.items():
        fewer = fmt.NOTHING if np.isnan(size) or np.isnan(anchor) else f"{100 * (1 - size / anchor):.1f} %"
        needs = fmt.REASONS["not_reached"] if np.isnan(size) else fmt.number(size)
        rows.append((method, needs, "anchor" if method == first else fewer))
    title = (
        f"So far, {count(len(outcomes), item)} with {count(objects, 'object')}: bytes per "
        f"{image} that keep {100 * TARGET:g} % of the objects"
    )
    return Table(("method", f"bytes per {image}", f"fewer than {first}"), rows, title=title)
