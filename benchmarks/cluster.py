"""Measure how encodes spread over the workers of a Dask cluster on this machine: the ratio of throughputs.

    python benchmarks/cluster.py                   prints the table
    python benchmarks/cluster.py --write           puts it into docs/cluster.md
    python benchmarks/cluster.py --workers 1,2     only some

Each worker is a process with one thread, whose encoder and detector have one thread each. Rounds with different numbers
of workers alternate, so that what else runs on the machine falls on all alike; the medians are compared. That all give
the same stream is checked.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from pages import write_part

ROOT = Path(__file__).resolve().parents[1]
PAGE = "cluster.md"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
sys.path.insert(0, str(ROOT))


@contextmanager
def workers(count: int) -> Iterator[str]:
    """The address of a scheduler with so many workers."""
    started: list[subprocess.Popen[str]] = []
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

    def start(*words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], "--no-dashboard"]
        env = os.environ | ONE_THREAD | {"PYTHONPATH": path}
        started.append(subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        return started[-1]

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    assert scheduler.stderr is not None
    address = next(found[0] for line in scheduler.stderr if (found := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
    try:
        for _ in range(count):
            start("worker", address, "--nthreads", "1", "--no-nanny")
        from distributed import Client

        with Client(address) as client:
            client.wait_for_workers(count, timeout=120)
        yield address
    finally:
        for each in started:
            each.kill()
            each.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE}")
    arguments = parser.parse_args()
    os.environ |= ONE_THREAD
    from vcmpipe.commands.encode import encode
    from vcmpipe.config import EncodeOptions
    from vcmpipe.datasets.scenes import render_scene
    from vcmpipe.frames import write_png

    counts = [int(each) for each in arguments.workers.split(",")]
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    streams = set()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in").mkdir()
        for number in range(arguments.pictures):
            # Names that count nothing up: still pictures.
            write_png(Path(folder, "in", f"{chr(ord('a') + number)}.png"), render_scene(910_000 + number).rgb)
        for number in range(arguments.rounds):
            for count in counts if number % 2 == 0 else reversed(counts):
                with workers(count) as address:
                    known = {"detector": "demo", "predictor": "constant", "preset": "slow", "jobs": 1}
                    known |= {"realise": "uniform", "cluster": address}
                    warm = EncodeOptions(input=f"{folder}/in", out=f"{folder}/warm.bin", limit=2 * count, **known)
                    encode(warm)
                    started = time.monotonic()
                    encode(EncodeOptions(input=f"{folder}/in", out=f"{folder}/out.bin", **known))
                    seconds[count].append(time.monotonic() - started)
                    streams.add(Path(folder, "out.bin").read_bytes())
                print(f"{count} workers: {seconds[count][-1]:.1f} s", file=sys.stderr, flush=True)
    medians = {count: statistics.median(own) for count, own in seconds.items()}
    lines = ["| workers | seconds, median (each) | throughput, by that of one worker |", "|--:|---|--:|"]
    for count, own in seconds.items():
        every = ", ".join(f"{each:.1f}" for each in own)
        lines.append(f"| {count} | {medians[count]:.1f} ({every}) | {medians[counts[0]] / medians[count]:.2f} |")
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    about = (
        f"{arguments.pictures} pictures, preset slow, one thread each. Measured on {date.today()} on {os.cpu_count()} "
        f"cores\n({platform.machine()}); load average at the end {load}. Streams: {len(streams)} different."
    )
    text = "\n".join([*lines, "", about])
    if arguments.write:
        write_part(PAGE, "cluster", text)
    else:
        print(text)
    return 0 if len(streams) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
