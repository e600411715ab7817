"""Bench methods that weigh bytes against lost accuracy: curves over lambda, which is the same for all pictures."""

from __future__ import annotations

from vcmpipe.bench.methods import Coded, SegmentBench, Sweep, mirrored_judges, searched_sequence
from vcmpipe.bench.traits import trait
from vcmpipe.coding.open_loop import OpenLoop
from vcmpipe.coding.search import SearchRules, search_segment
from vcmpipe.tasks import Constraint, Constraints

LAMBDAS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
"""Bytes per unit of loss (see ``AccuracyLoss``)."""
SEQUENCE_LAMBDAS = (200, 800, 3_200)
"""The same for sequences, where losses add up over frames."""
RDO_TRIALS = 8
"""Encodes that ``rdo`` tries for each point."""
SECOND_WEIGHT = 0.5
"""What the second detector's loss counts in ``rdo-panel``."""


@trait(viewers=("machine",), codes=("pictures",))
def rdo_open(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The scale and map with the least bytes + lambda x loss that is expected by ``--predictor``; nothing is tried."""
    with bench.meter.stage("predict"):
        loop = OpenLoop(bench.pipeline, bench.coder, bench.detections)
        choices = [loop.choose(each) for each in LAMBDAS]
    points = []
    for lambda_, choice in zip(LAMBDAS, choices, strict=True):
        # What a point costs must not depend on those before it.
        coder = bench.fresh_coder(choice.scale)
        points.append(Coded(f"lambda {lambda_}", coder, coder.by_map(choice.qp_map, bench.pipeline.options.realise)))
    return points


@trait(viewers=("machine",), in_turn=True)
def rdo(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The version with the least bytes + lambda x loss among those that the detector looked at.

    In pictures these are ``RDO_TRIALS``.
    """
    if bench.segment.is_sequence:
        return _searched_sequence(bench, mirrored_judges(bench))
    return _searched(bench, [_judge(bench)])


@trait(viewers=("machine",), asks_second=True, in_turn=True)
def rdo_panel(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The same as ``rdo`` with the second detector as a further judge, whose loss counts half.

    See ``SECOND_WEIGHT``.
    """
    assert bench.second is not None, "the method is left out without a second detector"
    second, found = bench.second
    other = Constraint.of(second, bench.pipeline.task_of(second), found, weight=SECOND_WEIGHT)
    return (_searched_sequence if bench.segment.is_sequence else _searched)(bench, [_judge(bench), other])


def _judge(bench: SegmentBench) -> Constraint:
    return Constraint.of(bench.pipeline.detector, bench.pipeline.task, bench.detections)


def _searched(bench: SegmentBench, judges: list[Constraint]) -> list[Coded]:
    points = []
    for lambda_ in LAMBDAS:
        # Each point by itself: what it costs must not depend on those before it.
        rules = SearchRules(trials=RDO_TRIALS, keep=False, factor=float(lambda_))
        with bench.meter.stage("search"):
            found = search_segment(bench.pipeline, bench.segment, Constraints(judges), rules)
        points.append(Coded(f"lambda {lambda_}", found.coder, found.coded, found.trials))
    return points


def _searched_sequence(bench: SegmentBench, judges: list[Constraint]) -> list[Coded]:
    return [
        searched_sequence(bench, f"lambda {lambda_}", SearchRules(keep=False, sequence_factor=float(lambda_)), judges)
        for lambda_ in SEQUENCE_LAMBDAS
    ]
