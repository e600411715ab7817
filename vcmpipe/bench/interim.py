"""First figures of a bench that still runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.bench import words
from vcmpipe.bench.result import TARGET
from vcmpipe.bench.tables import Table
from vcmpipe.evaluation import Curves, rate_at

if TYPE_CHECKING:
    from vcmpipe.bench.pictures import PictureOutcome
    from vcmpipe.tasks import Task


@dataclass(frozen=True)
class Interim:
    """What the pictures so far say.

    Attributes:
        pictures: How many they are.
        objects: The objects to keep in them.
        sizes: By method the bytes per picture at which it keeps ``TARGET`` of the objects; None where it does not.
    """

    pictures: int
    objects: int
    sizes: dict[str, float | None]


def due(done: int, total: int | None) -> bool:
    """Whether figures are worth the reader's time: after 1, 2, 4, 8, ... pictures, but not after the last."""
    return done > 0 and done & (done - 1) == 0 and done != total


def interim(outcomes: Sequence[PictureOutcome], task: Task) -> Interim:
    """The figures of the pictures so far, at least one, without intervals."""
    references = [task.reference([outcome.reference]) for outcome in outcomes]
    objects = sum(len(own) for own in references)
    points: dict[str, list[tuple[float, float]]] = {}
    for point in outcomes[0].cells:
        cells = [outcome.cells[point] for outcome in outcomes]
        kept = sum(
            int(task.compare(own, [cell.detections]).kept.sum()) for own, cell in zip(references, cells, strict=True)
        )
        size = sum(cell.bits for cell in cells) / 8 / len(cells)
        points.setdefault(point.method, []).append((size, kept / objects if objects else np.nan))
    sizes: dict[str, float | None] = {}
    for method, own_points in points.items():
        rates, qualities = np.array(own_points).T
        value = float(rate_at(Curves.of(rates, qualities), TARGET)[0][0])
        sizes[method] = value if np.isfinite(value) else None
    return Interim(len(outcomes), objects, sizes)


def table(figures: Interim) -> Table:
    """The figures for people, each method's beside what it saves against the first one."""
    first, size = next(iter(figures.sizes.items()))
    title = (
        f"So far, {words.count(figures.pictures, 'picture')} with {words.count(figures.objects, 'object')}: bytes per "
        f"picture that keep {100 * TARGET:g} % of the objects"
    )
    rows = []
    for method, own in figures.sizes.items():
        fewer = words.NOTHING if own is None or size is None else f"{100 * (1 - own / size):.1f} %"
        needs = words.REASONS["not_reached"] if own is None else words.number(own)
        rows.append((method, needs, "anchor" if method == first else fewer))
    return Table(("method", "bytes per picture", f"fewer than {first}"), rows, words=1, title=title)
