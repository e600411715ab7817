"""Fits and checks the constants of vcmpipe.coding.search.prior with real encodes.

    python benchmarks/verify_prior.py --images FOLDER [FOLDER ...] --detector D --data FILE.npz --exclude NAMES.txt

codes about 100 versions of every picture (verify_trials.py says which; 20 seconds of a core each; --pictures N takes
the first N by name) and keeps what the detector saw of each object in --data, picture by picture, so that a run that
was cut short goes on where it was. --exclude names pictures to leave out, one a line: the bench set. Without --images
it fits what --data has, and codes nothing. Then it fits, on three quarters of the pictures:

1. the harm: mean and spread of strengths in whole pictures, by maximum likelihood;
2. the Gaussian process: its variances and lengths, by how likely it holds the strengths in trials that it was not
   told, after 0, 3 and 8 that it was;
3. the surroundings: their constants, by how likely it holds strengths in regions, once it was told the whole pictures
   of that scale, and once it was told one version in regions, too.

Likelihoods are of strengths, not of kept or lost: they say more. A strength at the floor counts as "somewhere below",
and SURPRISE of all strengths as anything at all, so that a box that jumped does not widen everything. Pictures count by
the root of their number of objects.

Some constants are units, and stay: ``drop`` that of the harm, ``scale``, once 1. has it, that of the variances. By hand
are chosen: ``surprise`` and ``surprise_again`` (above what is counted, for a lost object costs an encode),
``ring_reach`` (of the three that 3. compares), and the knots (no further apart than the lengths).

4. checks on every fourth picture, which no fit saw: Brier score, log-loss and calibration of "the object is kept".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr
from verify_trials import REACHES, Trials, collect, load

from vcmpipe.coding.search.prior import PRIOR, SCORE_RANGE, Prior, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLOOR = float(logit(np.array(SCORE_RANGE[0])))
SPAN = float(logit(np.array(SCORE_RANGE[1]))) - FLOOR
SURPRISE = 0.02
# How many trials a posterior was told before it is requested, in fits and in checks; and how many it is asked then.
TOLD = (0, 3, 8)
ASKED = 40

HARM = {
    "qp_harm": np.log,
    "qp_octave": np.log,
    "zoom_slope": None,
    "source_slope": None,
    "loss_slope": None,
    "base_weight": None,
    "drop_power": np.log,
    "scale": np.log,
}
PROCESS = dict.fromkeys(
    ("shared", "offset", "own", "qp_length", "size_length", "local_noise", "context_noise", "firmness"), np.log
)
RINGS = {
    "ring_harm": np.log,
    "ring_half": np.log,
    "ring_size": None,
    "ring_mean": None,
    "ring_noise": lambda share: np.log(share / (1 - share)),
}


def with_values(prior: Prior, names: dict[str, Callable | None], values: Floats) -> Prior:
    """A prior with some constants from the line on which they are fitted."""
    found = {}
    for (name, line), value in zip(names.items(), values.tolist(), strict=True):
        if line is np.log:
            found[name] = float(np.exp(np.clip(value, -12.0, 12.0)))
        else:
            found[name] = value if line is None else float(1 / (1 + np.exp(-value)))
    return replace(prior, **found)


def values_of(prior: Prior, names: dict[str, Callable | None]) -> Floats:
    return np.array(
        [getattr(prior, name) if line is None else line(getattr(prior, name)) for name, line in names.items()]
    )


def likelihood(strength: Floats, mean: Floats, sigma: Floats) -> Floats:
    """Logarithm of the density of strengths, or of the chance to be below the floor for those that are there."""
    apart = (strength - mean) / sigma
    seen = np.logaddexp(
        np.log(1 - SURPRISE) - 0.5 * apart**2 - np.log(sigma * np.sqrt(2 * np.pi)), np.log(SURPRISE / SPAN)
    )
    unseen = np.logaddexp(np.log(1 - SURPRISE) + log_ndtr((FLOOR - mean) / sigma), np.log(SURPRISE / 2))
    # A surprise is unseen every other time.
    return np.where(strength <= FLOOR + 1e-9, unseen, seen)


def fitted(loss: Callable[[Prior], float], start: Prior, names: dict[str, Callable | None], evaluations: int) -> Prior:
    """The constants of some names that make a loss least, downhill from where they are."""

    def at(values: Floats) -> float:
        return loss(with_values(start, names, values))

    options = {"maxfun": evaluations, "eps": 1e-3, "ftol": 1e-5}
    found = minimize(at, values_of(start, names), method="L-BFGS-B", options=options)
    return with_values(start, names, found.x)


class Mean:
    """A weighted mean in which every picture counts by the root of its number of objects."""

    def __init__(self) -> None:
        self.total = self.weight = 0.0

    def add(self, values: Floats, objects: int) -> None:
        """Take in values of one picture."""
        weight = values.size / objects**0.5
        self.total += weight * float(values.mean())
        self.weight += weight

    @property
    def value(self) -> float:
        """The mean so far."""
        return self.total / self.weight


def harm_loss(pictures: Sequence[Trials], prior: Prior) -> float:
    """Mean negative log-likelihood of strengths in whole pictures, if g were a unit's chance of every encode."""
    mean = Mean()
    for trials in pictures:
        whole = ~trials.regions
        source, _, zoom, _ = trials.subjects
        scaled = trials.scaled[[int(np.abs(trials.at - octaves).argmin()) for octaves in trials.octaves[whole]]]
        harm = prior.harm(source, scaled, trials.own[whole], trials.octaves[whole][:, None] + zoom)
        base = prior.base_weight * scaled + (1 - prior.base_weight) * source
        sigma = np.sqrt((prior.scale * harm) ** 2 + 0.03**2)
        expected = base - prior.drop * harm**prior.drop_power
        mean.add(-likelihood(trials.strength[whole], expected, np.minimum(sigma, 8.0)), trials.count)
    return mean.value


@dataclass(frozen=True, eq=False)
class Answer:
    """What a posterior said of some versions before it was told of them, (N, M) each.

    Attributes:
        told: How many trials it had been told.
        trials: The picture's.
        versions: (M,) which versions.
        first: Means of the strengths, or logarithms of the chances.
        second: Standard deviations of the strengths, or the first again.
    """

    told: int
    trials: Trials
    versions: Ints
    first: Floats
    second: Floats

    @property
    def strength(self) -> Floats:
        """(N, M) strengths as they were then seen."""
        return self.trials.strength[self.versions].T

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(N, M) whether kept."""
        return self.trials.kept[self.versions].T


def answers(
    pictures: Sequence[Trials], prior: Prior, told: Sequence[int], *, chances: bool, seed: int = 0
) -> Iterator[Answer]:
    """Tell posteriors of some trials in an order by lot, asking them of others in between."""
    for number, trials in enumerate(pictures):
        order = np.random.default_rng([seed, number]).permutation(len(trials.octaves))
        requested = np.sort(order[max(told) : max(told) + ASKED])
        posterior = trials.posterior(prior)
        for count in range(max(told) + 1):
            if count in told:
                question = posterior.log_chance if chances else posterior.strength
                for versions, said in trials.ask(requested, prior, question):
                    yield Answer(count, trials, versions, *((said, said) if chances else said))
            trials.observe(posterior, order[count : count + 1].tolist(), prior)


def process_loss(pictures: Sequence[Trials], prior: Prior) -> float:
    """Mean negative log-likelihood of strengths in trials that the posterior was not told."""
    mean = Mean()
    for answer in answers(pictures, prior, TOLD, chances=False):
        mean.add(-likelihood(answer.strength, answer.first, answer.second), answer.trials.count)
    return mean.value


def ring_loss(pictures: Sequence[Trials], prior: Prior) -> float:
    """The same of versions in regions, where whole pictures of their scale are known, and one in regions."""
    mean = Mean()
    for number, trials in enumerate(pictures):
        rng = np.random.default_rng(number)
        for octaves in np.unique(trials.octaves[trials.regions]):
            here = trials.octaves == octaves
            regions = rng.permutation(np.flatnonzero(here & trials.regions))
            posterior = trials.posterior(prior)
            trials.observe(posterior, np.flatnonzero(here & ~trials.regions).tolist(), prior)
            for one in ([], regions[:1].tolist()):
                trials.observe(posterior, one, prior)
                if len(rest := regions[1:]):
                    for versions, (expected, sigma) in trials.ask(rest, prior, posterior.strength):
                        mean.add(-likelihood(trials.strength[versions].T, expected, sigma), trials.count)
    return mean.value


def compare(title: str, names: Sequence[str], fit: Prior, losses: Sequence[tuple[str, float, float]]) -> None:
    print(f"\n{title}")
    for name, on_fit, held in losses:
        print(f"  {name:<8} -log likelihood {on_fit:.4f}, held out {held:.4f}")
    for name in names:
        print(f"  {name:<14} shipped {getattr(PRIOR, name):7.3f}   fitted {getattr(fit, name):7.3f}")


def log_loss(chance: Floats, kept: NDArray[np.bool_]) -> float:
    chance = np.clip(chance, 0.002, 0.998)
    return float(-np.where(kept, np.log(chance), np.log(1 - chance)).mean())


def gathered(
    pictures: Sequence[Trials], prior: Prior, told: Sequence[int]
) -> dict[int, tuple[Floats, NDArray[np.bool_]]]:
    """Chances and whether kept, by the number of trials told."""
    found: dict[int, list[Answer]] = {count: [] for count in told}
    for answer in answers(pictures, prior, told, chances=True, seed=1):
        found[answer.told].append(answer)
    return {
        count: (
            np.exp(np.hstack([each.first.ravel() for each in some])),
            np.hstack([each.kept.ravel() for each in some]),
        )
        for count, some in found.items()
    }


def check(pictures: Sequence[Trials], priors: dict[str, Prior], constant: float) -> None:
    """Brier score, log-loss, sharpness and calibration on pictures."""
    results = {name: gathered(pictures, prior, TOLD) for name, prior in priors.items()}
    print("  | constants | trials told | Brier | log-loss | surer than 0.9 | of those right |")
    for told in TOLD:
        for name, result in results.items():
            chance, kept = result[told]
            sure = (chance < 0.1) | (chance > 0.9)
            right = ((chance > 0.5) == kept)[sure].mean()
            brier = np.mean((chance - kept) ** 2)
            print(
                f"  | {name} | {told} | {brier:.4f} | {log_loss(chance, kept):.4f} | {sure.mean():.1%} | {right:.1%} |"
            )
    kept = next(iter(results.values()))[0][1]
    brier, loss = np.mean((constant - kept) ** 2), log_loss(np.full(len(kept), constant), kept)
    print(f"  | a chance of {constant:.2f} | - | {brier:.4f} | {loss:.4f} | - | - |")
    print(f"  calibration after {TOLD[-1]} trials: said, seen (answers)")
    for name, result in results.items():
        chance, kept = result[TOLD[-1]]
        bins = np.minimum((10 * chance).astype(int), 9)
        cells = [
            f"{chance[bins == b].mean():.2f}, {kept[bins == b].mean():.2f} ({(bins == b).sum()})"
            if (bins == b).any()
            else "-"
            for b in range(10)
        ]
        print(f"  | {name} | " + " | ".join(cells) + " |")


def surprises(pictures: Sequence[Trials], prior: Prior) -> None:
    """How often an object is lost although its strength as expected is far enough above its limit."""
    calm = replace(prior, surprise=0.0, surprise_again=0.0)
    counts = {True: [0, 0], False: [0, 0]}
    for number, trials in enumerate(pictures):
        order = np.random.default_rng([2, number]).permutation(len(trials.octaves))
        posterior = trials.posterior(calm)
        trials.observe(posterior, order[:9].tolist(), calm)
        for versions, said in trials.ask(np.sort(order[9:]), calm, posterior.log_chance):
            samples = trials.samples[versions].T
            known = (samples[:, :, None] == trials.samples[order[:9]].T[:, None, :]).any(-1)
            sure = np.exp(said) > 0.998
            for again, count in counts.items():
                lost = ~trials.kept[versions].T[sure & (known == again)]
                count[0] += int(lost.sum())
                count[1] += lost.size
    print("\nsurprises: lost where strengths alone give a chance above 0.998")
    for again, name in ((False, "surprise"), (True, "surprise_again")):
        lost, of = counts[again]
        print(f"  {name:<14} shipped {getattr(PRIOR, name):.3f}, counted {lost} of {of}, {lost / max(of, 1):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, nargs="+", help="folders with pictures")
    parser.add_argument("--detector", help="which detector looks; needed with --images")
    parser.add_argument("--data", type=Path, default=Path("verify_prior.npz"), help="what was seen; added to if there")
    parser.add_argument("--pictures", type=int, default=30, help="use the first N of them")
    parser.add_argument("--exclude", type=Path, help="a text file of pictures to leave out, one a line")
    parser.add_argument("--cache", type=Path, help="a folder that remembers encodes")
    parser.add_argument("--evaluations", type=int, default=200, help="of a fit's loss, at most")
    options = parser.parse_args()
    if options.images:
        if not options.detector:
            parser.error("--images needs --detector")
        found = collect(
            options.images, options.detector, options.data, options.pictures, options.exclude, options.cache
        )
    else:
        found = dict(list(load(options.data).items())[: options.pictures])
    pictures = [trials for trials in found.values() if trials.count]
    objects, seen = sum(each.count for each in pictures), sum(each.strength.size for each in pictures)
    print(f"{len(found)} pictures, {len(pictures)} of them with {objects} objects; {seen} strengths seen")
    if len(pictures) < 4:
        raise SystemExit("fitting needs 4 pictures with objects or more: every fourth is kept out")
    held = pictures[3::4]
    fit = [trials for number, trials in enumerate(pictures) if number % 4 != 3]

    # ``scale`` and the variances share a unit: with that of the harm's fit the variances need not add up to 1.
    new = fitted(lambda prior: harm_loss(fit, prior), PRIOR, HARM, 4 * options.evaluations)
    losses = [(name, harm_loss(fit, p), harm_loss(held, p)) for name, p in (("shipped", PRIOR), ("fitted", new))]
    compare("harm", list(HARM), new, losses)

    new = fitted(lambda prior: process_loss(fit, prior), new, PROCESS, options.evaluations)
    losses = [(name, process_loss(fit, p), process_loss(held, p)) for name, p in (("shipped", PRIOR), ("fitted", new))]
    compare("Gaussian process", list(PROCESS), new, losses)
    for name, prior in (("shipped", PRIOR), ("fitted", new)):
        parts = [prior.shared, prior.offset, prior.own, prior.local_noise, prior.context_noise]
        print(
            f"  {name:<8} standard deviation of g {prior.scale * sum(parts) ** 0.5:.2f}, parts of its variance: ",
            end="",
        )
        print(", ".join(f"{part / sum(parts):.2f}" for part in parts))

    best = new
    for reach in REACHES:
        one = fitted(lambda prior: ring_loss(fit, prior), replace(new, ring_reach=reach), RINGS, options.evaluations)
        shipped = replace(PRIOR, ring_reach=reach)
        losses = [(name, ring_loss(fit, p), ring_loss(held, p)) for name, p in (("shipped", shipped), ("fitted", one))]
        compare(f"surroundings within {reach:g} pixels", list(RINGS), one, losses)
        if reach == PRIOR.ring_reach:
            best = one
    surprises(fit, best)

    constant = float(np.hstack([each.kept.ravel() for each in fit]).mean())
    print(f"\nheld out: {len(held)} pictures, {sum(each.count for each in held)} objects")
    check(held, {"shipped": PRIOR, "fitted": best}, constant)
    print(f"\nall {len(pictures)} pictures")
    check(pictures, {"shipped": PRIOR}, constant)
    print(f"\n{best}")


if __name__ == "__main__":
    main()
