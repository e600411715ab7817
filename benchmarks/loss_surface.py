"""Fits the constants of ``vcmpipe.coding.search.surface`` to tables of versions, and says what they are worth.

    python benchmarks/loss_surface.py --tables TABLES --images DIR --detector yolox_nano.onnx

Maximum likelihood over the pictures of one half, judged on the other by the log likelihood of each loss, and by what a
search of 8 versions costs (bytes + lambda x loss) over the best of all versions of the table.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from uniform_trials import Table, tables

from vcmpipe.coding.search.surface import FLOOR, SURFACE, Surface, SurfaceModel, improvement, mean_share
from vcmpipe.detection import Detector, load_detector
from vcmpipe.frames import open_source
from vcmpipe.tasks import AccuracyLoss

Floats = NDArray[np.float64]
LEAST_STAKE = 0.05
LAMBDAS = (3_000, 10_000, 40_000)
NAMES = [field.name for field in fields(SurfaceModel)]
# The first three may have any sign; what follows is positive, and is fitted as a logarithm.
FREE = 3


class Losses(NamedTuple):
    """A picture's coded versions: (V, 2) octaves and QP, (V,) shares lost uncoded and coded, bytes, and the stake."""

    versions: Floats
    uncoded: Floats
    share: Floats
    size: Floats
    stake: float


def losses_of(table: Table, folder: Path, detector: Detector, name: str) -> Losses:
    """What a table says of a detector's losses."""
    (frame,) = open_source(str(folder / table.name))
    wide, high = detector.input_size(frame.width, frame.height)
    source = table.source[name]
    form = AccuracyLoss()
    stake = form.total(source) + LEAST_STAKE
    share = np.array([form.of(source, found) for found in table.found[name]]) / stake
    plain = {float(s): share[v] for v, (s, qp) in enumerate(zip(table.scale, table.qp, strict=True)) if qp < 0}
    coded = table.coded
    octaves = np.log2(table.scale[coded]) + 0.5 * np.log2(frame.width * frame.height / (wide * high))
    at = np.column_stack([octaves, table.qp[coded].astype(float)])
    uncoded = np.array([plain[float(s)] for s in table.scale[coded]])
    return Losses(at, uncoded, share[coded], table.bits[coded] / 8, stake)


def likelihood(model: SurfaceModel, pictures: list[Losses]) -> float:
    """Mean log likelihood of a loss."""
    total, count = 0.0, 0
    for each in pictures:
        rest = np.log(FLOOR + each.share) - model.expected(each.versions, each.uncoded)
        covariance = model.covariance(each.versions, each.versions) + model.luck * np.eye(len(rest))
        factor = np.linalg.cholesky(covariance)
        solved = np.linalg.solve(factor, rest)
        total -= 0.5 * solved @ solved + np.log(np.diag(factor)).sum()
        count += len(rest)
    return total / count


def model_of(values: Floats) -> SurfaceModel:
    """The constants from what is fitted."""
    return SurfaceModel(*values[:FREE].tolist(), *np.exp(values[FREE:]).tolist())


def fit(pictures: list[Losses]) -> SurfaceModel:
    """The constants of the greatest likelihood."""
    start = np.array([getattr(SURFACE, name) for name in NAMES])
    start[FREE:] = np.log(start[FREE:])

    def miss(values: Floats) -> float:
        try:
            return -likelihood(model_of(values), pictures)
        except np.linalg.LinAlgError:
            return 1e6

    return model_of(minimize(miss, start, method="L-BFGS-B", options={"maxiter": 60}).x)


def searched(model: SurfaceModel, each: Losses, factor: float, trials: int) -> float:
    """The least cost among the versions that a search tries; bytes are known beforehand here."""
    cost = each.size + factor * each.stake * each.share
    tried: list[int] = []
    for _ in range(trials):
        surface = Surface(model)
        for v in tried:
            surface.observe(tuple(each.versions[v]), each.uncoded[v], each.share[v])
        mean, deviation = surface.expect(each.versions, each.uncoded)
        if tried:
            value = improvement(each.size, factor * each.stake, mean, deviation, cost[tried].min())
            value[tried] = -1.0
        else:
            value = -(each.size + factor * each.stake * mean_share(mean, deviation))
        tried.append(int(value.argmax()))
    return float(cost[tried].min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--detector", type=Path, required=True)
    args = parser.parse_args()
    detector = load_detector(str(args.detector), jobs=1)
    own = [losses_of(table, args.images, detector, args.detector.stem) for table in tables(args.tables)]
    first, second = own[::2], own[1::2]
    print(
        f"{len(own)} pictures\n\n| constants | log likelihood on the other half | cost over the best at lambda "
        f"{', '.join(f'{factor:,}' for factor in LAMBDAS)} |\n|---|---:|---:|"
    )
    for name, model in (("shipped", SURFACE), ("of the first half", fit(first))):
        over = []
        for factor in LAMBDAS:
            best = sum(float((each.size + factor * each.stake * each.share).min()) for each in second)
            over.append(sum(searched(model, each, factor, 8) for each in second) / best)
        print(f"| {name} | {likelihood(model, second):.3f} | {', '.join(f'{each:.3f}' for each in over)} |", flush=True)
    print(f"\nof all: {fit(own)}")


if __name__ == "__main__":
    main()
