"""The search for the cheapest version that keeps everything: pure logic, without pictures.

A *problem* offers candidates, each with the bits that it should take and the chance that it keeps every object, and
attempts one on request. The search knows nothing else, so that it can be tried on problems with known answers
(``tests/verify/test_search.py``). It never calls a version verified that was not attempted, and never makes more
attempts than it was given.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import SearchOptions

D = TypeVar("D", bound=Hashable)


@dataclass(frozen=True)
class RatedCandidate(Generic[D]):
    """A version that could be tried.

    Attributes:
        candidate: The version; equal candidates are the same version.
        bits: What it is expected to take.
        chance: Of keeping every object, 0..1.
    """

    candidate: D
    bits: float
    chance: float


@dataclass(frozen=True, eq=False)
class Attempt(Generic[D]):
    """A version that was coded, decoded and detected in.

    Attributes:
        candidate: The version.
        bits: What it took; infinite where the encoder could not code it.
        kept: (N,) whether each object was found again.
    """

    candidate: D
    bits: float
    kept: NDArray[np.bool_]


class Problem(Protocol[D]):
    """One segment."""

    @property
    def objects(self) -> int:
        """How many objects are to be kept."""
        ...

    @property
    def doubtful(self) -> bool:
        """Whether there is an object that probably no version keeps."""
        ...

    def opening(self, number: int) -> D | None:
        """The version to begin with as the first (0), the second, ...; None where chances decide from then on."""
        ...

    def candidates(self, wanted: NDArray[np.bool_], best: float | None) -> Sequence[RatedCandidate[D]]:
        """What may be tried next, by all that the attempts so far have shown; nothing that was attempted.

        Args:
            wanted: (N,) the objects that count: a candidate's chance is of keeping these.
            best: Bits of the best version so far that kept them, or None; what cannot be cheaper may be left out.
        """
        ...

    def attempt(self, candidate: D) -> Attempt[D]:
        """Code a version, decode it and detect in it."""
        ...

    def safest(self) -> D:
        """The version that loses least: what it loses, and every other attempt too, nothing can keep."""
        ...

    def safer(self, candidate: D, steps: int) -> D:
        """A version with every QP so many steps lower, as far as there are such QPs."""
        ...


@dataclass(frozen=True)
class Limits:
    """How far to go.

    Attributes:
        trials: Most attempts, at least 1.
        worth: The search ends where another attempt is expected to save less than this share of the best version's
            bits.
        margin: QP steps below a version that kept everything, at which everything has to be kept once more.
    """

    trials: int = 20
    worth: float = 0.0
    margin: int = SearchOptions.qp_margin


@dataclass(frozen=True)
class Outcome(Generic[D]):
    """What a search found.

    Attributes:
        chosen: The attempt to publish.
        verified: Whether it keeps every object but those that nothing keeps.
        recoverable: (N,) False for objects that no attempt kept, the safest one among them.
        attempts: All of them, in order.
        margin: Whether a version ``Limits.margin`` steps coarser or more has kept everything, too.
    """

    chosen: Attempt[D]
    verified: bool
    recoverable: NDArray[np.bool_]
    attempts: tuple[Attempt[D], ...]
    margin: bool


# Attempts set aside for the margin: the step down, and a further one where that should fail.
_MARGIN_RESERVE = 2
# A candidate that is expected to be better than the best by less than this share is not tried.
_LEAST_GAIN = 0.002
# Of all attempts so many go to the opening at most.
_OPENING_SHARE = 0.4
# Where nothing is verified yet: the share of the highest chance from which on a candidate counts as safe, and what
# finding nothing costs, as a multiple of the cheapest safe candidate; with all attempts left, and with none.
_SAFE = (0.8, 0.95)
_DEAR = (1.3, 2.0)


class _Search(Generic[D]):
    """The attempts so far and what follows from them."""

    def __init__(self, problem: Problem[D], limits: Limits) -> None:
        self.problem = problem
        self.limits = limits
        self.attempts: list[Attempt[D]] = []
        self.proved = False

    @property
    def left(self) -> int:
        return self.limits.trials - len(self.attempts)

    def recoverable(self) -> NDArray[np.bool_]:
        """Every object may be recoverable until the safest version has been tried."""
        if not self.proved:
            return np.ones(self.problem.objects, dtype=np.bool_)
        return np.asarray(np.any([attempt.kept for attempt in self.attempts], axis=0), np.bool_)

    def verified(self, attempt: Attempt[D]) -> bool:
        return bool(np.isfinite(attempt.bits)) and bool((attempt.kept | ~self.recoverable()).all())

    def best(self) -> Attempt[D] | None:
        good = [attempt for attempt in self.attempts if self.verified(attempt)]
        return min(good, key=lambda attempt: attempt.bits, default=None)

    def attempt(self, candidate: D) -> Attempt[D]:
        for attempt in self.attempts:
            if attempt.candidate == candidate:
                return attempt
        self.attempts.append(self.problem.attempt(candidate))
        return self.attempts[-1]

    def open(self, reserve: int) -> None:
        """Attempts that do not go by chances: a search that begins dear stays dear, as long as it is sure of itself."""
        number, most = 0, int(_OPENING_SHARE * self.limits.trials)
        while number < most and self.left - reserve > 1 and (candidate := self.problem.opening(number)) is not None:
            self.attempt(candidate)
            number += 1

    def explore(self, reserve: int) -> None:
        """Attempts in order of what each is expected to save, as long as that is worth it."""
        while True:
            best = self.best()
            # Where nothing is verified yet, the last attempt belongs to the safest version.
            left = self.left - reserve - (best is None)
            if left <= 0:
                return
            bits = None if best is None else best.bits
            choice = choose(
                self.problem.candidates(self.recoverable(), bits), bits, left / self.limits.trials, self.limits.worth
            )
            if choice is None:
                return
            self.attempt(choice.candidate)

    def check_segment(self) -> None:
        """Try the safest version: what is lost there and everywhere else cannot be kept.

        A version that could not be coded proves nothing.
        """
        self.proved = bool(np.isfinite(self.attempt(self.problem.safest()).bits))

    def lower(self, best: Attempt[D]) -> Attempt[D] | None:
        """A version the margin's steps or more below one that kept everything."""
        steps = self.limits.margin
        while self.left > 0:
            candidate = self.problem.safer(best.candidate, steps)
            if candidate == self.problem.safer(best.candidate, steps - 1):
                return None  # there are no lower QPs
            lowered = self.attempt(candidate)
            if self.verified(lowered):
                return lowered
            steps += 2
        return None


def search(problem: Problem[D], limits: Limits) -> Outcome[D]:
    """Find the cheapest version that keeps every object that can be kept.

    Without an object there is nothing to search for: see ``search_segment``.
    """
    run = _Search(problem, limits)
    if problem.doubtful and limits.trials > 1:
        run.check_segment()  # rather than spend every attempt on an object that none can keep
    reserve = _MARGIN_RESERVE if limits.margin and limits.trials > _MARGIN_RESERVE + 1 else 0
    run.open(reserve)
    run.explore(reserve)
    if run.best() is None:
        run.check_segment()
    best, lowered = run.best(), None
    while best is not None and limits.margin:
        lowered = run.lower(best)
        if run.verified(best):
            break
        # The lowered version kept what seemed unrecoverable: nothing is promised now that does not keep it, too.
        best, lowered = run.best(), None
    if best is None:
        # Each object was kept somewhere, but all of them nowhere.
        chosen = max(run.attempts, key=lambda a: (np.isfinite(a.bits), a.kept.sum(), -a.bits))
        return Outcome(chosen, False, run.recoverable(), tuple(run.attempts), limits.margin == 0)
    return Outcome(
        lowered or best, True, run.recoverable(), tuple(run.attempts), limits.margin == 0 or lowered is not None
    )


def choose(
    candidates: Sequence[RatedCandidate[D]], best: float | None, left: float, worth: float
) -> RatedCandidate[D] | None:
    """The candidate to attempt next, or None where none is worth it.

    With a verified version of ``best`` bits it is the one with the largest expected saving. Without, what there is to
    lose is the cheapest candidate that is safe, and the more so the fewer attempts are left: attempts fail for the same
    reasons, so that a bold one after another is no way to a version that keeps everything.

    Args:
        candidates: In any order; of equals the first is taken.
        best: Bits of the best verified version, or None.
        left: Share of the attempts that are left, 0..1.
        worth: See ``Limits``.
    """
    if not candidates:
        return None
    bits = np.array([candidate.bits for candidate in candidates])
    chance = np.array([candidate.chance for candidate in candidates])
    if best is not None:
        saving = chance * np.where(bits < best * (1 - _LEAST_GAIN), best - bits, 0.0)
        first = int(saving.argmax())
        return candidates[first] if saving[first] > worth * best else None
    safe, dear = (late + (early - late) * left for early, late in (_SAFE, _DEAR))
    # With many objects no chance is high: what counts is how near it comes to the best that there is.
    price = dear * float(bits[chance >= safe * float(chance.max())].min())
    return candidates[int((chance * (price - bits)).argmax())]
