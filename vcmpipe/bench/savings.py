"""Drawings of what is saved: per method with intervals, and picture by picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from vcmpipe.bench import fmt
from vcmpipe.bench.result import RETENTIONS, TARGET, BenchResult, chosen_point, key_of
from vcmpipe.bench.styles import Style, mark, styles
from vcmpipe.drawing.page import GRID, INK, MUTED, PAPER, TYPE, canvas, for_page, series_colour, ticks_at, titled
from vcmpipe.evaluation import Estimate

_WIDTH = 5.3
# Inches of a row, and around all rows.
_ROW, _FRAME = 0.175, 0.85
# Where the names of methods begin, in widths of the axes.
_NAMES = -0.47
_BOLD = {"fontweight": "bold", "fontsize": TYPE * 0.92}
# Dots of one method; of more pictures every so-many-th is drawn.
_DOTS = 200


def savings(result: BenchResult) -> list[str]:
    """Bits saved at equal retention with intervals, against each anchor; then bytes picture by picture."""
    drawn = [plot for anchor in result.anchors if (plot := _forest(result, anchor))]
    strips = _strips(result)
    return [*drawn, *([strips] if strips else [])]


@contextmanager
def _rows(name: str, height: float, title: str) -> Iterator[tuple[Any, Any]]:
    """A figure so many inches high and its axes, with room for names beside rows that have no scale."""
    with canvas(name, (_WIDTH, height)) as figure:
        axes = figure.add_axes((0.31, 0.5 / height, 0.65, 1 - _FRAME / height))
        titled(axes, title, _NAMES)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        yield figure, axes


def _forest(result: BenchResult, anchor: str) -> str | None:
    compared = [
        (place, style, method.method, method.against[anchor].saved)
        for place, (each, style) in enumerate(styles(result))
        if (method := result.method(each)) is not None and anchor in method.against
    ]
    if not compared or not result.objects:
        return None
    title = f"Bits saved against {anchor} at equal retention"
    count = len(compared) * (len(RETENTIONS) + 1)
    hints: dict[str, str] = {}
    name = f"saved-{anchor}"
    with _rows(name, _FRAME + _ROW * count, title) as (figure, axes):
        axes.set_xlabel("saved, % (left of 0: more bits)")
        axes.set_xlim(_worst([found for *_, saved in compared for found in saved.values()]) - 4.0, 102.0)
        axes.axvline(0, color=MUTED, linewidth=1.0, zorder=1)
        for number, (place, style, shown, saved) in enumerate(compared):
            top = -number * (len(RETENTIONS) + 1)
            _text(axes, _NAMES, top - 1.5, shown, **_BOLD)
            for step, retention in enumerate(RETENTIONS):
                key, gid = key_of(retention), f"{name}-{place}-{key_of(retention).replace('.', '_')}"
                if _whisker(axes, top - step, place, style, key, saved[key], gid):
                    more = fmt.interval(saved[key], lambda value: f"{value:.1f}")
                    percent = fmt.percent(saved[key], signed=False)
                    hints[gid] = f"{shown} at {key}: {percent}{f' ({more})' if more else ''}"
        axes.set_ylim(-count + 1, 1.0)
        described = f"{title}: a row per method and retention, a dot with its 95 % interval"
        return for_page(figure, name, described, hints)


def _text(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Text beside a row: x in widths of the axes, y in data."""
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), va="center", **style)


def _worst(saved: Sequence[Estimate]) -> float:
    """The worst end of an interval, but not below -100 % and not above 0."""
    ends = [end for found in saved for end in (found.value, found.low) if end is not None]
    return max(min([0.0, *ends]), -100.0)


def _whisker(axes: Any, y: float, place: int, style: Style, key: str, found: Estimate, gid: str) -> bool:
    """Draw a row; returns whether it has a dot."""
    colour, strong, size = series_colour(place), key == key_of(TARGET), TYPE * 0.85
    left, right = axes.get_xlim()
    ink = INK if strong else MUTED
    _text(axes, -0.02, y, key, ha="right", fontsize=size, color=ink)
    if found.value is None:
        where = max(left, 0) + 2
        axes.text(where, y, fmt.reason(found), va="center", fontsize=size, color=MUTED, style="italic")
        return False
    if found.value < left:
        off = f"\u25c2 {fmt.percent(found, signed=False)}"
        axes.text(left, y, off, va="center", fontsize=size, color=colour)
        return False
    if found.low is not None or found.high is not None:
        ends = [left if found.low is None else max(found.low, left), right if found.high is None else found.high]
        axes.plot(ends, [y, y], color=colour, linewidth=2.2 if strong else 1.3, alpha=0.55, zorder=2)
    mark(axes, found.value, y, place, style, 1.0 if strong else 0.75, gid=gid, zorder=3)
    return True


def _strips(result: BenchResult) -> str | None:
    """A dot per picture and method: its bytes relative to the anchor's, each method at its chosen point."""
    if not result.anchors or not result.per_picture:
        return None
    anchor = chosen_point(result, result.anchors[0])
    if anchor is None:
        return None
    points = list(result.points)
    bits = np.array([picture.bits for picture in result.per_picture], dtype=np.float64)
    lost = np.array([picture.kept for picture in result.per_picture]) < [[each.objects] for each in result.per_picture]
    base = bits[:, points.index(anchor)]
    rows = []
    for place, (name, style) in enumerate(styles(result)):
        point = chosen_point(result, name)
        if point is not None and name != anchor.method:
            column = points.index(point)
            rows.append((place, style, point, bits[:, column] / base, lost[:, column]))
    if not rows:
        return None
    title = f"{result.item.capitalize()} by {result.item}, bytes relative to {anchor.method}"
    with _rows("pictures", _FRAME + 0.1 + 0.52 * len(rows), title) as (figure, axes):
        axes.set_xscale("log", base=2)
        ratios = np.concatenate([row[3] for row in rows])
        _ratio_axis(axes, float(ratios.min()), float(ratios.max()))
        axes.set_xlabel(f"times the bytes of {anchor.method} at {anchor.label}")
        axes.axvline(1.0, color=MUTED, linewidth=1.0, zorder=1)
        for number, (place, style, point, ratio, losing) in enumerate(rows):
            _strip(axes, -number, place, style, ratio, losing)
            _text(axes, _NAMES, -number + 0.13, point.method, **_BOLD)
            _text(axes, _NAMES, -number - 0.2, point.label, fontsize=TYPE * 0.85, color=MUTED)
        axes.set_ylim(-len(rows) + 0.45, 0.55)
        described = f"{title}: a dot per {result.item}; hollow where an object is lost; a bar at the median"
        return for_page(figure, "pictures", described, {})


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
