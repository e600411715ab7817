"""The constants of expected losses, and what they are good for: fitted to versions of photos that are coded whole.

    python benchmarks/uniform_trials.py --images coco-dev/images --detectors A.onnx B.onnx --out TABLES
    python benchmarks/expected_loss.py --images coco-dev/images --detector A.onnx --tables TABLES

1. How thresholds become lost shares (``lost_shares``): lead, softness and steps per halving of the scale by least
   squares, detections weighing as in ``AccuracyLoss``; the error is that on the half of the photos that was not fitted.
2. False alarms: how much of the loss they are, and whether a curve over QP, by texture or not, foretells them.
3. What is around an object (``CONTEXT``): objects' CTUs from one QP's picture and the rest from another's.
4. One QP and one scale per picture by expected loss: what each part of the expectation buys, as BD-rates.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from selection import QUALITIES, Study, show
from uniform_trials import QPS, SCALES, Table, tables

from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection import Detector, load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import Frame, open_source, scaled_size
from vcmpipe.qpmap.expected_loss import CONTEXT_REACH, coverage, grown, lost_shares, with_known
from vcmpipe.tasks.loss import AccuracyLoss
from vcmpipe.thresholds import load_predictor

Floats = NDArray[np.float64]
LOSS = AccuracyLoss()
LAMBDAS = tuple(float(f) for f in np.geomspace(300, 100_000, 10))
CONTEXT_QPS = (24, 30, 36, 42, 48, 54)
DILATE, CTU = 8, 32


class Photo:
    """A photo's table, what is predicted of its detections, and what texture says of its bits and false alarms."""

    def __init__(self, table: Table, frame: Frame, predictor, detector: str) -> None:
        self.table, self.frame = table, frame
        whole = table.source[detector]
        self.source = whole[LOSS.weights(whole) > 0]
        self.weights = LOSS.weights(self.source)
        self.mass = predictor.predict(frame, self.source).mass
        self.score = np.asarray(self.source.confidence, np.float64)
        self.shares = np.array([1 - LOSS.kept(self.source, own)[0] for own in table.found[detector]])
        total = np.array([LOSS.of(self.source, own) for own in table.found[detector]])
        self.false_alarms = np.maximum(total - self.shares @ self.weights, 0.0)
        self.scales = np.array([min(SCALES, key=lambda s: abs(s - own)) for own in table.scale])
        encoder = load_encoder("vvenc")
        self.bits = np.zeros(len(table.qp))
        for scale in SCALES:
            coder = SegmentCoder(encoder, frame, coded_size=scaled_size(frame.width, frame.height, scale))
            model = coder.rate_model(CTU).bits.sum(axis=(0, 1))
            own = (self.scales == scale) & (table.qp >= 0)
            self.bits[own] = model[table.qp[own]]
            if scale == 1.0:
                self.texture = float(model[37])

    def uncoded(self, scale: float) -> int:
        """The place of the version that is only scaled."""
        return int(np.flatnonzero((self.scales == scale) & (self.table.qp < 0))[0])


def fit_shares(photos: Sequence[Photo]) -> None:
    """Lead, softness and steps per halving."""
    mass = np.concatenate([p.mass for p in photos])
    weight = np.concatenate([p.weights for p in photos])
    half = np.concatenate([np.full(len(p.mass), i % 2) for i, p in enumerate(photos)])
    lost = np.full((len(SCALES), len(QPS) + 1, len(mass)), np.nan)
    at = 0
    for p in photos:
        for v, (scale, qp) in enumerate(zip(p.scales, p.table.qp, strict=True)):
            row = 0 if qp < 0 else 1 + QPS.index(int(qp))
            lost[SCALES.index(scale), row, at : at + len(p.mass)] = p.shares[v]
        at += len(p.mass)
    steps = np.arange(64)[None, :] - np.arange(64)[:, None]

    def error(values: Floats, who: NDArray[np.bool_], soft: bool = True) -> float:
        lead, softness, halving = values[0], max(float(values[1]), 0.05), values[2]
        total = count = 0.0
        for i, scale in enumerate(SCALES):
            off = steps - halving * np.log2(scale)
            curve = 1 / (1 + np.exp(np.clip((lead - off) / softness, -60, 60))) if soft else (off > 0) * 1.0
            expected = with_known(mass[who] @ curve, lost[i, 0, who])
            for j, qp in enumerate(QPS):
                found = lost[i, 1 + j, who]
                there = ~np.isnan(found)
                total += (weight[who][there] * (found - expected[:, qp])[there] ** 2).sum()
                count += weight[who][there].sum()
        return total / count

    start = np.array([-2.0, 3.0, 6.0])
    everything = np.ones(len(mass), np.bool_)

    def fitted(who: NDArray[np.bool_]) -> Floats:
        return minimize(error, start, (who,), "Nelder-Mead", options={"maxiter": 80, "xatol": 0.05, "fatol": 1e-5}).x

    lead, softness, halving = fitted(everything)
    print(
        f"\n{len(mass)} detections of {len(photos)} photos: lead {lead:.1f}, softness {softness:.1f}, "
        f"{halving:.1f} steps per halving"
    )
    parts = [fitted(half == k) for k in (0, 1)]
    print("by halves: " + "; ".join(", ".join(f"{value:.1f}" for value in part) for part in parts))
    held = np.mean([error(parts[k], half != k) for k in (0, 1)])
    stepped = error(np.array([0, 1, halving]), everything, False)
    print(
        f"mean squared error of a share: {held:.3f} on the other half; of steps {stepped:.3f}, "
        f"of steps that do not fall with the scale {error(np.zeros(3), everything, False):.3f}"
    )


def false_alarm_curves(photos: Sequence[Photo], textured: bool) -> list[Floats]:
    """By photo the false alarms to expect of each version, from the other half of the photos."""
    size = np.array([p.texture for p in photos])
    factor = size / size.mean() if textured else np.ones(len(photos))
    out = []
    for i, p in enumerate(photos):
        others = [(q, f) for k, (q, f) in enumerate(zip(photos, factor, strict=True)) if k % 2 != i % 2]
        own = np.zeros(len(p.table.qp))
        for v, (scale, qp) in enumerate(zip(p.scales, p.table.qp, strict=True)):
            if qp < 0:
                continue
            pairs = [(q.false_alarms[(q.scales == scale) & (q.table.qp == qp)], f) for q, f in others]
            found = np.array([(each[0], f) for each, f in pairs if len(each)])
            own[v] = factor[i] * (found[:, 0] @ found[:, 1]) / (found[:, 1] @ found[:, 1])
        out.append(own)
    return out


def show_false_alarms(photos: Sequence[Photo]) -> None:
    """Their share of the loss, and what of their variance a curve explains."""
    print("\n| QP | lost of detections | false alarms |\n|---:|---:|---:|")
    for qp in QPS:
        own = [(p, np.flatnonzero((p.scales == 1.0) & (p.table.qp == qp))) for p in photos]
        lost = np.mean([float(p.shares[v[0]] @ p.weights) for p, v in own if len(v)])
        print(f"| {qp} | {lost:.3f} | {np.mean([p.false_alarms[v[0]] for p, v in own if len(v)]):.3f} |")
    found = np.concatenate([p.false_alarms[p.table.qp >= 0] for p in photos])
    for textured in (False, True):
        curves = false_alarm_curves(photos, textured)
        expected = np.concatenate([own[p.table.qp >= 0] for own, p in zip(curves, photos, strict=True)])
        explained = 1 - ((found - expected) ** 2).sum() / ((found - found.mean()) ** 2).sum()
        print(
            f"variance explained by a curve over QP and scale{', times texture' if textured else ''}: {explained:.2f}"
        )


def show_context(photos: Sequence[Photo], detector: Detector) -> None:
    """How much of the loss of objects the QP around them decides."""
    encoder, weights = load_encoder("vvenc"), np.concatenate([p.weights for p in photos])
    reaches = (0.0, CONTEXT_REACH, 1.0)
    uniform: list[list[Floats]] = [[] for _ in CONTEXT_QPS]
    mixed: dict[tuple[float | str, int, int], list[Floats]] = {}
    for p in photos:
        coder = SegmentCoder(encoder, p.frame)
        shown = [coder.decode_still(coded).frame.rgb for coded in coder.uniform(CONTEXT_QPS)]
        height, width = p.frame.height, p.frame.width

        def lost(rgb: NDArray[np.uint8], photo: Photo = p) -> Floats:
            return 1 - LOSS.kept(photo.source, detector.detect([photo.frame.with_rgb(rgb)])[0])[0]

        for i, rgb in enumerate(shown):
            uniform[i].append(lost(rgb))
        near = grown(p.source.xyxy, DILATE, width, height)
        masks: dict[float | str, NDArray[np.bool_]] = {}
        for reach in reaches:
            boxes = grown(near, reach * (near[:, 2:] - near[:, :2]), width, height)
            touched = coverage(boxes, (-(-height // CTU), -(-width // CTU)), CTU).sum(axis=0) > 0
            masks[reach] = np.kron(touched, np.ones((CTU, CTU), np.bool_))[:height, :width]
        y, x = np.mgrid[:height, :width] // (2 * CTU)
        masks["every second block of 64x64"] = (x + y) % 2 == 0
        for name, mask in masks.items():
            for i in range(len(shown)):
                for j in range(i + 1, len(shown)):
                    version = lost(np.where(mask[..., None], shown[i], shown[j]))
                    mixed.setdefault((name, i, j), []).append(version)
    print(f"\n{len(photos)} photos: share of the way from the fine picture's loss to the coarse one's\n")
    print("| what is fine | all | fine 24, 30 | fine 36, 42 |\n|---|---:|---:|---:|")
    flat = [np.concatenate(own) for own in uniform]
    for name in dict.fromkeys(key[0] for key in mixed):
        row = []
        for first in (range(6), (0, 1), (2, 3)):
            above = below = 0.0
            for (other, i, j), parts in mixed.items():
                if other == name and i in first and j <= i + 3:
                    way = flat[j] - flat[i]
                    above += float((weights * way * (np.concatenate(parts) - flat[i])).sum())
                    below += float((weights * way**2).sum())
            row.append(f"{above / below:.2f}")
        what = name if isinstance(name, str) else f"objects' CTUs, boxes grown by {name:g}"
        print(f"| {what} | " + " | ".join(row) + " |")


def expected(photo: Photo, mass: Floats, *, soft: bool = True, known: bool = True) -> Floats:
    """The loss to expect of each version."""
    out = np.zeros(len(photo.table.qp))
    for scale in SCALES:
        shares = lost_shares(mass, scale=scale, soft=soft)
        place = photo.uncoded(scale)
        if known and scale < 1.0:
            shares = with_known(shares, photo.shares[place])
        own = (photo.scales == scale) & (photo.table.qp >= 0)
        out[own] = (photo.weights @ shares)[photo.table.qp[own]]
        if known and scale < 1.0:
            out[own] += photo.false_alarms[place]
    return out


def show_choices(photos: Sequence[Photo], study: Study) -> None:
    """BD-rates of choosing one QP and one scale per picture."""
    anchors = {"plain": study.plain(), "plain-scaled": study.plain(SCALES)}
    mass = np.concatenate([p.mass for p in photos])
    score = np.concatenate([p.score for p in photos])

    def pooled(p: Photo) -> Floats:
        near = np.exp(-0.5 * ((p.score[:, None] - score[None, :]) / 0.08) ** 2)
        return near @ mass / near.sum(axis=1, keepdims=True) if len(p.score) else p.mass

    def row(name: str, losses: Sequence[Floats], *, true_bits: bool = False, scales: Sequence[float] = SCALES) -> None:
        chosen = []
        for factor in LAMBDAS:
            point = []
            for p, loss in zip(photos, losses, strict=True):
                coded = np.flatnonzero((p.table.qp >= 0) & np.isin(p.scales, scales))
                bits = p.table.bits if true_bits else p.bits
                point.append(int(coded[(bits[coded] / 8 + factor * loss[coded]).argmin()]))
            chosen.append(point)
        print(show(name, study.curve(chosen), anchors), flush=True)

    qualities = [name for name in QUALITIES if name in anchors["plain"].qualities]
    print(f"\n{len(photos)} photos; BD-rate in % against plain / plain-scaled (95 % interval against plain)\n")
    print("| one QP and scale per picture by | " + " | ".join(qualities) + " |\n|---|" + "---:|" * len(qualities))
    losses = [expected(p, p.mass) for p in photos]
    row("measured loss and bits", study.matrix(LOSS.of), true_bits=True)
    row("expected loss and bits", losses)
    row("- true bits", losses, true_bits=True)
    row("- the source's size alone", losses, scales=(1.0,))
    row("- what scales lose not looked at", [expected(p, p.mass, known=False) for p in photos])
    row("- losses as steps", [expected(p, p.mass, soft=False) for p in photos])
    row("- masses by score alone", [expected(p, pooled(p)) for p in photos])
    for textured in (False, True):
        extra = false_alarm_curves(photos, textured)
        row(
            f"- false alarms{' by texture' if textured else ''} as well",
            [a + b for a, b in zip(losses, extra, strict=True)],
        )


def read(folder: Path, images: Path, detector: Detector, limit: int | None) -> Mapping[str, Photo]:
    """The photos that have a table."""
    predictor = load_predictor("auto", detector)
    photos = {}
    for table in tables(folder)[:limit]:
        (frame,) = open_source(str(images / table.name))
        photos[table.name] = Photo(table, frame, predictor, Path(detector.name).stem)
    return photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--tables", type=Path, required=True, help="what uniform_trials.py made")
    parser.add_argument("--limit", type=int, help="so many photos; default: all that have a table")
    parser.add_argument("--context", type=int, default=12, help="photos of part 3")
    parser.add_argument("--resamples", type=int, default=200)
    args = parser.parse_args()
    detector = load_detector(str(args.detector), jobs=1)
    photos = [*read(args.tables, args.images, detector, args.limit).values()]
    fit_shares(photos)
    show_false_alarms(photos)
    if args.context:
        show_context(photos[:: max(1, len(photos) // args.context)][: args.context], detector)
    show_choices(photos, Study([p.table for p in photos], None, args.detector.stem, resamples=args.resamples))


if __name__ == "__main__":
    main()
