"""How much of what a predictor of its own would gain ``vcmpipe calibrate`` gives a detector nothing was trained on.

    python benchmarks/transfer.py --detector fastestdet.onnx --images coco-extra/images --bench-set coco-dev:40 \
        --cache CACHE

Labels are measured by search, and kept in ``--cache``. Then a base that was trained on another detector is fitted to 30
pictures, drawn ``--draws`` times, and judged on the objects of all others, beside

- the constant: the median label of the 30;
- the base as it is;
- ``detector_aware`` trained on this detector's own labels: on the same 30, and cross-validated on all pictures (five
  folds), which is what is there to gain.

E_A is the mean of |median of the distribution - label|, over objects with a threshold; of an object it is the mean of
all draws that left it out. Recovered: the share of the gain from the constant to the cross-validated one. Intervals:
95 % of 2,000 bootstrap samples of pictures. ``--bench-set FOLDER:N`` leaves out the N pictures of a folder with the
smallest names.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transfer_labels import Labelled, chosen, labelled

from vcmpipe.detection import Detector, load_detector
from vcmpipe.evaluation.bootstrap import Bootstrap
from vcmpipe.thresholds import features
from vcmpipe.thresholds.foreign import base_spec, load_base
from vcmpipe.thresholds.looks import PROBE, PROBE_FROM, look_again
from vcmpipe.thresholds.transfer import median
from vcmpipe.training.aware_data import AwareData
from vcmpipe.training.detector_aware import AwareOptions, cross_validate, fit
from vcmpipe.training.transfer import Fit, TransferData, fit_transfer

WAYS = ("constant", "base", "calibrated", "own30", "own")
TITLES = {
    "constant": "constant",
    "base": "base as it is",
    "calibrated": "calibrated",
    "own30": "trained on the same pictures",
    "own": "trained on all, cross-validated",
}


def described(detector: Detector, pictures: list[Labelled]) -> AwareData:
    """The objects with a threshold, as ``detector_aware`` learns from them."""
    parts = []
    for number, one in enumerate(pictures):
        rows = one.recognisable
        size = detector.input_size(one.frame.width, one.frame.height)
        names = np.full(int(rows.sum()), f"{number:06d}")
        parts.append(
            (
                features.describe(one.frame, one.objects, size)[rows],
                look_again(detector, one.frame, one.objects, PROBE)[rows],
                one.objects.class_id[rows].astype(np.int64),
                one.found[rows],
                one.label[rows],
                names,
            )
        )
    return AwareData(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def of_base(detector: Detector, pictures: list[Labelled], spec: str) -> TransferData:
    """The same objects, and what the base says of them."""
    base = load_base(base_spec(spec, detector), detector)
    masses = [base.predict(one.frame, one.objects).mass[one.recognisable] for one in pictures]
    return TransferData(
        np.concatenate(masses),
        np.concatenate([one.label[one.recognisable] for one in pictures]),
        np.repeat(np.arange(len(pictures)), [int(one.recognisable.sum()) for one in pictures]),
    )


def trained_on(seen: NDArray[np.bool_], data: AwareData) -> NDArray[np.float64]:
    """(N,) medians by ``detector_aware`` trained on some of the objects, with the probe in crowded pictures."""
    both = np.hstack([data.features, data.looked])
    masses = [fit(rows[seen], data[seen], AwareOptions()).mass(rows, data.class_id) for rows in (data.features, both)]
    _, inverse, sizes = np.unique(data.picture, return_inverse=True, return_counts=True)
    return median(np.where((sizes[inverse] >= PROBE_FROM)[:, None], masses[1], masses[0]))


def drawn_errors(
    data: TransferData, own: AwareData, pictures: int, draws: int
) -> tuple[dict[str, NDArray[np.float64]], list[Fit], NDArray[np.float64]]:
    """(N,) mean errors by way over the draws that left an object out; the fits; (R, 3) errors by draw."""
    rng = np.random.default_rng(0)
    total = {way: np.zeros(len(data)) for way in WAYS[:-1]}
    times, fits, by_draw = np.zeros(len(data)), [], []
    place = median(data.mass)
    for _ in range(draws):
        seen = np.isin(data.picture, rng.choice(data.pictures, pictures, replace=False))
        fitted = fit_transfer(data.of(seen))
        fits.append(fitted)
        answers = {
            "constant": np.full(len(data), np.median(data.label[seen])),
            "base": place,
            "calibrated": np.clip(fitted.transfer.location(place), 0, 63),
            "own30": trained_on(seen, own),
        }
        errors = {way: np.where(seen, 0.0, np.abs(answer - data.label)) for way, answer in answers.items()}
        by_draw.append([errors[way][~seen].mean() for way in WAYS[:3]])
        times += ~seen
        for way, error in errors.items():
            total[way] += error
    return {way: error / np.maximum(times, 1) for way, error in total.items()}, fits, np.array(by_draw)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--bench-set", default="", metavar="FOLDER:N")
    parser.add_argument("--base", default="detector_aware:yolox_nano")
    parser.add_argument("--first", type=int, help="take only so many pictures")
    parser.add_argument("--pictures", type=int, default=30, help="pictures that are fitted to")
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--cache", type=Path, required=True, help="a folder that keeps what was measured")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    detector = load_detector(args.detector, jobs=1)
    files = dict(list(chosen(args.images, args.bench_set).items())[: args.first])
    pictures = [one for one in labelled(detector, files, args.cache, args.jobs) if one.recognisable.any()]
    data, own = of_base(detector, pictures, args.base), described(detector, pictures)
    print(f"{len(data)} objects with a threshold in {len(pictures)} of {len(files)} pictures, {detector.name}")
    errors, fits, by_draw = drawn_errors(data, own, args.pictures, args.draws)
    answers = cross_validate(own, AwareOptions(), repeats=4).used
    errors["own"] = np.mean([np.abs(median(mass) - own.label) for mass in answers], axis=0)
    bootstrap, ones = Bootstrap(data.picture, 2000), np.ones(len(data))
    print(f"\n| thresholds | E_A | of the constant's |\n{'|---' * 3}|")
    for way in WAYS:
        value = bootstrap.interval([errors[way], ones], lambda a, b: a / b)
        ratio = bootstrap.interval([errors[way], errors["constant"]], lambda a, b: a / b)
        print(
            f"| {TITLES[way]} | {value.value:.2f} ({value.low:.2f} to {value.high:.2f}) "
            f"| {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) |"
        )
    for way in ("base", "calibrated", "own30"):
        share = bootstrap.interval(
            [errors["constant"], errors[way], errors["own"]], lambda plain, ours, best: (plain - ours) / (plain - best)
        )
        print(f"recovered, {TITLES[way]}: {share.value:.2f} ({share.low:.2f} to {share.high:.2f})")
    saved = bootstrap.interval([errors["base"], errors["calibrated"], ones], lambda a, b, n: (a - b) / n)
    print(f"calibrated below base by {saved.value:.2f} ({saved.low:.2f} to {saved.high:.2f})")
    print(f"draws in which calibrated beats the constant: {(by_draw[:, 2] < by_draw[:, 0]).mean():.2f}, the base as")
    print(f"it is: {(by_draw[:, 2] < by_draw[:, 1]).mean():.2f}; forms: {dict(Counter(each.form for each in fits))}")
    for name in ("scale", "offset", "spread"):
        low, middle, high = np.quantile([getattr(each.transfer, name) for each in fits], [0.1, 0.5, 0.9])
        print(f"{name}: {middle:.2f} ({low:.2f} to {high:.2f} in 80 % of the draws)")


if __name__ == "__main__":
    main()
