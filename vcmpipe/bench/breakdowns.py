"""The tables behind the summary: classes, time, where the bits go, two detectors, how it was made."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from vcmpipe.bench import words
from vcmpipe.bench.result import TARGET, BenchResult, chosen_point
from vcmpipe.bench.tables import Table, in_order
from vcmpipe.bench.words import number_cell, percent_cell
from vcmpipe.config import BenchOptions

# Classes with a row of their own in the report; the files have all.
CLASSES = 12


def classes(result: BenchResult) -> Table | None:
    """Bytes per picture and savings on the pictures of each class; None where nothing was found."""
    if not result.classes or not result.objects:
        return None
    names = [method.method for method in in_order(result)]
    anchor = result.anchors[0] if result.anchors else None
    rows = []
    for each in result.classes[:CLASSES]:
        row = [each.name, f"{each.pictures:,}", f"{each.objects:,}"]
        row += [number_cell(each.rate_at[anchor])] if anchor else []
        for name in names:
            if name in each.saved:
                row.append(percent_cell(each.saved[name], signed=False))
            elif name != anchor:
                row.append(number_cell(each.rate_at[name]))
        rows.append(tuple(row))
    others = [name for name in names if name != anchor]
    heads = ("class", "pictures", "objects", *([f"{anchor}, bytes"] if anchor else []), *others)
    what = f"the share of the bits of {anchor} that is saved" if anchor else "bytes per picture"
    notes = [
        f"Pictures with objects of the class, all objects in them counted; methods: {what} at retention {TARGET:g}.",
        "A picture stands in every class of which it holds objects.",
    ]
    if len(result.classes) > CLASSES:
        notes.append(f"{len(result.classes) - CLASSES} more classes, and all intervals, are in classes.csv.")
    else:
        notes.append("Intervals are in classes.csv.")
    return Table(heads, rows, notes=tuple(notes), title="By class of picture").plain()


def costs(result: BenchResult) -> Table | None:
    """Seconds per picture, analysis and encode apart; None where no time was taken."""
    rows = []
    unknown = cached = False
    for method in in_order(result):
        cost = method.costs
        if cost is None:
            continue
        least = "at least " if cost.unknown else ""
        unknown, cached = unknown or bool(cost.unknown), cached or cost.cached > 0
        rows.append(
            (
                method.method,
                *(
                    f"{least}{words.number(seconds, 2)}"
                    for seconds in (cost.detect, cost.predict, cost.search, cost.analysis, cost.encode)
                ),
                words.number(cost.coded, 2),
                f"{100 * cost.cached:.0f} %",
            )
        )
    if not rows:
        return None
    notes = [
        "Seconds of wall time per picture and operating point. Analysis is everything before the encode that is kept: "
        "detect, predict and search.",
        "coded: luma samples coded for all of it, in whole source pictures.",
    ]
    if cached:
        notes.append("cached: the part of the seconds that is known from the run in which the cache was filled.")
    if unknown:
        notes.append("at least: some encodes come from a cache that does not know their time.")
    heads = ("method", "detect", "predict", "search", "analysis", "encode", "coded", "cached")
    return Table(heads, rows, notes=tuple(notes), title="Time")


def bits_split(result: BenchResult) -> Table | None:
    """Where the bits go at each method's chosen point; None where no picture's bits can be told apart."""
    rows = []
    for method in in_order(result):
        point = chosen_point(result, method.method)
        if point is None:
            continue
        split, told = point.split, f"{point.split.pictures:,} of {result.pictures:,}"
        if split.objects is None or split.background is None or split.headers is None:
            rows.append((method.method, point.label, told, *(["not separable"] * 3)))
            continue
        whole = split.objects + split.background + split.headers
        parts = (split.objects, split.background, split.headers)
        rows.append(
            (
                method.method,
                point.label,
                told,
                *(f"{words.number(part)} ({100 * part / whole if whole else 0:.0f} %)" for part in parts),
            )
        )
    if not any(row[2] and not row[2].startswith("0 ") for row in rows):
        return None
    notes = (
        "Bytes per picture over the pictures whose bits can be told apart: those coded in regions, and those without "
        "objects. A picture in one piece has no such split.",
        "objects: regions that touch an object's box; background: the other regions; headers: of the whole picture.",
    )
    heads = ("method", "point", "pictures", "objects", "background", "headers")
    return Table(heads, rows, words=2, notes=notes, title="Where the bits go")


def second_detector(result: BenchResult) -> Table | None:
    """Retention under both detectors at each method's chosen point; None with one detector."""
    if result.second_objects is None:
        return None
    rows = []
    for method in in_order(result):
        point = chosen_point(result, method.method)
        if point is None:
            continue
        rows.append(
            (
                method.method,
                point.label,
                number_cell(point.bytes_per_picture),
                *(number_cell(point.qualities[name], 3) for name in ("retention", "second_retention")),
            )
        )
    name = result.provenance.get("second_detector", {}).get("name", "the second detector")
    notes = (
        f"Each detector counts its own objects of the source; {name} took no part in coding.",
        f"The point of each method is its cheapest that keeps {TARGET:g}, else the one that keeps most.",
    )
    heads = ("method", "point", "bytes per picture", "retention", "under the second detector")
    return Table(heads, rows, words=2, notes=notes, title="Under a second detector")


def reserves(result: BenchResult) -> Table | None:
    """The points that were searched for, and what each reserve costs; None where nothing was searched for."""
    searched = [point for point in result.points if point.trials is not None]
    if not searched:
        return None
    second = result.second_objects is not None
    rows = []
    for point in searched:
        names = ("retention", "second_retention") if second else ("retention",)
        rows.append(
            (
                point.method,
                point.label,
                number_cell(point.bytes_per_picture),
                *(number_cell(point.qualities[name], 3) for name in names),
                words.number(point.trials, 1),
            )
        )
    heads = ("method", "point", "bytes per picture", "retention", *(["under the second detector"] * second), "trials")
    notes = (
        "trials: encodes that were tried per picture; the cheapest that kept every object is what counts.",
        "A reserve asks for more than that an object is found: QP margin 2, that a version 2 QP steps coarser keeps "
        "everything, too; score margin 0.1, that each is found with a score 0.1 higher than needed.",
    )
    return Table(heads, rows, words=2, notes=notes, title="The price of a reserve")


def left_out(result: BenchResult) -> Table | None:
    """Pictures that took no part; None where all did."""
    if not result.left_out:
        return None
    rows = [(one.name, one.reason) for one in result.left_out]
    return Table(("picture", "reason"), rows, 2, title="Pictures left out")


def empty_pictures(result: BenchResult) -> Table | None:
    """Pictures without objects, and what each method's chosen point spends on them; None where there are none."""
    places = [i for i, picture in enumerate(result.per_picture) if not picture.objects]
    if not places:
        return None
    rows = []
    for method in in_order(result):
        point = chosen_point(result, method.method)
        if point is not None:
            column = list(result.points).index(point)
            bits = [result.per_picture[i].bits[column] for i in places]
            rows.append((method.method, point.label, words.number(sum(bits) / 8 / len(bits))))
    names = ", ".join(result.per_picture[i].name for i in places[:5]) + (" ..." if len(places) > 5 else "")
    notes = (f"{len(places):,}: {names}",)
    return Table(("method", "point", "bytes per picture"), rows, 2, notes, "Pictures without objects")


def tables(result: BenchResult) -> list[Table]:
    """All of these that have something to say."""
    found = (second_detector, reserves, classes, bits_split, costs, empty_pictures, left_out)
    return [table for make in found if (table := make(result)) is not None]


def command_line(configuration: Mapping[str, Any]) -> str:
    """The command that repeats the bench: every option that differs from its default."""
    parts = ["vcmpipe", "bench"]
    for option in dataclasses.fields(BenchOptions):
        value = configuration.get(option.name)
        if option.name == "json" or value is None or value == option.default:
            continue
        flag = "--" + option.name.replace("_", "-")
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
        return words.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
