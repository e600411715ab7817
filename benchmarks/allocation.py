"""Open-loop allocation policies in one table: BD-rates of each against plain VVC and against plain scaling.

    python benchmarks/uniform_trials.py --images coco-dev/images --detectors A.onnx B.onnx --out TABLES
    python benchmarks/allocation.py --images coco-dev/images --detectors A.onnx B.onnx --tables TABLES \
        --out CODED --limit 40

Photos outside the bench set that have a table, evenly spread. Each is coded as every policy chooses at every lambda,
once; with ``--out`` it goes on where it stopped. The first detector is the one that chooses.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import supervision as sv
from numpy.typing import NDArray
from selection import Curve, Study, show
from uniform_trials import QPS, SCALES, Table, load, save

from vcmpipe.coding.open_loop import OpenLoop
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import PipelineOptions
from vcmpipe.detection import Detector, load_detector
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.frames import open_source, scaled_size
from vcmpipe.process import publish
from vcmpipe.tasks.loss import AccuracyLoss

LAMBDAS = (1e3, 4e3, 15e3, 6e4)
MARGINS = (-12, -7, -2, 3)
# By name: policy and scales.
WAYS: dict[str, tuple[str, tuple[float, ...]]] = {
    "objects, source's size": ("objects", (1.0,)),
    "one QP": ("uniform", SCALES),
    "cells": ("cells", SCALES),
    "objects": ("objects", SCALES),
    "MFIBA, detections": ("mfiba", SCALES),
    "MFIBA, occlusion": ("mfiba-occlusion", SCALES),
}
JRD = ("jrd at 1",)
Points = list[tuple[str, float]]


def points_of(ways: Sequence[str]) -> Points:
    """By name of a policy, the lambdas of its points; of ``jrd``, the margins."""
    points: Points = []
    for name in ways:
        points += [(name, float(at)) for at in (LAMBDAS if name in WAYS else MARGINS)]
    return points


def coded_of(coder: SegmentCoder, qp_map) -> CodedSegment:
    """The picture by a map; where the encoder has no room for a region's bits, at the map's next coarser QPs."""
    while True:
        try:
            return coder.by_map(qp_map)
        except TooDenseError:
            qp_map = replace(qp_map, qp=np.minimum(qp_map.qp.astype(int) + 1, 63))


def make(
    path: Path, pipeline: Pipeline, detectors: dict[str, Detector], points: Points
) -> tuple[Table, NDArray[np.float64]]:
    """A photo at every point, and (V, 3) what was expected: bits, loss, and seconds of choosing."""
    (frame,) = open_source(str(path))
    coders: dict[float, SegmentCoder] = {}

    def coder_at(scale: float) -> SegmentCoder:
        if scale not in coders:
            coders[scale] = pipeline.coder(frame, scaled_size(frame.width, frame.height, scale))
        return coders[scale]

    (source,) = pipeline.detector.detect([frame])
    known: dict[tuple, tuple[CodedSegment, dict[str, sv.Detections]]] = {}
    found: dict[str, list[sv.Detections]] = {name: [] for name in detectors}
    scales, qps, bits, expected = [], [], [], []
    # One for all: what was found for a scale is shared, whichever scales are tried.
    loop = OpenLoop(pipeline, coder_at, [source])
    for name, at in points:
        started = time.monotonic()
        if name in WAYS:
            policy, loop.scales = WAYS[name]
            choice = loop.choose(at, policy)
            coder, qp_map, scale = choice.coder, choice.qp_map, choice.scale
            expected.append((choice.bits, choice.loss, time.monotonic() - started))
        else:
            scale = float(name.rpartition(" ")[2])
            coder = coder_at(scale)
            other = copy.copy(pipeline)
            other.margin = int(at)
            (objects,) = other.objects(coder_at(1.0), [source])
            qp_map = pipeline.qp_map([objects], coder)
            expected.append((0.0, 0.0, time.monotonic() - started))
        key = (scale, qp_map)
        if key not in known:
            coded = coded_of(coder, qp_map)
            shown = coder.decode_still(coded).frame
            known[key] = coded, {each: detector.detect([shown])[0] for each, detector in detectors.items()}
        coded, seen = known[key]
        scales.append(scale), qps.append(min(coded.qps)), bits.append(coded.bits)
        for each, own in seen.items():
            found[each].append(own)
    return Table(path.name, np.array(scales), np.array(qps), np.array(bits), found), np.array(expected)


def joined(first: Table, second: Table) -> Table:
    """The versions of both; the second's come last."""
    found = {name: [*first.found[name], *own] for name, own in second.found.items()}
    parts = [np.concatenate([getattr(first, f), getattr(second, f)]) for f in ("scale", "qp", "bits")]
    return Table(first.name, *parts, found)


def names_of(folder: Path, limit: int | None) -> list[str]:
    """The photos that have a table, so many of them, evenly spread."""
    names = sorted(path.name.removesuffix(".npz") for path in folder.glob("*.npz"))
    if limit is None or limit >= len(names):
        return names
    return [names[i] for i in np.linspace(0, len(names) - 1, limit).round().astype(int)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--detectors", type=Path, nargs=2, required=True)
    parser.add_argument("--tables", type=Path, required=True, help="what uniform_trials.py made")
    parser.add_argument("--out", type=Path, required=True, help="a folder for what is coded")
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--ways", nargs="+", default=[*WAYS, *JRD], choices=[*WAYS, *JRD], help="what is compared")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--resamples", type=int, default=200)
    args = parser.parse_args()
    detectors = {path.stem: load_detector(str(path), jobs=1) for path in args.detectors}
    first, second = detectors
    args.out.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline(PipelineOptions(detector=str(args.detectors[0]), jobs=1), detector=detectors[first])

    def one(name: str) -> str:
        table, expected = make(args.images / name, pipeline, detectors, points_of(args.ways))
        with publish(args.out / f"{name}.expected") as part, part.open("wb") as stream:
            np.save(stream, expected)
        save(args.out / f"{name}.npz", table)
        return name

    # What is there already stays the set, where a run goes on.
    there = names_of(args.out, None)
    names = there if len(there) >= args.limit else sorted({*there, *names_of(args.tables, args.limit)})[: args.limit]
    with ThreadPoolExecutor(args.jobs) as pool:
        for name in pool.map(one, [name for name in names if name not in there]):
            print(f"# {name}", flush=True)
    report(args, names, first, second)


def report(args: argparse.Namespace, names: Sequence[str], first: str, second: str) -> None:
    """The table of BD-rates, and how far what was expected is off."""
    points = points_of(args.ways)
    uniform = [load(args.tables / f"{name}.npz") for name in names]
    own = [load(args.out / f"{name}.npz") for name in names]
    study = Study([joined(*each) for each in zip(uniform, own, strict=True)], None, first, second, args.resamples)
    begin = [len(table.qp) for table in uniform]

    def of(name: str) -> Curve:
        places = [i for i, point in enumerate(points) if point[0] == name]
        return study.curve([[start + place for start in begin] for place in places])

    anchors = {"plain": study.plain(), "plain-scaled": study.plain(SCALES)}
    loss = AccuracyLoss()
    losses = study.matrix(loss.of)
    curves = {name: of(name) for name in dict.fromkeys(name for name, _ in points)}
    coded = [np.flatnonzero(table.qp >= 0) for table in uniform]
    curves[f"measured loss, best of {len(SCALES) * len(QPS)}"] = study.curve(study.traced(losses, LAMBDAS, coded))
    between = {name: curves[name] for name in ("one QP", "jrd at 1") if name in curves}
    for against in (anchors, between):
        title = " / ".join(against)
        print(f"\n{len(names)} photos, {first}; BD-rate in % against {title} (95 % interval against the first)\n")
        qualities = next(iter(anchors.values())).qualities
        print("| policy | " + " | ".join(qualities) + " |\n|---|" + "---:|" * len(qualities))
        for name, curve in curves.items():
            if name not in list(against)[:1]:
                print(show(name, curve, against), flush=True)
    expected = np.stack([np.load(args.out / f"{name}.expected") for name in names])
    print("\n| policy | lambda | expected kB | measured kB | expected loss | measured loss | s to choose |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for place, (name, at) in enumerate(points):
        if name not in WAYS:
            continue
        bits = np.mean([table.bits[place] for table in own]) / 8000
        found = np.mean([each[start + place] for each, start in zip(losses, begin, strict=True)])
        plan = expected[:, place]
        print(
            f"| {name} | {at:.0f} | {plan[:, 0].mean() / 8000:.2f} | {bits:.2f} | {plan[:, 1].mean():.2f} | "
            f"{found:.2f} | {plan[:, 2].mean():.2f} |"
        )


if __name__ == "__main__":
    main()
