"""Drawings that stand inside an HTML page: SVG whose colours follow the page's light and its dark theme.

Colours are drawn as placeholders and become CSS variables of the page, so that one drawing serves both themes.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from vcmpipe.drawing.theme import themed

# Points, in a drawing as wide as a telephone.
TYPE = 11.0
# Placeholders; no colour map or default of matplotlib holds them.
INK, MUTED, GRID, PAPER = "#010203", "#010204", "#010205", "#010206"
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"}


def series_colour(place: int) -> str:
    """The colour of the series at a place: the page's ``--series-PLACE``, 0..255."""
    return f"#0a0b{place:02x}"


@contextmanager
def canvas(name: str, size: tuple[float, float]) -> Iterator[Any]:
    """A figure of a size in inches, in the page's own type."""
    from matplotlib.figure import Figure

    own = {
        "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own type
        "svg.hashsalt": f"vcmpipe-{name}",  # names inside the drawing are the same every time
        "grid.linewidth": 0.7,
    }
    with themed(INK, MUTED, GRID, TYPE, own):
        yield Figure(figsize=size)


def titled(axes: Any, title: str, start: float = 0.0) -> None:
    """Title, beginning at a place in widths of the axes, grid, and no ticks."""
    axes.set_title(title, x=start, fontsize=TYPE, fontweight="bold", pad=7)
    axes.grid(True)
    axes.tick_params(length=0)


def ticks_at(axis: Any, values: Sequence[float], form: Callable[[float], str]) -> None:
    """Ticks at these values of an axis and nowhere else, labelled by ``form``."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator(values))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))


def short(value: float) -> str:
    """A number on an axis: 20k."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def for_page(figure: Any, name: str, described: str, hints: Mapping[str, str]) -> str:
    """The bare ``<svg>``: scalable, named for screen readers, with hints on its points and the page's colours.

    The colours are the page's CSS variables ``--ink``, ``--muted``, ``--grid``, ``--paper`` and, by their places,
    ``--series-0`` and so on.

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
