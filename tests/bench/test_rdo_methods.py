"""Methods that weigh bytes against lost accuracy, as the bench runs them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vcmpipe.bench import bench
from vcmpipe.bench.rdo_methods import LAMBDAS, RDO_TRIALS
from vcmpipe.config import BenchOptions


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> BenchOptions:
    folder: Path = tmp_path_factory.mktemp("rdo")
    return BenchOptions(
        images="demo", out=str(folder / "report"), cache=str(folder / "cache"), methods="plain,rdo-open",
        qps="27,37,47", detector="demo", predictor="auto", resamples=0, limit=2, jobs=1, gallery=0, overwrite=True,
    )  # fmt: skip


def test_a_larger_lambda_buys_more(options: BenchOptions) -> None:
    result = bench(options)
    own = result.of("rdo-open")
    assert [point.label for point in own] == [f"lambda {each}" for each in LAMBDAS]
    bytes_ = [point.bytes_per_picture.value for point in own]
    assert bytes_[0] is not None and bytes_[-1] is not None and bytes_[0] < bytes_[3] < bytes_[-1]
    costs = next(method.costs for method in result.methods if method.method == "rdo-open")
    assert costs is not None and costs.predict > 0.0
    # Nothing is tried: a point is one map, coded whole and in regions.
    assert costs.coded <= 2.5


def test_the_closed_loop_tries_what_it_is_charged_for(options: BenchOptions) -> None:
    result = bench(replace(options, methods="plain,rdo", limit=1))
    own = result.of("rdo")
    assert [point.label for point in own] == [f"lambda {each}" for each in LAMBDAS]
    assert all(point.trials == RDO_TRIALS for point in own)
    sizes = [point.bytes_per_picture.value for point in own]
    assert sizes[0] < sizes[-1]
