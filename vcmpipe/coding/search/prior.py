"""What is expected of objects before anything is coded; ``benchmarks/verify_prior.py`` fits and checks it.

An object's *strength* in a picture is the logit of the score at which the detector finds it. Making the picture smaller
changes it, which can be measured without coding anything; coding at a QP then does something that grows with the
*harm* D, a number made of the QP, the coded size as the detector sees it, and the object:

    D = qp_harm * 2^((QP - 32) / qp_octave - zoom_slope * o + source_slope * source + loss_slope * loss)
    strength = base - drop * D^drop_power + D * g - C * c

with o = log2 of the coded size over that of the detector's input, the strengths in the source and in the scaled source,
``base`` a mean of both (nearly the latter), and ``loss`` what scaling took. What is not known is g, of unit size or so:
partly the same for all objects of a picture, partly each object's own, partly different for every encode, which is what
makes thresholds edges. At low QPs D is small, and nothing much happens; so the model is sure there, and unsure at high
ones.

C is the harm that surroundings at a higher QP than the object's do, beyond what they do at its own QP; it saturates,
for surroundings cannot be worse than gone. Most objects bear it well, some depend on what is around them: c is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Scores are taken to lie in this range, so that logits stay finite; below the lower end an object counts as not seen.
SCORE_RANGE = (0.03, 0.98)


@dataclass(frozen=True)
class Prior:
    """Constants of the posterior.

    Attributes:
        qp_harm: Harm of QP 32 at the detector's size.
        qp_octave: QP steps that double it.
        zoom_slope: By how many octaves it grows per octave of the size less.
        source_slope: Octaves of harm per logit of the score in the source.
        loss_slope: Octaves of harm per logit that scaling alone has taken.
        base_weight: Weight of the scaled source's strength in ``base``; the rest is the source's.
        drop: Mean loss of strength at harm 1.
        drop_power: How it grows with the harm.
        scale: Unit of g.
        shared: Variance of g that the objects of a picture have in common.
        offset: Variance of g that is an object's own, whatever the version.
        own: Variance of g that is an object's own and changes slowly with the version.
        qp_length: Over so many QPs it does.
        size_length: Likewise in octaves of the coded size.
        local_noise: Variance of g that an encode adds, the same wherever the object has the same samples.
        context_noise: Variance that the rest of the picture adds.
        ring_harm: Standard deviation of C * c where nothing is left of an object's surroundings.
        ring_half: QP harm (as in D) at which half of that is done.
        ring_size: Octaves of C per octave of the object's side.
        ring_mean: Mean of c.
        ring_noise: Share of the variance of c that changes with every encode.
        ring_reach: How far an object's surroundings reach, in pixels of the detector's input.
        firmness: So many trials' worth of trust that an object is no more volatile than others.
        surprise: Chance that an object is lost or moved for no reason that strength shows. Not fitted like the others,
            by which it would be 0.02: a search that expects more luck, good and bad, finds cheaper versions.
        surprise_again: The same where its samples have been tried before.
    """

    qp_harm: float = 0.571
    qp_octave: float = 5.29
    zoom_slope: float = 1.02
    source_slope: float = -0.327
    loss_slope: float = 0.961
    base_weight: float = 0.93
    drop: float = 0.839
    drop_power: float = 1.276
    scale: float = 1.37
    shared: float = 0.10
    offset: float = 0.07
    own: float = 0.22
    qp_length: float = 6.4
    size_length: float = 0.65
    local_noise: float = 0.15
    context_noise: float = 0.03
    ring_harm: float = 2.6
    ring_half: float = 1.85
    ring_size: float = -0.3
    ring_mean: float = 0.4
    ring_noise: float = 0.15
    ring_reach: float = 64.0
    firmness: float = 5.0
    surprise: float = 0.1
    surprise_again: float = 0.05
    knots_qp: tuple[float, ...] = (10.0, 16.0, 22.0, 28.0, 34.0, 40.0, 46.0, 52.0, 58.0)
    knots_size: tuple[float, ...] = (-1.8, -1.2, -0.6, 0.0, 0.6)

    def harm(
        self,
        source: NDArray[np.float64],
        scaled: NDArray[np.float64],
        qp: NDArray[np.float64],
        octaves: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The harm D; arguments broadcast.

        Args:
            source: Logit of the score in the source.
            scaled: Logit of the score in the scaled source.
            qp: QP of the object.
            octaves: log2 of the coded size over that of the detector's input.
        """
        loss = np.clip(source - scaled, 0.0, 2.0)
        terms = self.source_slope * source + self.loss_slope * loss
        return np.asarray(self._quantised(qp, octaves) * np.exp2(terms))

    def surroundings(
        self,
        size: NDArray[np.float64],
        qp: NDArray[np.float64],
        ring: NDArray[np.float64],
        octaves: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The harm C that surroundings at QP ``ring`` do to an object at QP ``qp``; arguments broadcast.

        Args:
            size: log2 of the box's side in pixels of the detector's input, less 5.
            qp: QP of the object.
            ring: QP of its surroundings.
            octaves: log2 of the coded size over that of the detector's input.
        """
        inner, outer = self._quantised(qp, octaves), self._quantised(np.maximum(qp, ring), octaves)
        done = outer / (outer + self.ring_half) - inner / (inner + self.ring_half)
        return np.asarray(self.ring_harm * done * np.exp2(self.ring_size * np.clip(size, -2.0, 3.0)))

    def _quantised(self, qp: NDArray[np.float64], octaves: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.qp_harm * np.exp2((qp - 32.0) / self.qp_octave - self.zoom_slope * octaves))


PRIOR = Prior()


def logit(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores, 0..1, as logits, kept finite by ``SCORE_RANGE``."""
    clipped = np.clip(np.asarray(score, np.float64), *SCORE_RANGE)
    return np.asarray(np.log(clipped / (1 - clipped)))
