"""Labels from strings of found and lost: rules by name.

A string has the QPs at which an object was recognised. Strings are not monotone, so a rule decides which QP is the
object's threshold: the last at which it counts as recognisable. Labels are derived from stored strings at any time;
nothing is coded again for another rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.measurement.sweep import Recognition, best_step
from vcmpipe.thresholds.tolerance import error_tolerance

DEFAULT_RULE = "tolerance"
"""The rule of ``RULES`` that labels follow where every QP was coded; see ``label``."""
_FULL = np.arange(64)
# A rule's answer where it calls an object lost at every QP although its string has finds.
_NONE = -1

_Found = NDArray[np.bool_]
_Qps = NDArray[np.int64]


def label(found: _Found, qps: _Qps, rule: str = DEFAULT_RULE) -> tuple[NDArray[np.int64], _Found]:
    """Derive labels from strings.

    Args:
        found: (N, Q) bool; whether each of N objects was recognised at each QP.
        qps: (Q,) QPs, ascending.
        rule: One of ``RULES``.

    Returns:
        (N,) int64 labels, each one of the QPs or 0, and (N,) bool: whether the object is recognisable at all. One that
        is lost at every QP has label 0 and is not; best-step also calls one so that is lost nearly everywhere.

    Raises:
        InputError: There is no such rule, the shapes do not go together, or the rule needs other QPs.
    """
    if rule not in RULES:
        raise InputError(f"there is no label rule {rule!r}: choose from {', '.join(RULES)}")
    found, qps = np.asarray(found, dtype=np.bool_), np.asarray(qps, dtype=np.int64)
    if qps.ndim != 1 or found.ndim != 2 or found.shape[1] != len(qps):
        raise InputError(f"strings of the shape {found.shape} do not go with {qps.size} QPs: give (objects, QPs)")
    if not qps.size or (np.diff(qps) <= 0).any():
        raise InputError("the QPs of strings must ascend, and there must be at least one")
    labels = RULES[rule](found, qps) if len(found) else np.zeros(0, dtype=np.int64)
    recognisable = found.any(axis=1) & (labels != _NONE)
    return np.where(recognisable, labels, 0), recognisable


def default_rule(qps: Sequence[int] | _Qps) -> str:
    """The rule for strings that nobody named one for: ``DEFAULT_RULE``, or best-step where that is not defined."""
    return DEFAULT_RULE if np.array_equal(qps, _FULL) else "best-step"


def fill(found: _Found, coded: Sequence[int] | _Qps, ladder: Sequence[int] | _Qps) -> _Found:
    """Complete strings of which only some QPs were coded, as a search leaves them.

    A QP that was not coded takes the answer of the nearest one that was; of the lower one where two are equally near.

    Args:
        found: (N, Q) bool, at the coded QPs.
        coded: (Q,) QPs, ascending.
        ladder: (L,) the QPs to answer for, ascending.

    Returns:
        (N, L) bool.

    Raises:
        InputError: There are objects, and nothing was coded.
    """
    known, wanted = np.asarray(coded, dtype=np.int64), np.asarray(ladder, dtype=np.int64)
    found = np.asarray(found, dtype=np.bool_)
    if len(found) == 0:
        return np.zeros((0, len(wanted)), dtype=np.bool_)
    if not known.size:
        raise InputError("strings of objects that were coded at no QP cannot be completed: code some")
    # argmin takes the first of equals: the lower QP.
    nearest = np.abs(wanted[:, None] - known[None, :]).argmin(axis=1)
    filled: _Found = found[:, nearest]
    return filled


def _last(found: _Found, qps: _Qps) -> NDArray[np.int64]:
    """The last QP at which the object is recognised."""
    place = found.shape[1] - 1 - found[:, ::-1].argmax(axis=1)
    labels: NDArray[np.int64] = qps[place]
    return labels


def _first_loss(found: _Found, qps: _Qps) -> NDArray[np.int64]:
    """The QP before the first at which it is lost; 0 where that is the lowest."""
    lost = ~found
    place = np.where(lost.any(axis=1), lost.argmax(axis=1), found.shape[1])
    return np.where(place > 0, qps[np.maximum(place - 1, 0)], 0)


def _tolerance(found: _Found, qps: _Qps) -> NDArray[np.int64]:
    """See ``vcmpipe.thresholds.tolerance``."""
    if not np.array_equal(qps, _FULL):
        others = ", ".join(name for name in RULES if name != "tolerance")
        raise InputError(f"the rule tolerance is defined on QPs 0 to 63, all of them: take another ({others})")
    return error_tolerance(found)


def _best_step(found: _Found, qps: _Qps) -> NDArray[np.int64]:
    """The step that contradicts the string least; see ``vcmpipe.measurement.best_step``."""
    steps = best_step(Recognition(qps, found.T))
    return np.where(steps.recognisable, steps.argmax(), _NONE)


RULES: dict[str, Callable[[_Found, _Qps], NDArray[np.int64]]] = {
    "last": _last,
    "first-loss": _first_loss,
    "tolerance": _tolerance,
    "best-step": _best_step,
}
"""The rules by name, each a function of which objects are found, (N, Q), and the QPs, (Q,)."""
