"""What a picture should cost, per CTU and QP: a rate model from texture, calibrated by trial encodes.

The model counts the 8x8 DCT coefficients of the luma plane that survive quantisation. One of magnitude c costs
``1.14 max(0, t + 1) + 1.07 max(0, t + 0.5)`` bits with ``t = log2(c) - 0.9 (qp - 4) / 6``: nothing while well below the
quantiser's step, some 2.2 bits per octave above it. So a flat CTU costs nearly nothing at a high QP and the shares of
the CTUs depend on the QP, as they should. The DC coefficients are left out (prediction takes them); a small constant
per sample stands for the block structure. Constants: ``benchmarks/rate_model.py``, fitted on regions coded alone by
VVenC ``faster``, intra, CTU 32 and 64, QP 22..52.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames.yuv import Rect
from vcmpipe.qpmap.qp_map import QP_MAX, check_qp, grid_shape

QPS = QP_MAX + 1
BLOCK = 8
FIRST_OCTAVE = -4
BINS = 32
STEP_SLOPE = 0.9
HINGES = ((-1.0, 1.14), (-0.5, 1.07))
BITS_PER_SAMPLE = 0.0028
FIXED_BITS = 43.0
BORDER_QPS = (22, 27, 32, 37, 42, 47, 52)
BORDER_BITS = (2.95, 2.42, 1.88, 1.44, 0.92, 0.49, 0.29)
_MIN_FACTOR = 0.02


@dataclass(frozen=True)
class RegionOverhead:
    """What a region costs beyond the bits its CTUs have within the whole picture.

    Merging adds a slice header and an ALF APS and restarts CABAC (``fixed_bits``); prediction and contexts end at the
    region's left and upper border (bits per border sample, by QP). The defaults reproduce the measured cost of 2 to 80
    regions of 640x480 within about 10 %.

    Attributes:
        fixed_bits: Per region.
        border_scale: Factor on the fitted bits per border sample; 0 = borders are free.
    """

    fixed_bits: float = FIXED_BITS
    border_scale: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.fixed_bits) and np.isfinite(self.border_scale)):
            raise InputError("the overhead of a region must be finite")
        if self.fixed_bits < 0 or self.border_scale < 0:
            raise InputError("the overhead of a region cannot be negative: cutting would pay for nothing")

    def border_bits(self, qp: int) -> float:
        """Bits per luma sample of left or upper border inside the picture, for a region at ``qp``."""
        slope = (BORDER_BITS[1] - BORDER_BITS[0]) / (BORDER_QPS[1] - BORDER_QPS[0])
        below = BORDER_BITS[0] + slope * (qp - BORDER_QPS[0])
        return self.border_scale * (below if qp < BORDER_QPS[0] else float(np.interp(qp, BORDER_QPS, BORDER_BITS)))


@dataclass(frozen=True, eq=False)
class RateModel:
    """Estimated bits of every CTU of a picture at every QP, without the overhead of regions.

    Attributes:
        bits: float64 (rows, cols, 64), finite, not negative; read-only.
        ctu: CTU size in luma samples.
    """

    bits: NDArray[np.float64]
    ctu: int

    def __post_init__(self) -> None:
        values = np.array(self.bits, np.float64)
        if values.ndim != 3 or values.shape[2] != QPS:
            raise InputError(f"a rate model has the shape (rows, columns, {QPS}), not {values.shape}")
        if not np.isfinite(values).all() or (values < 0).any():
            raise InputError("a rate model's bits must be finite and not negative")
        values.flags.writeable = False
        object.__setattr__(self, "bits", values)

    @classmethod
    def from_texture(cls, luma: NDArray[Any], ctu: int, *, bit_depth: int | None = None) -> RateModel:
        """The model of a picture from its luma plane alone.

        On pictures kept out of the fit its bits were off by 16 % for regions and 12 % for whole pictures (mean absolute
        logarithm); calibrated by two trials, by 13 % for regions, and planned totals by 3 %.

        See ``coefficient_counts`` for the arguments.
        """
        counts = coefficient_counts(luma, ctu, bit_depth=bit_depth)
        return cls(counts @ _bits_per_coefficient() + BITS_PER_SAMPLE * counts.sum(axis=2, keepdims=True), ctu)

    def calibrated(self, trials: Mapping[int, float], overhead: RegionOverhead | None = None) -> RateModel:
        """Scales the model so that the whole picture costs what trial encodes measured.

        The correction is log-linear in QP between trials and constant beyond the first and last; CTU shares stay those
        of the texture at each QP. Where trials rise with QP (noise), the larger QP's bits count for both.

        Args:
            trials: Bits of the picture coded as one region, by QP; at least one. Slices and adaptation parameter sets
                count, sequence and picture parameter sets (some 100 bytes) do not.
            overhead: Whose ``fixed_bits`` the trials contain; None = the default.

        Raises:
            InputError: No trial, a QP outside 0..63, or bits that are not positive.
        """
        if not trials:
            raise InputError("calibration needs at least one trial encode")
        if not all(np.isfinite(bits) and bits > 0 for bits in trials.values()):
            raise InputError("a trial encode's bits must be positive")
        fixed = (RegionOverhead() if overhead is None else overhead).fixed_bits
        qps = np.array(sorted(check_qp(qp, "trial QP") for qp in trials))
        measured = np.array([float(trials[int(qp)]) for qp in qps])
        # From the high QPs down, bits may only rise: noise must not invert the curve.
        measured = np.maximum.accumulate(measured[::-1])[::-1]
        wanted = np.maximum(measured - fixed, _MIN_FACTOR * measured)
        model = np.maximum(self.bits.sum(axis=(0, 1)), 1e-9)
        every = np.arange(QPS)
        target = model * np.exp(np.interp(every, qps, np.log(wanted / model[qps])))
        # Between two trials the total stays between theirs, and it never rises.
        upper = np.concatenate([[np.inf], wanted])[np.searchsorted(qps, every, side="right")]
        lower = np.concatenate([wanted, [0.0]])[np.searchsorted(qps, every, side="left")]
        target = np.minimum.accumulate(np.clip(target, lower, upper))
        return RateModel(self.bits * (target / model), self.ctu)

    def total(self, qp: int) -> float:
        """Bits of all CTUs at one QP."""
        return float(self.bits[:, :, check_qp(qp)].sum())

    def of_region(self, rect: Rect, qp: int) -> float:
        """Bits of the CTUs that a CTU-aligned rectangle covers."""
        return float(self.bits[(*rect.ctus(self.ctu), check_qp(qp))].sum())


def bin_octaves() -> NDArray[np.float64]:
    """log2 of the geometric middle of each magnitude bin, (BINS,): two per octave, split at 1.5 times its start."""
    number = np.arange(BINS)
    middle = np.where(number % 2, np.log2(3.0) / 2, np.log2(1.5) / 2)
    return np.asarray(FIRST_OCTAVE + number // 2 + middle, np.float64)


def _bits_per_coefficient() -> NDArray[np.float64]:
    """Bits of a coefficient by magnitude bin and QP: (BINS, 64)."""
    t = bin_octaves()[:, None] - STEP_SLOPE * (np.arange(QPS)[None, :] - 4) / 6
    return np.asarray(sum(slope * np.maximum(0.0, t - at) for at, slope in HINGES), np.float64)


def coefficient_counts(luma: NDArray[Any], ctu: int, *, bit_depth: int | None = None) -> NDArray[np.float64]:
    """How many 8x8 DCT coefficients of each CTU lie in each half-octave of magnitude (in 8-bit units, without DC).

    Args:
        luma: (height, width) unsigned integers (else InputError); padded to multiples of 8 by repeating the edge.
        ctu: CTU size: 32, 64 or 128.
        bit_depth: Bits per sample; None = 8 for uint8, 10 for anything wider.

    Returns:
        (rows, cols, BINS) float64 counts; :func:`bin_octaves` states what the bins are.
    """
    if luma.ndim != 2 or luma.dtype.kind != "u":
        raise InputError(f"a luma plane is 2-D and unsigned, not {luma.ndim}-D {luma.dtype}")
    depth = bit_depth or (8 if luma.dtype == np.uint8 else 10)
    height, width = luma.shape
    rows, cols = grid_shape(width, height, ctu)
    plane = np.pad(luma, ((0, -height % BLOCK), (0, -width % BLOCK)), mode="edge").astype(np.float32)
    matrix = _dct_matrix()
    high, wide = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    # A product per row of blocks, along their rows and then their columns: one large product would wake BLAS threads,
    # which costs more than it saves on a busy machine.
    half = plane.reshape(high, BLOCK * wide, BLOCK) @ (matrix.T * np.float32(2.0 ** (8 - depth)))
    coefficients = np.matmul(matrix, half.reshape(high, BLOCK, wide * BLOCK)).reshape(high, BLOCK, wide, BLOCK)
    coefficients[:, 0, :, 0] = 0
    # A float's exponent and first mantissa bit are its half-octave: no logarithm of every coefficient.
    index = (coefficients.view(np.int32) & 0x7FFFFFFF) >> 22
    index -= 2 * (127 + FIRST_OCTAVE)
    np.clip(index, 0, BINS - 1, out=index)
    per_ctu = ctu // BLOCK
    cell = (np.arange(high, dtype=np.int32) // per_ctu * cols)[:, None] + np.arange(wide, dtype=np.int32) // per_ctu
    index += (BINS * cell)[:, None, :, None]
    counts = np.bincount(index.ravel(), minlength=rows * cols * BINS)
    return counts.reshape(rows, cols, BINS).astype(np.float64)


def _dct_matrix() -> NDArray[np.float32]:
    k, n = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None, :]
    matrix = np.sqrt(2 / BLOCK) * np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK))
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)
