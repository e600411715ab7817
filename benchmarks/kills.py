"""Kill every long command at random moments, go on each time, and write what was counted into docs/reliability.md.

    python benchmarks/kills.py                     prints the table
    python benchmarks/kills.py --write             puts each row into docs/reliability.md when it is there
    python benchmarks/kills.py --kills 5 pictures  only some

Exit code 1 where a file changed, an output was half written, or a result was another one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from pages import read_part, write_part

ROOT = Path(__file__).resolve().parents[1]
PAGE = "reliability.md"
HEAD = (
    "| command | kills | ended | files of the user changed | outputs half written | other results | left behind | on |",
    "|---|--:|--:|--:|--:|--:|--:|---|",
)
sys.path.insert(0, str(ROOT))


def write(row: str, order: list[str]) -> None:
    """Put a command's row into the page, in the place of an older one."""
    rows = [line for line in (*read_part(PAGE, "kills").splitlines(), row) if line.startswith("| `")]
    by_command = {line.split(" | ")[0].removeprefix("| "): line for line in rows}
    lines = [*HEAD, *(by_command[what] for what in order if what in by_command)]
    write_part(PAGE, "kills", "\n".join(lines))


def main() -> int:
    from tests.faults.kill_suite import CASES, kill_and_resume

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--kills", type=int, default=50, help="of each command (default: 50)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE}")
    arguments = parser.parse_args()
    faults = []
    for name in arguments.names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            tally = kill_and_resume(CASES[name], Path(folder), arguments.kills, arguments.seed)
        counts = [len(part) for part in (tally.changed, tally.half, tally.other, tally.left)]
        row = f"| {' | '.join(map(str, (CASES[name].what, tally.kills, tally.ended, *counts, date.today())))} |"
        print(row, flush=True)
        if arguments.write:
            write(row, [case.what for case in CASES.values()])
        faults += [f"{name}: {fault}" for fault in tally.faults]
    for fault in faults:
        print(f"not as expected: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
