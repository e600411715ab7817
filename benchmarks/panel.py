"""Who else should judge: what further judges of a version buy under a detector that takes no part.

    python benchmarks/panel.py --tables TABLES --annotations instances.json

Every picture takes its version with the least bytes + lambda x loss, the loss being that of YOLOX-Nano and, weighed,
that of further judges: its own views (mirrored, shrunk), which need no other detector, or FastestDet itself. Besides,
what judges do to the cheapest version in which every object of every judge is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from loss_forms import LAMBDAS
from selection import Study, header, show
from uniform_trials import SCALES, tables

from vcmpipe.evaluation import MatchRule, match
from vcmpipe.tasks import AccuracyLoss

FIRST, SECOND = "yolox_nano", "fastestdet"
PANELS = {
    "alone": {},
    "and flip, 0.5": {"flip": 0.5},
    "and flip, 1": {"flip": 1.0},
    "and shrink, 0.5": {"shrink": 0.5},
    "and flip and shrink, 0.5 each": {"flip": 0.5, "shrink": 0.5},
    "and FastestDet, 0.5": {SECOND: 0.5},
    "and FastestDet, 1": {SECOND: 1.0},
    "and FastestDet, 2": {SECOND: 2.0},
    "FastestDet alone": {FIRST: -1.0, SECOND: 1.0},
}


def kept_by(study: Study, judges: list[str], margin: float) -> tuple[float, float, float]:
    """Bytes, retention and second retention where all judges keep everything, a score margin besides."""
    rule = MatchRule()
    size, kept, second, total, others = 0.0, 0, 0, 0, 0
    for number, table in enumerate(study.tables):
        good = np.ones(len(table.bits), np.bool_)
        for judge in judges:
            source = table.source[judge]
            wanted = source[rule.select(source)]
            for v, found in enumerate(table.found[judge]):
                matches = match(wanted, found)
                reserve = np.maximum(np.asarray(wanted.confidence) - rule.found_score, 0)
                required = rule.found_score + np.minimum(margin, reserve / 2)
                good[v] &= bool((matches.kept & (matches.score.round(6) >= required.round(6))).all())
        possible = [v for v in table.coded if good[v]]
        # Where nothing keeps everything: the version with the most bits.
        best = (
            min(possible, key=lambda v: table.bits[v])
            if possible
            else int(table.coded[table.bits[table.coded].argmax()])
        )
        size += table.bits[best] / 8
        kept, total = kept + study.kept_in(FIRST, number, best), total + study.kept_in(FIRST, number, None)
        second, others = second + study.kept_in(SECOND, number, best), others + study.kept_in(SECOND, number, None)
    return size / len(study.tables), kept / total, second / others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--resamples", type=int, default=200)
    args = parser.parse_args()
    study = Study(tables(args.tables), args.annotations, FIRST, SECOND, args.resamples)
    form = AccuracyLoss()
    anchors = {"plain": study.plain(), "plain-scaled": study.plain(SCALES)}
    print(f"{len(study.tables)} pictures\n\n{header('judges', anchors['plain'])}")
    for name, weights in PANELS.items():
        losses = study.matrix(form.of)
        for judge, weight in weights.items():
            more = study.matrix(form.of, judge)
            losses = [own + weight * new for own, new in zip(losses, more, strict=True)]
        print(show(name, study.curve(study.traced(losses, LAMBDAS)), anchors), flush=True)
    print("\n| every object kept by | bytes | retention | 2nd retention |\n|---|---:|---:|---:|")
    cases = {
        "YOLOX-Nano": ([FIRST], 0.0),
        "the same, score margin 0.1": ([FIRST], 0.1),
        "and flip": ([FIRST, "flip"], 0.0),
        "and shrink": ([FIRST, "shrink"], 0.0),
        "and flip and shrink": ([FIRST, "flip", "shrink"], 0.0),
        "and FastestDet": ([FIRST, SECOND], 0.0),
    }
    for name, (judges, margin) in cases.items():
        size, kept, second = kept_by(study, judges, margin)
        print(f"| {name} | {size:,.0f} | {kept:.3f} | {second:.3f} |", flush=True)


if __name__ == "__main__":
    main()
