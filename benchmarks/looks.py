r"""Which looks at degraded copies tell most about thresholds: one by one, then chosen one after another.

    python benchmarks/looks.py --data datasets/coco-yolox-nano.parquet --images IMAGES --detector yolox_nano.onnx \
        --leave-out coco-dev:40 --cache CACHE

E_A of ``detector_aware``'s thresholds with each, by that of a constant; five folds of pictures, twice.
"""

from __future__ import annotations

import sys

import numpy as np
from predictor_crossval import parser, remaining

from vcmpipe.datasets.label_table import load_samples
from vcmpipe.detection import load_detector
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.looks import FEATURES, LOOKS, Look
from vcmpipe.training.aware_data import AwareData, collect
from vcmpipe.training.detector_aware import AwareOptions, cross_validate

CANDIDATES = (
    *(Look(quality=quality) for quality in (4, 7, 10, 15, 25, 40)),
    *(Look(scale=scale) for scale in (0.8, 0.65, 0.5, 0.35, 0.25)),
    *(
        Look(scale=scale, quality=quality)
        for scale, quality in ((0.65, 10), (0.5, 10), (0.5, 20), (0.5, 40), (0.35, 20))
    ),
    *(Look(blur=blur) for blur in (2.0, 4.0)),
)


def ratio(data: AwareData, looks: tuple[Look, ...]) -> float:
    """The error with some looks, by the constant's."""
    width = len(FEATURES)
    columns = [CANDIDATES.index(look) * width + k for look in looks for k in range(width)]
    chosen = AwareData(**{**vars(data), "looked": data.looked[:, columns]})
    answers = cross_validate(chosen, AwareOptions(), repeats=2)
    known = np.ones(len(data), np.bool_)
    medians = np.stack([Thresholds(mass, known).quantile(0.5) for mass in answers.looked])
    return float(np.abs(medians - data.label).mean() / np.abs(answers.constant - data.label).mean())


def main() -> None:
    args = parser().parse_args()
    samples, detector = load_samples(args.data), load_detector(args.detector, jobs=1)
    data = collect(
        samples, detector, names=remaining(samples, args.leave_out, args.images), images=args.images, looks=CANDIDATES,
        cache=args.cache, progress=lambda name: print(name, file=sys.stderr),
    )  # fmt: skip
    print(
        f"{len(data)} objects, {len(np.unique(data.picture))} pictures\n\n| looks | E_A of the constant's |\n|---|---:|"
    )
    print(f"| none | {ratio(data, ()):.3f} |")
    for look in CANDIDATES:
        print(f"| {look.name} | {ratio(data, (look,)):.3f} |", flush=True)
    taken: tuple[Look, ...] = ()
    for _ in range(4):
        error, best = min((ratio(data, (*taken, look)), k) for k, look in enumerate(CANDIDATES) if look not in taken)
        taken = (*taken, CANDIDATES[best])
        print(f"| the best {len(taken)}: {'; '.join(look.name for look in taken)} | {error:.3f} |", flush=True)
    print(f"| as it ships: {'; '.join(look.name for look in LOOKS)} | {ratio(data, LOOKS):.3f} |")


if __name__ == "__main__":
    main()
