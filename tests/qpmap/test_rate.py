from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.frames.yuv import Rect
from vcmpipe.qpmap import RateModel, RegionOverhead
from vcmpipe.qpmap.rate import BINS, FIXED_BITS, bin_octaves, coefficient_counts


def noise(height: int, width: int, sigma: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (512 + rng.normal(0, sigma, (height, width))).clip(0, 1023).astype(np.uint16)


def test_counts_are_those_of_a_textbook_dct() -> None:
    plane = noise(64, 96, 60)
    got = coefficient_counts(plane, 32)
    expected = np.zeros((2, 3, BINS))
    edges = np.sort(np.concatenate([2.0 ** np.arange(-4, 13), 1.5 * 2.0 ** np.arange(-4, 12)]))[1:BINS]
    for y, x in np.ndindex(8, 12):
        block = cv2.dct(plane[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].astype(np.float32) / 4)
        block[0, 0] = 0
        for value in np.abs(block).flat:
            expected[y // 4, x // 4, np.searchsorted(edges, value, side="right")] += 1
    assert got.sum() == plane.size
    # Integer samples put some coefficients on a bin's edge, from where float32 may drop them to either side.
    assert np.abs(got - expected).sum() <= 0.003 * plane.size


def test_bins_are_named_by_their_middle() -> None:
    octaves = bin_octaves()
    assert octaves.shape == (BINS,) and (np.diff(octaves) > 0).all()
    assert 2.0 ** octaves[8] == pytest.approx(np.sqrt(1.0 * 1.5)) and 2.0 ** octaves[9] == pytest.approx(
        np.sqrt(1.5 * 2)
    )


def test_flat_ctus_cost_nearly_nothing_and_shares_follow_the_qp() -> None:
    plane = np.full((128, 192), 400, np.uint16)
    plane[:, 64:128] = noise(128, 64, 60)
    plane[:, 128:] = noise(128, 64, 160)
    model = RateModel.from_texture(plane, 64)
    bits = model.bits[0]
    assert bits[0, 32] < 0.02 * bits[1, 32] < 0.02 * bits[2, 32]
    assert bits[1, 22] / bits[2, 22] > 4 * bits[1, 47] / bits[2, 47]
    assert (np.diff(model.bits, axis=2) <= 0).all()


def test_bit_depth_does_not_matter() -> None:
    plane = noise(96, 96, 80)
    eight = (plane >> 2).astype(np.uint8)
    of_eight = RateModel.from_texture(eight, 32)
    of_ten = RateModel.from_texture(eight.astype(np.uint16) * 4, 32)
    assert np.allclose(of_eight.bits, of_ten.bits)
    assert np.allclose(RateModel.from_texture(eight.astype(np.uint16), 32, bit_depth=8).bits, of_eight.bits)


@pytest.mark.parametrize(("width", "height", "ctu"), [(1, 1, 32), (65, 33, 32), (639, 427, 64), (200, 500, 128)])
def test_any_size(width: int, height: int, ctu: int) -> None:
    model = RateModel.from_texture(noise(height, width, 30), ctu)
    assert model.bits.shape == (-(-height // ctu), -(-width // ctu), 64)


def test_trials_are_met_and_bend_the_curve() -> None:
    model = RateModel.from_texture(noise(256, 256, 90), 64)
    trials = {22: 400_000.0, 24: 400_000.0, 37: 90_000.0, 47: 20_000.0}
    overhead = RegionOverhead(fixed_bits=100)
    got = model.calibrated(trials, overhead)
    for qp, bits in trials.items():
        assert got.total(qp) + 100 == pytest.approx(bits, rel=1e-6)
    assert got.total(23) == pytest.approx(got.total(22))
    assert 90_000 < got.total(30) < 400_000
    assert got.total(15) / model.total(15) == pytest.approx(got.total(22) / model.total(22))
    shares = model.bits[..., 37] / model.total(37)
    assert np.allclose(got.bits[..., 37] / got.total(37), shares)


@given(st.dictionaries(st.integers(0, 63), st.floats(1, 1e7), min_size=1, max_size=6), st.integers(0, 9))
def test_any_trials_give_a_falling_curve(trials: dict[int, float], seed: int) -> None:
    got = RateModel.from_texture(noise(64, 96, 50, seed), 32).calibrated(trials)
    totals = np.array([got.total(qp) for qp in range(64)])
    first = min(trials)
    assert totals[first] == pytest.approx(max(max(trials.values()) - FIXED_BITS, 0.02 * max(trials.values())))
    assert np.isfinite(totals).all() and (totals >= 0).all() and (np.diff(totals) <= 1e-6 * totals[:-1]).all()


def test_sums_over_regions() -> None:
    rng = np.random.default_rng(1)
    bits = -np.sort(-rng.uniform(0, 1000, (2, 3, 64)), axis=2)
    model = RateModel(bits, 64)
    assert model.of_region(Rect(64, 0, 126, 64), 30) == pytest.approx(bits[0, 1:, 30].sum())
    assert model.total(9) == pytest.approx(bits[..., 9].sum())


def test_overhead_falls_with_the_qp() -> None:
    bits = [RegionOverhead().border_bits(qp) for qp in range(64)]
    assert bits == sorted(bits, reverse=True) and bits[0] > 4 and 0 < bits[63] < 0.5
    assert RegionOverhead(border_scale=0.0).border_bits(20) == 0


def test_what_is_refused() -> None:
    model = RateModel.from_texture(noise(64, 64, 20), 64)
    cases = [
        (lambda: RateModel(np.ones((2, 2, 63)), 64), "has the shape"),
        (lambda: RateModel(np.full((1, 1, 64), np.nan), 64), "finite"),
        (lambda: RateModel(np.full((1, 1, 64), -1.0), 64), "not negative"),
        (lambda: RateModel.from_texture(np.zeros((4, 4, 3), np.uint8), 64), "2-D and unsigned"),
        (lambda: RateModel.from_texture(np.zeros((4, 4)), 64), "2-D and unsigned"),
        (lambda: RateModel.from_texture(np.zeros((4, 4), np.uint8), 16), "CTU size 16"),
        (lambda: model.calibrated({}), "at least one trial"),
        (lambda: model.calibrated({32: 0.0}), "must be positive"),
        (lambda: model.calibrated({64: 5.0}), "trial QP 64"),
        (lambda: RegionOverhead(-1.0), "cannot be negative"),
        (lambda: RegionOverhead(float("nan")), "must be finite"),
    ]
    for make, message in cases:
        with pytest.raises(InputError, match=message):
            make()


def test_totals_of_real_pictures(shared_data: Path) -> None:
    # Measured bits of slice and ALF, VVenC faster, intra, CTU 32, QP 27 and 42: see benchmarks/rate_model.py.
    measured = {
        "000000427034.jpg": (175272, 23760),
        "000000511599.jpg": (297232, 28984),
        "000000531134.jpg": (313096, 46712),
        "000000546826.jpg": (115560, 18632),
        "000000576031.jpg": (187232, 18688),
    }
    for name, (at_27, at_42) in measured.items():
        bgr = cv2.imread(str(shared_data / "coco-extra" / "images" / name)).astype(np.float64)
        luma = np.rint(64 + 876 / 255 * (bgr @ (0.0722, 0.7152, 0.2126))).astype(np.uint16)
        model = RateModel.from_texture(luma, 32)
        assert abs(np.log(model.total(27) / at_27)) < 0.3
        assert abs(np.log(model.total(42) / at_42)) < 0.3
