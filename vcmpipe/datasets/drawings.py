"""A data set in two pictures: how its labels lie, and what its QPs cost."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vcmpipe.datasets.samples import SCALES, Samples
from vcmpipe.datasets.statistics import SIZES, Statistics, sizes, usable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# As in the bench's curves: after Okabe and Ito, for all kinds of colour vision; dark enough on white.
_INK, _MUTED, _GRID = "#24292f", "#57606a", "#d8dee4"
_BLUE, _ORANGE, _GREEN = "#0072b2", "#c44e00", "#00805c"
# Light to dark: small objects, which are lost first, to large ones.
_SIZE_COLOURS = ("#9fcbe8", "#3d93c9", "#0b4a73")
_SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _MUTED,
    "axes.titlecolor": _INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.axisbelow": True,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "grid.color": _GRID,
}
_WORDS = {"vvc-qp": "VVC QP", "h264-qp": "H.264 QP", "jpeg-qf": "JPEG quality factor"}


def draw(samples: Samples, found: Statistics) -> dict[str, bytes]:
    """PNG files by name: of labels, of streams and of people's answers, each where there are such."""
    import matplotlib

    drawn = {}
    with matplotlib.rc_context(_SETTINGS):
        if found.labels is not None:
            drawn["labels.png"] = _png(_labels(samples, found))
        if found.rates:
            drawn["rate.png"] = _png(_rate(found))
        if found.satisfaction:
            drawn["satisfaction.png"] = _png(_satisfaction(found))
    return drawn


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without the version of matplotlib in it, equal drawings are equal files.
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def _figure(height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, height), facecolor="white", layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for each in axes.flat:
        each.grid(axis="y", linewidth=0.8)
        each.tick_params(length=3)
    return figure, axes


def _labels(samples: Samples, found: Statistics) -> Figure:
    curve = bool(found.recognised)
    figure, grid = _figure(5.6 if curve else 3.3, rows=2 if curve else 1)
    _histogram(grid[0, 0], samples, found)
    if curve:
        qps, shares = zip(*found.recognised, strict=True)
        axes = grid[1, 0]
        axes.plot(qps, np.array(shares) * 100, color=_BLUE, linewidth=2)
        axes.fill_between(qps, np.array(shares) * 100, color=_BLUE, alpha=0.12, linewidth=0)
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
        colours = _SIZE_COLOURS
    elif len(levels) > 1:
        groups = [(f"JND {level}", use["label"][use["level"] == level]) for level in sorted(levels)]
        colours = (_BLUE, _ORANGE, _GREEN)
    else:
        groups, colours = [("", use["label"])], (_BLUE,)
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
    axes.margins(y=0.14)  # room for the words at the median
    values = use["label"]
    low, high = float(values.min()), float(values.max())
    axes.set_xlim(*((span[0] - 1, span[1] + 1) if samples.qps else (max(low - 2, span[0] - 1), high + 2)))
    axes.set(xlabel=_WORDS[samples.scale], ylabel="samples" if len(levels) else "objects")
    if len(groups) > 1:
        axes.legend(frameon=False, loc="upper left", fontsize=9, handlelength=1.0)
    spread = found.labels
    if not len(levels):
        axes.axvline(spread.percentiles[2], color=_ORANGE, linewidth=1.6)
        axes.annotate(
            f"median {spread.percentiles[2]:g}",
            (spread.percentiles[2], 1),
            xycoords=("data", "axes fraction"),
            xytext=(5, -4),
            textcoords="offset points",
            va="top",
            color=_ORANGE,
        )
    rule = f", rule {found.rule}" if found.rule else ""
    axes.set_title(f"{found.name}: {spread.count:,} labels, mean {spread.mean:.2f}{rule}")


def _rate(found: Statistics) -> Figure:
    figure, grid = _figure(3.5, columns=2)
    rates, (left, right) = found.rates, grid[0]
    qps = [rate.qp for rate in rates]
    left.fill_between(
        qps,
        [rate.bpp_quartiles[0] for rate in rates],
        [rate.bpp_quartiles[1] for rate in rates],
        color=_BLUE,
        alpha=0.18,
        linewidth=0,
        label="half of the pictures",
    )
    left.plot(qps, [rate.bpp for rate in rates], color=_BLUE, linewidth=2, label="median")
    left.set(yscale="log", xlabel="VVC QP", ylabel="bits per pixel")
    left.set_title(f"{found.name}: rate of {rates[0].pictures:,} pictures")
    left.legend(frameon=False, fontsize=9)
    coded = [rate for rate in rates if rate.found is not None]
    if coded:
        right.plot(
            [rate.bits / 8000 for rate in coded],
            [100 * (rate.found or 0) for rate in coded],
            color=_ORANGE,
            linewidth=2,
        )
        marked = [rate for rate in coded if rate.qp % 5 == 2 and 32 <= rate.qp <= 52] or coded
        for rate in marked:
            place = rate.bits / 8000, 100 * (rate.found or 0)
            right.plot(*place, "o", color=_ORANGE, markersize=5)
            right.annotate(
                f"QP {rate.qp}",
                place,
                xytext=(-7, 3),
                ha="right",
                textcoords="offset points",
                fontsize=8.5,
                color=_MUTED,
            )
    right.set(xscale="log", xlabel="kB per picture", ylabel="% of objects recognised", ylim=(0, 102))
    for axis in (left.yaxis, right.xaxis):
        axis.set_major_formatter("{x:g}")
    right.set_title("What the bits keep")
    return figure


def _satisfaction(found: Statistics) -> Figure:
    """The share of people who see no difference, by level; with several resolutions a panel each."""
    places = list(dict.fromkeys(group.group.partition(", ")[2] for group in found.satisfaction))
    figure, grid = _figure(3.4 * len(places), rows=len(places))
    # Between two whole values nobody changes his mind but at the coarser one.
    side: Literal["pre", "post"] = "pre" if found.scale == "jpeg-qf" else "post"
    for axes, place in zip(grid[:, 0], places, strict=True):
        groups = [group for group in found.satisfaction if group.group.partition(", ")[2] == place]
        for group, colour in zip(groups, (_BLUE, _ORANGE, _GREEN), strict=False):
            values = [value for value, _ in group.curve]
            low, middle, high = (
                [100 * (getattr(share, name) or 0.0) for _, share in group.curve] for name in ("low", "value", "high")
            )
            label = f"{group.group.partition(', ')[0]} ({group.pictures} x {group.subjects[0]} to {group.subjects[1]})"
            axes.plot(values, middle, color=colour, linewidth=2, label=label, drawstyle=f"steps-{side}")
            axes.fill_between(values, low, high, color=colour, alpha=0.18, linewidth=0, step=side)
        axes.axhline(75, color=_MUTED, linewidth=1, linestyle="--")
        axes.set(ylim=(0, 102), xlabel=_WORDS[found.scale], ylabel="% who see no difference")
        axes.legend(frameon=False, fontsize=9)
        axes.set_title(f"{found.name}{f', {place}' if place else ''}: satisfied-user ratio")
    return figure
