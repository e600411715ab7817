"""What the searches are worth: each beside a plain baseline that tries as many versions of every picture.

    python benchmarks/search_ablation.py --images DIR --detector yolox_nano.onnx --first 40 --count 30

``objects``: the cheapest version that keeps every object. *plain* looks at every scale without coding, takes two at
which nothing is lost, bisects the QP at both, and spends its last trial on one map (objects at that QP, the rest 12
above); *posterior* is what ``--verify`` does, *posterior, whole* the same without maps. ``accuracy``: the least bytes +
lambda x loss. *plain* takes two scales and four QPs between them; *surface* is what ``--objective accuracy`` does;
*with maps* leaves its last two trials to maps.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.search import SCALES
from vcmpipe.coding.search.canvas import Candidate, Canvas, RateError
from vcmpipe.coding.search.decoded import decode_candidate
from vcmpipe.coding.search.prior import PRIOR, Prior
from vcmpipe.coding.search.problem import SegmentProblem
from vcmpipe.coding.search.rdo import Choice, RateAccuracySearch
from vcmpipe.coding.search.search import Limits, search
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection import load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import Frame, find_pictures, open_source, scaled_size
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.tasks import Constraint, Constraints, DetectionTask

LAMBDAS = (3_000, 10_000, 40_000)
# The chances of surprise as they are counted, instead of those that find the most.
FITTED = replace(PRIOR, surprise=0.02, surprise_again=0.005)
# A map's background lies so many QP steps above what is in it; what scores less is background.
BEHIND, FOREGROUND = 12, 0.15


def plain_objects(problem: SegmentProblem, trials: int) -> tuple[float, bool]:
    """Bytes of the best version, and whether it keeps everything that was ever kept."""
    kept: dict[float, bool] = {}
    for scale in problem.scales:
        problem.canvas(scale)
        kept[scale] = bool(problem.uncoded[scale].comparison.kept.all())
    good = [scale for scale in problem.scales if kept[scale]] or [1.0]
    pair = [good[-1], good[max(0, len(good) - 3)]]
    best: tuple[float, Candidate] | None = None
    done = 0
    for number, scale in enumerate(dict.fromkeys(pair)):
        canvas = problem.canvas(scale)
        low, high = 14, 58
        room = (trials - 1 - done) // (len(set(pair)) - number)
        for _ in range(room):
            if low > high:
                break
            qp = (low + high) // 2
            candidate = canvas.candidate(canvas.uniform(np.array([qp])), 0)
            attempt = problem.attempt(candidate)
            done += 1
            if attempt.kept.all():
                low = qp + 1
                if best is None or attempt.bits < best[0]:
                    best = attempt.bits, candidate
            else:
                high = qp - 1
    if best is None:
        attempt = problem.attempt(problem.safest())
        return attempt.bits / 8, bool(attempt.kept.all())
    canvas, qp = problem.canvas(best[1].scale), best[1].map.minimum()
    own = np.full(len(canvas.core), qp)
    behind = min(qp + BEHIND, 63)
    drawn = canvas.map_of(own, np.full(len(own), behind), behind)
    batch = canvas.batch(drawn[None], canvas.planned(drawn))
    attempt = problem.attempt(canvas.candidate(batch, 0))
    return (min(best[0], attempt.bits) if attempt.kept.all() else best[0]) / 8, True


def posterior(problem: SegmentProblem, trials: int) -> tuple[float, bool]:
    """The same by the shipped search."""
    outcome = search(problem, Limits(trials))
    return outcome.chosen.bits / 8, outcome.verified


def surface(run: RateAccuracySearch, factor: float, trials: int) -> float:
    """The least cost in bytes that the shipped search finds."""
    return run.memory.judged[run.run(8 * factor, trials)].cost(8 * factor, "accuracy") / 8


def plain_accuracy(run: RateAccuracySearch, factor: float, trials: int) -> float:
    """The same at the two scales that lose least beside their samples, at QPs spread over the middle."""
    stake = run.constraints.at_stake + 0.05
    for scale in run.scales:
        run.look_uncoded(scale)
    order = sorted(run.scales, key=lambda s: run.memory.uncoded[s].loss / stake + 0.3 * s)
    pairs = [Choice(scale, qp) for scale in order[:2] for qp in np.linspace(27, 45, trials // 2).astype(int)]
    return min(run.look(Choice(pair.scale, int(pair.qp))).cost(8 * factor, "accuracy") for pair in pairs) / 8


def with_maps(run: RateAccuracySearch, factor: float, trials: int) -> float:
    """The shipped search, two of its trials left to maps at the best version's size."""
    best = run.run(8 * factor, trials - 2)
    cost = run.memory.judged[best].cost(8 * factor, "accuracy")
    coder = run.coder(best.scale)
    boxes = np.concatenate(
        [
            np.asarray(own.xyxy, np.float64)[np.asarray(own.confidence) >= FOREGROUND]
            for one in run.constraints.each
            for own in one.source
        ]
    )
    canvas = Canvas(best.scale, coder, boxes, np.zeros(len(boxes)), dilate_px=8, step_limit=None, errors=RateError())
    for lower in (0, 3):
        own = np.full(len(canvas.core), best.qp - lower)
        behind = min(best.qp - lower + 8, 63)
        drawn = canvas.map_of(own, np.full(len(own), behind), behind)
        layout = canvas.planned(drawn)
        if len(layout.regions()) < 2:
            continue
        coded = canvas.code(canvas.candidate(canvas.batch(drawn[None], layout), 0))
        frames, _ = decode_candidate(coder, coded)
        cost = min(cost, coded.bits + 8 * factor * run.constraints.judge(frames).loss)
    return cost / 8


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Total of ours over that of theirs, with 95 % of 2,000 draws of the pictures."""
    a, b = np.array(ours), np.array(theirs)
    drawn = np.random.default_rng(0).integers(0, len(a), (2000, len(a)))
    low, high = np.quantile(a[drawn].sum(1) / b[drawn].sum(1), [0.025, 0.975])
    return f"{a.sum() / b.sum():.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--first", type=int, default=40, help="how many pictures to pass over; the bench set has 40")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--trials", type=int, nargs="+", default=[20])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--objectives", nargs="+", default=["objects", "accuracy"])
    args = parser.parse_args()
    detector = load_detector(args.detector, jobs=1)
    encoder = CachedEncoder(load_encoder("vvenc"), ContentCache(args.cache))
    found = find_pictures(args.images)
    names = sorted(found)[args.first : args.first + args.count]
    totals: dict[tuple[str, str], list[float]] = {}
    used: dict[tuple[str, str], list[int]] = {}

    def note(case: str, way: str, value: float, trials: int) -> None:
        totals.setdefault((case, way), []).append(value)
        used.setdefault((case, way), []).append(trials)

    for done, name in enumerate(names, 1):
        (frame,) = open_source(str(found[name]))
        constraints = Constraints([Constraint.of(detector, DetectionTask(), detector.detect([frame]))])

        def coder_at(scale: float, frame: Frame = frame) -> SegmentCoder:
            size = scaled_size(frame.width, frame.height, scale)
            return SegmentCoder(encoder, Segment.still(frame), coded_size=size)

        def problem(
            maps: str, prior: Prior, constraints: Constraints = constraints, coder_at: Callable = coder_at
        ) -> SegmentProblem:
            return SegmentProblem(constraints, coder_at, scales=SCALES, maps=maps, prior=prior)

        for trials in args.trials if len(constraints) and "objects" in args.objectives else ():
            case = f"objects, {trials} trials"
            for way, maps, prior, how in (
                ("plain", "regions", PRIOR, plain_objects),
                ("posterior", "regions", PRIOR, posterior),
                ("posterior, whole", "none", PRIOR, posterior),
                ("posterior, fitted surprise", "regions", FITTED, posterior),
            ):
                mine = problem(maps, prior)
                note(case, way, how(mine, trials)[0], len(mine.tried))
        for factor in LAMBDAS if "accuracy" in args.objectives else ():
            case = f"accuracy, lambda {factor:,}, 8 trials"
            for way, own in (("plain", plain_accuracy), ("surface", surface), ("with maps", with_maps)):
                run = RateAccuracySearch(constraints, coder_at, scales=SCALES)
                note(case, way, own(run, factor, 8), run.memory.trials + 2 * (way == "with maps"))
        print(f"{done}/{len(names)} {name}", flush=True)
    print("\n| case | way | mean bytes (+ lambda x loss) | beside plain | trials |\n|---|---|---:|---:|---:|")
    for (case, way), values in totals.items():
        beside = ratio(values, totals[case, "plain"])
        print(f"| {case} | {way} | {np.mean(values):,.0f} | {beside} | {np.mean(used[case, way]):.1f} |")


if __name__ == "__main__":
    main()
