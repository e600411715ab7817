"""Cross-validate the thresholds of ``detector_aware`` beside the constant baseline, by what it looks at.

    python benchmarks/predictor_crossval.py --data datasets/coco-yolox-nano.parquet --images IMAGES \
        --detector yolox_nano.onnx --leave-out coco-dev:40

``--data`` is a label table or a built store. ``--leave-out FOLDER:N`` keeps out the N pictures of a folder with the
smallest names, for other measurements.
E_A is the mean of |predicted - label| over recognisable objects; its ratio is to always giving the median label of the
training folds. Intervals: 95 % of 2,000 bootstrap samples of pictures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import Samples
from vcmpipe.detection import load_detector
from vcmpipe.measurement.labels import DEFAULT_RULE, RULES
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.looks import PROBE_FROM
from vcmpipe.training.aware_data import AwareData, collect, folder_of
from vcmpipe.training.detector_aware import AwareOptions, cross_validate


def remaining(samples: Samples, leave_out: str, images: Path | None = None) -> set[str]:
    """The data set's pictures without the N first ones of a folder."""
    names = {str(name) for name in samples.table["picture"]}
    if not leave_out:
        return names
    folder, _, count = leave_out.rpartition(":")
    # By the folder itself, not by what the data set has of it: pictures without objects have no labels.
    files = sorted((folder_of(samples, images) / folder).iterdir())[: int(count)]
    return names - {f"{folder}/{path.name}" for path in files}


def parser() -> argparse.ArgumentParser:
    """Options that training and cross-validation share."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", required=True, help="a label table (.parquet) or a JRD store")
    options.add_argument("--detector", required=True, help="the detector that it was made with")
    options.add_argument("--leave-out", default="", metavar="FOLDER:N")
    options.add_argument("--images", type=Path, help="the folder that picture names start from")
    options.add_argument("--cache", type=Path, help="a folder for computed features")
    return options


def interval(error: NDArray[np.float64], base: NDArray[np.float64], picture: NDArray[np.str_]) -> tuple[float, float]:
    """95 % of the ratio of two mean errors, pictures drawn anew."""
    _, inverse = np.unique(picture, return_inverse=True)
    ours, theirs = (np.bincount(inverse, weights=values) for values in (error, base))
    draw = np.random.default_rng(0).integers(0, len(ours), (2000, len(ours)))
    low, high = np.quantile(ours[draw].sum(axis=1) / theirs[draw].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def report(data: AwareData, options: AwareOptions, repeats: int) -> None:
    """One label rule's rows."""
    answers = cross_validate(data, options, repeats=repeats)
    base = np.abs(answers.constant - data.label).mean(axis=0)
    print(
        f"\n{options.rule}: {len(data)} objects, {len(np.unique(data.picture))} pictures; "
        f"constant E_A {base.mean():.3f}"
    )
    print("| predictor | decision | E_A | of the constant's | 95 % | bias | lost at risk 0.1 |\n" + "|---" * 7 + "|")
    titles = {
        "plain": "features alone",
        "used": f"a probe from {PROBE_FROM} objects on",
        "looked": "a probe always",
    }
    for key, title in titles.items():
        masses = [Thresholds(mass, np.ones(len(data), dtype=bool)) for mass in getattr(answers, key)]
        lost = np.mean([(t.quantile(0.1) > data.label).mean() for t in masses])
        decisions = {
            "median": [t.quantile(0.5) for t in masses],
            "mean": [t.mean() for t in masses],
            "argmax": [t.argmax() for t in masses],
        }
        for decision, values in decisions.items():
            signed = np.stack(values) - data.label
            error = np.abs(signed).mean(axis=0)
            low, high = interval(error, base, data.picture)
            print(
                f"| {title} | {decision} | {error.mean():.3f} | {error.mean() / base.mean():.3f} "
                f"| {low:.3f}..{high:.3f} "
                f"| {signed.mean():+.2f} | {lost:.3f} |",
                flush=True,
            )


def main() -> None:
    options = parser()
    options.add_argument("--repeats", type=int, default=10, help="times that the pictures are dealt into five folds")
    args = options.parse_args()
    samples = load_samples(args.data)
    detector = load_detector(args.detector, jobs=1)
    every = collect(
        samples, detector, names=remaining(samples, args.leave_out, args.images), images=args.images, cache=args.cache,
        progress=lambda name: print(name, file=sys.stderr),
    )  # fmt: skip
    for rule in (DEFAULT_RULE, *(rule for rule in RULES if rule != DEFAULT_RULE)):
        report(every.relabelled(rule), AwareOptions(rule=rule), args.repeats)


if __name__ == "__main__":
    main()
