"""Pictures of a predictor's errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_DOT, _CONSTANT, _INK = "#2a6f97", "#c9622c", "#555555"


def scatter(path: Path, predicted: NDArray[np.float64], labels: NDArray[np.float64], constant: int) -> None:
    """Predicted against true thresholds (PNG); above the diagonal objects are lost, below it bits are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    # Whole numbers lie on each other: they are shaken apart, the same way each time.
    shake = np.random.default_rng(0).uniform(-0.35, 0.35, (2, len(labels)))
    axes.plot([0, 63], [0, 63], color=_INK, linewidth=1)
    axes.axhline(constant, color=_CONSTANT, linewidth=1, linestyle="--", label=f"constant {constant}")
    axes.scatter(labels + shake[0], predicted + shake[1], s=9, alpha=0.4, color=_DOT, linewidths=0, label="objects")
    axes.set(xlim=(-1, 64), ylim=(-1, 64), xlabel="true threshold (QP)", ylabel="predicted threshold (QP)")
    axes.set_title("above the line: lost objects; below: lost bits", fontsize=10, color=_INK)
    axes.legend(frameon=False, loc="upper left")
    axes.set_aspect("equal")
    figure.savefig(path, dpi=120)


def error_histogram(path: Path, errors: NDArray[np.float64], of_constant: NDArray[np.float64]) -> None:
    """Signed errors of the predictor and of the constant (PNG)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    reach = float(np.ceil(max(np.abs(errors).max(initial=1), np.abs(of_constant).max(initial=1))))
    edges = np.arange(-reach - 0.5, reach + 1.5).tolist()
    axes.hist(errors, edges, color=_DOT, alpha=0.75, label="predictor")
    axes.hist(of_constant, edges, histtype="step", color=_CONSTANT, linewidth=1.4, label="constant")
    axes.axvline(0, color=_INK, linewidth=1)
    axes.set(xlabel="predicted - true threshold (QP steps)", ylabel="objects")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def level_scatter(
    path: Path, levels: Sequence[tuple[int, float, NDArray[np.float64], NDArray[np.float64]]], scale: str
) -> None:
    """Predicted against true JNDs of pictures (PNG), a panel per level.

    Args:
        path: Where to write.
        levels: Level, constant, labels, predictions.
        scale: What they count.
    """
    from matplotlib.figure import Figure

    words = {"h264-qp": "H.264 QP", "jpeg-qf": "JPEG quality factor", "vvc-qp": "VVC QP"}[scale]
    figure = Figure(figsize=(1 + 4 * len(levels), 4.4), layout="constrained")
    panels = figure.subplots(1, len(levels), squeeze=False)[0]
    every = np.concatenate([values for _, _, labels, predicted in levels for values in (labels, predicted)])
    span = [float(every.min()) - 1, float(every.max()) + 1]
    for axes, (level, constant, labels, predicted) in zip(panels, levels, strict=True):
        # Whole numbers lie on each other: they are shaken apart, the same way each time.
        shake = np.random.default_rng(0).uniform(-0.3, 0.3, len(labels))
        axes.plot(span, span, color=_INK, linewidth=1)
        axes.axhline(constant, color=_CONSTANT, linewidth=1, linestyle="--", label=f"constant {constant:g}")
        axes.scatter(labels + shake, predicted, s=12, alpha=0.5, color=_DOT, linewidths=0, label="pictures")
        axes.set(xlim=span, ylim=span, xlabel=f"people's JND{level} ({words})", ylabel="predicted")
        axes.legend(frameon=False, loc="upper left", fontsize=9)
        axes.set_aspect("equal")
    figure.savefig(path, dpi=120)
