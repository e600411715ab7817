r"""Count which margin keeps which share of the objects, on pictures that nothing was fitted to.

    python benchmarks/calibrate_margin.py --detector yolox_nano.onnx --predictor detector_aware \
        --labels datasets/coco-yolox-nano.parquet --images coco-dev/images coco-extra/images --bench-set 40 \
        --scale 0.75 --margins=-15:-3:3 --card vcmpipe/thresholds/weights/yolox_nano.json
    python benchmarks/calibrate_margin.py --detector demo --predictor auto --scenes 40:760000 --margins=-9:0:3

Of ``--images`` all pictures are taken but the bench set, the N of the first folder with the smallest names.
``detector_aware`` with ``--labels`` answers for every picture by weights that were trained on the other folds; without,
it is judged as it ships, and so on pictures that it was not trained on (``--scenes COUNT:SEED`` draws some).
``measured`` with ``--labels`` reads its thresholds off the table (at scale 1). ``constant`` has QPs for margins.

Pictures are coded as ``encode`` codes them. Retention is the share of all objects; it is made monotone (isotonic
regression, weighted alike), and margins and bytes at a retention are read off between the margins coded. Intervals:
95 % of 1,000 draws of the pictures. ``--card`` writes the curve into a card of weights.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
from margin_trials import CrossValidated, Picture, Setting, Trials, measured_by
from numpy.typing import NDArray

from vcmpipe import EncodeOptions
from vcmpipe.config import parse_range
from vcmpipe.datasets.scenes import write_demo_dataset
from vcmpipe.detection import Detector, load_detector
from vcmpipe.frames import find_pictures
from vcmpipe.measurement.margins import Count, conditions_of
from vcmpipe.measurement.measured import DEFAULT_LADDER
from vcmpipe.process import publish
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.thresholds import Calibration, Thresholds, load_predictor

AT = (0.9, 0.95, 0.98)
"""Retentions that margins and bytes are printed for."""


def figures(count: Count) -> dict[float, tuple[float, float]]:
    """By retention the margin and the bytes per picture that reach it."""
    return {want: (count.margin_for(want), count.bytes_for(want)) for want in AT}


def resampled(count: Count, rounds: int) -> NDArray:
    """(R, A, 2) figures of pictures drawn anew."""
    pictures = len(count.objects)
    draws = np.random.default_rng(0).integers(0, pictures, (rounds, pictures))
    return np.array([list(figures(count.of_pictures(draw)).values()) for draw in draws])


def span(values: NDArray, form: str) -> str:
    """95 % of draws."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return f"({low:{form}} to {high:{form}})"


def chosen(folders: Sequence[Path], bench_set: int) -> dict[str, Path]:
    """Files by ``FOLDER/NAME``, as label tables call them; FOLDER is the one that holds ``images``."""
    found = {}
    for n, folder in enumerate(folders):
        own = find_pictures(folder)
        for name in sorted(own)[bench_set if n == 0 else 0 :]:
            found[f"{folder.resolve().parent.name}/{name}"] = own[name]
    return found


def pictures(args: argparse.Namespace, trials: Trials, detector: Detector) -> Iterator[Picture]:
    """The pictures with their thresholds."""
    every = chosen(args.images, args.bench_set)
    files = dict(list(every.items())[:: args.every])
    if args.labels and args.predictor == "measured":
        rows = dict(list(pd.read_parquet(args.labels).groupby("picture")))
        none = next(iter(rows.values())).iloc[:0]
        ladder = parse_range(DEFAULT_LADDER, low=0, high=63, what="ladder")
        for name, path in files.items():
            yield trials.picture(path, measured_by(rows.get(name, none), ladder))
        return
    if args.predictor == "constant":
        for path in files.values():
            yield trials.picture(path, lambda frame, found: Thresholds.from_qps(np.zeros(len(found), int)))
        return
    ways = {"seed": args.seed, "three_looks": args.three_looks}
    learned = CrossValidated(detector, args.labels, every, **ways) if args.labels else None
    shipped = None if learned else load_predictor(args.predictor, detector)
    for path in files.values():
        predictor = shipped or learned.of(path.name)
        yield trials.picture(path, predictor.predict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--predictor", default="detector_aware", help="detector_aware, measured, constant, or a name")
    parser.add_argument("--images", type=Path, nargs="*", default=[])
    parser.add_argument("--scenes", metavar="COUNT:SEED", help="drawn scenes instead of images")
    parser.add_argument("--bench-set", type=int, default=0, help="pictures of the first folder that are left out")
    parser.add_argument("--every", type=int, default=1, help="take every N-th picture")
    parser.add_argument("--labels", type=Path, help="a label table of the pictures")
    parser.add_argument("--margins", default="-16:0:2", help="QPs for constant")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--background", default=EncodeOptions.background)
    parser.add_argument("--risk", type=float, default=EncodeOptions.risk)
    parser.add_argument("--seed", type=int, default=0, help="of the folds")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "vcmpipe-margins")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--what", default="photos", help="what the pictures are called in the material")
    parser.add_argument("--three-looks", action="store_true", help="thresholds by three looks, which do not ship")
    parser.add_argument("--card", type=Path, help="a card of weights to write the calibration into")
    parser.add_argument("--save", type=Path, help="a file for the outcomes by picture (.npz)")
    args = parser.parse_args()
    detector = load_detector(args.detector, jobs=1)
    trials = Trials(detector, args.cache)
    setting = Setting(args.scale, args.background, args.risk)
    margins = parse_range(args.margins, low=-63, high=63, what="--margins")
    with ExitStack() as stack:
        if args.scenes:
            count, seed = map(int, args.scenes.split(":"))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            args.images = [write_demo_dataset(folder, count, seed).parent / "images"]
        pool = stack.enter_context(worker_pool(args.jobs))
        made = pictures(args, trials, detector)
        names, rows = [], []
        for name, row in in_order(pool, lambda p: (p.name, trials.at(p, setting, margins)), made, ahead=args.jobs + 1):
            names.append(name), rows.append(row)
    bits, kept = (np.array([[getattr(one, key) for one in row] for row in rows]) for key in ("bits", "kept"))
    objects = np.array([row[0].objects for row in rows])
    if args.save:
        np.savez(args.save, names=names, margins=margins, bits=bits, kept=kept, objects=objects)
    count = Count(tuple(margins), bits, kept, objects)
    retention = count.retention
    material = f"{len(rows):,} {args.what} with {objects.sum():,} objects, {detector.name.removesuffix('.onnx')}"
    print(f"{args.predictor}, {setting}: {material}\n\n| margin | bytes per picture | kept | retention | monotone |")
    print("|---:" * 5 + "|")
    for k, margin in enumerate(margins):
        size, total = bits[:, k].mean() / 8, kept[:, k].sum()
        print(f"| {margin:+d} | {size:,.0f} | {total} | {total / objects.sum():.3f} | {retention[k]:.3f} |")
    draws = resampled(count, args.rounds)
    print("\n| retention | margin | bytes per picture |\n|---:|---:|---:|")
    for n, (want, (margin, size)) in enumerate(figures(count).items()):
        print(f"| {want} | {margin:.1f} {span(draws[:, n, 0], '.1f')} | {size:,.0f} {span(draws[:, n, 1], ',.0f')} |")
    points = [(int(margin), share) for margin, share in count.points()]
    conditions = conditions_of(lambda name: getattr(EncodeOptions, name))
    conditions |= {"scale": args.scale, "background": args.background, "risk": args.risk}
    calibration = Calibration(tuple(points), material, detector.digest, conditions)
    print(f"\n{calibration}")
    if args.card:
        card = json.loads(args.card.read_text(encoding="utf-8"))
        card["calibration"] = {"curve": points, "material": material, "conditions": conditions}
        with publish(args.card) as part:
            part.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
