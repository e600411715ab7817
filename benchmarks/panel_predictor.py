r"""Thresholds that satisfy a share of a panel: errors, and whether a detector that was left out is satisfied as well.

    python benchmarks/panel_predictor.py --losses datasets/coco-losses.parquet --images IMAGES --cache CACHE \
        --detector yolox_nano.onnx

Objects are those of ``--detector``. Five folds of pictures; a label is the last QP at which the share of the machines
that see the object still finds it. First the error on the panel's own labels, beside a constant's; then what thresholds
that were learned without a detector and its views are to that detector: how far they are from its own, and for which
share of its objects they are low enough, at the median and at a risk of 0.1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.loss_table import LossTable
from vcmpipe.detection import load_detector
from vcmpipe.thresholds import Thresholds
from vcmpipe.training.aware_data import AwareData
from vcmpipe.training.detector_aware import AwareOptions, fit, fold_of
from vcmpipe.training.loss_data import judge_of
from vcmpipe.training.panel import SHARES, PanelData, collect_panel

FOLDS = 5


def rows_of(data: AwareData) -> NDArray[np.float64]:
    """Features with the looks."""
    return np.hstack([data.features, data.looked])


def answers(learned: AwareData, asked: AwareData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 64) masses for the objects asked about, and (N,) the constant, by what was learned from other pictures."""
    names = np.unique(np.concatenate([learned.picture, asked.picture]))
    turn = dict(zip(names, fold_of(names, FOLDS, 0), strict=True))
    own, theirs = (np.array([turn[name] for name in data.picture]) for data in (learned, asked))
    mass, constant = np.zeros((len(asked), 64)), np.zeros(len(asked))
    for k in range(FOLDS):
        model = fit(rows_of(learned)[own != k], learned[own != k], AwareOptions())
        mass[theirs == k] = model.mass(rows_of(asked)[theirs == k], asked.class_id[theirs == k])
        constant[theirs == k] = np.median(learned.label[own != k])
    return mass, constant


def interval(ours: NDArray[np.float64], base: NDArray[np.float64], picture: NDArray[np.str_]) -> str:
    """The ratio of two mean errors and 95 % of it, pictures drawn anew."""
    _, inverse = np.unique(picture, return_inverse=True)
    sums = [np.bincount(inverse, weights=values) for values in (ours, base)]
    draw = np.random.default_rng(0).integers(0, len(sums[0]), (2000, len(sums[0])))
    low, high = np.quantile(sums[0][draw].sum(axis=1) / sums[1][draw].sum(axis=1), [0.025, 0.975])
    return f"{ours.mean() / base.mean():.3f} ({low:.3f} to {high:.3f})"


def show_own(panel: PanelData) -> None:
    """Errors on the panel's own labels."""
    print(f"machines: {', '.join(panel.machines)}\n")
    print("| share satisfied | objects | mean label | E_A | of the constant's (95 %) |\n|---:|---:|---:|---:|---:|")
    for share in SHARES:
        data = panel.at(share)
        mass, constant = answers(data, data)
        error = np.abs(Thresholds(mass, np.ones(len(data), np.bool_)).quantile(0.5) - data.label)
        base = np.abs(constant - data.label)
        print(
            f"| {share:g} | {len(data)} | {data.label.mean():.1f} | {error.mean():.2f} | "
            f"{interval(error, base, data.picture)} |",
            flush=True,
        )


def show_left_out(panel: PanelData, left: str, own: str) -> None:
    """What a detector that nothing was learned from gets."""
    family = [name for name in panel.machines if name.startswith(left)]
    others = [name for name in panel.machines if name not in family]
    asked = panel.at(1.0, [left])
    ways: dict[str, Sequence[str]] = {f"{own} alone": [own]}
    print(f"\n{left} and its views left out: {len(asked)} objects that it sees\n")
    print("| learned from | share | E_A to its own | of a constant's (95 %) | low enough, median | at risk 0.1 |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, machines in (ways | {"the others": others, "all, it too": panel.machines}).items():
        for share in (1.0,) if len(machines) == 1 else SHARES:
            mass, constant = answers(panel.at(share, machines), asked)
            thresholds = Thresholds(mass, np.ones(len(asked), np.bool_))
            median = thresholds.quantile(0.5)
            error, base = np.abs(median - asked.label), np.abs(constant - asked.label)
            enough = [float((qps <= asked.label).mean()) for qps in (median, thresholds.quantile(0.1))]
            print(
                f"| {name} | {share:g} | {error.mean():.2f} | {interval(error, base, asked.picture)} | "
                f"{enough[0]:.2f} | {enough[1]:.2f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", type=Path, required=True, help="a loss table of several judges")
    parser.add_argument("--images", type=Path, required=True, help="the folder that picture names start from")
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="a folder for computed features")
    args = parser.parse_args()
    table, detector = LossTable.load(args.losses), load_detector(str(args.detector), jobs=1)
    own = judge_of(table, detector)
    panel = collect_panel(table, own, detector, args.images, cache=args.cache)
    show_own(panel)
    families = dict.fromkeys(name.split(" (")[0] for name in panel.machines)
    for left in families:
        if left != own:
            show_left_out(panel, left, own)


if __name__ == "__main__":
    main()
