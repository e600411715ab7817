"""The tables behind the summary: classes, time, where the bits go, other detectors, how it was made."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from vcmpipe.bench import fmt
from vcmpipe.bench.fmt import number_cell, percent_cell
from vcmpipe.bench.regret import least_regrets
from vcmpipe.bench.result import TARGET, BenchResult, PointResult, chosen_point
from vcmpipe.bench.sequence_tables import by_sequence, mean_bd_rates, tracks
from vcmpipe.bench.tables import Table, in_order, satisfied_note
from vcmpipe.config import BenchOptions, flag_of
from vcmpipe.evaluation import Estimate
from vcmpipe.process.text import count

# Classes with a row of their own in the report; the files have all.
CLASSES = 12


def classes(result: BenchResult) -> Table | None:
    """Bytes per picture and savings on the pictures of each class; None where nothing was found."""
    if not result.classes or not result.objects:
        return None
    anchor = result.anchors[0] if result.anchors else None
    others = [method.method for method in in_order(result) if method.method != anchor]
    rows, digits = [], 1 if result.sequences else 0
    for each in result.classes[:CLASSES]:
        cells = [
            percent_cell(each.saved[name], signed=False)
            if name in each.saved
            else number_cell(each.rate_at[name], digits)
            for name in others
        ]
        own = [number_cell(each.rate_at[anchor], digits)] if anchor else []
        rows.append((each.name, f"{each.pictures:,}", f"{each.objects:,}", *own, *cells))
    item, unit = result.item, "kbit/s" if result.sequences else "bytes"
    heads = ("class", f"{item}s", "objects", *([f"{anchor}, {unit}"] if anchor else []), *others)
    rate = "kbit/s" if result.sequences else "bytes per picture"
    what = f"the share of the bits of {anchor} that is saved" if anchor else rate
    notes = [
        f"{item.capitalize()}s with objects of the class, all objects in them counted; methods: {what} at retention "
        f"{TARGET:g}.",
        f"A {item} stands in every class of which it holds objects.",
    ]
    more = len(result.classes) - CLASSES
    notes.append(
        f"{count(more, 'more class')}, and all intervals, are in classes.csv."
        if more > 0
        else "Intervals are in classes.csv."
    )
    return Table(heads, rows, notes=tuple(notes), title=f"By class of {item}").plain()


def costs(result: BenchResult) -> Table | None:
    """Seconds per picture, analysis and encode apart; None where no time was taken."""
    found = [(method.method, method.costs) for method in in_order(result) if method.costs]
    if not found:
        return None
    stages = ("detect", "predict", "search", "analysis", "encode")
    rows = []
    for name, cost in found:
        least = "at least " if cost.unknown else ""
        seconds = [f"{least}{fmt.number(getattr(cost, stage), 2)}" for stage in stages]
        rows.append((name, *seconds, fmt.number(cost.coded, 2), f"{100 * cost.cached:.0f} %"))
    notes = [
        f"Seconds of wall time per {result.image} and operating point. Analysis is everything before the encode that "
        "is kept: detect, predict and search.",
        f"coded: luma samples coded for all of it, in whole source {result.image}s.",
    ]
    if any(cost.cached > 0 for _, cost in found):
        notes.append("cached: the part of the seconds that is known from the run in which the cache was filled.")
    if any(cost.unknown for _, cost in found):
        notes.append("at least: some encodes come from a cache that does not know their time.")
    return Table(("method", *stages, "coded", "cached"), rows, notes=tuple(notes), title="Time")


def bits_split(result: BenchResult) -> Table | None:
    """Where the bits go at each method's chosen point; None where no picture's bits can be told apart."""
    points = _chosen(result)
    if not any(point.split.pictures for point in points):
        return None
    rows, whole_pictures = [], []
    for point in points:
        split = point.split
        row = [point.method, point.label, f"{split.pictures:,} of {result.pictures:,}"]
        if split.objects is None or split.background is None or split.headers is None:
            whole_pictures.append(point.method)
            continue
        parts = (split.objects, split.background, split.headers)
        whole = sum(parts)
        rows.append((*row, *(f"{fmt.number(part)} ({100 * part / whole if whole else 0:.0f} %)" for part in parts)))
    notes = [
        f"Bytes per {result.image} over the {result.item}s whose bits can be told apart: those coded in regions, and "
        f"those without objects.",
        "objects: regions that touch an object's box; background: the other regions; headers: of the whole picture.",
    ]
    if whole_pictures:
        notes.append(
            f"Not in the table: {', '.join(whole_pictures)}. They code every {result.item} in one piece, at one QP or "
            "by a map that the encoder reads itself, in which bits of objects and background cannot be told apart."
        )
    heads = ("method", "point", f"{result.item}s", "objects", "background", "headers")
    return Table(heads, rows, 2, tuple(notes), "Where the bits go")


def other_detectors(result: BenchResult) -> Table | None:
    """Retention under every detector of the panel at each method's chosen point; None with one detector."""
    if not result.panel:
        return None
    first, *further = result.panel
    own = "; ".join(f"{each.name} {count(each.objects, 'object')}" for each in result.panel)
    notes = (
        f"Each detector counts its own objects of the source: {own}. Only {first.name} took part in coding.",
        satisfied_note(result),
        f"The point of each method is its cheapest that keeps {TARGET:g}, else the one that keeps most.",
    )
    rows = [
        (*_at(point), *(number_cell(found, 3) for found in (*point.panel, point.qualities["satisfied"])))
        for point in _chosen(result)
    ]
    heads = (*_at_heads(result), "retention", *(each.name for each in further), "satisfied")
    return Table(heads, rows, 2, notes, "Under other detectors")


def regret(result: BenchResult) -> Table | None:
    """What keeping everything costs over the cheapest version that does; None where no point keeps everything.

    Of every method the point of least regret is shown.
    """
    shown = {(each.method, each.label): each for each in least_regrets(result.regrets)}
    order = {method.method: place for place, method in enumerate(in_order(result))}
    rows = []
    for each in sorted(shown.values(), key=lambda each: order[each.method]):
        worst = f"{fmt.percent(Estimate(each.worst))}\n{each.worst_picture}"
        worst += f"\n{each.worst_method}, {each.worst_label}" if each.worst else ""
        of = f"{each.pictures:,} of {each.pictures + each.missed:,}"
        rows.append((each.method, each.label, of, percent_cell(each.total), f"{each.cheaper:,}", worst))
    item = result.item
    notes = (
        f"The bits of a point over those of the cheapest versions, by any point of any method, that keep every object "
        f"of a {item} (keep it whole): what could have been saved in {item}s that both keep whole.",
        f"cheaper elsewhere: {item}s that another method's version keeps whole for fewer bits; worst {item}: where the "
        "cheapest version would have saved most, and whose that is.",
        f"Shown are points that keep whole at least {100 * TARGET:g} % of the {item}s that any version does, of each "
        "method that of least regret; result.json has all of them.",
    )
    heads = ("method", "point", f"{item}s kept whole", "in total", "cheaper elsewhere", f"worst {item}")
    return Table(heads, rows, 2, notes, "Regret") if rows else None


def reserves(result: BenchResult) -> Table | None:
    """The points that were searched for, and what each reserve costs; None where nothing was searched for."""
    shown = [(name, head) for name, head in _RESERVED.items() if any(name in each.qualities for each in result.points)]
    rows = [
        (*_at(point), *(number_cell(point.qualities[name], 3) for name, _ in shown), fmt.number(point.trials, 1))
        for point in result.points
        if point.trials is not None
    ]
    notes = (
        "trials: encodes that were tried per picture; the cheapest that kept every object is what counts.",
        "A reserve asks for more than that an object is found: QP margin 2, that a version 2 QP steps coarser keeps "
        "everything, too; score margin 0.1, that each is found with a score 0.1 higher than needed.",
    )
    heads = (*_at_heads(result), *(head for _, head in shown), "trials")
    return Table(heads, rows, 2, notes, "The price of a reserve") if rows else None


_RESERVED = {"retention": "retention", "second_retention": "under the second detector", "satisfied": "satisfied"}


def _at_heads(result: BenchResult) -> tuple[str, ...]:
    return "method", "point", f"bytes per {result.image}"


def _at(point: PointResult) -> tuple[str, ...]:
    return point.method, point.label, number_cell(point.bytes_per_picture)


def _chosen(result: BenchResult) -> list[PointResult]:
    """The point at which each method is shown."""
    return [point for method in in_order(result) if (point := chosen_point(result, method.method))]


def left_out(result: BenchResult) -> Table | None:
    """Pictures, or segments, that took no part; None where all did."""
    if not result.left_out:
        return None
    rows = [(one.name, one.reason) for one in result.left_out]
    return Table((result.item, "reason"), rows, 2, title=f"{result.item.capitalize()}s left out")


def empty_pictures(result: BenchResult) -> Table | None:
    """Pictures without objects, and what each method's chosen point spends on them; None where there are none."""
    places = [i for i, picture in enumerate(result.per_picture) if not picture.objects]
    if not places:
        return None
    rows, frames = [], sum(result.per_picture[i].frames for i in places)
    for point in _chosen(result):
        column = list(result.points).index(point)
        bits = [result.per_picture[i].bits[column] for i in places]
        rows.append((point.method, point.label, fmt.number(sum(bits) / 8 / frames)))
    names = ", ".join(result.per_picture[i].name for i in places[:5]) + (" ..." if len(places) > 5 else "")
    notes = (f"{len(places):,}: {names}",)
    heads = ("method", "point", f"bytes per {result.image}")
    return Table(heads, rows, 2, notes, f"{result.item.capitalize()}s without objects")


def tables(result: BenchResult) -> list[Table]:
    """All of these that have something to say."""
    found = (
        tracks,
        by_sequence,
        mean_bd_rates,
        regret,
        other_detectors,
        reserves,
        classes,
        bits_split,
        costs,
        empty_pictures,
        left_out,
    )
    return [table for make in found if (table := make(result)) is not None]


def command_line(configuration: Mapping[str, Any]) -> str:
    """The command that repeats the bench: every option that differs from its default."""
    parts = ["vcmpipe", "bench"]
    for option in dataclasses.fields(BenchOptions):
        value = configuration.get(option.name)
        if option.name == "json" or value is None or value == option.default:
            continue
        flag = flag_of(option.name)
        if isinstance(value, bool):
            parts.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            parts.append(f"{flag}={shlex.quote(str(value))}")  # joined: a value may begin with a hyphen
    return " ".join(parts)


def configuration(result: BenchResult) -> Table:
    """Every option with its value."""
    rows = [(name.replace("_", "-"), _plain(value)) for name, value in result.configuration.items()]
    return Table(("option", "value"), rows, 2, title="Every option")


def provenance(result: BenchResult) -> Table:
    """Versions and tools, nested names joined."""
    rows: list[tuple[str, ...]] = []

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                add(f"{name} {key}".strip().replace("_", " "), inner)
        else:
            rows.append((name, _plain(value)))

    add("", result.provenance)
    rows.append(("wall time", f"{result.seconds:,.1f} s"))
    return Table(("what", "value"), rows, 2, title="Versions and tools")


def _plain(value: Any) -> str:
    if value is None:
        return fmt.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
