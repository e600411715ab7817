"""The search alone, on pictures that are nothing but numbers: what it may never do, and what it must find."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcmpipe.coding.search.search import Attempt, Limits, RatedCandidate, choose, search

QPS = range(0, 64)


@dataclass
class Synthetic:
    """A picture whose versions are (scale, QP); each object has a largest QP by scale, and may flicker around it.

    Attributes:
        thresholds: By scale, per object the largest QP that keeps it; below 0 none does.
        flickers: Versions in which an object is lost, or kept, against its threshold: (scale, QP, object).
        sure: How sharply the offered chances tell kept from lost; 0: they say nothing.
        uncodable: Versions that the encoder cannot code.
    """

    thresholds: dict[float, list[int]]
    flickers: set[tuple[float, int, int]] = field(default_factory=set)
    sure: float = 2.0
    doubtful: bool = False
    uncodable: set[tuple[float, int]] = field(default_factory=set)
    attempted: list[tuple[float, int]] = field(default_factory=list)

    @property
    def objects(self) -> int:
        return len(self.thresholds[1.0])

    def bits(self, candidate: tuple[float, int]) -> float:
        scale, qp = candidate
        return 400_000 * scale**1.5 * 2 ** (-qp / 6)

    def kept(self, candidate: tuple[float, int]) -> np.ndarray:
        scale, qp = candidate
        held = [qp <= limit for limit in self.thresholds[scale]]
        return np.array([held[i] ^ ((scale, qp, i) in self.flickers) for i in range(self.objects)], bool)

    def candidates(self, wanted: np.ndarray, best: float | None) -> list[RatedCandidate[tuple[float, int]]]:
        found = []
        for scale, limits in self.thresholds.items():
            for qp in QPS:
                candidate = (scale, qp)
                if candidate not in self.attempted and (best is None or self.bits(candidate) < best):
                    room = np.array(limits, float)[wanted] - qp + 0.5
                    chance = float(np.prod(1 / (1 + np.exp(-np.clip(self.sure * room, -30, 30)))))
                    found.append(RatedCandidate(candidate, self.bits(candidate), chance))
        return found

    def opening(self, number: int) -> tuple[float, int] | None:
        return None

    def attempt(self, candidate: tuple[float, int]) -> Attempt[tuple[float, int]]:
        assert candidate not in self.attempted, "nothing is coded twice"
        self.attempted.append(candidate)
        if candidate in self.uncodable:
            return Attempt(candidate, float("inf"), np.zeros(self.objects, bool))
        kept = self.kept(candidate)
        return Attempt(candidate, self.bits(candidate), kept)

    def safest(self) -> tuple[float, int]:
        return (1.0, 0)

    def safer(self, candidate: tuple[float, int], steps: int) -> tuple[float, int]:
        return (candidate[0], max(candidate[1] - steps, 0))


scales = st.sampled_from([(1.0,), (1.0, 0.5), (1.0, 0.7, 0.4)])


@st.composite
def problems(draw: st.DrawFn) -> Synthetic:
    count = draw(st.integers(1, 4))
    names = draw(scales)
    limits = {s: draw(st.lists(st.integers(-3, 63), min_size=count, max_size=count)) for s in names}
    places = st.tuples(st.sampled_from(names), st.integers(0, 63))
    flickers = {(*at, i) for at in draw(st.sets(places, max_size=40)) for i in range(count) if draw(st.booleans())}
    return Synthetic(
        limits,
        flickers,
        sure=draw(st.sampled_from([0.0, 0.1, 0.5, 2.0])),
        doubtful=draw(st.booleans()),
        uncodable=draw(st.sets(places, max_size=8)) | draw(st.sampled_from([set(), set(), {(1.0, 0)}])),
    )


@settings(deadline=None, max_examples=300)
@given(problems(), st.integers(1, 15), st.sampled_from([0, 0, 2, 6]))
def test_nothing_is_promised_that_was_not_seen(problem: Synthetic, trials: int, margin: int) -> None:
    outcome = search(problem, Limits(trials=trials, margin=margin))
    attempts = outcome.attempts
    assert 1 <= len(attempts) <= trials and len({a.candidate for a in attempts}) == len(attempts)
    assert any(outcome.chosen is attempt for attempt in attempts)
    # Only what is lost in every attempt, the safest among them, may be called unrecoverable.
    if not outcome.recoverable.all():
        assert (1.0, 0) in problem.attempted and (1.0, 0) not in problem.uncodable
        for number in np.flatnonzero(~outcome.recoverable):
            assert not any(attempt.kept[number] for attempt in attempts)
    good = [a for a in attempts if np.isfinite(a.bits) and (a.kept | ~outcome.recoverable).all()]
    assert outcome.verified == bool(good)
    if outcome.verified:
        assert any(outcome.chosen is attempt for attempt in good)
        if margin == 0:
            assert outcome.chosen.bits == min(attempt.bits for attempt in good)
        elif outcome.margin:
            coarser = [a for a in good if problem.safer(a.candidate, margin)[1] >= outcome.chosen.candidate[1]]
            assert any(a.candidate[0] == outcome.chosen.candidate[0] and a is not outcome.chosen for a in coarser)
    else:
        # Then no version keeps every recoverable object, and what is published keeps as many as any that was coded.
        coded = [int(a.kept.sum()) for a in attempts if np.isfinite(a.bits)]
        assert not coded or max(coded) == int(outcome.chosen.kept.sum())


@pytest.mark.parametrize("objects", [1, 3])
@pytest.mark.parametrize("shape", [(1.0,), (1.0, 0.7, 0.5, 0.4)])
def test_the_optimum_of_a_monotone_picture_is_found(objects: int, shape: tuple[float, ...]) -> None:
    rng = np.random.default_rng(objects)
    for _ in range(20):
        limits = {s: (rng.integers(25, 45, objects) * s**0.4).astype(int).tolist() for s in shape}
        problem = Synthetic(limits, sure=2.0)
        outcome = search(problem, Limits(trials=12, worth=1e-4))
        best = min(problem.bits((s, min(ls))) for s, ls in limits.items())
        assert outcome.verified and outcome.chosen.bits == pytest.approx(best)


def test_vague_chances_still_lead_near_the_optimum() -> None:
    """Chances 20 QPs wide: the first tries are off, and a dozen are enough to come within a few QPs."""
    off = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        limits = {s: rng.integers(28, 40, 2).tolist() for s in (1.0, 0.6)}
        problem = Synthetic(limits, sure=0.15)
        outcome = search(problem, Limits(trials=12, worth=1e-3))
        assert outcome.verified
        off.append(outcome.chosen.bits / min(problem.bits((s, min(ls))) for s, ls in limits.items()))
    assert np.mean(off) < 1.5


def test_an_object_that_nothing_keeps_is_given_up_at_once_where_that_was_to_be_expected() -> None:
    problem = Synthetic({1.0: [-1, 30], 0.5: [-1, 26]}, doubtful=True)
    outcome = search(problem, Limits(trials=10))
    assert problem.attempted[0] == (1.0, 0)
    assert outcome.verified and outcome.recoverable.tolist() == [False, True]
    assert outcome.chosen.bits == pytest.approx(min(problem.bits((1.0, 30)), problem.bits((0.5, 26))), rel=0.3)


def test_an_object_that_nothing_keeps_is_found_out_in_the_end_otherwise() -> None:
    problem = Synthetic({1.0: [-1, 30]}, doubtful=False, sure=0.3)
    outcome = search(problem, Limits(trials=6))
    assert (1.0, 0) in problem.attempted and len(problem.attempted) <= 6
    assert outcome.verified and outcome.recoverable.tolist() == [False, True]
    assert outcome.chosen.candidate[1] > 0, "an attempt that keeps the rest serves as well"


def test_a_safest_version_that_cannot_be_coded_proves_nothing() -> None:
    problem = Synthetic({1.0: [-1, 30]}, doubtful=True, sure=0.3, uncodable={(1.0, 0)})
    outcome = search(problem, Limits(trials=6))
    assert outcome.recoverable.all() and not outcome.verified
    assert outcome.chosen.kept.tolist() == [False, True]


def test_objects_that_are_never_kept_together_are_not_called_verified() -> None:
    class Quarrelling(Synthetic):
        def kept(self, candidate: tuple[float, int]) -> np.ndarray:
            return np.array([candidate[1] % 2 == 0, candidate[1] % 2 == 1])

    outcome = search(Quarrelling({1.0: [60, 60]}, sure=0.2), Limits(trials=5))
    assert not outcome.verified and outcome.recoverable.all() and outcome.chosen.kept.sum() == 1


def test_one_trial_is_the_safest_version() -> None:
    problem = Synthetic({1.0: [40], 0.5: [40]})
    outcome = search(problem, Limits(trials=1))
    assert problem.attempted == [(1.0, 0)] and outcome.verified


def test_a_margin_is_a_version_further_down_that_was_seen_itself() -> None:
    problem = Synthetic({1.0: [33]}, flickers={(1.0, 29, 0)}, sure=2.0)
    outcome = search(problem, Limits(trials=12, margin=4, worth=1e-4))
    assert (1.0, 33) in problem.attempted and (1.0, 29) in problem.attempted
    assert outcome.verified and outcome.margin and outcome.chosen.candidate == (1.0, 27), "29 is lost: two steps more"
    none_left = search(Synthetic({1.0: [1]}), Limits(trials=12, margin=4))
    assert none_left.verified and none_left.chosen.candidate[1] <= 1


def test_an_object_that_only_the_margin_shows_to_be_keepable_is_kept_from_then_on() -> None:
    """Lost at QP 0 and 57 but kept at 51: 57 was verified for as long as that object seemed lost for good."""
    problem = Synthetic({1.0: [-1, 57]}, flickers={(1.0, 51, 0)}, sure=2.0, doubtful=True)
    outcome = search(problem, Limits(trials=12, margin=6, worth=1e-4))
    assert outcome.recoverable.all() and outcome.chosen.candidate == (1.0, 51)
    assert outcome.verified and not outcome.margin


@pytest.mark.parametrize(
    ("offered", "best", "expected"),
    [
        ([], None, None),
        ([("a", 50.0, 0.5), ("b", 90.0, 0.9)], 100.0, "a"),  # 25 against 9
        ([("a", 99.9, 1.0)], 100.0, None),  # hardly cheaper
        ([("a", 50.0, 0.001)], 100.0, None),  # hardly possible
        ([("a", 100.0, 1.0), ("b", 10.0, 0.001)], None, "a"),
        ([("a", 100.0, 0.95), ("b", 10.0, 0.9)], None, "b"),
        ([("a", 100.0, 0.95), ("b", 40.0, 0.5)], None, "b"),  # 45 against 35
        ([("a", 100.0, 0.95), ("b", 80.0, 0.5)], None, "a"),  # 25 against 35
    ],
)
def test_what_is_tried_next(offered: list[tuple[str, float, float]], best: float | None, expected: str | None) -> None:
    chosen = choose([RatedCandidate(*each) for each in offered], best, 0.9, 0.01)
    assert (chosen and chosen.candidate) == expected
