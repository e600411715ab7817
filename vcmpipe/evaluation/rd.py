"""The Bjontegaard delta rate of two curves; ``vcmpipe.evaluation.curves`` has the arithmetic, for many at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vcmpipe.evaluation.bootstrap import Estimate, estimate
from vcmpipe.evaluation.curves import Curves, bd_rates


def bd_rate(anchor: Iterable[tuple[float, float | None]], test: Iterable[tuple[float, float | None]]) -> Estimate:
    """The mean difference in bits at equal quality, in percent; negative = the test saves. See ``bd_rates``.

    Args:
        anchor: (bits, quality) of the method compared against, in any order; None where there is no quality.
        test: (bits, quality) of the method in question, same units.
    """
    return estimate(*bd_rates(_curve(anchor), _curve(test)))


def _curve(points: Iterable[tuple[float, float | None]]) -> Curves:
    bits, qualities = np.array([*points], dtype=np.float64).reshape(-1, 2).T  # None becomes NaN
    return Curves.of(bits, qualities)
