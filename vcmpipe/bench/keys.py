"""The legend of all drawings: per method its line and marker, once for a part of the page."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.bench.result import BenchResult
from vcmpipe.bench.styles import mark, styles
from vcmpipe.drawing.page import canvas, for_page, series_colour

# Inches.
_SIZE = (0.42, 0.17)


@dataclass(frozen=True)
class Key:
    """How a method is drawn, as an ``<svg>``, and what it does."""

    method: str
    drawing: str
    about: str


def keys(result: BenchResult, part: str) -> list[Key]:
    """A key per method, the anchor first; ``part`` tells the drawings of one part of the page from the others'."""
    found = []
    for place, (method, style) in enumerate(styles(result)):
        name, whole = f"key-{part}-{place}", result.method(method)
        with canvas(name, _SIZE) as figure:
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            axes.set(xlim=(0, 1), ylim=(0, 1))
            axes.plot([0.02, 0.98], [0.5, 0.5], style.dash, color=series_colour(place), linewidth=1.8)
            mark(axes, 0.5, 0.5, place, style)
            found.append(Key(method, for_page(figure, name, method, {}), whole.about if whole else ""))
    return found
