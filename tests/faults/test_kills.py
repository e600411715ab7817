"""Long commands killed at any moment: no file of the user's changes, and the next runs end as one in one piece."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.kill_suite import CASES, kill_and_resume

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


@pytest.mark.parametrize("name", ["pictures"])
def test_a_few_kills(name: str, tmp_path: Path) -> None:
    tally = kill_and_resume(CASES[name], tmp_path, 3, seed=1)
    assert tally.faults == [] and tally.kills == 3 and tally.ended


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_kills(name: str, tmp_path: Path) -> None:
    tally = kill_and_resume(CASES[name], tmp_path, 50, seed=2)
    assert tally.faults == [] and tally.kills == 50 and tally.ended
