"""Regret against the definition, by hand and one picture at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from bench_made import make_observations, make_outcomes

from vcmpipe.bench import BenchResult, files
from vcmpipe.bench.breakdowns import regret
from vcmpipe.bench.observations import Kept, Observations
from vcmpipe.bench.regret import cheapest_whole, least_regrets, regrets
from vcmpipe.bench.statistics import summarise
from vcmpipe.evaluation import draw

Make = Callable[..., BenchResult]
POINTS = [("plain", "QP 22"), ("plain", "QP 47"), ("verified", "no reserve"), ("verified", "QP margin 2")]


def observed(bits: Sequence[Sequence[int]], kept: Sequence[Sequence[int]], total: Sequence[int]) -> Observations:
    """Pictures at these points, (P, N)."""
    made = make_observations(
        make_outcomes([(*point, 100.0, 1) for point in POINTS[: len(bits)]], objects=1, pictures=len(total))
    )
    return dataclasses.replace(made, bits=np.array(bits), objects=Kept(np.array(total), np.array(kept)))


FOUR = observed(
    bits=[[800, 900, 1000, 500], [100, 300, 200, 100], [200, 300, 250, 400], [220, 270, 260, 400]],
    kept=[[2, 1, 3, 0], [1, 1, 2, 0], [2, 1, 3, 0], [2, 1, 3, 0]],
    total=[2, 1, 3, 0],
)


def test_of_every_picture_the_cheapest_version_that_keeps_all() -> None:
    # The second picture is kept by all; of the last, which has no object, none is cheapest.
    assert cheapest_whole(FOUR).tolist() == [2, 3, 2, -1]


def test_regret_by_hand() -> None:
    plain, none, reserve = regrets(FOUR, draw(4, 0, 0))
    assert [(each.method, each.label) for each in (plain, none, reserve)] == [POINTS[0], POINTS[2], POINTS[3]]
    least = 200 + 270 + 250
    assert plain.total.value == pytest.approx(100 * (2700 / least - 1))
    assert none.total.value == pytest.approx(100 * (750 / least - 1))
    assert (none.pictures, none.missed, none.cheaper) == (3, 0, 0)  # of the second plain needs as much
    assert (none.worst, none.worst_picture) == (pytest.approx(100 / 9), "p1.png")
    assert (none.worst_method, none.worst_label) == POINTS[3]
    assert (plain.cheaper, plain.worst, plain.worst_picture) == (3, 300.0, "p0.png")
    assert (reserve.cheaper, reserve.worst_picture) == (0, "p0.png")
    assert least_regrets([plain, none, reserve]) == [plain, none]


def test_a_picture_that_a_point_misses_takes_no_part_in_its_regret() -> None:
    total = [1] * 40
    bits = [[900] * 40, [100] * 40, [200] * 40]
    kept = [[1] * 40, [0] * 38 + [1] * 2, [1] * 38 + [0] * 2]
    plain, verified = regrets(observed(bits, kept, total), draw(40, 0, 0))
    assert (verified.pictures, verified.missed, verified.total.value) == (38, 2, pytest.approx(0.0))
    assert (plain.pictures, plain.missed, plain.cheaper) == (40, 0, 38)
    kept[2] = [1] * 37 + [0] * 3
    (alone,) = regrets(observed(bits, kept, total), draw(40, 0, 0))
    assert alone.method == "plain", "what loses objects in more than 0.05 of the pictures does not keep everything"


def test_every_draw_has_its_own_regret() -> None:
    weights = draw(4, 300, 3)
    none = regrets(FOUR, weights)[1]
    bits, least = np.array([200, 300, 250]), np.array([200, 270, 250])
    with np.errstate(invalid="ignore"):
        drawn = 100 * ((weights[:, :3] @ bits) / (weights[:, :3] @ least) - 1)[1:]
    known = np.sort(drawn[np.isfinite(drawn)])
    assert none.total.low == known[0] == 0.0 and none.total.high in known
    # A draw of nothing but the picture without objects.
    assert none.total.undefined.get("no_objects", 0.0) == np.isnan(drawn).mean()
    assert summarise(FOUR, ("plain",), resamples=300, seed=3).regrets[1] == none


@pytest.mark.parametrize(("points", "objects"), [([], 0), ([("plain", "a", 5e3, 0)], 0), ([("jrd", "a", 5e3, 0)], 10)])
def test_where_nothing_is_kept_whole_there_is_no_regret(bench_result: Make, points: list, objects: int) -> None:
    result = bench_result(points, objects=objects, truth=False)
    assert result.regrets == [] and regret(result) is None
    assert all(picture.cheapest is None for picture in result.per_picture)


def test_the_report_and_the_files_have_it(bench_result: Make) -> None:
    points = [("plain", "a", 9e3, 100), ("plain", "b", 8e3, 100), ("verified", "no reserve", 4e3, 100)]
    result = bench_result([*points, ("jrd", "a", 2e3, 91)])
    table = regret(result)
    assert table is not None and [row[:3] for row in table.rows] == [
        ("plain", "b", "10 of 10"),
        ("verified", "no reserve", "10 of 10"),
    ]
    # Nine pictures lose an object at the cheapest point, the last one does not.
    assert result.method("jrd") and [picture.cheapest for picture in result.per_picture] == [2] * 9 + [3]
    assert table.rows[1][4] == "1" and table.rows[1][5] == "+100.0 %\np9.png\njrd, a"
    records = {
        (each["picture"], each["method"], each["label"]): each["regret"] for each in files.picture_records(result)
    }
    assert records["p0.png", "jrd", "a"] is None and records["p0.png", "verified", "no reserve"] == 0.0
    assert records["p9.png", "verified", "no reserve"] == pytest.approx(100.0)
    assert records["p0.png", "plain", "a"] == pytest.approx(125.0)
    raw = result.to_dict()["regrets"]
    assert [each["label"] for each in raw] == ["a", "b", "no reserve"] and raw[2]["worst_picture"] == "p9.png"
