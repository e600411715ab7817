"""The theme of all plots: type, colours, and figures that become PNG files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#24292f", "#57606a", "#d8dee4"
# After Okabe and Ito, for all kinds of colour vision; darkened to be read on white.
BLUE, ORANGE, GREEN = "#0072b2", "#c44e00", "#00805c"
SERIES: Final = (BLUE, ORANGE, GREEN)
# Light to dark: what has an order.
SHADES: Final = ("#9fcbe8", "#3d93c9", "#0b4a73")
WIDTH = 7.2
"""Inches of a plot as wide as a page."""


@contextmanager
def themed(
    ink: str = INK, muted: str = MUTED, grid: str = GRID, size: float = 10.0, more: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Matplotlib draws in the theme, within a ``with`` or in a function that this decorates.

    ``ink`` colours titles and texts, ``muted`` axes, labels and ticks; ``size`` is the type's, in points; ``more`` are
    further settings of matplotlib.
    """
    import matplotlib

    settings: dict[str, Any] = {
        "font.family": "sans-serif",
        "font.size": size,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": muted,
        "axes.labelcolor": muted,
        "axes.titlecolor": ink,
        "axes.titlelocation": "left",
        "axes.titlesize": size * 1.15,
        "axes.axisbelow": True,
        "legend.frameon": False,
        "legend.fontsize": size * 0.9,
        "text.color": ink,
        "xtick.color": muted,
        "ytick.color": muted,
        "grid.color": grid,
        "grid.linewidth": 0.8,
    }
    with matplotlib.rc_context({**settings, **(more or {})}):
        yield


def panels(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure on white, so many inches wide and high, and its (rows, columns) axes, with lines at the values."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for each in axes.flat:
        each.grid(axis="y")
        each.tick_params(length=3)
    return figure, axes


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; equal drawings are equal files."""
    buffer = io.BytesIO()
    # Without the version of matplotlib in it.
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()
