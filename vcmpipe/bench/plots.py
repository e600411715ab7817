"""Rate against quality, a drawing per quality, with the intervals of every operating point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vcmpipe.bench import fmt
from vcmpipe.bench.quality_axis import QualityAxis
from vcmpipe.bench.result import RETENTIONS, BenchResult, PointResult
from vcmpipe.bench.styles import Style, mark, styles
from vcmpipe.bench.tables import qualities
from vcmpipe.drawing.page import MUTED, TYPE, canvas, for_page, series_colour, short, ticks_at, titled
from vcmpipe.evaluation import Curves

# Inches. About as wide as a telephone's page, so that type keeps its size there.
_SIZE = (5.3, 3.9)


def plots(result: BenchResult) -> list[str]:
    """The rate against every quality that was measured; a quality without any value has no plot."""
    return [
        _draw(result, quality, title)
        for quality, title in qualities(result)
        if any(_drawable(point, quality) for point in result.points)
    ]


def _draw(result: BenchResult, quality: str, title: str) -> str:
    hints: dict[str, str] = {}
    with canvas(quality, _SIZE) as figure:
        axes = figure.add_axes((0.115, 0.135, 0.87, 0.79))
        titled(axes, "")
        every = [point for point in result.points if _drawable(point, quality)]
        scale = QualityAxis.of(quality, [point.quality(quality) or 0.0 for point in every], result.objects)
        _title(axes, title[:1].upper() + title[1:], scale.note)
        axes.set_xscale("log")
        axes.set_xlabel(f"{fmt.rate_title(result)} (log scale)")
        for place, (method, style) in enumerate(styles(result)):
            own = [p for p in result.points if p.method == method and _drawable(p, quality)]
            hints |= _series(axes, place, style, own, quality, result)
        _limits(axes, every, quality, scale)
        described = f"{fmt.rate_title(result)} against {title}, a line and markers per method"
        return for_page(figure, quality, described, hints)


def _drawable(point: PointResult, quality: str) -> bool:
    return point.quality(quality) is not None and (point.rate.value or 0.0) > 0


def _series(
    axes: Any, place: int, style: Style, own: Sequence[PointResult], quality: str, result: BenchResult
) -> dict[str, str]:
    """Draw a method's points; returns their hints."""
    hints: dict[str, str] = {}
    colour = series_colour(place)
    rising = Curves.of([point.rate.value or 0.0 for point in own], [point.quality(quality) or 0.0 for point in own])
    axes.plot(rising.rate[0], rising.quality[0], style.dash, color=colour, linewidth=1.8)
    shown = set(zip(rising.rate[0].tolist(), rising.quality[0].tolist(), strict=True))
    digits = fmt.QUALITY_DIGITS.get(quality, 3)
    for number, point in enumerate(own):
        rate, value = point.rate.value, point.quality(quality)
        if rate is None or value is None:
            continue
        name = f"{quality}-{place}-{number}"
        found = point.qualities[quality]
        more = fmt.interval(found, lambda end: f"{end:.{digits}f}")
        cost = fmt.rate(rate, result)
        hints[name] = f"{point.method}, {point.label}: {cost} at {value:.{digits}f}{f' ({more})' if more else ''}"
        # Whiskers on the envelope alone: elsewhere they would hide more than they say.
        if (rate, value) in shown and found.low is not None and found.high is not None:
            line = {"color": colour, "linewidth": 0.9, "alpha": 0.45, "zorder": 2, "solid_capstyle": "butt"}
            axes.plot([rate, rate], [found.low, found.high], **line)
            if point.rate.low is not None and point.rate.high is not None:
                axes.plot([point.rate.low, point.rate.high], [value, value], **line)
        mark(axes, rate, value, place, style, gid=name, zorder=3)
    return hints


def _title(axes: Any, title: str, note: str) -> None:
    """The quality's name, and behind it in small type what its scale is."""
    name = axes.set_title(title, x=0.0, fontsize=TYPE, fontweight="bold", pad=7)
    axes.annotate(note, (1, 0), xycoords=name, va="bottom", fontsize=TYPE * 0.85, color=MUTED, annotation_clip=False)


def _limits(axes: Any, every: Sequence[PointResult], quality: str, scale: QualityAxis) -> None:
    """Room around the points, and ticks that a log axis of less than two decades still shows."""
    shown = [point for point in every if (point.quality(quality) or 0.0) >= scale.lowest]
    sizes = [point.rate.value or 0.0 for point in shown]
    low, high = min(sizes) / 1.15, max(sizes) * 1.15
    axes.set_xlim(low, high)
    ends = [point.qualities[quality] for point in shown]
    top = max(end for found in ends for end in (found.value, found.high) if end is not None)
    bottom = scale.lowest
    if len(shown) == len(every):
        bottom = min([bottom, *(end.low for end in ends if end.low is not None)])
    scale.apply(axes, bottom, top)
    steps = (1, 2, 3, 4, 5, 6, 8) if high / low < 5 else (1, 2, 5) if high / low < 300 else (1,)
    ticks = [s * 10.0**decade for decade in range(-5, 12) for s in steps if low <= s * 10.0**decade <= high]
    ticks_at(axes.xaxis, ticks, lambda value: short(float(f"{value:.6g}")))
    if quality == "retention":
        for retention in RETENTIONS:
            if axes.get_ylim()[0] < retention < top:
                axes.axhline(retention, color=MUTED, linewidth=0.8, dashes=(2, 2), zorder=1)
