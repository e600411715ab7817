"""A bench in text and numbers: the tables that the report and the terminal both print.

A cell may have a second line: the 95 % interval of the figure in its first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vcmpipe.bench import fmt
from vcmpipe.bench.fmt import number_cell, percent_cell
from vcmpipe.bench.result import RETENTIONS, BenchResult, Comparison, MethodResult, key_of
from vcmpipe.process.text import count

# Segments below which intervals say little.
_FEW_SEGMENTS = 10
_FEW_TRACKS = 100
# Of tracks HOTA stands for the other figures where they are against the source; the table of tracks has them.
_MINOR = {f"{whose}{figure}_source" for whose in ("", "second_") for figure in ("idf1", "mota")}
_KEYS = tuple(key_of(retention) for retention in RETENTIONS)
_AT = tuple(f"at {key}" for key in _KEYS)


@dataclass(frozen=True)
class Table:
    """A table of finished cells.

    Attributes:
        heads: Column titles; the first columns, up to ``labels``, hold text and stand to the left, the others numbers.
        rows: Cells, one row per line, as many as there are titles.
        labels: How many columns hold text.
        notes: What is needed to read it.
        title: What it shows.
        groups: Titles over columns: (title, how many columns), the first over those of text.
    """

    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    labels: int = 1
    notes: tuple[str, ...] = ()
    title: str = ""
    groups: tuple[tuple[str, int], ...] = ()

    def plain(self) -> Table:
        """The same without intervals."""
        return replace(self, rows=[tuple(cell.partition("\n")[0] for cell in row) for row in self.rows])


def in_order(result: BenchResult) -> list[MethodResult]:
    """The methods, the anchor first."""
    return sorted(result.methods, key=lambda method: method.method != result.anchor)


def methods(result: BenchResult) -> Table:
    """What each method does, and what the labels of its points mean."""
    labels = " ".join({point.label for point in result.points})
    notes = tuple(text for sign, text in _LABELS.items() if re.search(sign, labels))
    rows = [(each.method, each.about) for each in in_order(result)]
    return Table(("method", "what it does"), rows, 2, notes, "Methods")


# What a label of a point holds, and what that means.
_LABELS = {
    r"\bQP \d": "QP 32: the QP of everything, or of the objects.",
    r"\bmargin [+-]\d": "margin -3: added to the objects' thresholds, the coarsest QPs at which they are found.",
    r" at \d": "at 0.75: coded at 0.75 of the width and height, and scaled back.",
    r"\blambda \d": "lambda 1000: the bytes that one unit of lost accuracy is worth.",
}


def qualities(result: BenchResult) -> list[tuple[str, str]]:
    """The qualities that were measured and have curves and columns of their own, as (name, title)."""
    present = {name for point in result.points for name in point.qualities} - _MINOR
    return [(name, title) for name, title in fmt.QUALITY_TITLES.items() if name in present]


def rates(result: BenchResult) -> Table:
    """What every method needs at the retentions of interest."""
    digits = fmt.rate_digits(result)
    rows = [(m.method, *(number_cell(m.rate_at[key], digits) for key in _KEYS)) for m in in_order(result)]
    notes = (
        "At a retention of 0.95 the detector finds 0.95 of the objects again. Below a figure stands its interval.",
    )
    return Table(("method", *_AT), rows, notes=notes, title=_capital(fmt.rate_title(result)))


def _capital(text: str) -> str:
    return text if text.startswith("kbit") else text.capitalize()


def saved(result: BenchResult, anchor: str) -> Table:
    """What every other method saves against an anchor, at the retentions of interest."""
    note = f"Saved: the share of the bits of {anchor} that is saved at equal retention; above 0 is better."
    rows = [(name, *(percent_cell(own.saved[key], signed=False) for key in _KEYS)) for name, own in _to(result, anchor)]
    return Table(("method", *_AT), rows, notes=(note,), title=f"Saved against {anchor}")


def saved_tracks(result: BenchResult, anchor: str) -> Table:
    """What every other method saves against an anchor at equal track retention; no rows where tracks do not count."""
    note = f"Saved: the share of the bits of {anchor} that is saved where as many tracks are kept; above 0 is better."
    rows = [
        (name, *(percent_cell(own.saved_tracks[key], signed=False) for key in _KEYS))
        for name, own in _to(result, anchor)
        if own.saved_tracks
    ]
    return Table(("method", *_AT), rows, notes=(note,), title=f"Saved against {anchor} at equal track retention")


def bd_rates(result: BenchResult, anchor: str) -> Table:
    """The BD-rate of every other method against an anchor."""
    shown = [(name, title) for name, title in qualities(result) if name != "ap50_source"]
    notes = [f"BD-rate: mean change in bits against {anchor} at equal quality; below 0 is better."]
    if result.panel:
        notes.append(satisfied_note(result))
    rows = [(name, *(percent_cell(own.bd_rate[each]) for each, _ in shown)) for name, own in _to(result, anchor)]
    heads = ("method", *(title for _, title in shown))
    return Table(heads, rows, notes=tuple(notes), title=f"BD-rate against {anchor}")


def satisfied_note(result: BenchResult) -> str:
    """What is meant by satisfied."""
    return (
        f"satisfied: the mean over {result.image}s of the share of the {len(result.panel)} detectors for which every "
        f"object of the {result.image} is kept; one that sees no object there does not count."
    )


def _to(result: BenchResult, anchor: str) -> list[tuple[str, Comparison]]:
    return [(each.method, each.against[anchor]) for each in in_order(result) if anchor in each.against]


def summaries(result: BenchResult) -> list[Table]:
    """What every method needs, and what it saves against every anchor by either measure."""
    tables = [rates(result)]
    for anchor in result.anchors:
        both = (saved(result, anchor), saved_tracks(result, anchor), bd_rates(result, anchor))
        tables += [table for table in both if table.rows]
    return tables


def side_by_side(first: Table, second: Table, title: str) -> Table:
    """Two tables with the same first column as one."""
    return Table(
        (*first.heads, *second.heads[1:]),
        [(*left, *right[1:]) for left, right in zip(first.rows, second.rows, strict=True)],
        notes=(*first.notes, *second.notes),
        title=title,
        groups=(("", 1), (first.title, len(first.heads) - 1), (second.title, len(second.heads) - 1)),
    )


def points(result: BenchResult) -> Table:
    """One row per operating point, in the order of the methods."""
    measured = qualities(result)
    order = {method.method: place for place, method in enumerate(in_order(result))}
    own_rate = result.average != "pictures" or bool(result.sequences)
    anchor = result.anchors[0] if result.anchors else None
    rows = []
    for point in sorted(result.points, key=lambda point: order.get(point.method, len(order))):
        row = [point.method, point.label, number_cell(point.bytes_per_picture)]
        if own_rate:
            row.append(number_cell(point.rate, fmt.rate_digits(result)))
        row += [fmt.number(point.bpp, 3), fmt.number(point.psnr_y, 2), f"{point.kept:,}/{point.total:,}"]
        row += [number_cell(point.qualities[name], fmt.QUALITY_DIGITS.get(name, 3)) for name, _ in measured]
        if anchor:
            saved = point.saved.get(anchor, {}).get("retention")
            row.append("anchor" if saved is None else percent_cell(saved, signed=False))
        rows.append(tuple(row))
    notes = ["PSNR-Y is taken at the coded size: it does not compare between scales."]
    if any(name == "vmaf" for name, _ in measured):
        notes.append(
            "XPSNR (luma, dB) and VMAF say how it looks to human viewers; a still equal to its source has VMAF 97.4."
        )
    if anchor:
        notes.append(f"saved: of the bits that {anchor} needs to keep as many objects as this point does.")
    heads = ["method", "point", f"bytes per {result.image}", *([fmt.rate_title(result)] if own_rate else [])]
    heads += ["bpp", "PSNR-Y", "kept", *(title for _, title in measured), *(["saved"] if anchor else [])]
    return Table(tuple(heads), rows, labels=2, notes=tuple(notes), title="Operating points")


def setting(result: BenchResult) -> str:
    """What was compared on what, in one line."""
    text = f"{count(result.pictures, 'picture')}, {count(result.objects, 'object')} to keep"
    if result.sequences:
        what = f"{count(len(result.sequences), 'sequence')} of {count(result.pictures, 'segment')}"
        text = f"{what} and {count(result.frames, 'frame')}, {count(result.objects, 'object')} to keep in all frames"
    if result.truth is None:
        return f"{text}; no annotations: everything is measured against the source's detections"
    if result.source_tracks:
        own = ", ".join(
            f"{fmt.QUALITY_TITLES[name]} {fmt.number(each, 3)}" for name, each in result.source_tracks.items()
        )
        return f"{text}; ground truth {result.truth}, on the source {result.image}s {own}"
    own = f"AP {fmt.number(result.source_ap, 3)}, AP50 {fmt.number(result.source_ap50, 3)}"
    return f"{text}; ground truth {result.truth}, on the source {result.image}s {own}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def cautions(result: BenchResult) -> list[str]:
    """What has to be known to judge the figures, a sentence each."""
    lines = []
    if protocol := result.configuration.get("protocol"):
        lines.append(f"Protocol: {protocol}.")
    if result.left_out:
        first = result.left_out[0]
        more = f", and {len(result.left_out) - 1:,} more" if len(result.left_out) > 1 else ""
        of = result.pictures + len(result.left_out)
        were = "was" if len(result.left_out) == 1 else "were"
        lines.append(
            f"{len(result.left_out):,} of {count(of, result.item)} {were} left out for every method: {first.name} "
            f"({first.reason}){more}."
        )
    if result.empty:
        which = f"1 {result.item} holds" if result.empty == 1 else f"{result.empty:,} {result.item}s hold"
        lines.append(f"{which} no object: bits are counted there, and no retention is divided by it.")
    if 0 < result.objects < 100:
        weight = 1 / result.objects
        lines.append(
            f"{count(result.objects, 'object')} {_are(result.objects)} few: each is {weight:.3f} of retention."
        )
    if result.second_objects is not None:
        second = result.second_objects
        lines.append(f"Under the second detector {count(second, 'object')} {_are(second)} to be kept.")
    if result.panel:
        lines.append(f"The panel: {', '.join(each.name for each in result.panel)}.")
    resamples = result.configuration.get("resamples")
    if resamples:
        lines.append(
            f"Intervals are those that hold 95 % of {resamples:,} draws of the {_drawn(result)} (seed "
            f"{result.configuration.get('seed')}), the same draws for every method."
        )
        if not result.sequences and any(point.total and point.kept == point.total for point in result.points):
            lines.append(
                f"Where every object is kept ({result.objects:,}) no draw loses one; of other objects up to "
                f"{100 * min(3 / max(result.objects, 1), 1):.1f} % might still be lost (the rule of three)."
            )
    if result.sequences:
        if 0 < result.pictures < _FEW_SEGMENTS:
            lines.append(
                f"{count(result.pictures, 'segment')} {_are(result.pictures)} few: what happens in one of them moves "
                "everything, and frames of a segment are too much alike to count as so many."
            )
        if result.points and result.points[0].tracks:
            lines.append(_of_tracks(result.points[0].tracks[0].total))
        lines.append(
            "Figures pool the objects of all frames, and weigh rates by duration: all bits over all seconds. Figures "
            "of each sequence, and the mean of their BD-rates, are below."
        )
        lines += result.conditions
    return lines


def _of_tracks(total: int) -> str:
    few = f", each being {1 / total:.3f} of track retention" if 0 < total < _FEW_TRACKS else ""
    return (
        f"Objects are the instances of {count(total, 'track')}{few}; a track ends with its segment, but HOTA, IDF1 and "
        "MOTA follow it through the whole sequence."
    )


def _drawn(result: BenchResult) -> str:
    if not result.sequences:
        return "pictures"
    alone = any(sequence.segments == 1 for sequence in result.sequences) and len(result.sequences) > 1
    return "segments of each sequence" + (", sequences of one segment being drawn among each other" if alone else "")
