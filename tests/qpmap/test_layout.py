from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcmpipe.bitstream.geometry import RegionLayout
from vcmpipe.errors import InputError
from vcmpipe.frames.yuv import Rect
from vcmpipe.qpmap import MapPolicy, PlanLimits, QpMap, RateModel, RegionOverhead, RegionPlan, build_map, plan_regions
from vcmpipe.qpmap.layout import candidate_cuts


def compositions(total: int) -> list[tuple[int, ...]]:
    """All ways to write ``total`` as an ordered sum of positive numbers."""
    if total == 0:
        return [()]
    return [(first, *rest) for first in range(1, total + 1) for rest in compositions(total - first)]


def every_layout(item: QpMap) -> Iterator[RegionLayout]:
    width, height = -(-item.width // 8) * 8, -(-item.height // 8) * 8
    for columns in compositions(item.cols):
        for bands in itertools.product(compositions(item.rows), repeat=len(columns)):
            try:
                yield RegionLayout(width, height, item.ctu, columns, (item.rows,), bands)
            except InputError:  # a region that VVC or the encoder refuses
                continue


def cost(item: QpMap, rate: RateModel, overhead: RegionOverhead, regions: tuple[Rect, ...]) -> float:
    """Bits of a layout, by the definitions."""
    total = 0.0
    for rect in regions:
        qp = item.at(rect)
        border = rect.width * (rect.y > 0) + rect.height * (rect.x > 0)
        total += rate.of_region(rect, qp) + overhead.fixed_bits + overhead.border_bits(qp) * border
    return total


def random_rate(rng: np.random.Generator, item: QpMap) -> RateModel:
    share = rng.gamma(1.0, 2000.0, (item.rows, item.cols, 1))
    return RateModel(share * 2.0 ** (-np.arange(64) / rng.uniform(4, 9, share.shape)), item.ctu)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 4),
    cols=st.integers(1, 4),
    last=st.tuples(st.sampled_from([2, 8, 20, 32]), st.sampled_from([2, 8, 20, 32])),
    fixed=st.sampled_from([0.0, 20.0, 300.0, 3000.0]),
    most=st.tuples(st.sampled_from([1, 2, 3, 5, 600]), st.sampled_from([1, 2, 20])),
)
def test_plan_is_the_cheapest_of_all_layouts(
    seed: int, rows: int, cols: int, last: tuple[int, int], fixed: float, most: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    width, height = 32 * (cols - 1) + last[0], 32 * (rows - 1) + last[1]
    if (-(-width // 8)) * (-(-height // 8)) < 2:
        return
    levels = rng.integers(15, 55, rng.integers(1, 5))
    item = QpMap.of(rng.choice(levels, (rows, cols)), 32, width, height)
    rate, overhead = random_rate(rng, item), RegionOverhead(fixed, border_scale=float(rng.choice([0.0, 1.0])))
    limits = PlanLimits(max_regions=most[0], max_columns=most[1])
    plan = plan_regions(item, rate, overhead=overhead, limits=limits)

    regions = plan.layout.regions()
    assert len(regions) <= most[0] and len(plan.layout.columns) <= most[1]
    assert plan.qps == tuple(item.at(rect) for rect in regions)
    assert plan.estimated_bits == pytest.approx(cost(item, rate, overhead, regions))
    allowed = [
        layout.regions()
        for layout in every_layout(item)
        if len(layout.columns) <= most[1] and len(layout.regions()) <= most[0]
    ]
    assert plan.estimated_bits == pytest.approx(min(cost(item, rate, overhead, layout) for layout in allowed))


def test_both_bounds_at_once() -> None:
    # A checkerboard of cheap borders wants every CTU alone: both bounds bite.
    rng = np.random.default_rng(5)
    item = QpMap.of(np.indices((4, 4)).sum(0) % 2 * 25 + 20, 32, 128, 128)
    rate, overhead = random_rate(rng, item), RegionOverhead(1.0, 0.0)
    assert len(plan_regions(item, rate, overhead=overhead).qps) == 16
    for regions, columns in ((6, 3), (4, 2), (5, 1), (3, 4)):
        plan = plan_regions(item, rate, overhead=overhead, limits=PlanLimits(regions, columns))
        allowed = [
            layout.regions()
            for layout in every_layout(item)
            if len(layout.columns) <= columns and len(layout.regions()) <= regions
        ]
        assert plan.estimated_bits == pytest.approx(min(cost(item, rate, overhead, layout) for layout in allowed))


def objects(seed: int, width: int, height: int, ctu: int, count: int = 8) -> tuple[QpMap, RateModel]:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.9, (count, 2)) * (width, height)
    size = rng.uniform(0.03, 0.3, (count, 2)) * (width, height)
    item = build_map(np.hstack([low, low + size]), rng.integers(20, 46, count), MapPolicy(), width, height, ctu)
    return item, random_rate(rng, item)


@pytest.mark.parametrize(
    ("width", "height", "ctu", "limits"),
    [
        (640, 480, 32, PlanLimits()),
        (640, 425, 64, PlanLimits()),
        (1001, 667, 32, PlanLimits(max_regions=8)),
        (640, 480, 32, PlanLimits(max_columns=3, max_regions=20)),
        (1920, 1080, 64, PlanLimits()),
        (3840, 2160, 64, PlanLimits()),
        (3840, 2160, 32, PlanLimits()),
    ],
)
def test_plans_of_real_sizes_are_sound(width: int, height: int, ctu: int, limits: PlanLimits) -> None:
    item, rate = objects(3, width, height, ctu)
    plan = plan_regions(item, rate, limits=limits)
    assert 1 < len(plan.qps) <= limits.max_regions and len(plan.layout.columns) <= limits.max_columns
    assert plan.estimated_bits < plan_regions(item, rate, limits=PlanLimits(max_regions=1)).estimated_bits
    actual = plan.actual(item)
    assert (actual.qp <= item.qp).all()
    covered = np.zeros((plan.layout.height, plan.layout.width), int)
    for rect in plan.layout.regions():
        covered[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] += 1
    assert (covered == 1).all()
    assert 0 <= plan.layout.width - width < 8 and 0 <= plan.layout.height - height < 8


def test_more_freedom_never_costs_bits() -> None:
    item, rate = objects(11, 640, 480, 32)
    bits = [plan_regions(item, rate, limits=PlanLimits(max_regions=n)).estimated_bits for n in (1, 2, 4, 8, 16, 600)]
    assert bits == sorted(bits, reverse=True) and bits[0] > bits[-1]


def test_one_region_where_cutting_does_not_pay() -> None:
    item, rate = objects(4, 640, 480, 64)
    whole = RegionLayout.single(640, 480, 64)
    dear = plan_regions(item, rate, overhead=RegionOverhead(1e9))
    assert dear.layout == whole and dear.qps == (item.minimum(),)
    flat = QpMap.uniform(33, 640, 480, 64)
    assert plan_regions(flat, rate, overhead=RegionOverhead(0, 0)).layout == whole


def test_a_corner_too_small_to_code_is_merged() -> None:
    # 72x72 at CTU 64: the last CTU holds 8x8 samples, which no encoder takes alone.
    item = QpMap.of([[50, 50], [50, 20]], 64, 72, 72)
    plan = plan_regions(item, RateModel(np.full((2, 2, 64), 1e6) * 0.8 ** np.arange(64), 64))
    assert min(rect.width * rect.height for rect in plan.layout.regions()) >= 128
    assert plan.actual(item).qp[1, 1] == 20
    with pytest.raises(InputError, match="8x8 is too small to code"):
        plan_regions(QpMap.uniform(20, 8, 8, 64), RateModel(np.ones((1, 1, 64)), 64))


def test_wrong_grids_and_bounds_are_refused() -> None:
    item = QpMap.uniform(20, 128, 128, 64)
    for shape, ctu in (((2, 3, 64), 64), ((2, 2, 64), 32)):
        with pytest.raises(InputError, match="the rate model is for"):
            plan_regions(item, RateModel(np.ones(shape), ctu))
    for bad in ({"max_regions": 0}, {"max_regions": 601}, {"max_columns": 21}, {"max_rectangles": 0}):
        with pytest.raises(InputError, match=f"{next(iter(bad))} is"):
            PlanLimits(**bad)


def test_candidate_cuts_thin_out_where_there_are_too_many() -> None:
    qp = np.full((6, 8), 50, np.int8)
    qp[2:4, 3:5] = 20
    qp[2:4, 6] = 45
    xs, ys = candidate_cuts(qp, 10**6)
    assert xs.tolist() == list(range(9)) and ys.tolist() == list(range(7))
    xs, ys = candidate_cuts(qp, 150)  # of 588: only where the map changes
    assert xs.tolist() == [0, 3, 5, 6, 7, 8] and ys.tolist() == [0, 2, 4, 6]
    xs, ys = candidate_cuts(qp, 36)  # the strongest of those
    assert xs.tolist() == [0, 3, 5, 8] and ys.tolist() == [0, 2, 4, 6]
    xs, ys = candidate_cuts(qp, 1)
    assert xs.tolist() == [0, 8] and ys.tolist() == [0, 6]


def test_a_thinned_search_still_finds_the_object() -> None:
    qp = np.full((30, 40), 51, np.int8)
    qp[10:14, 7:12] = 25
    item = QpMap(qp, 32, 1280, 960)
    rate = RateModel(np.full((30, 40, 64), 5000.0) * 0.87 ** np.arange(64), 32)
    full, thin = plan_regions(item, rate), plan_regions(item, rate, limits=PlanLimits(max_rectangles=100))
    assert thin.estimated_bits == pytest.approx(full.estimated_bits)
    assert (thin.actual(item).qp == item.qp).all()


@pytest.mark.parametrize(
    ("width", "height", "ctu", "seconds"), [(640, 480, 32, 0.03), (1920, 1080, 64, 0.15), (3840, 2160, 32, 0.5)]
)
def test_planning_is_quick(width: int, height: int, ctu: int, seconds: float) -> None:
    item, rate = objects(7, width, height, ctu, 12)

    def took() -> float:
        begin = time.perf_counter()
        assert isinstance(plan_regions(item, rate), RegionPlan)
        return time.perf_counter() - begin

    # The best of several: the machine may be busy with something else.
    assert min(took() for _ in range(5)) < seconds
