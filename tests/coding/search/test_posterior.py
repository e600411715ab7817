from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from vcmpipe.coding.search.posterior import Exposure, Posterior, Subjects
from vcmpipe.coding.search.prior import PRIOR, SCORE_RANGE, logit

# So firm that no object is called volatile, and without surprises: what is left is a Gaussian process.
GAUSSIAN = replace(PRIOR, firmness=1e12, surprise=0.0, surprise_again=0.0)


def subjects(count: int = 3) -> Subjects:
    rng = np.random.default_rng(count)
    source = rng.uniform(-0.6, 2.0, count)
    return Subjects(
        source, rng.uniform(-1, 2, count), np.full(count, 0.62), np.full(count, float(logit(np.array(0.2))))
    )


def chances(posterior: Posterior, octaves: float, qps: list[float], **kind: object) -> np.ndarray:
    grid = np.broadcast_to(np.array(qps, float), (len(posterior.subjects.source), len(qps)))
    return np.exp(posterior.log_chance(octaves, grid, grid, **kind))  # type: ignore[arg-type]


def uniform(posterior: Posterior, octaves: float, qp: float, number: int = 0) -> Exposure:
    count = len(posterior.subjects.source)
    return Exposure(octaves, np.full(count, qp), np.full(count, qp), np.full(count, number))


def test_logits_are_finite_and_in_order() -> None:
    values = logit(np.array([0.0, 0.01, 0.03, 0.5, 0.98, 1.0]))
    assert np.isfinite(values).all() and (np.diff(values) >= 0).all() and values[3] == 0
    assert values[0] == values[2] == pytest.approx(np.log(SCORE_RANGE[0] / (1 - SCORE_RANGE[0])))


def test_before_any_trial_higher_qps_and_smaller_pictures_are_riskier() -> None:
    posterior = Posterior(subjects())
    by_qp = chances(posterior, 0.0, [0, 10, 20, 30, 40, 50, 60])
    assert (np.diff(by_qp, axis=1) < 1e-9).all()
    assert (by_qp[:, 0] > 0.85).all() and (by_qp[:, -1] < 0.2).all()
    by_scale = np.stack([chances(posterior, octaves, [34])[:, 0] for octaves in (0.0, -0.5, -1.0, -1.6)])
    assert (np.diff(by_scale, axis=0) < 0).all()


def test_coarse_surroundings_are_riskier() -> None:
    posterior = Posterior(subjects())
    qp = np.full((3, 3), 30.0)
    ring = np.broadcast_to(np.array([30.0, 40.0, 60.0]), (3, 3))
    risk = posterior.log_chance(-0.5, qp, ring)
    assert (np.diff(risk, axis=1) < 0).all()


def test_a_loss_lowers_hopes_and_a_find_raises_them_most_for_the_object_itself() -> None:
    before = Posterior(subjects())
    start = chances(before, -0.5, [30.0, 36.0])
    for found, sign in ((-2.5, -1), (1.5, 1)):
        posterior = Posterior(subjects())
        expected = posterior.strength(-0.5, np.full((3, 1), 36.0), np.full((3, 1), 36.0))[0][:, 0]
        posterior.observe(uniform(posterior, -0.5, 36.0), np.where(np.arange(3) == 0, found, expected))
        change = chances(posterior, -0.5, [30.0, 36.0]) - start
        assert (sign * change[0] > 0).all()
        assert (np.abs(change[0]) > np.abs(change[1:])).all()


def test_the_same_samples_show_the_same_again() -> None:
    posterior = Posterior(subjects())
    exposure = uniform(posterior, -0.5, 38.0, number=7)
    posterior.observe(exposure, posterior.subjects.limit + 0.8)
    grid = np.full((3, 1), 38.0)
    same = posterior.log_chance(-0.5, grid, grid, np.full((3, 1), 7))
    other = posterior.log_chance(-0.5, grid, grid, np.full((3, 1), 8))
    assert (same > other).all() and (np.exp(same) > 0.8).all()


def test_an_object_that_surprised_is_less_certain_than_before() -> None:
    calm, surprised = Posterior(subjects()), Posterior(subjects())
    for posterior, shift in ((calm, 0.0), (surprised, -2.0)):
        expected = posterior.strength(0.0, np.full((3, 1), 20.0), np.full((3, 1), 20.0))[0][:, 0]
        posterior.observe(uniform(posterior, 0.0, 20.0), expected + shift)
    grid = np.full((3, 1), 12.0)
    assert (surprised.strength(0.0, grid, grid)[1] > 2 * calm.strength(0.0, grid, grid)[1]).all()


def test_what_scaling_alone_takes_is_not_hoped_for_at_that_scale_and_weighs_on_coding() -> None:
    posterior, told = Posterior(subjects()), Posterior(subjects())
    told.observe_scaled(-1.0, told.subjects.source - np.array([0.0, 0.5, 1.5]))
    grid = np.tile(np.array([1.0, 36.0]), (3, 1))
    drop = posterior.strength(-1.0, grid, grid)[0] - told.strength(-1.0, grid, grid)[0]
    assert drop[:, 0] == pytest.approx(PRIOR.base_weight * np.array([0.0, 0.5, 1.5]), abs=0.1)
    assert drop[0] == pytest.approx(0.0) and (drop[1:, 1] > drop[1:, 0] + 0.05).all()
    assert told.strength(-0.5, grid, grid)[0] == pytest.approx(posterior.strength(-0.5, grid, grid)[0])


def test_what_was_not_seen_is_below_the_floor_whatever_was_expected() -> None:
    """Far above the threshold, "not seen" is news; far below it, it is not."""
    posterior = Posterior(subjects())
    start = posterior.strength(0.0, np.full((3, 1), 60.0), np.full((3, 1), 60.0))[0]
    posterior.observe(uniform(posterior, 0.0, 60.0), np.full(3, -9.0))
    assert posterior.strength(0.0, np.full((3, 1), 60.0), np.full((3, 1), 60.0))[0] == pytest.approx(start, rel=0.2)


@pytest.mark.parametrize("pixels", [200, 416, 640, 1920, 7680])
def test_large_pictures_are_no_surer_than_small_ones(pixels: int) -> None:
    """At equal harm what is not known of an object is the same, however large the picture that shows it."""
    s = replace(subjects(1), zoom=np.full(1, np.log2(pixels / 416)))
    posterior, one = Posterior(s, GAUSSIAN), np.ones(1)
    qp = 34.0 + PRIOR.qp_octave * PRIOR.zoom_slope * s.zoom
    sigma = posterior.strength(0.0, qp[:, None], qp[:, None])[1]
    harm = PRIOR.scale * PRIOR.harm(s.source, s.source, 34.0 * one, 0 * one)
    parts = PRIOR.shared + PRIOR.offset + PRIOR.own + PRIOR.local_noise + PRIOR.context_noise
    assert sigma[0] == pytest.approx(harm * parts**0.5, rel=0.05)


def test_it_is_the_gaussian_process_that_it_claims_to_be() -> None:
    """Against one large covariance of all objects and versions, written out from the model's definition."""
    prior, s = GAUSSIAN, subjects(3)
    rng = np.random.default_rng(5)
    versions = [
        (o, rng.uniform(20, 45, 3), rng.uniform(20, 60, 3), rng.integers(0, 2, 3))
        for o in (-1.0, -0.4, -0.4, 0.0, -1.0, -0.4)
    ]
    told, requested = versions[:4], versions[4:]
    posterior = Posterior(s, prior)

    def parts(version: tuple) -> tuple:
        octaves, qp, ring, _ = version
        harm = prior.scale * prior.harm(s.source, s.source, qp, octaves + s.zoom)
        outer = prior.surroundings(s.size, qp, ring, octaves + s.zoom)
        return posterior._expected(octaves, qp, ring)[0], harm, outer, posterior._features(octaves, qp)

    def covariance(a: tuple, i: int, b: tuple, j: int, same_version: bool) -> float:
        _, harm_a, outer_a, bumps_a = parts(a)
        _, harm_b, outer_b, bumps_b = parts(b)
        total = prior.shared * harm_a[i] * harm_b[j]
        if i == j:
            own = prior.own * bumps_a[i] @ bumps_b[j] + prior.offset
            own += prior.local_noise * (a[3][i] == b[3][j])
            total += harm_a[i] * harm_b[j] * own + (1 - prior.ring_noise) * outer_a[i] * outer_b[j]
            if same_version:
                total += prior.context_noise * harm_a[i] ** 2 + prior.ring_noise * outer_a[i] ** 2 + 0.03**2
        return float(total)

    places = [(v, i) for v in range(len(versions)) for i in range(3)]
    full = np.array([[covariance(versions[v], i, versions[w], j, v == w) for w, j in places] for v, i in places])
    mean = np.concatenate([parts(v)[0] for v in versions])
    known = [n for n, (v, _) in enumerate(places) if v < len(told)]
    seen = mean[known] + rng.normal(0, 0.3, len(known))
    for number, version in enumerate(told):
        posterior.observe(Exposure(*version), seen[3 * number : 3 * number + 3])
    gain = full[:, known] @ np.linalg.inv(full[np.ix_(known, known)])
    expected = mean + gain @ (seen - mean[known])
    variance = np.diag(full - gain @ full[known])
    for number, (octaves, qp, ring, samples) in enumerate(requested, len(told)):
        got_mean, got_sigma = posterior.strength(octaves, qp[:, None], ring[:, None], samples[:, None])
        rows = slice(3 * number, 3 * number + 3)
        assert got_mean[:, 0] == pytest.approx(expected[rows], abs=1e-6)
        assert got_sigma[:, 0] == pytest.approx(np.sqrt(variance[rows]), abs=1e-6)
        chance = norm.cdf((expected[rows] - s.limit) / np.sqrt(variance[rows]))
        assert np.exp(posterior.log_chance(octaves, qp[:, None], ring[:, None], samples[:, None]))[
            :, 0
        ] == pytest.approx(chance, abs=1e-6)
