"""Which loss ranks versions as average precision does, and what choosing by it brings.

    python benchmarks/uniform_trials.py --images DIR --detectors yolox_nano.onnx fastestdet.onnx --out TABLES
    python benchmarks/loss_forms.py --tables TABLES --annotations instances.json

Of every form: the rank correlation (Spearman) of its mean loss with AP and AP against the source, over random sets that
take about equally many bytes (of every picture a version within a quarter of one of SIZES); and the BD-rates of the
curve that lambda traces when every picture takes its version with the least bytes + lambda x loss, against *plain* and
*plain-scaled*, with 95 % intervals for the former. All versions were tried, and chosen by what was seen: an upper
bound.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from selection import Study, header, show
from uniform_trials import SCALES, tables

from vcmpipe.tasks import AccuracyLoss

LAMBDAS = tuple(float(each) for each in np.geomspace(1_000, 300_000, 9))
FORMS = {
    "shipped": AccuracyLoss(),
    # The others with a box that is whole from IoU 0.9 on.
    "power 1, alarms 1, scores": AccuracyLoss(1, 1, 1, full_iou=0.9),
    "power 1, alarms 0, scores": AccuracyLoss(1, 0, 1, full_iou=0.9),
    "power 1, alarms 1, no scores": AccuracyLoss(1, 1, 0, full_iou=0.9),
    "power 2, alarms 0.5, scores": AccuracyLoss(2, 0.5, 1, full_iou=0.9),
    "power 2, alarms 0.5, no scores": AccuracyLoss(2, 0.5, 0, full_iou=0.9),
    "power 2, alarms 0.5, root of scores": AccuracyLoss(2, 0.5, 0.5, full_iou=0.9),
    "power 1.5, alarms 0.5, root of scores": AccuracyLoss(1.5, 0.5, 0.5, full_iou=0.9),
    "power 3, alarms 0.5, root of scores": AccuracyLoss(3, 0.5, 0.5, full_iou=0.9),
    "power 2, alarms 1, root of scores": AccuracyLoss(2, 1, 0.5, full_iou=0.9),
    "power 2, alarms 0, root of scores": AccuracyLoss(2, 0, 0.5, full_iou=0.9),
    "power 2, alarms 0.5, root, only scores from 0.2": AccuracyLoss(2, 0.5, 0.5, full_iou=0.9, least_score=0.2),
}
SIZES = (2_000, 4_000, 8_000)
SETS = 30


def correlations(study: Study, forms: dict[str, AccuracyLoss]) -> dict[str, tuple[float, float]]:
    """By form the rank correlations of its loss with AP and AP against the source, averaged over SIZES."""
    random = np.random.default_rng(0)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in forms}
    losses = {name: study.matrix(form.of) for name, form in forms.items()}
    for size in SIZES:
        near = []
        for table in study.tables:
            off = np.abs(np.log(table.bits[table.coded] / 8 / size))
            inside = table.coded[off <= np.log(1.25)]
            near.append(inside if len(inside) else table.coded[[off.argmin()]])
        sets = [[int(random.choice(own)) for own in near] for _ in range(SETS)]
        curve = study.curve(sets)
        for name, own in losses.items():
            mean = [np.mean([loss[v] for loss, v in zip(own, chosen, strict=True)]) for chosen in sets]
            pair = (spearmanr(mean, -curve.qualities[q][0]).statistic for q in ("AP", "AP source"))
            found[name].append(tuple(pair))
    return {name: tuple(np.mean(pairs, axis=0)) for name, pairs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--resamples", type=int, default=200)
    args = parser.parse_args()
    own = tables(args.tables)
    ranks = correlations(Study(own, args.annotations), FORMS)
    study = Study(own, args.annotations, resamples=args.resamples)
    anchors = {"plain": study.plain(), "plain-scaled": study.plain(SCALES)}
    print(f"{len(own)} pictures\n\n{header('form | rank AP | rank AP source', anchors['plain'])}")
    print(show("plain-scaled | | ", anchors["plain-scaled"], {"plain": anchors["plain"]}), flush=True)
    for name, form in FORMS.items():
        curve = study.curve(study.traced(study.matrix(form.of), LAMBDAS))
        print(show(f"{name} | {ranks[name][0]:.2f} | {ranks[name][1]:.2f}", curve, anchors), flush=True)


if __name__ == "__main__":
    main()
