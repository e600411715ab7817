"""Throw hostile streams and hostile files of every other format at what reads them: the table in docs/reliability.md.

    python benchmarks/hostile.py [--streams 10000] [--others 2000] [--seed 1] [--jobs 2] [--write] [--keep FOLDER]

Real files of each format are made of the demo's pictures with the encoders at hand, and spoiled: bits flipped, pieces
cut, repeated, overwritten, fields enlarged; NAL units doubled, swapped and put into other streams, huge Exp-Golomb
codes; in text and JSON other numbers and names, values of other kinds, gone, doubled or nested without end. Every case
comes again by the seed and its number. ``--keep`` puts those that ended in a fault there.

Exit code 1 where there is a fault.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from pages import write_part

ROOT = Path(__file__).resolve().parents[1]
PAGE = "reliability.md"
# Cases that a worker goes through before the next one takes its place.
PART = 250
sys.path.insert(0, str(ROOT / "tests" / "faults"))


def main() -> int:
    from hostile_formats import FORMATS, STREAMS
    from hostile_run import Tally, case, corpus_of, make_corpus, slug, throw

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=10_000, help="hostile streams")
    parser.add_argument("--others", type=int, default=2_000, help="hostile files of every other format")
    parser.add_argument("--only", default="", help="formats whose names hold this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="a folder for the cases that ended in a fault")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE}")
    arguments = parser.parse_args()
    began = time.monotonic()
    tallies = {name: Tally() for name in FORMATS if arguments.only in name}
    parts = []
    for name in tallies:
        last = arguments.streams if name == STREAMS else arguments.others
        parts += [(name, first, min(first + PART, last)) for first in range(0, last, PART)]
    with tempfile.TemporaryDirectory(prefix="hostile-") as place:
        folder = Path(place)
        make_corpus(folder)

        def part(one: tuple[str, int, int]) -> None:
            name, first, last = one
            found = throw(folder, name, arguments.seed, first, last)
            tallies[name].add(found)
            print(f"{name} {first}-{last}: {dict(found.ends)}", file=sys.stderr, flush=True)

        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(part, parts))
        wrong = [(name, *fault) for name, tally in tallies.items() for fault in sorted(tally.faults)]
        for name, number, what in wrong:
            print(f"{name}, case {number}: {what[:600]}", file=sys.stderr)
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                data = case(name, corpus_of(folder, name), arguments.seed, number)
                (arguments.keep / f"{slug(name)}-{number}{FORMATS[name].ending}").write_bytes(data)
    lines = ["| format | cases | refused | accepted | crashes | hangs | written outside | memory |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name, tally in tallies.items():
        ends = tally.ends
        figures = [ends.total(), *(ends[each] for each in ("refused", "accepted", "crash", "hang", "outside"))]
        cells = [name, *(f"{number:,}" for number in figures), f"{tally.memory / 2**20:,.0f} MiB"]
        lines.append(f"| {' | '.join(cells)} |")
    minutes = (time.monotonic() - began) / 60
    lines += ["", f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, seed {arguments.seed}, "
              f"{minutes:.0f} minutes with {arguments.jobs} workers."]  # fmt: skip
    text = "\n".join(lines)
    if arguments.write:
        write_part(PAGE, "hostile", text)
    else:
        print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
