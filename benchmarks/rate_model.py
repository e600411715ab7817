"""Fits and checks the constants of vcmpipe.qpmap.rate with real encodes.

    python benchmarks/rate_model.py --images FOLDER --data rate_model.npz

Codes 640x480 pictures of the folder whole and in 2 to 80 regions, each region alone, at QP 22..52 and CTU 32 and 64
(two minutes per picture on 2 cores; --pictures takes fewer), keeps the bits in --data and fits:

1. overhead: the bits of all regions of a layout less those of the whole picture, against the number of regions and the
   length of their inner left and upper borders, per QP;
2. rate: non-negative weights of two hinges of log2 |DCT coefficient| and a constant per sample, for the region bits
   less that overhead, by relative error.

Every fourth picture is kept out of the fit; its errors are printed beside the others'. A second run with the same
--data fits again without encoding.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from vcmpipe.bitstream.vvc.nal import split_nal_units
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.frames import ColourSpec, Frame, crop_yuv, open_source, rgb_to_yuv
from vcmpipe.frames.yuv import Rect
from vcmpipe.qpmap.rate import (
    BITS_PER_SAMPLE,
    BORDER_BITS,
    BORDER_QPS,
    FIXED_BITS,
    HINGES,
    STEP_SLOPE,
    RateModel,
    bin_octaves,
    coefficient_counts,
)

WIDTH, HEIGHT = 640, 480
JOBS = 8
CELL = 32
# Column widths, then per column its band heights, in samples; all multiples of 64 but for the last band.
LAYOUTS: dict[str, tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]] = {
    "1": ((640,), ((480,),)),
    "2": ((320, 320), ((480,),) * 2),
    "4": ((320, 320), ((256, 224),) * 2),
    "8": ((128, 256, 256), ((192, 288), (64, 256, 160), (128, 128, 224))),
    "16": ((128, 192, 192, 128), ((128, 128, 128, 96),) * 4),
    "32": (
        (128, 128, 64, 64, 128, 128),
        (
            (128, 64, 128, 160),
            (64, 64, 192, 64, 96),
            (192, 128, 160),
            (64, 64, 64, 64, 128, 64, 32),
            (128, 64, 64, 64, 64, 96),
            (64, 128, 64, 64, 64, 64, 32),
        ),
    ),
    "80": ((64,) * 10, ((64,) * 7 + (32,),) * 10),
}
# Small regions are many: the finest layout is coded at these (CTU, QP) only.
FINEST = ("80", {(32, 27), (32, 42)})


@dataclass(frozen=True)
class Data:
    """One row per coded region: (picture, ctu, qp, x, y, width, height, bits); and the pictures' coefficient counts."""

    rows: NDArray[np.int64]
    counts: NDArray[np.float64]
    luma: NDArray[np.uint16]

    def features(self) -> NDArray[np.float64]:
        """Coefficients per magnitude bin of every row's region: (rows, bins)."""
        integral = np.pad(self.counts.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0), (0, 0)))
        picture, _, _, x, y, width, height, _ = self.rows.T
        left, right, top, bottom = x // CELL, (x + width) // CELL, y // CELL, (y + height) // CELL
        at = integral[picture, bottom, right] - integral[picture, top, right]
        return np.asarray(at - integral[picture, bottom, left] + integral[picture, top, left])


def regions(name: str) -> list[Rect]:
    columns, bands = LAYOUTS[name]
    found, x = [], 0
    for width, heights in zip(columns, bands, strict=True):
        y = 0
        for height in heights:
            found.append(Rect(x, y, width, height))
            y += height
        x += width
    return found


def rects_at(ctu: int, qp: int) -> list[Rect]:
    """Every region that is coded at a CTU size and QP, once."""
    names = [name for name in LAYOUTS if name != FINEST[0] or (ctu, qp) in FINEST[1]]
    return list(dict.fromkeys(rect for name in names for rect in regions(name)))


def pictures(folder: Path, limit: int | None) -> Iterator[Frame]:
    count = 0
    for frame in open_source(folder):
        if (frame.width, frame.height) == (WIDTH, HEIGHT) and (limit is None or count < limit):
            count += 1
            yield frame


def picture_bits(stream: bytes) -> int:
    """Bits of slices and adaptation parameter sets with their start codes: what merging keeps of a region's stream."""
    return sum(8 * (len(unit.data) + 4) for unit in split_nal_units(stream) if unit.is_slice or unit.type in (17, 18))


def collect(folder: Path, limit: int | None) -> Data:
    encoder = load_encoder("vvenc")
    rows, counts, luma = [], [], []
    for number, frame in enumerate(pictures(folder, limit)):
        yuv = rgb_to_yuv(frame.rgb, ColourSpec())
        luma.append(yuv.y)
        counts.append(coefficient_counts(yuv.y, CELL))
        for ctu, qps in ((32, BORDER_QPS), (64, BORDER_QPS[1::2])):
            mode = CodingMode(ctu=ctu, region=True)
            tasks = [(rect, qp) for qp in qps for rect in rects_at(ctu, qp)]
            for start in range(0, len(tasks), JOBS):
                chunk = tasks[start : start + JOBS]
                streams = encoder.encode([Job([crop_yuv(yuv, rect)], qp, mode) for rect, qp in chunk])
                for (rect, qp), stream in zip(chunk, streams, strict=True):
                    rows.append((number, ctu, qp, rect.x, rect.y, rect.width, rect.height, picture_bits(stream)))
        print(f"coded {frame.name}: {len(rows)} regions", flush=True)
    if not rows:
        raise SystemExit(f"{folder} holds no picture of {WIDTH}x{HEIGHT}")
    return Data(np.array(rows, np.int64), np.array(counts), np.array(luma))


def fit_overhead(data: Data) -> tuple[float, NDArray[np.float64]]:
    """Bits per region and per border sample at each of BORDER_QPS, from the means over pictures."""
    mean: dict[tuple[int, ...], float] = {}
    keys = data.rows[:, 1:7]
    for key in np.unique(keys, axis=0):
        mean[tuple(int(v) for v in key)] = float(data.rows[(keys == key).all(axis=1), 7].mean())
    left, right = [], []
    for name in LAYOUTS:
        parts = regions(name)
        for ctu, qp in sorted({(key[0], key[1]) for key in mean}):
            if len(parts) == 1 or (name == FINEST[0] and (ctu, qp) not in FINEST[1]):
                continue
            whole = mean[ctu, qp, 0, 0, WIDTH, HEIGHT]
            extra = sum(mean[ctu, qp, r.x, r.y, r.width, r.height] for r in parts) - whole
            row = np.zeros(1 + len(BORDER_QPS))
            row[0] = len(parts) - 1
            row[1 + BORDER_QPS.index(qp)] = sum(r.width * (r.y > 0) + r.height * (r.x > 0) for r in parts)
            left.append(row / extra)
            right.append(1.0)
            print(f"  {name:>3} regions, CTU {ctu}, QP {qp}: {extra / whole:6.1%} more bits", flush=True)
    weights, _ = nnls(np.array(left), np.array(right))
    print(f"overhead: mean error {np.abs(np.array(left) @ weights - 1).mean():.1%}")
    return float(weights[0]), weights[1:]


def overhead_bits(rows: NDArray[np.int64], fixed: float, border: NDArray[np.float64]) -> NDArray[np.float64]:
    _, _, qp, x, y, width, height, _ = rows.T
    return np.asarray(fixed + np.interp(qp, BORDER_QPS, border) * (width * (y > 0) + height * (x > 0)))


def hinge_features(data: Data, features: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    t = bin_octaves()[None, :] - slope * (data.rows[:, 2:3] - 4) / 6
    columns = [(features * np.maximum(0.0, t - at)).sum(axis=1) for at, _ in HINGES]
    return np.stack([*columns, features.sum(axis=1)], axis=1)


def fit_rate(
    inputs: NDArray[np.float64], bits: NDArray[np.float64], overhead: NDArray[np.float64], area: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights that minimise the mean absolute logarithmic error, by reweighted least squares of the relative error."""
    weight = np.sqrt(area)
    scale = np.sqrt(weight)
    for _ in range(25):
        factor = scale / bits
        target = np.maximum(bits - overhead, 0.02 * bits)
        weights, _ = nnls(inputs * factor[:, None], target * factor)
        error = np.abs(np.log((inputs @ weights + overhead) / bits))
        scale = np.sqrt(weight / np.maximum(error, 0.03))
    return np.asarray(weights)


def report(data: Data, features: NDArray[np.float64]) -> None:
    """Errors of the constants in the package, before and after calibration by two trials of the whole picture."""
    fixed, border = FIXED_BITS, np.array(BORDER_BITS)
    weights = np.array([*(slope for _, slope in HINGES), BITS_PER_SAMPLE])
    bits = data.rows[:, 7].astype(np.float64)
    added = overhead_bits(data.rows, fixed, border)
    error = np.log((hinge_features(data, features, STEP_SLOPE) @ weights + added) / bits)
    whole = (data.rows[:, 5] == WIDTH) & (data.rows[:, 6] == HEIGHT)
    held_out = data.rows[:, 0] % 4 == 3
    for name, part in (("fitted", ~held_out), ("held out", held_out)):
        print(
            f"package constants, {name:>8}: mean |log error| regions {np.abs(error[part & ~whole]).mean():.3f}, "
            f"whole pictures {np.abs(error[part & whole]).mean():.3f}"
        )
    for qp in BORDER_QPS:
        at = data.rows[:, 2] == qp
        print(
            f"  QP {qp}: regions {np.abs(error[at & ~whole]).mean():.3f} (bias {error[at & ~whole].mean():+.3f}), "
            f"whole {np.abs(error[at & whole]).mean():.3f}"
        )
    errors = []
    for number, ctu in sorted({(int(p), int(c)) for p, c in data.rows[:, :2]}):
        own = (data.rows[:, 0] == number) & (data.rows[:, 1] == ctu)
        trials = {int(row[2]): float(row[7]) for row in data.rows[own & whole] if row[2] in (27, 47)}
        model = RateModel.from_texture(data.luma[number], ctu).calibrated(trials)
        for row, extra in zip(data.rows[own & ~whole], added[own & ~whole], strict=True):
            rect = Rect(*(int(v) for v in row[3:7]))
            errors.append(np.log((model.of_region(rect, int(row[2])) + extra) / row[7]))
    print(f"calibrated by the whole picture at QP 27 and 47: regions {np.abs(errors).mean():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder with 640x480 pictures")
    parser.add_argument("--data", type=Path, default=Path("rate_model.npz"), help="measured bits; made if absent")
    parser.add_argument("--pictures", type=int, default=None, help="use the first N of them")
    options = parser.parse_args()
    if options.data.is_file():
        with np.load(options.data) as stored:
            data = Data(stored["rows"], stored["counts"], stored["luma"])
    else:
        data = collect(options.images, options.pictures)
        np.savez_compressed(options.data, rows=data.rows, counts=data.counts, luma=data.luma)
    print(f"{len(data.luma)} pictures, {len(data.rows)} coded regions")
    if len(data.luma) < 4:
        raise SystemExit("fitting needs 4 pictures or more: every fourth is kept out")

    fixed, border = fit_overhead(data)
    print(f"FIXED_BITS = {fixed:.1f}; BORDER_BITS = {', '.join(f'{value:.2f}' for value in border)}")
    features = data.features()
    bits, added = data.rows[:, 7].astype(np.float64), overhead_bits(data.rows, fixed, border)
    area = (data.rows[:, 5] * data.rows[:, 6]).astype(np.float64)
    fit = data.rows[:, 0] % 4 != 3
    for slope in (0.80, 0.85, 0.90, 0.95, 1.00):
        inputs = hinge_features(data, features, slope)
        weights = fit_rate(inputs[fit], bits[fit], added[fit], area[fit])
        error = np.abs(np.log((inputs @ weights + added) / bits))
        held = error[~fit].mean() if (~fit).any() else float("nan")
        hinges = ", ".join(f"({at}, {w:.2f})" for (at, _), w in zip(HINGES, weights[:-1], strict=True))
        print(
            f"STEP_SLOPE = {slope}: HINGES = ({hinges}), BITS_PER_SAMPLE = {weights[-1]:.4f}; "
            f"error {error[fit].mean():.4f}, held out {held:.4f}"
        )
    report(data, features)


if __name__ == "__main__":
    main()
