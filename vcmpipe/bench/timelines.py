"""Drawings of sequences over time: per segment what each method spends and loses, at the point where it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from vcmpipe.bench.result import BenchResult, PictureResult, chosen_point
from vcmpipe.bench.sequence_result import SequenceResult
from vcmpipe.bench.sequence_tables import SEQUENCES
from vcmpipe.bench.styles import Style, mark, styles
from vcmpipe.drawing.page import canvas, for_page, series_colour, short, ticks_at, titled
from vcmpipe.process.text import count

# Inches: a panel's height, and what is around all of them.
_WIDTH, _PANEL, _FRAME = 5.3, 1.25, 0.55


def timelines(result: BenchResult) -> list[str]:
    """A drawing per sequence: the rate of each segment, and the instances and tracks that are lost in it."""
    return [_draw(result, number, each) for number, each in enumerate(result.sequences[:SEQUENCES])]


def _draw(result: BenchResult, number: int, sequence: SequenceResult) -> str:
    segments = [each for each in result.per_picture if each.sequence == sequence.name]
    ends = [0.0, *accumulate(each.frames / sequence.rate for each in segments)]
    points = list(result.points)
    shown = [
        (place, style, points.index(point))
        for place, (method, style) in enumerate(styles(result))
        if (point := chosen_point(result, method)) is not None
    ]
    panels = ["kbit/s", "lost instances", *(["lost tracks"] if any(each.tracks for each in segments) else [])]
    height = _FRAME + _PANEL * len(panels)
    name, hints = f"timeline-{number}", dict[str, str]()
    with canvas(name, (_WIDTH, height)) as figure:
        for row, title in enumerate(panels):
            bottom = 0.5 + _PANEL * (len(panels) - 1 - row)
            axes = figure.add_axes((0.115, bottom / height, 0.87, (_PANEL - 0.3) / height))
            titled(axes, f"{sequence.name}: {title}" if row == 0 else title)
            axes.set_xlim(0, ends[-1])
            for place, style, column in shown:
                values = [_value(title, each, column, sequence.rate) for each in segments]
                _line(axes, f"{name}-{row}-{place}", ends, values, place, style)
                hints[f"{name}-{row}-{place}"] = f"{points[column].method}, {points[column].label}"
            _scale(axes, title)
            if row == len(panels) - 1:
                axes.set_xlabel("seconds")
            else:
                axes.set_xticklabels([])
        described = (
            f"{sequence.name} over time, {count(len(segments), 'segment')}: {', '.join(panels)}, a line per method"
        )
        return for_page(figure, name, described, hints)


def _value(panel: str, segment: PictureResult, column: int, rate: float) -> float:
    if panel == "kbit/s":
        return segment.bits[column] / 1000 * rate / segment.frames
    if panel == "lost tracks":
        return float((segment.tracks or 0) - segment.tracks_kept[column])
    return float(segment.objects - segment.kept[column])


def _line(axes: Any, name: str, ends: Sequence[float], values: Sequence[float], place: int, style: Style) -> None:
    """A level per segment and a marker in its middle."""
    colour = series_colour(place)
    axes.stairs(values, ends, baseline=None, color=colour, linewidth=1.5, linestyle=style.dash, alpha=0.8, gid=name)
    for number, value in enumerate(values):
        mark(axes, (ends[number] + ends[number + 1]) / 2, value, place, style, 0.6, zorder=3)


def _scale(axes: Any, panel: str) -> None:
    """Rates on a log scale from what there is, losses from 0 in whole numbers."""
    from matplotlib.ticker import MaxNLocator

    if panel != "kbit/s":
        top = max(axes.get_ylim()[1], 1.0)
        axes.set_ylim(-0.06 * top, 1.06 * top)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8) if high / low < 5 else (1, 2, 5) if high / low < 60 else (1,)
    ticks = [step * 10.0**decade for decade in range(-3, 8) for step in steps if low <= step * 10.0**decade <= high]
    ticks_at(axes.yaxis, ticks or [float(np.sqrt(low * high))], lambda value: short(float(f"{value:.3g}")))
