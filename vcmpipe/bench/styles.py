"""How each method is drawn: a colour for light and for dark pages, and a marker that tells it apart without colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vcmpipe.bench.result import ANCHOR, BenchResult
from vcmpipe.bench.tables import in_order
from vcmpipe.drawing.page import PAPER, series_colour


@dataclass(frozen=True)
class Style:
    """Colours on white pages (at least 3:1) and on dark ones, and matplotlib's marker and line style."""

    light: str
    dark: str
    marker: str
    dash: str = "-"

    @property
    def size(self) -> float:
        """The marker's size in points; crosses fill less of theirs."""
        return {"P": 8.0, "X": 8.0, "p": 8.0, "*": 10.0, ".": 12.0}.get(self.marker, 6.0)


# After Okabe and Ito's palette for all kinds of colour vision, darkened for white and lightened for dark pages.
# The anchors are neutral, the methods that use a detector are coloured.
STYLES = {
    ANCHOR: Style("#24292f", "#f0f3f6", "o"),
    "plain-whole": Style("#4b5563", "#d3d9e0", "H", ":"),
    "plain-scene": Style("#3d5a80", "#a9c1de", "8", ":"),
    "stock-whole": Style("#8b7355", "#cdb591", "h", ":"),
    "stock": Style("#6e7781", "#9aa4af", "s", "--"),
    "plain-scaled": Style("#a8487f", "#e08fc0", "D", "-."),
    "frame": Style("#0072b2", "#56b4e9", "^"),
    "roi": Style("#00805c", "#2fc79b", "v"),
    "jrd": Style("#c44e00", "#ff9a57", "P"),
    "jrd-measured": Style("#9a5b00", "#e0a94a", "p", "--"),
    "verified": Style("#b3261e", "#ff8a80", "*"),
    "rdo-open": Style("#5b4bb5", "#a99bf0", "<"),
    "rdo": Style("#1f6f5c", "#6fd3ba", "d"),
    "rdo-panel": Style("#8a5a12", "#e0b56a", ">"),
}
OTHERS = (
    Style("#8a6d00", "#e5c64a", "X"),
    Style("#9c3d6a", "#e59abf", r"$\spadesuit$"),
    Style("#3f6b00", "#9ccc52", "."),
)


def styles(result: BenchResult) -> list[tuple[str, Style]]:
    """The methods with their styles, the anchor first."""
    names = [method.method for method in in_order(result)]
    unknown = [name for name in names if name not in STYLES]
    return [(name, STYLES.get(name) or OTHERS[unknown.index(name) % len(OTHERS)]) for name in names]


def mark(axes: Any, x: float, y: float, place: int, style: Style, shrunk: float = 1.0, **more: Any) -> None:
    """Draw the marker of the method at a place in ``styles``, with a rim of paper around it.

    ``shrunk`` is its size to the style's; ``more`` goes to ``Axes.plot``.
    """
    colour = series_colour(place)
    size = style.size * shrunk
    axes.plot([x], [y], style.marker, color=colour, markersize=size, markeredgecolor=PAPER, markeredgewidth=0.8, **more)
