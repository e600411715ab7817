"""What is believed of objects before anything is coded; fitted to trials of photos outside the bench set.

An object's *strength* in a coded picture is the logit of the score at which the detector finds it again. Coding does
something to it that grows with the *harm* D, a number made of the QP, the coded size as the detector sees it, and the
object:

    D = (size_harm * 2^(-size_slope * o) + qp_harm * 2^((QP - 32) / qp_octave - zoom_slope * o)) * 2^(objects' terms)
    strength = source's strength - drop * D^drop_power + D * g - C * c

with o = log2 of the coded size over that of the detector's input. What is not known is g, of unit size or so: partly
the same for all objects of a picture, partly each object's own, partly different for every encode, which is what makes
thresholds edges. At low QPs D is small, and nothing much happens; so the model is sure there, and unsure at high ones.

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
    """Constants of the belief.

    Attributes:
        size_harm: Harm of the coded size alone, where it is the detector's.
        size_slope: By how many octaves it grows per octave less.
        qp_harm: Harm of QP 32 at the detector's size.
        qp_octave: QP steps that double it.
        zoom_slope: By how many octaves it grows per octave of the size less.
        object_size: Octaves of harm per octave of the object's side over 32 pixels of the detector's input.
        object_size_square: The same by its square.
        object_source: Octaves of harm per logit of the score in the source.
        drop: Mean loss of strength at harm 1.
        drop_power: How it grows with the harm.
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
        surprise: Chance that an object is lost or moved for no reason that strength tells.
        surprise_again: The same where its samples have been looked at before.
    """

    size_harm: float = 0.0144
    size_slope: float = 4.1
    qp_harm: float = 0.74
    qp_octave: float = 6.48
    zoom_slope: float = 0.855
    object_size: float = 0.071
    object_size_square: float = -0.030
    object_source: float = -0.296
    drop: float = 0.775
    drop_power: float = 1.472
    scale: float = 1.19
    shared: float = 0.15
    offset: float = 0.09
    own: float = 0.28
    qp_length: float = 9.0
    size_length: float = 1.2
    local_noise: float = 0.15
    context_noise: float = 0.03
    ring_harm: float = 2.6
    ring_half: float = 2.4
    ring_size: float = -0.3
    ring_mean: float = 0.4
    ring_noise: float = 0.15
    ring_reach: float = 64.0
    firmness: float = 5.0
    surprise: float = 0.02
    surprise_again: float = 0.005
    knots_qp: tuple[float, ...] = (12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 60.0)
    knots_size: tuple[float, ...] = (-1.8, -1.0, -0.2, 0.6)

    def harm(
        self,
        source: NDArray[np.float64],
        size: NDArray[np.float64],
        qp: NDArray[np.float64],
        octaves: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The harm D; arguments broadcast.

        Args:
            source: Logit of the score in the source.
            size: log2 of the box's side in pixels of the detector's input, less 5.
            qp: QP that acts on the object.
            octaves: log2 of the coded size over that of the detector's input.
        """
        shrunk = self.size_harm * np.exp2(-self.size_slope * octaves)
        terms = self.object_size * size + self.object_size_square * size**2 + self.object_source * source
        return np.asarray((shrunk + self._quantised(qp, octaves)) * np.exp2(terms))

    def surroundings(
        self,
        size: NDArray[np.float64],
        qp: NDArray[np.float64],
        ring: NDArray[np.float64],
        octaves: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The harm C that surroundings at QP ``ring`` do to an object at QP ``qp``; arguments as of :meth:`harm`."""
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
