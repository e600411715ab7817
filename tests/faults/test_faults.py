"""Whatever an encoder does: the right error and exit code, no half output, no program and no file left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fault_suite import SCENARIOS, Scenario, differences, observe

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="process groups, signals and modes are POSIX"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc to look for programs in"),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_fault(scenario: Scenario, tmp_path: Path, pictures: list[bytes], real: Path) -> None:
    seen = observe(scenario, tmp_path, pictures[:2], real)
    if seen is None:
        pytest.skip("a small file system cannot be mounted here")
    assert differences(scenario, seen) == [], seen
