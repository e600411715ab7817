"""A bench in words and numbers: the tables that the report and the terminal both print."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vcmpipe.bench.result import ANCHOR, RETENTIONS, BenchResult, MethodResult, PointResult
from vcmpipe.config import BenchOptions
from vcmpipe.evaluation import Outcome

NOTHING = "-"
REASONS = {
    "no_points": "not measured",
    "single_point": "one point only",
    "no_overlap": "no overlap",
    "not_reached": "not reached",
    "not_finite": "out of range",
}


@dataclass(frozen=True)
class Table:
    """A table of finished cells.

    Attributes:
        heads: Column titles; the first columns, up to ``words``, hold words and stand to the left, the others numbers.
        rows: Cells, one row per line, as many as there are titles.
        words: How many columns hold words.
        notes: What has to be said to read it.
    """

    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    words: int = 1
    notes: tuple[str, ...] = ()


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separators, or a dash where there is none."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(outcome: Outcome, *, signed: bool = True) -> str:
    """A percentage with one digit, or the reason why there is none."""
    if outcome.value is None:
        return reason(outcome)
    value = round(outcome.value, 1) + 0.0  # no minus before a zero
    return f"{value:+,.1f} %" if signed and value else f"{value:,.1f} %"


def reason(outcome: Outcome) -> str:
    """Why a figure is missing, in words."""
    return REASONS.get(outcome.reason or "", outcome.reason or NOTHING)


def in_order(result: BenchResult) -> list[MethodResult]:
    """The methods, the anchor first."""
    return sorted(result.methods, key=lambda method: method.method != ANCHOR)


def has_anchor(result: BenchResult) -> bool:
    """Whether there is something to compare with."""
    return any(method.method == ANCHOR for method in result.methods)


def qualities(result: BenchResult) -> list[tuple[str, str]]:
    """The qualities that were measured, as (attribute of a point, title)."""
    titles = [("retention", "retention")]
    if result.truth is not None:
        titles += [("ap", "AP"), ("ap50", "AP50")]
    return [*titles, ("ap_source", "AP vs source")]


def saved(result: BenchResult, method: MethodResult, key: str) -> str:
    """The share of bits that a method saves at a retention, or why it cannot be said."""
    if method.method == ANCHOR:
        return "anchor"
    if not has_anchor(result):
        return f"no {ANCHOR}"
    outcome = method.saved[key]
    if outcome.value is None and method.bytes_at[key].value is not None:
        return f"{ANCHOR}: {reason(outcome)}"
    return percent(outcome, signed=False)


def summary(result: BenchResult) -> Table:
    """One row per method: what it needs at the retentions of interest, and what that saves."""
    measured = qualities(result)
    keys = [f"{retention:g}" for retention in RETENTIONS]
    rows = []
    for method in in_order(result):
        sizes = [
            reason(method.bytes_at[key]) if method.bytes_at[key].value is None else number(method.bytes_at[key].value)
            for key in keys
        ]
        if method.method == ANCHOR:
            rates = ["anchor" for _ in measured]
        elif not has_anchor(result):
            rates = [f"no {ANCHOR}" for _ in measured]
        else:
            rates = [percent(method.bd_rate[quality]) for quality, _ in measured]
        rows.append((method.method, *sizes, *(saved(result, method, key) for key in keys), *rates))
    heads = (
        "method",
        *(f"bytes per picture at {key}" for key in keys),
        *(f"saved at {key}" for key in keys),
        *(f"BD-rate {title}" for _, title in measured),
    )
    notes = (
        f"at {' and '.join(keys)}: at that retention, the share of objects that the detector finds again.",
        f"saved: bytes saved against {ANCHOR} at equal retention; above 0 is better.",
        f"BD-rate: mean change in bytes against {ANCHOR} at equal quality; below 0 is better.",
    )
    return Table(heads, rows, notes=notes)


def points(result: BenchResult) -> Table:
    """One row per operating point, in the order of the methods."""
    measured = [(quality, title) for quality, title in qualities(result) if quality != "retention"]
    measured.append(("ap50_source", "AP50 vs source"))
    order = {method.method: place for place, method in enumerate(in_order(result))}
    rows = [
        (
            point.method,
            point.label,
            number(point.bytes_per_picture),
            number(point.bpp, 3),
            number(point.psnr_y, 2),
            f"{point.kept:,}/{point.total:,}",
            number(point.retention, 3),
            *(number(getattr(point, quality), 3) for quality, _ in measured),
        )
        for point in sorted(result.points, key=lambda point: order.get(point.method, len(order)))
    ]
    notes = ("PSNR-Y is taken at the coded size: it does not compare between scales.",)
    heads = (
        "method",
        "point",
        "bytes per picture",
        "bpp",
        "PSNR-Y",
        "kept",
        "retention",
        *(title for _, title in measured),
    )
    return Table(heads, rows, words=2, notes=notes)


def headline(result: BenchResult) -> str:
    """The finding in one sentence: what the best method saves at the first retention of interest."""
    key = f"{RETENTIONS[0]:g}"
    if not result.objects:
        return "There was no object to keep: nothing can be compared."
    reached = [
        (outcome.value, method) for method in result.methods if (outcome := method.bytes_at[key]).value is not None
    ]
    share = f"{100 * RETENTIONS[0]:g} %"
    if not reached:
        return f"No method keeps {share} of the objects at any of its points."
    least, best = min(reached, key=lambda pair: pair[0])
    needs = f"{number(least)} bytes per picture"
    anchor = next((size for size, method in reached if method.method == ANCHOR), None)
    if best.method == ANCHOR and len(result.methods) > 1:
        return f"To keep {share} of the objects no method needs fewer bytes than {ANCHOR} ({needs})."
    if best.method == ANCHOR or anchor is None:
        return f"To keep {share} of the objects {best.method} needs {needs}."
    return (
        f"To keep {share} of the objects {best.method} needs {needs}, "
        f"{100 * (1 - least / anchor):.1f} % fewer than {ANCHOR} ({number(anchor)})."
    )


def setting(result: BenchResult) -> str:
    """What was compared on what, in one line."""
    text = f"{result.pictures:,} pictures, {result.objects:,} objects to keep"
    if result.truth is None:
        return f"{text}; no ground truth"
    source = f", on the source pictures AP {number(result.source_ap, 3)}, AP50 {number(result.source_ap50, 3)}"
    return f"{text}; ground truth {result.truth}{source}"


def command_line(configuration: Mapping[str, Any]) -> str:
    """The command that repeats the bench: every option that differs from its default."""
    words = ["vcmpipe", "bench"]
    for option in dataclasses.fields(BenchOptions):
        value = configuration.get(option.name)
        if option.name == "json" or value is None or value == option.default:
            continue
        flag = "--" + option.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            words.append(f"{flag}={shlex.quote(str(value))}")  # joined: a value may begin with a hyphen
    return " ".join(words)


def configuration(result: BenchResult) -> Table:
    """Every option with its value."""
    return Table(
        ("option", "value"), [(name.replace("_", "-"), _plain(v)) for name, v in result.configuration.items()], 2
    )


def provenance(result: BenchResult) -> Table:
    """Versions and tools, nested names joined."""
    rows: list[tuple[str, ...]] = []

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                add(f"{name} {key}".strip(), inner)
        else:
            rows.append((name, _plain(value)))

    add("", result.provenance)
    rows.append(("wall time", f"{result.seconds:,.1f} s"))
    return Table(("what", "value"), rows, 2)


def _plain(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def flat_points(result: BenchResult) -> list[dict[str, Any]]:
    """The operating points as flat records of unrounded numbers."""
    return [_flat_point(point) for point in result.points]


def _flat_point(point: PointResult) -> dict[str, Any]:
    return dataclasses.asdict(point) | {"retention": point.retention}


def flat_methods(result: BenchResult) -> list[dict[str, Any]]:
    """The methods as flat records: each figure in a column, why it is missing in the next."""
    records = []
    for method in in_order(result):
        record: dict[str, Any] = {"method": method.method}
        for name in ("bytes_at", "saved", "bd_rate"):
            for key, outcome in getattr(method, name).items():
                record[f"{name}_{key}"] = outcome.value
                record[f"{name}_{key}_reason"] = outcome.reason
        records.append(record)
    return records
