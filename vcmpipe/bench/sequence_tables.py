"""The tables about sequences: each by itself, and the mean of what they say."""

from __future__ import annotations

from vcmpipe.bench import fmt
from vcmpipe.bench.fmt import number_cell, percent_cell
from vcmpipe.bench.result import BenchResult, Comparison, chosen_point
from vcmpipe.bench.sequence_result import SequenceResult
from vcmpipe.bench.tables import Table, in_order
from vcmpipe.process.text import count

# Sequences with rows of their own in the report; the files have all.
SEQUENCES = 12
_FIGURES = ("hota", "idf1", "mota")


def by_sequence(result: BenchResult) -> Table | None:
    """Each sequence under every method, at the method's chosen point; None where pictures are compared."""
    if not result.sequences:
        return None
    points = list(result.points)
    chosen = [points.index(point) for method in in_order(result) if (point := chosen_point(result, method.method))]
    accuracy = "ap" if any("ap" in point.qualities for point in points) else "ap_source"
    tracks = [name for name in ("track_retention", "hota_source") if any(name in p.qualities for p in points)]
    rows = []
    for sequence in result.sequences[:SEQUENCES]:
        for place in chosen:
            method, found = points[place].method, sequence.points[place]
            rows.append(
                (
                    sequence.name,
                    method,
                    points[place].label,
                    fmt.number(found.bytes),
                    fmt.number(found.kbps, 1),
                    fmt.number(found.psnr_y, 2),
                    f"{found.kept:,}/{sequence.objects:,}",
                    number_cell(found.qualities["retention"], 3),
                    *(number_cell(found.qualities[name], 3) for name in tracks),
                    number_cell(found.qualities[accuracy], 3) if accuracy in found.qualities else fmt.NOTHING,
                    *(_bd_rate(sequence, method, anchor) for anchor in result.anchors),
                )
            )
    heads = ("sequence", "method", "point", "bytes", "kbit/s", "PSNR-Y", "kept", "retention")
    notes = [
        "The point of each method is the one at which it is shown everywhere: its cheapest that keeps 0.95 of all "
        "objects, else the one that keeps most.",
        "BD: the BD-rate over retention against an anchor, in this sequence alone. "
        "Segments of a sequence are drawn for its intervals; with one segment there is none.",
    ]
    more = len(result.sequences) - SEQUENCES
    notes.append(
        f"{count(more, 'more sequence')}, and all points, are in sequences.csv."
        if more > 0
        else "All points are in sequences.csv."
    )
    return Table(
        (
            *heads,
            *(fmt.QUALITY_TITLES[name] for name in (*tracks, accuracy)),
            *(f"BD vs {anchor}" for anchor in result.anchors),
        ),
        rows,
        3,
        tuple(notes),
        "By sequence",
    )


def tracks(result: BenchResult) -> Table | None:
    """What became of tracks at each method's chosen point, under both detectors; None where tracks do not count."""
    points = [point for method in in_order(result) if (point := chosen_point(result, method.method))]
    if not points or not points[0].tracks:
        return None
    truths = [("", "_source"), *([("", "")] if "hota" in points[0].qualities else [])]
    rows = []
    for point in points:
        row = [point.method, point.label]
        for whose, counts in zip(("", "second_"), point.tracks, strict=False):
            row += [f"{counts.kept:,}/{counts.total:,}", number_cell(point.qualities[f"{whose}track_retention"], 3)]
            for _, truth in truths if not whose else truths[:1]:
                row += [number_cell(point.qualities[f"{whose}{name}{truth}"], 3) for name in _FIGURES]
            row += [fmt.number(counts.false_instances), fmt.number(counts.switches)]
        rows.append(tuple(row))
    titles = [fmt.QUALITY_TITLES[name] for name in _FIGURES]
    against = [f"{title} vs source" for title in titles]
    heads = ["kept", "track retention", *against, *(titles if len(truths) > 1 else []), "false", "switches"]
    if len(points[0].tracks) > 1:
        heads += [f"2nd {head}" for head in ("kept", "track retention", *against, "false", "switches")]
    notes = (
        "kept: tracks, each ending with its segment, that are found again in nearly all of their frames, as one track.",
        "HOTA, IDF1, MOTA: of whole sequences, vs source with the source's tracks as the truth; without intervals.",
        "false: detections of tracks that have nothing of the kind in the source; switches: how often an object "
        "becomes another track; 2nd: under the second detector, its own tracks.",
    )
    return Table(("method", "point", *heads), rows, 2, notes, "Tracks")


def _bd_rate(sequence: SequenceResult, method: str, anchor: str) -> str:
    found = sequence.bd_rate.get(method, {}).get(anchor, {}).get("retention")
    return "anchor" if found is None else percent_cell(found)


def mean_bd_rates(result: BenchResult) -> Table | None:
    """The mean of the sequences' BD-rates beside those of all sequences together; None with fewer than two."""
    if len(result.sequences) < 2:
        return None
    rows = []
    for anchor in result.anchors:
        for method in in_order(result):
            if anchor in method.against:
                rows.append((method.method, anchor, *_both(method.against[anchor])))
    heads = (
        "method",
        "anchor",
        *(f"{what}, {how}" for what in ("retention", "AP vs source") for how in ("mean", "pooled")),
    )
    notes = (
        "mean: of the BD-rates of the sequences that have one, each counting the same; pooled: over the objects of all "
        "sequences and rates weighted by duration, as in all other tables.",
    )
    return Table(heads, rows, 2, notes, "BD-rate per sequence, averaged")


def _both(comparison: Comparison) -> list[str]:
    cells = []
    for quality in ("retention", "ap_source"):
        for figures in (comparison.mean_bd_rate, comparison.bd_rate):
            cells.append(percent_cell(figures[quality]) if quality in figures else fmt.NOTHING)
    return cells
