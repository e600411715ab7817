"""Try every fault of the fault suite and write what was seen: the table in docs/reliability.md.

    python benchmarks/faults.py            prints the table
    python benchmarks/faults.py --write    puts it into docs/reliability.md

Exit code 1 where something is not as expected.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from pages import write_part

ROOT = Path(__file__).resolve().parents[1]
PAGE = "reliability.md"
sys.path.insert(0, str(ROOT / "tests" / "faults"))


def pictures() -> list[bytes]:
    made = []
    for seed in (1, 2):
        coarse = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), dtype=np.uint8)
        made.append(cv2.imencode(".png", cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC))[1].tobytes())
    return made


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def table() -> tuple[list[str], list[str]]:
    """The table's lines, and what was not as expected."""
    from fault_suite import SCENARIOS, differences, observe

    from vcmpipe.encoders import load_encoder

    os.environ.pop("VCMPIPE_VVENC", None)
    real: Path = load_encoder("vvenc").binary  # type: ignore[attr-defined]
    lines = ["| the encoder | expected | observed | |", "|---|---|---|---|"]
    wrong = []
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            seen = observe(scenario, Path(folder), pictures(), real)
        if seen is None:
            observed, mark = "not tried: no small file system can be mounted here", "-"
        else:
            found = differences(scenario, seen)
            observed, mark = seen.text(), "no" if found else "yes"
            wrong += [f"{scenario.what}: {', '.join(found)}"] if found else []
        lines.append(f"| {cell(scenario.what)} | {cell(scenario.expected())} | {cell(observed)} | {mark} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE}")
    arguments = parser.parse_args()
    lines, wrong = table()
    text = "\n".join(lines)
    if arguments.write:
        write_part(PAGE, "faults", text)
    else:
        print(text)
    for line in wrong:
        print(f"not as expected: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
