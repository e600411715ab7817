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


def test_the_documentation_has_the_table() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reliability.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split(" | ")] for line in page if line.startswith("| ")]
    table = {row[0].removeprefix("| "): row for row in rows}
    for scenario in SCENARIOS:
        row = table.get(scenario.what, ["", ""])
        assert row[1] == scenario.expected() and row[-1].rstrip(" |") == "yes", (
            f"run benchmarks/faults.py --write: {row}"
        )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_fault(scenario: Scenario, tmp_path: Path, pictures: list[bytes], real: Path) -> None:
    seen = observe(scenario, tmp_path, pictures[:2], real)
    if seen is None:
        pytest.skip("a small file system cannot be mounted here")
    assert differences(scenario, seen) == [], seen
