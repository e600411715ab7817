"""Two commands at the same time: no file of the user's is lost, and what is written is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.pair_suite import PAIRS, run_together

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks and signals are those of POSIX")


@pytest.mark.parametrize("name", PAIRS)
def test_two_at_once(name: str, tmp_path: Path) -> None:
    tally = run_together(PAIRS[name], tmp_path, 1, seed=3)
    assert tally.faults == [] and tally.rounds == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_many_times_two_at_once(name: str, tmp_path: Path) -> None:
    assert run_together(PAIRS[name], tmp_path, 40, seed=4).faults == []
