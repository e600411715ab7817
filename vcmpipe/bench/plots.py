"""Rate against quality, drawn with matplotlib as SVG to stand inside an HTML page.

Colours are drawn as placeholders and become CSS variables of the page, so that one drawing serves its light and its
dark theme. Every method has a colour and a marker of its own: it can be told apart without seeing colours.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vcmpipe.bench.result import ANCHOR, RETENTIONS, BenchResult, PointResult, curve
from vcmpipe.bench.tables import in_order, number, qualities
from vcmpipe.evaluation import RdPoint, envelope

# Inches. About as wide as a telephone's page, so that type keeps its size there.
_SIZE = (5.3, 3.9)
_TYPE = 10.0


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
        return 8.0 if self.marker in "PX" else 6.0


# After Okabe and Ito's palette for all kinds of colour vision, darkened for white and lightened for dark pages.
# The anchors are neutral, the methods that use a detector are coloured.
STYLES = {
    ANCHOR: Style("#24292f", "#f0f3f6", "o"),
    "plain-default": Style("#6e7781", "#9aa4af", "s", "--"),
    "plain-scaled": Style("#a8487f", "#e08fc0", "D", "-."),
    "frame": Style("#0072b2", "#56b4e9", "^"),
    "roi": Style("#00805c", "#2fc79b", "v"),
    "jrd": Style("#c44e00", "#ff9a57", "P"),
}
OTHERS = (Style("#8a6d00", "#e5c64a", "X"), Style("#5b4bb5", "#a99bf0", "<"), Style("#3f6b00", "#9ccc52", ">"))

# Placeholders; no colour map or default of matplotlib holds them.
_INK, _MUTED, _GRID, _PAPER = "#010203", "#010204", "#010205", "#010206"
_VARIABLES = {_INK: "ink", _MUTED: "muted", _GRID: "grid", _PAPER: "paper"}


def _placeholder(place: int) -> str:
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


def plots(result: BenchResult) -> list[Plot]:
    """Bytes per picture against every quality that was measured; a quality without any value has no plot."""
    drawn = []
    for quality, title in qualities(result):
        if any(getattr(point, quality) is not None for point in result.points):
            drawn.append(Plot(f"Bytes per picture and {title}", _draw(result, quality, title)))
    return drawn


def _draw(result: BenchResult, quality: str, title: str) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",  # text stays text: small, searchable, in the page's own type
        "svg.hashsalt": f"vcmpipe-{quality}",  # names inside the drawing are the same every time
        "font.family": "sans-serif",
        "font.size": _TYPE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _MUTED,
        "axes.labelcolor": _MUTED,
        "text.color": _INK,
        "xtick.color": _MUTED,
        "ytick.color": _MUTED,
        "grid.color": _GRID,
    }
    hints: dict[str, str] = {}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=_SIZE)
        axes = figure.add_axes((0.115, 0.135, 0.645, 0.79))
        _axes(axes, title)
        ends = []
        for place, (method, style) in enumerate(styles(result)):
            rising = envelope(curve(result.points, method, quality))
            own = [p for p in result.points if p.method == method and _drawable(p, quality)]
            _series(axes, place, style, rising, own, quality, hints)
            if rising:
                ends.append((method, style, place, rising[-1]))
        _limits(axes, result, quality)
        _labels(axes, ends)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_page(buffer.getvalue(), quality, title, hints)


def _drawable(point: PointResult, quality: str) -> bool:
    return getattr(point, quality) is not None and point.bytes_per_picture > 0


def _axes(axes: Any, title: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("bytes per picture (log scale)")
    axes.set_title(title, loc="left", fontsize=_TYPE, fontweight="bold", color=_INK, pad=6)
    axes.grid(True, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _series(
    axes: Any,
    place: int,
    style: Style,
    rising: Sequence[RdPoint],
    own: Sequence[PointResult],
    quality: str,
    hints: dict[str, str],
) -> None:
    colour = _placeholder(place)
    axes.plot(
        [point.bits for point in rising], [point.quality for point in rising], style.dash, color=colour, linewidth=1.8
    )
    for number_, point in enumerate(own):
        value = getattr(point, quality)
        name = f"{quality}-{place}-{number_}"
        hints[name] = f"{point.method}, {point.label}: {number(point.bytes_per_picture)} bytes, {value:.3f}"
        axes.plot(
            [point.bytes_per_picture],
            [value],
            style.marker,
            color=colour,
            markersize=style.size,
            markeredgecolor=_PAPER,
            markeredgewidth=0.8,
            gid=name,
            zorder=3,
        )


def _limits(axes: Any, result: BenchResult, quality: str) -> None:
    """Room around the points, and ticks that a log axis of less than two decades still shows."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    shown = [point for point in result.points if _drawable(point, quality)]
    sizes = [point.bytes_per_picture for point in shown]
    values = [getattr(point, quality) for point in shown]
    low, high = min(sizes) / 1.15, max(sizes) * 1.15
    axes.set_xlim(low, high)
    span = max(max(values) - min(values), 0.02)
    top = max(values) + 0.06 * span
    axes.set_ylim(min(values) - 0.06 * span, top)
    steps: tuple[int, ...] = (1, 2, 5) if high / low < 60 else (1,)
    if high / low < 5:
        steps = (1, 2, 3, 4, 5, 6, 8)
    ticks = [s * 10**decade for decade in range(-1, 12) for s in steps if low <= s * 10**decade <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    if quality == "retention":
        for retention in RETENTIONS:
            if axes.get_ylim()[0] < retention < top:
                axes.axhline(retention, color=_MUTED, linewidth=0.8, dashes=(2, 2), zorder=1)


def _short(value: float) -> str:
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _labels(axes: Any, ends: list[tuple[str, Style, int, RdPoint]]) -> None:
    """Each method's name beside its line's end, moved apart where names would touch."""
    low, high = axes.get_ylim()
    step = 0.068
    # The lines' ends from top to bottom in 0..1 of the axes; of equal ones the cheaper is named first.
    order = sorted(ends, key=lambda end: (-float(end[3].quality or 0), end[3].bits))
    heights = [(float(end[3].quality or 0) - low) / (high - low) for end in order]
    for i in range(1, len(heights)):
        heights[i] = min(heights[i], heights[i - 1] - step)
    if heights and heights[-1] < 0.02:
        heights[-1] = 0.02
        for i in range(len(heights) - 2, -1, -1):
            heights[i] = max(heights[i], heights[i + 1] + step)
    for (method, style, place, end), height in zip(order, heights, strict=True):
        colour = _placeholder(place)
        # From the line's end to its name, in coordinates of the axes.
        start = axes.transAxes.inverted().transform(axes.transData.transform((end.bits, end.quality)))
        free = {"color": colour, "transform": axes.transAxes, "clip_on": False}
        axes.plot([start[0], 1.0, 1.03], [start[1], height, height], linewidth=0.7, alpha=0.55, zorder=2, **free)
        axes.plot(
            [1.045],
            [height],
            style.marker,
            markersize=style.size,
            markeredgecolor=_PAPER,
            markeredgewidth=0.8,
            **free,
        )
        axes.text(1.075, height, method, color=_INK, va="center", transform=axes.transAxes)


def _for_page(svg: str, quality: str, title: str, hints: dict[str, str]) -> str:
    """The bare element: scalable, named for screen readers, with hints on its points and the page's colours."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'id="((?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick)_\d+)"', rf'id="{quality}-\1"', svg
    )
    described = f"Bytes per picture against {title}, a line and markers per method"
    svg = re.sub(
        r'<svg ([^>]*?)width="[^"]*"( [^>]*)>',
        lambda m: (
            f'<svg {m[1]}role="img" aria-label="{html.escape(described)}"{re.sub(r" height=.[^ ]*pt.", "", m[2])}>'
        ),
        svg,
        count=1,
    )
    for name, text in hints.items():
        svg = svg.replace(f'<g id="{name}">', f'<g id="{name}"><title>{html.escape(text)}</title>')
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return re.sub(r"#0a0b([0-9a-f]{2})", lambda m: f"var(--series-{int(m[1], 16)})", svg)
