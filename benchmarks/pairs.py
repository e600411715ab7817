"""Run two commands at the same time where one would do harm, and write what was counted into docs/reliability.md.

    python benchmarks/pairs.py                        prints the table
    python benchmarks/pairs.py --write                puts it into docs/reliability.md
    python benchmarks/pairs.py --rounds 5 sidecar     only some

Exit code 1 where a file was lost, something was half written, or a command ended otherwise than it should.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from pages import write_part

ROOT = Path(__file__).resolve().parents[1]
PAGE = "reliability.md"
HEAD = (
    "| together | rounds | files changed | other ends or outputs | left behind |",
    "|---|--:|--:|--:|--:|",
)
sys.path.insert(0, str(ROOT))


def main() -> int:
    from tests.faults.pair_suite import PAIRS, run_together

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="PAIR", help=f"of {', '.join(PAIRS)}; default: all")
    parser.add_argument("--rounds", type=int, default=40, help="of each (default: 40)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE}")
    arguments = parser.parse_args()
    lines, faults = list(HEAD), []
    for name in arguments.names or PAIRS:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            tally = run_together(PAIRS[name], Path(folder), arguments.rounds, arguments.seed)
        counts = map(len, (tally.changed, tally.odd, tally.left))
        lines.append(f"| {' | '.join(map(str, (PAIRS[name].what, tally.rounds, *counts)))} |")
        print(lines[-1], flush=True)
        faults += [f"{name}: {fault}" for fault in tally.faults]
    lines += ["", f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, seed {arguments.seed}."]
    if arguments.write:
        write_part(PAGE, "pairs", "\n".join(lines))
    for fault in faults:
        print(f"not as expected: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
