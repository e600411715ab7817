"""What all drawings share: a style per method, colours that follow the page, and SVG that may stand inside HTML.

Colours are drawn as placeholders and become CSS variables of the page, so that one drawing serves its light and its
dark theme. Every method has a colour and a marker of its own: it can be told apart without seeing colours.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vcmpipe.bench.result import ANCHOR, BenchResult
from vcmpipe.bench.tables import in_order

# Points, in a drawing as wide as a telephone.
TYPE = 11.0


@dataclass(frozen=True)
class Style:
    """How a method is drawn.

    Attributes:
        light: Its colour on a white page (at least 3:1 against it).
        dark: Its colour on a dark page.
        marker: matplotlib's name of the marker.
        dash: matplotlib's line style.
    """

    light: str
    dark: str
    marker: str
    dash: str = "-"

    @property
    def size(self) -> float:
        """The marker's size in points; crosses fill less of theirs."""
        return {"P": 8.0, "X": 8.0, "p": 8.0, "*": 10.0}.get(self.marker, 6.0)


# After Okabe and Ito's palette for all kinds of colour vision, darkened for white and lightened for dark pages.
# The anchors are neutral, the methods that use a detector are coloured.
STYLES = {
    ANCHOR: Style("#24292f", "#f0f3f6", "o"),
    "plain-default": Style("#6e7781", "#9aa4af", "s", "--"),
    "plain-scaled": Style("#a8487f", "#e08fc0", "D", "-."),
    "frame": Style("#0072b2", "#56b4e9", "^"),
    "roi": Style("#00805c", "#2fc79b", "v"),
    "jrd": Style("#c44e00", "#ff9a57", "P"),
    "jrd-measured": Style("#9a5b00", "#e0a94a", "p", "--"),
    "verified": Style("#b3261e", "#ff8a80", "*"),
}
OTHERS = (Style("#8a6d00", "#e5c64a", "X"), Style("#5b4bb5", "#a99bf0", "<"), Style("#3f6b00", "#9ccc52", ">"))

# Placeholders; no colour map or default of matplotlib holds them.
INK, MUTED, GRID, PAPER = "#010203", "#010204", "#010205", "#010206"
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"}


def series_colour(place: int) -> str:
    """The colour of the method at a place in ``styles``."""
    return f"#0a0b{place:02x}"


def styles(result: BenchResult) -> list[tuple[str, Style]]:
    """The methods with their styles, the anchor first."""
    names = [method.method for method in in_order(result)]
    unknown = [name for name in names if name not in STYLES]
    return [(name, STYLES.get(name) or OTHERS[unknown.index(name) % len(OTHERS)]) for name in names]


@dataclass(frozen=True)
class Plot:
    """One drawing.

    Attributes:
        title: What it shows.
        svg: The ``<svg>`` element; its colours are the CSS variables ``--ink``, ``--muted``, ``--grid``, ``--paper``
            and ``--series-0`` and so on in the order of ``styles``.
    """

    title: str
    svg: str


@contextmanager
def canvas(name: str, size: tuple[float, float]) -> Iterator[Any]:
    """A figure of a size in inches, in the page's own type."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own type
        "svg.hashsalt": f"vcmpipe-{name}",  # names inside the drawing are the same every time
        "font.family": "sans-serif",
        "font.size": TYPE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": MUTED,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "grid.color": GRID,
    }
    with matplotlib.rc_context(settings):
        yield Figure(figsize=size)


def titled(axes: Any, title: str, start: float = 0.0) -> None:
    """Title, beginning at a place in widths of the axes, grid, and no ticks."""
    axes.set_title(title, loc="left", x=start, fontsize=TYPE, fontweight="bold", color=INK, pad=7)
    axes.grid(True, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def short(value: float) -> str:
    """A number on an axis: 20k."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def for_page(figure: Any, name: str, described: str, hints: Mapping[str, str]) -> str:
    """The bare element: scalable, named for screen readers, with hints on its points and the page's colours.

    Args:
        figure: A matplotlib figure.
        name: Put before names inside the drawing, which must be the only ones of the page.
        described: What is seen.
        hints: Text by the ``gid`` of a drawn thing.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    kinds = r"(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|PathCollection|LineCollection)"
    svg = re.sub(rf'id="({kinds}_\d+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(
        r'<svg ([^>]*?)width="[^"]*"( [^>]*)>',
        lambda m: (
            f'<svg {m[1]}role="img" aria-label="{html.escape(described)}"{re.sub(r" height=.[^ ]*pt.", "", m[2])}>'
        ),
        svg,
        count=1,
    )
    for gid, text in hints.items():
        svg = svg.replace(f'<g id="{gid}">', f'<g id="{gid}"><title>{html.escape(text)}</title>')
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return re.sub(r"#0a0b([0-9a-f]{2})", lambda m: f"var(--series-{int(m[1], 16)})", svg)
