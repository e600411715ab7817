r"""Cross-validate DT-JRD, with context around the box and with a confidence map, beside a constant.

    OMP_NUM_THREADS=1 python benchmarks/dt_jrd_variants.py --labels datasets/coco-yolox-nano.parquet \
        --images coco-dev/images coco-extra/images --bench-set 40 --backbone test_vit --size 64 --epochs 40 \
        --work WORK

Folds are of pictures. Every variant starts from random weights, is trained on all folds but one for equally many
epochs, and answers for the fold left out with the weights of its last epoch: images, order, loss and schedule are those
of ``vcmpipe train dt_jrd`` (``--check`` trains once by either way and compares the weights), but every image is made
only once. Several ``--seeds`` are so many trainings with other folds; errors are means over them. ``score alone`` is no
network: the line through the scores with the least absolute error on the training folds. ``--work FOLDER`` keeps what
every training answered, so that the same command goes on; ``--take 1`` judges the first fold alone.

E_A is the mean of |predicted - label|, by the most probable QP (the paper's decision) and by the median of the
distribution (which E_A favours). Intervals: 95 % of 2,000 draws of the pictures; the differences are paired.
Pictures and scores are those of a label table; ``--bench-set N`` leaves out the N pictures of the first folder with the
smallest names.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from calibrate_margin import chosen
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from vcmpipe.config import ObjectsOptions, TrainOptions
from vcmpipe.datasets.samples import Samples, read_samples, write_label_table
from vcmpipe.evaluation.bootstrap import Bootstrap, Interval
from vcmpipe.evaluation.threshold_errors import median_constant
from vcmpipe.frames import read_picture
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.weights import read_state
from vcmpipe.training import objects as objects_module
from vcmpipe.training.dt_jrd import RECIPE, Crops
from vcmpipe.training.loading import EpochBatches
from vcmpipe.training.object_run import ObjectPlan
from vcmpipe.training.objects import ObjectSet, open_objects
from vcmpipe.training.run import train

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
PUBLISHED = "dt_jrd"
VARIANTS: dict[str, dict[str, object]] = {
    PUBLISHED: {},
    "with context": {"context": 0.5},
    "with confidence": {"confidence": True},
    "with context and confidence": {"context": 0.5, "confidence": True},
}
DECISIONS = {"argmax": lambda t: t.argmax(), "median": lambda t: t.quantile(0.5)}


def line(scores: Floats, labels: Floats) -> tuple[float, float]:
    """Offset and slope with the least absolute error."""
    slope, offset = np.polyfit(scores, labels, 1)
    return tuple(minimize(lambda v: np.abs(v[0] + v[1] * scores - labels).mean(), (offset, slope), method="Powell").x)


def folds(pictures: Sequence[str], count: int, seed: int) -> Places:
    """The fold of each row, by its picture."""
    names, inverse = np.unique(pictures, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(names)) % count)[inverse]


def plan_of(args: argparse.Namespace, seed: int, changes: dict) -> ObjectPlan:
    """The settings of a run, with the recipe's defaults."""
    usual = RECIPE.defaults
    return ObjectPlan(
        model="dt_jrd", data="", objects="", init="random", freeze=False, epochs=args.epochs, batch=usual.batch,
        lr=args.lr, weight_decay=usual.weight_decay, patience=0, seed=seed, precision="32-true",
        backbone=args.backbone, size=args.size, sigma=3.0, versions=8, **changes,
    )  # fmt: skip


def images(plan: ObjectPlan, objects: ObjectSet) -> Tensor:
    """(2, N, channels, size, size): every object, and mirrored."""
    crops = Crops(plan, objects, objects.split("all"), True)
    return torch.stack(
        [torch.stack([crops.image(n, mirrored) for n in range(len(crops))]) for mirrored in (False, True)]
    )


def trained(plan: ObjectPlan, objects: ObjectSet, shown: Tensor, labels: Tensor, known: Places) -> torch.nn.Module:
    """A network that learned from some rows, in their order."""
    torch.manual_seed(plan.seed)
    network = RECIPE.build(plan).train()
    described = RECIPE.optimiser(plan, network.parameters())
    optimiser, schedule = described["optimizer"], described["lr_scheduler"]
    flips = Crops(plan, objects, objects.split("all").iloc[:0], True)
    batches = EpochBatches(len(known), plan.batch, seed=plan.seed)
    for epoch in range(plan.epochs):
        batches.set_epoch(epoch)
        for batch in batches.batches():
            rows = known[[index for index, _ in batch]]
            mirrored = np.array([flips.mirrored(draw) for draw in batch], dtype=np.int64)
            optimiser.zero_grad()
            RECIPE.loss(plan, network, (shown[mirrored, rows], labels[rows]))[0].backward()
            optimiser.step()
        schedule.step()
    return network.eval()


def answers(network: torch.nn.Module, shown: Tensor) -> Floats:
    """The (N, 64) masses that a network gives to images."""
    with torch.inference_mode():
        return np.concatenate([torch.softmax(network(part).double(), dim=1).numpy() for part in shown.split(64)])


def errors(args: argparse.Namespace, objects: ObjectSet) -> dict[str, Floats]:
    """By predictor and decision the absolute error of every object, from weights that did not see it."""
    table = objects.samples.table
    labels, scores = table["label"].to_numpy(np.float64), table["score"].to_numpy(np.float64)
    targets = torch.from_numpy(labels.astype(np.int64))
    dealt = {seed: folds(table["picture"].tolist(), args.folds, seed) for seed in args.seeds}
    total: dict[str, Floats] = {}

    def put(name: str, rows: Places, predicted: NDArray) -> None:
        # Of the first folds alone an object may have fewer answers than there are seeds.
        sums = total.setdefault(name, np.zeros((2, len(table))))
        sums[:, rows] += np.abs(predicted - labels[rows]), np.ones(len(rows))

    shown: dict[str, Tensor] = {}
    for seed, k in [(seed, k) for k in range(args.folds)[: args.take] for seed in args.seeds]:
        out, known = np.flatnonzero(dealt[seed] == k), np.flatnonzero(dealt[seed] != k)
        constant = median_constant(labels[known])
        put("constant", out, np.full(len(out), constant))
        offset, slope = line(scores[known], labels[known])
        put("score alone", out, offset + slope * scores[out])
        for name in args.variants:
            began = time.process_time()
            plan = plan_of(args, seed, VARIANTS[name])
            what = f"{plan} {args.folds} {k} {table.to_csv()}"
            file = args.work / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.npy" if args.work else None
            if file and file.is_file():
                mass = np.load(file)
            else:
                if name not in shown:
                    shown[name] = images(plan, objects)
                mass = answers(trained(plan, objects, shown[name], targets, known), shown[name][0, out])
                if file:
                    np.save(file, mass)
            found = Thresholds(mass, np.ones(len(out), dtype=bool))
            for decision, decide in DECISIONS.items():
                put(f"{name} {decision}", out, decide(found))
            error, flat = np.abs(found.argmax() - labels[out]).mean(), np.abs(constant - labels[out]).mean()
            print(
                f"fold {k + 1}, seed {seed}, {name}: E_A {error:.3f}, constant {flat:.3f}; "
                f"{time.process_time() - began:.0f} s of a core",
                flush=True,
            )
    with np.errstate(invalid="ignore"):
        return {name: sums[0] / sums[1] for name, sums in total.items()}


def check(args: argparse.Namespace, samples: Samples, root: Path, folder: Path) -> None:
    """Train one epoch of every variant on some objects here and by ``vcmpipe train``; the weights must be the same."""
    table = samples.table.iloc[:40].assign(split="train")
    path = folder / "check.parquet"
    write_label_table(dataclasses.replace(samples, table=table), path)
    objects = open_objects(ObjectsOptions(data=str(path), images=str(root)))
    labels = torch.from_numpy(table["label"].to_numpy(np.int64))
    for n, (name, changes) in enumerate(VARIANTS.items()):
        plan = dataclasses.replace(plan_of(args, 3, changes), epochs=2)
        here = trained(plan, objects, images(plan, objects), labels, np.arange(len(table))).state_dict()
        options = TrainOptions(
            model="dt_jrd", data=str(path), images=str(root), out=str(folder / f"run{n}"), init="random",
            backbone=args.backbone, size=args.size, epochs=2, lr=args.lr, device="cpu", seed=3, **changes,
        )  # fmt: skip
        there = read_state(Path(train(options).weights))
        most = max(float((here[key] - value).abs().max()) for key, value in there.items())
        print(f"{name}: the largest difference of a weight is {most:g}")


def interval(values: Floats, bootstrap: Bootstrap, base: Floats | None = None) -> Interval:
    """The mean of values, or its ratio to another."""
    return bootstrap.interval([values, np.ones_like(values) if base is None else base], np.divide)


def text(found: Interval, sign: str = "") -> str:
    """A figure with its interval."""
    return f"{found.value:{sign}.3f} ({found.low:{sign}.3f} to {found.high:{sign}.3f})"


def report(found: dict[str, Floats], bootstrap: Bootstrap) -> None:
    """Print the table."""
    print("| predictor | decision | E_A | of the constant's | minus the published one's |\n|---|---|---:|---:|---:|")
    for name, own in found.items():
        what, _, decision = name.rpartition(" ") if name.endswith(tuple(DECISIONS)) else (name, "", "")
        base = None if what == PUBLISHED else found.get(f"{PUBLISHED} {decision or 'argmax'}")
        difference = "" if base is None else text(interval(own - base, bootstrap), "+")
        ratio = text(interval(own, bootstrap, found["constant"]))
        print(f"| {what} | {decision} | {text(interval(own, bootstrap))} | {ratio} | {difference} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True, help="a label table")
    parser.add_argument("--images", type=Path, nargs="+", required=True, help="folders FOLDER/images of its pictures")
    parser.add_argument("--bench-set", type=int, default=40, help="pictures of the first folder that are left out")
    parser.add_argument("--backbone", default="test_vit")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=RECIPE.defaults.epochs)
    parser.add_argument("--lr", type=float, default=RECIPE.defaults.lr)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--take", type=int, help="judge so many folds; default: all")
    parser.add_argument("--work", type=Path, help="a folder that keeps what trainings answered")
    parser.add_argument("--check", action="store_true", help="compare with vcmpipe train, and no more")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.work:
        args.work.mkdir(parents=True, exist_ok=True)
    objects_module.read_picture = lru_cache(400)(read_picture)  # every object of a picture reads it
    files = chosen(args.images, args.bench_set)
    samples = read_samples(args.labels)
    table = samples.table
    samples = dataclasses.replace(samples, table=table[table["picture"].isin(list(files))].reset_index(drop=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for picture, file in files.items():  # a table has one folder of pictures
            (folder / "pictures" / picture).parent.mkdir(parents=True, exist_ok=True)
            (folder / "pictures" / picture).symlink_to(file.resolve())
        if args.check:
            check(args, samples, folder / "pictures", folder)
            return
        write_label_table(samples, folder / "labels.parquet")
        options = ObjectsOptions(data=str(folder / "labels.parquet"), images=str(folder / "pictures"))
        objects = open_objects(options)
        found = errors(args, objects)
    judged = ~np.isnan(found["constant"])
    found = {name: values[judged] for name, values in found.items()}
    pictures = objects.samples.table["picture"].to_numpy(dtype=str)[judged]
    print(
        f"\n{len(pictures):,} objects in {len(np.unique(pictures))} photos, {args.folds} folds, seeds {args.seeds}; "
        f"{args.backbone}, crops of {args.size}, {args.epochs} epochs, learning rate {args.lr:g}\n"
    )
    report(found, Bootstrap(pictures, 2000, 0))


if __name__ == "__main__":
    main()
