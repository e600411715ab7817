"""Pictures of a predictor's errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.scales import NAMES
from vcmpipe.drawing.theme import BLUE, MUTED, ORANGE, WIDTH, panels, png, themed


@themed()
def scatter(path: Path, predicted: NDArray[np.float64], labels: NDArray[np.float64], constant: int) -> None:
    """Predicted against true thresholds (PNG); above the diagonal objects are lost, below it bits are."""
    figure, ((axes,),) = panels(6, 6)
    # Whole numbers lie on each other: they are shaken apart, the same way each time.
    shake = np.random.default_rng(0).uniform(-0.35, 0.35, (2, len(labels)))
    axes.plot([0, 63], [0, 63], color=MUTED, linewidth=1)
    axes.axhline(constant, color=ORANGE, linewidth=1, linestyle="--", label=f"constant {constant}")
    axes.scatter(labels + shake[0], predicted + shake[1], s=9, alpha=0.4, color=BLUE, linewidths=0, label="objects")
    axes.set(xlim=(-1, 64), ylim=(-1, 64), xlabel="true threshold (QP)", ylabel="predicted threshold (QP)")
    axes.set_title("above the line: lost objects; below: lost bits")
    axes.legend(loc="upper left")
    axes.set_aspect("equal")
    path.write_bytes(png(figure))


@themed()
def error_histogram(path: Path, errors: NDArray[np.float64], of_constant: NDArray[np.float64]) -> None:
    """Signed errors of the predictor and of the constant (PNG)."""
    figure, ((axes,),) = panels(WIDTH, 4)
    reach = float(np.ceil(max(np.abs(errors).max(initial=1), np.abs(of_constant).max(initial=1))))
    edges = np.arange(-reach - 0.5, reach + 1.5).tolist()
    axes.hist(errors, edges, color=BLUE, alpha=0.75, label="predictor")
    axes.hist(of_constant, edges, histtype="step", color=ORANGE, linewidth=1.4, label="constant")
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.set(xlabel="predicted - true threshold (QP steps)", ylabel="objects")
    axes.legend()
    path.write_bytes(png(figure))


@themed()
def level_scatter(
    path: Path, levels: Sequence[tuple[int, float, NDArray[np.float64], NDArray[np.float64]]], scale: str
) -> None:
    """Predicted against true JNDs of pictures (PNG), a panel per level.

    Args:
        path: Where to write.
        levels: Level, constant, labels, predictions.
        scale: What they count.
    """
    figure, (row,) = panels(1 + 4 * len(levels), 4.4, columns=len(levels))
    every = np.concatenate([values for _, _, labels, predicted in levels for values in (labels, predicted)])
    span = [float(every.min()) - 1, float(every.max()) + 1]
    for axes, (level, constant, labels, predicted) in zip(row, levels, strict=True):
        # Whole numbers lie on each other: they are shaken apart, the same way each time.
        shake = np.random.default_rng(0).uniform(-0.3, 0.3, len(labels))
        axes.plot(span, span, color=MUTED, linewidth=1)
        axes.axhline(constant, color=ORANGE, linewidth=1, linestyle="--", label=f"constant {constant:g}")
        axes.scatter(labels + shake, predicted, s=12, alpha=0.5, color=BLUE, linewidths=0, label="pictures")
        axes.set(xlim=span, ylim=span, xlabel=f"human JND {level} ({NAMES[scale]})", ylabel="predicted")
        axes.legend(loc="upper left")
        axes.set_aspect("equal")
    path.write_bytes(png(figure))
