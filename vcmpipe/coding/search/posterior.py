"""How likely each object is to be found again in a version that nobody has coded yet.

The unknown g of ``prior`` is a Gaussian process: a number that the objects of a picture share, a number of each object,
a part of each object that changes smoothly with QP and coded size, and the chance of each encode. Every trial shows the
strength of every object once; what is wanted is the chance that an object's strength in another version is above its
limit. The smooth part is made of weights on fixed bumps, so that all is linear algebra in tens of dimensions. How
volatile an object is has to be learnt, too: one that surprised is expected to do so again (a Student-t process).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.search.prior import PRIOR, Prior, logit

Floats = NDArray[np.float64]

# Strengths are not distinguished more finely than this: rounding of samples, of boxes, of scores.
_RESOLUTION = 0.03


@dataclass(frozen=True)
class Subjects:
    """The N objects of a picture as the posterior sees them.

    Attributes:
        source: (N,) logit of each score in the source.
        size: (N,) log2 of the box's side in pixels of the detector's input, less 5.
        zoom: (N,) log2 of the source's size over that of the detector's input.
        limit: (N,) logit of the score that the object needs to count as found.
    """

    source: Floats
    size: Floats
    zoom: Floats
    limit: Floats


@dataclass(frozen=True)
class Exposure:
    """What a version does to each object.

    Attributes:
        octaves: log2 of the coded scale.
        qp: (N,) QP of each object, a mean over its box.
        ring: (N,) QP of its surroundings.
        samples: (N,) numbers that are equal in two versions only if the object's samples are.
    """

    octaves: float
    qp: Floats
    ring: Floats
    samples: NDArray[np.int64]


class Posterior:
    """What is known of a picture's objects after the trials so far.

    Args:
        subjects: The objects.
        prior: What was known before.
    """

    def __init__(self, subjects: Subjects, prior: Prior = PRIOR) -> None:
        self.subjects = subjects
        self.prior = prior
        count = len(subjects.source)
        self._scaled: dict[float, Floats] = {}
        self._bumps = np.zeros((count, 0, _size(prior)))
        # Per object and trial: the surprise (strength beyond expectation), the harms, the noise, the samples.
        self._surprise = np.zeros((count, 0))
        self._harm = np.zeros((count, 0))
        self._outer = np.zeros((count, 0))
        self._noise = np.zeros((count, 0))
        self._samples = np.zeros((count, 0), np.int64)
        self._solved: tuple[Floats, float, float, Floats] | None = None

    def observe_scaled(self, octaves: float, strength: Floats) -> None:
        """Learn what scaling alone does: the strength, (N,) logits, of each object in the picture before coding."""
        self._scaled[octaves] = strength

    def observe(self, exposure: Exposure, strength: Floats) -> None:
        """Learn from a trial: the strength, (N,) logits, at which each object was found."""
        expected, harm, outer = self._expected(exposure.octaves, exposure.qp, exposure.ring)
        floor = float(logit(np.array(0.0)))
        unseen = strength <= floor + 1e-9
        # Not seen says only that the strength lies somewhere below the floor.
        surprise = np.where(unseen, np.minimum(floor - 0.3 * harm - expected, 0.0), strength - expected)
        noise = self._chance(harm, outer) - self.prior.local_noise * harm**2
        self._observe(exposure, surprise, noise + np.where(unseen, 0.5 * harm**2, 0.0), exposure.samples)

    def _observe(self, exposure: Exposure, surprise: Floats, noise: Floats, samples: NDArray[np.int64]) -> None:
        _, harm, outer = self._expected(exposure.octaves, exposure.qp, exposure.ring)
        self._bumps = np.concatenate([self._bumps, self._features(exposure.octaves, exposure.qp)[:, None]], axis=1)
        self._surprise = np.concatenate([self._surprise, surprise[:, None]], axis=1)
        self._harm = np.concatenate([self._harm, harm[:, None]], axis=1)
        self._outer = np.concatenate([self._outer, outer[:, None]], axis=1)
        self._noise = np.concatenate([self._noise, noise[:, None]], axis=1)
        self._samples = np.concatenate([self._samples, samples[:, None]], axis=1)
        self._solved = None

    def strength(
        self, octaves: float, qp: Floats, ring: Floats, samples: NDArray[np.int64] | None = None
    ) -> tuple[Floats, Floats]:
        """What strengths to expect in Q versions of each object.

        Args:
            octaves: log2 of the coded scale.
            qp: (N, Q) QPs of the objects.
            ring: (N, Q) QPs of their surroundings.
            samples: (N, Q) numbers as in ``Exposure``; absent: samples that no trial had.

        Returns:
            Mean and standard deviation, (N, Q) each; the latter has the chance of the encode in it.
        """
        prior = self.prior
        mean, harm, outer = self._expected(octaves, qp, ring)
        bumps = self._features(octaves, qp)
        lasting = prior.own * (bumps**2).sum(-1) + prior.offset
        variance = harm**2 * lasting + (1 - prior.ring_noise) * outer**2 + self._chance(harm, outer)
        if not self._surprise.shape[1]:
            return mean, np.sqrt(variance + prior.shared * harm**2)
        inverse, shared, spread, volatility = self._solve()
        cross = prior.own * np.einsum("nqf,ntf->nqt", bumps, self._bumps) + prior.offset
        if samples is not None:
            cross += prior.local_noise * (samples[:, :, None] == self._samples[:, None, :])
        cross *= harm[:, :, None] * self._harm[:, None, :]
        cross += (1 - prior.ring_noise) * outer[:, :, None] * self._outer[:, None, :]
        weights = np.einsum("nqt,ntu->nqu", cross, inverse)
        left = harm - np.einsum("nqt,nt->nq", weights, self._harm)
        mean = mean + shared * left + np.einsum("nqt,nt->nq", weights, self._surprise)
        variance = (variance - (weights * cross).sum(-1)) * volatility[:, None] + spread * left**2
        least = 0.5 * prior.context_noise * harm**2 + _RESOLUTION**2
        return mean, np.sqrt(np.maximum(variance, least))

    def _chance(self, harm: Floats, outer: Floats) -> Floats:
        """Variance that every encode adds anew."""
        prior = self.prior
        own = (prior.local_noise + prior.context_noise) * harm**2
        return np.asarray(own + prior.ring_noise * outer**2 + _RESOLUTION**2)

    def log_chance(self, octaves: float, qp: Floats, ring: Floats, samples: NDArray[np.int64] | None = None) -> Floats:
        """Logarithm of the chance that each object is found again, (N, Q); arguments as of :meth:`strength`."""
        from scipy.special import ndtr

        mean, sigma = self.strength(octaves, qp, ring, samples)
        above = ndtr((mean - self.subjects.limit[:, None]) / sigma)
        surprise = np.full(above.shape, self.prior.surprise)
        if samples is not None and self._surprise.shape[1]:
            known = (samples[:, :, None] == self._samples[:, None, :]).any(-1)
            surprise[known] = self.prior.surprise_again
        return np.asarray(np.log(np.maximum(above * (1 - surprise), 1e-12)))

    def _solve(self) -> tuple[Floats, float, float, Floats]:
        """Inverse covariances (N, T, T); mean and variance of what the objects share; (N,) factors on variances."""
        if self._solved is None:
            prior = self.prior
            covariance = prior.own * np.einsum("ntf,nuf->ntu", self._bumps, self._bumps) + prior.offset
            same = self._samples[:, :, None] == self._samples[:, None, :]
            covariance += prior.local_noise * same
            covariance *= self._harm[:, :, None] * self._harm[:, None, :]
            covariance += (1 - prior.ring_noise) * self._outer[:, :, None] * self._outer[:, None, :]
            covariance += np.eye(self._surprise.shape[1]) * self._noise[:, None, :]
            inverse = np.linalg.inv(covariance)
            weighted = np.einsum("nt,ntu->nu", self._harm, inverse)
            spread = 1.0 / (1.0 / prior.shared + float((weighted * self._harm).sum()))
            shared = spread * float((weighted * self._surprise).sum())
            rest = self._surprise - shared * self._harm
            misfit = np.einsum("nt,ntu,nu->n", rest, inverse, rest)
            volatility = (prior.firmness + misfit) / (prior.firmness + rest.shape[1])
            self._solved = inverse, shared, spread, volatility
        return self._solved

    def _expected(self, octaves: float, qp: Floats, ring: Floats) -> tuple[Floats, Floats, Floats]:
        """(N,) or (N, Q) strengths before any trial, and the two harms that scale what is not known."""
        s, prior = self.subjects, self.prior
        wide = (slice(None),) + (None,) * (np.ndim(qp) - 1)
        size, zoom, source = s.size[wide], (octaves + s.zoom)[wide], s.source[wide]
        scaled = self._scaled.get(octaves, s.source)[wide]
        harm = prior.harm(source, scaled, qp, zoom)
        outer = prior.surroundings(size, qp, ring, zoom)
        base = prior.base_weight * scaled + (1 - prior.base_weight) * source
        return base - prior.drop * harm**prior.drop_power - prior.ring_mean * outer, prior.scale * harm, outer

    def _features(self, octaves: float, qp: Floats) -> Floats:
        """The bumps at a version: (N, ..., F), such that their products are the smooth covariance."""
        prior = self.prior
        # Sizes far beyond the knots count as the last ones, or pictures much larger than the detector's input would
        # seem to have nothing of their own.
        size = np.clip(
            octaves + self.subjects.zoom,
            prior.knots_size[0] - prior.size_length / 2,
            prior.knots_size[-1] + prior.size_length / 2,
        ).reshape((-1,) + (1,) * (np.ndim(qp) - 1))
        at_qp = np.exp(-0.5 * ((np.asarray(qp)[..., None] - np.array(prior.knots_qp)) / prior.qp_length) ** 2)
        at_size = np.exp(-0.5 * ((size[..., None] - np.array(prior.knots_size)) / prior.size_length) ** 2)
        at_size = np.broadcast_to(at_size, (*np.shape(qp), len(prior.knots_size)))
        joint = at_qp[..., :, None] * at_size[..., None, :]
        return np.asarray(joint.reshape(*np.shape(qp), -1) @ _whitening(prior))


def _size(prior: Prior) -> int:
    return len(prior.knots_qp) * len(prior.knots_size)


@lru_cache(maxsize=4)
def _whitening(prior: Prior) -> Floats:
    """What turns covariances with the knots into independent weights."""
    qps, sizes = np.array(prior.knots_qp), np.array(prior.knots_size)
    at_qp = np.exp(-0.5 * ((qps[:, None] - qps) / prior.qp_length) ** 2)
    at_size = np.exp(-0.5 * ((sizes[:, None] - sizes) / prior.size_length) ** 2)
    values, vectors = np.linalg.eigh(np.kron(at_qp, at_size))
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-6)))
