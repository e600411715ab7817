"""Drawings of what is saved: per method with intervals, and picture by picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vcmpipe.bench import words
from vcmpipe.bench.result import RETENTIONS, TARGET, BenchResult, MethodResult, chosen_point, key_of
from vcmpipe.bench.styles import Style, mark, styles
from vcmpipe.drawing.page import GRID, INK, MUTED, PAPER, TYPE, Plot, canvas, for_page, series_colour, ticks_at, titled

_WIDTH = 5.3
# Inches of a row, and around all rows.
_ROW, _FRAME = 0.175, 0.85
# Where the names of methods begin, in widths of the axes.
_NAMES = -0.47
# Dots of one method; of more pictures every so-many-th is drawn.
_DOTS = 200


def savings(result: BenchResult) -> list[Plot]:
    """Bits saved at equal retention with intervals, against each anchor; then bytes picture by picture."""
    drawn = [plot for anchor in result.anchors if (plot := _forest(result, anchor))]
    strips = _strips(result)
    return [*drawn, *([strips] if strips else [])]


def _forest(result: BenchResult, anchor: str) -> Plot | None:
    rows: list[tuple[int, Style, MethodResult]] = []
    for place, (name, style) in enumerate(styles(result)):
        method = result.method(name)
        if method is not None and anchor in method.against:
            rows.append((place, style, method))
    if not rows or not result.objects:
        return None
    title = f"Bits saved against {anchor} at equal retention"
    count = len(rows) * (len(RETENTIONS) + 1)
    height = _FRAME + _ROW * count
    hints: dict[str, str] = {}
    name = f"saved-{anchor}"
    with canvas(name, (_WIDTH, height)) as figure:
        axes = figure.add_axes((0.31, 0.5 / height, 0.65, 1 - _FRAME / height))
        titled(axes, title, _NAMES)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        axes.set_xlabel("saved, % (left of 0: more bits)")
        left, right = _range(rows, anchor)
        axes.set_xlim(left, right)
        axes.axvline(0, color=MUTED, linewidth=1.0, zorder=1)
        for number, (place, style, method) in enumerate(rows):
            top = -number * (len(RETENTIONS) + 1)
            _name(axes, top - 1.5, method.method)
            for step, retention in enumerate(RETENTIONS):
                _whisker(axes, name, place, style, method, anchor, retention, top - step, (left, right), hints)
        axes.set_ylim(-count + 1, 1.0)
        described = f"{title}: a row per method and retention, a dot with its 95 % interval"
        return Plot(title, for_page(figure, name, described, hints))


def _mixed(axes: Any) -> Any:
    """Coordinates: x in 0..1 of the axes, y in data."""
    return axes.get_yaxis_transform()


def _name(axes: Any, y: float, text: str) -> None:
    axes.text(_NAMES, y, text, transform=_mixed(axes), va="center", fontweight="bold", fontsize=TYPE * 0.92)


def _range(rows: list[tuple[int, Style, MethodResult]], anchor: str) -> tuple[float, float]:
    """From the worst end of an interval, but not below -100 %, to 100 %."""
    ends = [0.0]
    for _, _, method in rows:
        for found in method.against[anchor].saved.values():
            ends += [end for end in (found.value, found.low) if end is not None]
    return max(min(ends), -100.0) - 4.0, 102.0


def _whisker(
    axes: Any,
    name: str,
    place: int,
    style: Style,
    method: MethodResult,
    anchor: str,
    retention: float,
    y: float,
    limits: tuple[float, float],
    hints: dict[str, str],
) -> None:
    key, colour = key_of(retention), series_colour(place)
    found = method.against[anchor].saved[key]
    strong = retention == TARGET
    size = TYPE * 0.85
    axes.text(
        -0.02, y, key, transform=_mixed(axes), va="center", ha="right", fontsize=size, color=INK if strong else MUTED
    )
    if found.value is None:
        where = max(limits[0], 0) + 2
        axes.text(where, y, words.reason(found), va="center", fontsize=size, color=MUTED, style="italic")
        return
    if found.value < limits[0]:
        off = f"\u25c2 {words.percent(found, signed=False)}"
        axes.text(limits[0], y, off, va="center", fontsize=size, color=colour)
        return
    low = limits[0] if found.low is None else max(found.low, limits[0])
    high = limits[1] if found.high is None else found.high
    if found.low is not None or found.high is not None:
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2 if strong else 1.3, alpha=0.55, zorder=2)
    gid = f"{name}-{place}-{key.replace('.', '_')}"
    more = words.interval(found, lambda value: f"{value:.1f}")
    hints[gid] = f"{method.method} at {key}: {words.percent(found, signed=False)}{f' ({more})' if more else ''}"
    mark(axes, found.value, y, place, style, 1.0 if strong else 0.75, gid=gid, zorder=3)


def _strips(result: BenchResult) -> Plot | None:
    """A dot per picture and method: its bytes relative to the anchor's, each method at its chosen point."""
    if not result.anchors or not result.per_picture:
        return None
    anchor = chosen_point(result, result.anchors[0])
    if anchor is None:
        return None
    points = list(result.points)
    base = np.array([picture.bits[points.index(anchor)] for picture in result.per_picture], dtype=np.float64)
    objects = np.array([picture.objects for picture in result.per_picture])
    rows = []
    for place, (name, style) in enumerate(styles(result)):
        point = chosen_point(result, name)
        if point is not None and name != anchor.method:
            column = points.index(point)
            bits = np.array([picture.bits[column] for picture in result.per_picture], dtype=np.float64)
            kept = np.array([picture.kept[column] for picture in result.per_picture])
            rows.append((place, style, point, bits / base, kept < objects))
    if not rows:
        return None
    title = f"Picture by picture, bytes relative to {anchor.method}"
    height = _FRAME + 0.1 + 0.52 * len(rows)
    hints: dict[str, str] = {}
    with canvas("pictures", (_WIDTH, height)) as figure:
        axes = figure.add_axes((0.31, 0.5 / height, 0.65, 1 - (_FRAME + 0.1) / height))
        titled(axes, title, _NAMES)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        axes.set_xscale("log", base=2)
        ratios = np.concatenate([row[3] for row in rows])
        _ratio_axis(axes, float(ratios.min()), float(ratios.max()))
        axes.set_xlabel(f"times the bytes of {anchor.method} at {anchor.label}")
        axes.axvline(1.0, color=MUTED, linewidth=1.0, zorder=1)
        for number, (place, style, point, ratio, lost) in enumerate(rows):
            _strip(axes, -number, place, style, ratio, lost)
            _name(axes, -number + 0.13, point.method)
            small = {"fontsize": TYPE * 0.85, "color": MUTED}
            axes.text(_NAMES, -number - 0.2, point.label, transform=_mixed(axes), va="center", **small)
        axes.set_ylim(-len(rows) + 0.45, 0.55)
        described = f"{title}: a dot per picture; hollow where an object is lost; a bar at the median"
        return Plot(title, for_page(figure, "pictures", described, hints))


def _ratio_axis(axes: Any, low: float, high: float) -> None:
    first, last = math.floor(math.log2(low * 0.95)), math.ceil(math.log2(max(high, 1.0) * 1.05))
    axes.set_xlim(low * 0.85, max(high, 1.0) * 1.18)
    step = max(1, math.ceil((last - first) / 6))  # labels such as 1/128 are wide
    ticks = [2.0**power for power in range(first, last + 1) if power % step == 0]
    ticks_at(axes.xaxis, ticks, lambda value: f"1/{1 / value:g}" if value < 1 else f"{value:g}")


def _strip(axes: Any, y: float, place: int, style: Style, ratio: Any, lost: Any) -> None:
    """Dots spread over the row's height by their rank, hollow where an object is lost, and a bar at the median."""
    order = np.argsort(ratio, kind="stable")
    order = order[:: max(1, math.ceil(len(order) / _DOTS))]
    spread = np.array([((7 * i) % 11) / 10 - 0.5 for i in range(len(order))]) * 0.5
    colour = series_colour(place)
    middle = float(np.median(ratio))
    axes.plot([middle, middle], [y - 0.36, y + 0.36], color=colour, linewidth=2.2, solid_capstyle="butt", zorder=4)
    axes.axhline(y, color=GRID, linewidth=0.7, zorder=0)
    for hollow in (False, True):
        chosen = [i for i, picture in enumerate(order) if bool(lost[picture]) == hollow]
        axes.plot(
            ratio[order[chosen]],
            y + spread[chosen],
            "o",
            color=colour,
            markersize=4.2,
            markerfacecolor=PAPER if hollow else colour,
            markeredgewidth=1.1 if hollow else 0.0,
            alpha=1.0 if hollow else 0.6,
            zorder=3,
        )
