"""What predictors are good for in the open loop: errors, calibration, bytes at a retention and BD-rates, in one table.

    python benchmarks/uniform_trials.py --images coco-dev/images --detectors A.onnx B.onnx --out TABLES
    python benchmarks/predictors_nested.py --images IMAGES --folder coco-dev --tables TABLES --detectors A.onnx B.onnx \
        --labels datasets/coco-yolox-nano.parquet --losses datasets/coco-losses.parquet --cache CACHE --coded CODED

Nested: every photo is judged by predictors that were trained, and whose hyper-parameters were chosen, on the photos of
the other folds (and of other folders). With ``--bench-set`` all that is not the bench set is learned from, and the
bench set is judged. First one QP and scale per picture are chosen by each predictor's losses, out of the versions
that the tables have; with ``--coded`` pictures are coded as ``rdo-open`` chooses, maps included.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from allocation import joined
from allocation import make as code_points
from numpy.typing import NDArray
from selection import Curve, Study, show
from uniform_trials import BENCH_SET, SCALES, Table, load, save

from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import PipelineOptions
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.loss_table import LossTable
from vcmpipe.detection import Detector, load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.evaluation import Curves, estimate, rate_at
from vcmpipe.frames import Frame, open_source, scaled_size
from vcmpipe.qpmap.expected_loss import QPS as QP_COUNT
from vcmpipe.qpmap.expected_loss import lost_shares, with_known
from vcmpipe.tasks.loss import AccuracyLoss
from vcmpipe.thresholds import Thresholds, features
from vcmpipe.thresholds.constant import ConstantPredictor
from vcmpipe.thresholds.detector_aware import AwareWeights, DetectorAware
from vcmpipe.thresholds.looks import LOOKS, PROBE, PROBE_FROM
from vcmpipe.training.aware_data import AwareData, collect
from vcmpipe.training.detector_aware import AwareOptions, fit, fold_of
from vcmpipe.training.loss_curves import CurveOptions, deciles, fit_judged, squared_error
from vcmpipe.training.loss_data import LossData, collect_losses, judge_of

Floats = NDArray[np.float64]
LOSS = AccuracyLoss()
LAMBDAS = tuple(float(f) for f in np.geomspace(1_000, 1_000_000, 13))
CODED_LAMBDAS = (3e3, 1e4, 3e4, 1e5, 3e5, 1e6)
RETENTIONS = (0.90, 0.95, 0.98)
CANDIDATES = (CurveOptions(), CurveOptions(power=1.0))
RIDGES = (3.0, 10.0)


@dataclass(frozen=True, eq=False)
class Material:
    """What predictors learn from: objects with thresholds, with the looks of version 1 and 2, and detections."""

    probed: AwareData
    looked: AwareData
    losses: LossData

    def of(self, names: set[str]) -> Material:
        """What belongs to some pictures."""
        parts = (self.probed, self.looked, self.losses)
        return Material(*(part[np.isin(part.picture, sorted(names))] for part in parts))


def constant(material: Material, detector: Detector) -> ConstantPredictor:
    """The median threshold."""
    return ConstantPredictor(int(np.median(material.probed.label)))


def aware_1(material: Material, detector: Detector) -> DetectorAware:
    """Thresholds with one look from five objects on, as they ship, and no losses."""
    return _aware(material.probed, detector, PROBE, PROBE_FROM, None, AwareOptions())


def aware_2(material: Material, detector: Detector, *, curves: bool = True) -> DetectorAware:
    """Thresholds with more looks, and loss curves; hyper-parameters by the errors on folds within."""
    ridge = min(RIDGES, key=lambda value: _inner_error(material.looked, AwareOptions(ridge=value)))
    losses = None
    if curves:
        made = [fit_judged(material.losses, how) for how in CANDIDATES]
        losses = min(made, key=lambda each: each[1])[0]
    return _aware(material.looked, detector, LOOKS, 1, losses, AwareOptions(ridge=ridge))


def _aware(data, detector, looks, looks_from, losses, how) -> DetectorAware:
    plain = fit(data.features, data, how)
    looked = fit(np.hstack([data.features, data.looked]), data, how)
    card = {"detector": detector.name, "detector_digest": detector.digest}
    canvas = features.Canvas.of(detector.input_size)
    return DetectorAware(AwareWeights(plain, looked, canvas, card, looks, looks_from, losses), detector)


def _inner_error(data: AwareData, how: AwareOptions) -> float:
    rows, turn, error = np.hstack([data.features, data.looked]), fold_of(data.picture, 4, 1), 0.0
    for k in range(4):
        seen, held = turn != k, turn == k
        mass = fit(rows[seen], data[seen], how).mass(rows[held], data.class_id[held])
        error += np.abs(_median(mass) - data.label[held]).sum()
    return error


def _median(mass: Floats) -> NDArray[np.int64]:
    return Thresholds(mass, np.ones(len(mass), np.bool_)).quantile(0.5)


WAYS: Mapping[str, Callable] = {
    "constant": constant,
    "detector_aware, a probe": aware_1,
    "detector_aware, three looks": partial(aware_2, curves=False),
    "detector_aware with loss curves": aware_2,
}


@dataclass(frozen=True, eq=False)
class Judged:
    """A photo: its versions, what is expected of them by each predictor, and how far thresholds are off."""

    table: Table
    expected: dict[str, Floats]
    shares: dict[str, Floats]


def judge(table: Table, frame: Frame, predictors: Mapping[str, object], first: str) -> Judged:
    """The loss that each predictor expects of each version of a photo."""
    whole = table.source[first]
    source = whole[LOSS.weights(whole) > 0]
    weights = LOSS.weights(source)
    scales = np.array([min(SCALES, key=lambda s: abs(s - own)) for own in table.scale])
    expected = {name: np.zeros(len(table.qp)) for name in predictors}
    shares = {name: np.full((len(source), len(SCALES), QP_COUNT), np.nan) for name in predictors}
    for name, predictor in predictors.items():
        forecast = predictor.forecast(frame, source) if isinstance(predictor, DetectorAware) else None
        mass = None if forecast else predictor.predict(frame, source).mass
        for place, scale in enumerate(SCALES):
            seen = table.found[first][int(np.flatnonzero((scales == scale) & (table.qp < 0))[0])]
            known = 1 - LOSS.kept(source, seen)[0] if scale < 1 else np.zeros(len(source))
            fixed = max(LOSS.of(source, seen) - float(weights @ known), 0.0) if scale < 1 else 0.0
            lost = forecast(scale, known) if forecast else with_known(lost_shares(mass, scale=scale), known)
            own = (scales == scale) & (table.qp >= 0)
            expected[name][own] = fixed + (weights @ lost)[table.qp[own]]
            shares[name][:, place] = lost
    return Judged(table, expected, shares)


def rate_model(table: Table, frame: Frame) -> Floats:
    """(V,) the bits that texture lets expect."""
    encoder, bits = load_encoder("vvenc"), np.zeros(len(table.qp))
    for scale in SCALES:
        coder = SegmentCoder(encoder, frame, coded_size=scaled_size(frame.width, frame.height, scale))
        model = coder.rate_model().bits.sum(axis=(0, 1))
        own = (np.abs(table.scale - scale) < 1e-6) & (table.qp >= 0)
        bits[own] = model[table.qp[own]]
    return bits


def bytes_at(curve: Curve, retention: float) -> Floats:
    """(1 + R,) bytes per picture at a retention, in each draw."""
    return rate_at(Curves.of(curve.rates, curve.qualities["retention"]), retention)[0]


def shown_bytes(curve: Curve, against: Curve | None, retention: float) -> str:
    """Bytes, and their ratio to another curve's with its interval."""
    own = bytes_at(curve, retention)
    text = "-" if np.isnan(own[0]) else f"{own[0]:,.0f}"
    if against is None:
        return text
    ratio = own / bytes_at(against, retention)
    found = estimate(ratio, np.zeros(len(ratio), np.int8))
    low, high = (f"{value:.2f}" if value is not None else "-" for value in (found.low, found.high))
    return text if np.isnan(ratio[0]) else f"{text} ({ratio[0]:.2f}; {low} to {high})"


def report(study: Study, curves: Mapping[str, Curve], title: str) -> None:
    """The table of bytes and BD-rates."""
    anchors = {"plain": study.plain(), "plain-scaled": study.plain(SCALES)}
    base = curves["constant"]
    print(f"\n{title}: bytes per picture at a retention (ratio to the constant's, 95 %), and ratio to plain at 0.95\n")
    print("| predictor | " + " | ".join(f"{r:.2f}" for r in RETENTIONS) + " | of plain's |\n|---|" + "---:|" * 4)
    for name, curve in (anchors | dict(curves)).items():
        of_plain = bytes_at(curve, 0.95)[0] / bytes_at(anchors["plain"], 0.95)[0]
        cells = [shown_bytes(curve, None if name in (*anchors, "constant") else base, r) for r in RETENTIONS]
        print(f"| {name} | " + " | ".join(cells) + f" | {of_plain:.2f} |", flush=True)
    qualities = anchors["plain"].qualities
    print(f"\n{title}: BD-rates in % against plain / plain-scaled (95 % interval against plain)\n")
    print("| predictor | " + " | ".join(qualities) + " |\n|---|" + "---:|" * len(qualities))
    for name, curve in curves.items():
        print(show(name, curve, anchors), flush=True)


def errors(material: Material, folds: Sequence[tuple[set[str], Mapping]], judged: Mapping[str, Judged], prefix: str):
    """E_A of thresholds, squared errors of shares, and calibration, out of fold."""
    rows: dict[str, list] = {name: [] for name in WAYS}
    for names, predictors in folds:
        own = material.of(names)
        for name, predictor in predictors.items():
            if isinstance(predictor, ConstantPredictor):
                off = np.abs(predictor.qp - own.probed.label)
            else:
                old = name.endswith("a probe")
                data = own.probed if old else own.looked
                weights = predictor._weights
                mass = weights.looked.mass(np.hstack([data.features, data.looked]), data.class_id)
                if old:
                    _, inverse, sizes = np.unique(data.picture, return_inverse=True, return_counts=True)
                    few = sizes[inverse] < PROBE_FROM
                    mass[few] = weights.plain.mass(data.features[few], data.class_id[few])
                off = np.abs(_median(mass) - data.label)
            rows[name].append((off, own.probed.picture))
    base = np.concatenate([off for off, _ in rows["constant"]])
    picture = np.concatenate([names for _, names in rows["constant"]])
    _, inverse = np.unique(picture, return_inverse=True)
    draw = np.random.default_rng(0).integers(0, inverse.max() + 1, (2000, inverse.max() + 1))
    print(f"\n{len(base)} objects, {inverse.max() + 1} pictures\n")
    print("| predictor | E_A | of the constant's (95 %) | squared error of a share | found / expected, by decile |")
    print("|---|---:|---:|---:|---|")
    losses = material.losses
    for name in WAYS:
        off = np.concatenate([each for each, _ in rows[name]])
        ours, theirs = (np.bincount(inverse, weights=each)[draw].sum(axis=1) for each in (off, base))
        low, high = np.quantile(ours / theirs, [0.025, 0.975])
        keep = np.isin(losses.picture, [f"{prefix}{key}" for key in judged])
        found = "- | -"
        if keep.any():  # the table has nothing of the bench set
            data = losses[keep]
            expected = np.full(data.lost.shape, np.nan)
            for key, photo in judged.items():
                mine = data.picture == f"{prefix}{key}"
                expected[mine] = photo.shares[name][:, :, data.qps]
            bins = ", ".join(f"{y / x:.2f}" for x, y in deciles(expected, data))
            found = f"{squared_error(expected, data):.4f} | {bins}"
        print(
            f"| {name} | {off.mean():.3f} | {off.mean() / base.mean():.3f} ({low:.3f} to {high:.3f}) | {found} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="the folder that names in the tables start from")
    parser.add_argument("--folder", default="coco-dev", help="the folder below it whose photos are judged")
    parser.add_argument("--tables", type=Path, required=True, help="of these photos, by uniform_trials.py")
    parser.add_argument("--detectors", type=Path, nargs=2, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--losses", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, help="COCO instances, for AP against ground truth")
    parser.add_argument("--cache", type=Path, help="a folder for computed features")
    parser.add_argument("--coded", type=Path, help="a folder for photos coded as rdo-open chooses")
    parser.add_argument("--ways", nargs="+", default=[*WAYS], choices=[*WAYS], help="with --coded: what is coded")
    parser.add_argument("--limit", type=int, help="with --coded: so many photos, evenly spread")
    parser.add_argument("--coded-alone", action="store_true", help="leave out the tables that need no coding")
    parser.add_argument("--bench-set", action="store_true", help="judge the bench set by predictors of all the rest")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--resamples", type=int, default=200)
    args = parser.parse_args()
    detectors = {path.stem: load_detector(str(path), jobs=1) for path in args.detectors}
    first = args.detectors[0].stem
    detector, prefix = detectors[first], f"{args.folder}/"
    bench = {f"{prefix}{path.name}" for path in sorted((args.images / args.folder).iterdir())[:BENCH_SET]}
    tables = [load(file) for file in sorted(args.tables.glob("*.npz"))]
    samples, losses = load_samples(args.labels), LossTable.load(args.losses)
    shared = {"images": args.images, "cache": args.cache}
    every = Material(
        collect(samples, detector, looks=PROBE, **shared),
        collect(samples, detector, looks=LOOKS, **shared),
        collect_losses(losses, judge_of(losses, detector), detector, args.images, cache=args.cache),
    )
    names = {str(name) for part in (every.probed, every.losses) for name in part.picture}
    judged_names = {f"{prefix}{table.name}" for table in tables}
    if args.bench_set:
        parts = [(judged_names, names - bench)]
    else:
        order = np.array(sorted(judged_names))
        turn = fold_of(order, args.folds, 0)
        parts = [(set(order[turn == k]), names - bench - set(order[turn == k])) for k in range(args.folds)]
    folds = [(held, {name: way(every.of(seen), detector) for name, way in WAYS.items()}) for held, seen in parts]
    of_photo = {name: predictors for held, predictors in folds for name in held}
    if not args.coded_alone:
        _tables_alone(args, tables, every, folds, of_photo, prefix)
    if args.coded:
        spread = np.linspace(0, len(tables) - 1, min(args.limit or len(tables), len(tables))).round().astype(int)
        _coded(args, [tables[k] for k in spread], detectors, of_photo, prefix)


def _tables_alone(args, tables, every, folds, of_photo, prefix) -> None:
    """Errors, and choices out of the versions that the tables have."""
    first, second = (path.stem for path in args.detectors)
    judged, bits = {}, []
    for table in tables:
        (frame,) = open_source(str(args.images / prefix / table.name))
        judged[table.name] = judge(table, frame, of_photo[f"{prefix}{table.name}"], first)
        bits.append(rate_model(table, frame))
    print(f"{len(tables)} photos, judged by {first}; second detector {second}")
    errors(every, folds, judged, prefix)
    study = Study(tables, args.annotations, first, second, args.resamples)
    ways = {name: [judged[table.name].expected[name] for table in tables] for name in WAYS}
    curves = {name: study.curve(_traced(tables, bits, expected)) for name, expected in ways.items()}
    curves["measured"] = study.curve(study.traced(study.matrix(LOSS.of), LAMBDAS))
    report(study, curves, "one QP and one scale per picture")


def _traced(tables: Sequence[Table], bits: Sequence[Floats], losses: Sequence[Floats]) -> list[list[int]]:
    """By lambda the version of each picture with the least expected bits and loss."""
    chosen = []
    for factor in LAMBDAS:
        costs = [own / 8 + factor * loss for own, loss in zip(bits, losses, strict=True)]
        chosen.append([int(t.coded[cost[t.coded].argmin()]) for t, cost in zip(tables, costs, strict=True)])
    return chosen


def _coded(args, tables, detectors, of_photo, prefix) -> None:
    """``rdo-open`` by each predictor, coded and looked at."""
    args.coded.mkdir(parents=True, exist_ok=True)
    options = PipelineOptions(detector=str(args.detectors[0]), jobs=1)
    points = [("objects", at) for at in CODED_LAMBDAS]
    first, second = detectors

    def one(job: tuple[Table, str]) -> Table:
        table, way = job
        file = args.coded / f"{way.replace(' ', '-').replace(',', '')}-{table.name}.npz"
        if not file.is_file():
            predictor = of_photo[f"{prefix}{table.name}"][way]
            pipeline = Pipeline(options, detector=detectors[first], predictor=predictor)
            save(file, code_points(args.images / prefix / table.name, pipeline, detectors, points)[0])
        return replace(load(file), name=table.name)

    jobs = [(table, way) for way in args.ways for table in tables]
    with ThreadPoolExecutor(args.jobs) as pool:
        made = list(pool.map(one, jobs))
    whole, places = list(tables), {}
    for k, way in enumerate(args.ways):
        own = made[k * len(tables) : (k + 1) * len(tables)]
        places[way] = [len(table.qp) for table in whole]
        whole = [joined(a, b) for a, b in zip(whole, own, strict=True)]
    study = Study(whole, args.annotations, first, second, args.resamples)
    curves = {way: study.curve([[at + k for at in places[way]] for k in range(len(points))]) for way in args.ways}
    report(study, curves, "rdo-open, maps included")


if __name__ == "__main__":
    main()
