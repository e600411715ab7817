"""A data set in two pictures: how its labels lie, and what its QPs cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from vcmpipe.datasets.samples import SCALES, Samples
from vcmpipe.datasets.scales import NAMES
from vcmpipe.datasets.statistics import SIZES, Statistics, sizes, usable
from vcmpipe.drawing.theme import BLUE, MUTED, ORANGE, SERIES, SHADES, WIDTH, panels, png, themed
from vcmpipe.process.text import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Points whose bits are nearer to each other than this share have room for one text.
_APART = 0.8


@themed()
def draw(samples: Samples, found: Statistics) -> dict[str, bytes]:
    """PNG files by name: of labels, of streams and of subjects' answers, each where there are such."""
    drawn = {}
    if found.labels is not None:
        drawn["labels.png"] = png(_labels(samples, found))
    if len(found.curve) > 1:
        drawn["rate.png"] = png(_rate(found))
    if found.satisfaction:
        drawn["satisfaction.png"] = png(_satisfaction(found))
    return drawn


def _labels(samples: Samples, found: Statistics) -> Figure:
    curve = bool(found.recognised)
    figure, grid = panels(WIDTH, 5.6 if curve else 3.3, rows=2 if curve else 1)
    _histogram(grid[0, 0], samples, found)
    if curve:
        qps, shares = zip(*found.recognised, strict=True)
        axes = grid[1, 0]
        axes.plot(qps, np.array(shares) * 100, color=BLUE, linewidth=2)
        axes.fill_between(qps, np.array(shares) * 100, color=BLUE, alpha=0.12, linewidth=0)
        axes.set(ylim=(0, 102), xlim=grid[0, 0].get_xlim(), xlabel="VVC QP", ylabel="% of objects")
        axes.set_title("Objects that are still recognised")
    return figure


def _histogram(axes: Axes, samples: Samples, found: Statistics) -> None:
    span = SCALES[samples.scale]
    assert span is not None and found.labels is not None
    use = usable(samples)
    edges = np.arange(span[0], span[1] + 2) - 0.5
    named = sizes(use)
    levels = use["level"].dropna().unique()
    colours: tuple[str, ...]
    if named.notna().all():
        groups = [(name, use["label"][named == name]) for name, _, _ in SIZES]
        colours = SHADES
    elif len(levels) > 1:
        groups = [(f"JND {level}", use["label"][use["level"] == level]) for level in sorted(levels)]
        colours = SERIES
    else:
        groups, colours = [("", use["label"])], (BLUE,)
    kept = [
        (f"{name} ({len(labels):,})", labels, colour) for (name, labels), colour in zip(groups, colours, strict=False)
    ]
    axes.hist(
        [labels.to_numpy() for _, labels, _ in kept],
        bins=list(edges),
        stacked=True,
        color=[colour for _, _, colour in kept],
        label=[name for name, _, _ in kept],
        rwidth=0.86,
    )
    axes.margins(y=0.14)  # room for the text at the median
    values = use["label"]
    low, high = float(values.min()), float(values.max())
    axes.set_xlim(*((span[0] - 1, span[1] + 1) if samples.qps else (max(low - 2, span[0] - 1), high + 2)))
    axes.set(xlabel=NAMES[samples.scale], ylabel="samples" if len(levels) else "objects")
    if len(groups) > 1:
        axes.legend(loc="upper left", handlelength=1.0)
    spread = found.labels
    if not len(levels):
        axes.axvline(spread.percentiles[2], color=ORANGE, linewidth=1.6)
        axes.annotate(
            f"median {spread.percentiles[2]:g}",
            (spread.percentiles[2], 1),
            xycoords=("data", "axes fraction"),
            xytext=(5, -4),
            textcoords="offset points",
            va="top",
            color=ORANGE,
        )
    rule = f", rule {found.rule}" if found.rule else ""
    axes.set_title(f"{found.name}: {count(spread.count, 'label')}, mean {spread.mean:.2f}{rule}")


def _rate(found: Statistics) -> Figure:
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, grid = panels(WIDTH, 3.5, columns=2)
    rates, (left, right) = found.curve, grid[0]
    qps = [rate.qp for rate in rates]
    # Few QPs are points that a line joins, not a curve.
    few = len(rates) < len(found.rates)
    left.fill_between(
        qps,
        [rate.bpp_quartiles[0] for rate in rates],
        [rate.bpp_quartiles[1] for rate in rates],
        color=BLUE,
        alpha=0.18,
        linewidth=0,
        label=f"half of the {found.noun}s",
    )
    left.plot(qps, [rate.bpp for rate in rates], "o-" if few else "-", color=BLUE, linewidth=2, label="median")
    left.set(yscale="log", xlabel="VVC QP", ylabel="bits per pixel")
    left.set_title(f"{found.name}: rate of {count(rates[0].pictures, found.noun)}")
    if few:
        left.set_xlabel(f"VVC QP (the {len(rates)} that all were coded at)")
    left.legend()
    what = "tracks" if found.noun == "segment" else "objects"
    coded = [rate for rate in rates if rate.found is not None]
    if coded:
        right.plot(
            [rate.bits / 8000 for rate in coded],
            [100 * (rate.found or 0) for rate in coded],
            color=ORANGE,
            linewidth=2,
        )
        marked = coded if few else [rate for rate in coded if rate.qp % 5 == 2 and 32 <= rate.qp <= 52] or coded
        last = np.inf
        for rate in marked:
            place = rate.bits / 8000, 100 * (rate.found or 0)
            right.plot(*place, "o", color=ORANGE, markersize=5, clip_on=False)
            if rate.bits > _APART * last:  # its text would stand on that of the one before
                continue
            last = rate.bits
            right.annotate(
                f"QP {rate.qp}",
                place,
                xytext=(-7, 3),
                ha="right",
                textcoords="offset points",
                fontsize=8.5,
                color=MUTED,
            )
    right.margins(x=0.22)  # room for the text at the first point
    right.set(xscale="log", xlabel=f"kB per {found.noun}", ylabel=f"% of {what} recognised", ylim=(0, 102))
    for axis in (left.yaxis, right.xaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    right.set_title("What the bits keep")
    return figure


def _satisfaction(found: Statistics) -> Figure:
    """The share of subjects who see no difference, by level; with several resolutions a panel each."""
    places = list(dict.fromkeys(group.group.partition(", ")[2] for group in found.satisfaction))
    figure, grid = panels(WIDTH, 3.4 * len(places), rows=len(places))
    # Between two whole values nobody changes his mind but at the coarser one.
    side: Literal["pre", "post"] = "pre" if found.scale == "jpeg-qf" else "post"
    for axes, place in zip(grid[:, 0], places, strict=True):
        groups = [group for group in found.satisfaction if group.group.partition(", ")[2] == place]
        for group, colour in zip(groups, SERIES, strict=False):
            values = [value for value, _ in group.curve]
            low, middle, high = (
                [100 * (getattr(share, name) or 0.0) for _, share in group.curve] for name in ("low", "value", "high")
            )
            label = f"{group.group.partition(', ')[0]} ({group.pictures} x {group.subjects[0]} to {group.subjects[1]})"
            axes.plot(values, middle, color=colour, linewidth=2, label=label, drawstyle=f"steps-{side}")
            axes.fill_between(values, low, high, color=colour, alpha=0.18, linewidth=0, step=side)
        axes.axhline(75, color=MUTED, linewidth=1, linestyle="--")
        axes.set(ylim=(0, 102), xlabel=NAMES[found.scale], ylabel="% who see no difference")
        axes.legend()
        axes.set_title(f"{found.name}{f', {place}' if place else ''}: satisfied-user ratio")
    return figure
