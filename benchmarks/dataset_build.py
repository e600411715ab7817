"""How much faster ``dataset build`` is than coding one QP after another, and what ``--search`` saves and costs.

    python benchmarks/dataset_build.py --images DIR --detector D [--limit 20] [--qps 0:63] [--rounds 2]

Four ways through the same pictures, taking turns so that a busy moment of the machine hits all of them:

- naive, one thread: one single-threaded encoder process and one detection per picture and QP, in sequence;
- naive, VVenC's threads: the same, the encoder with as many threads as it takes by itself;
- build: ``vcmpipe dataset build``;
- search: ``vcmpipe dataset build --search``.

The first three must give the same strings of found and lost; the labels of the fourth are compared with theirs.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vcmpipe import load_detector, load_encoder
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import DatasetBuildOptions, parse_range
from vcmpipe.datasets.build import build
from vcmpipe.datasets.matched import matched
from vcmpipe.datasets.store import Store
from vcmpipe.encoders import Encoder
from vcmpipe.encoders.vvenc import FfmpegVvenc
from vcmpipe.frames import Frame, find_pictures, read_picture
from vcmpipe.measurement.labels import RULES, fill, label
from vcmpipe.tasks import DetectionTask

WAYS = {
    "single": "naive, one thread",
    "threaded": "naive, VVenC's threads",
    "build": "build",
    "search": "search",
}


@dataclass
class Way:
    """What one way took and what it found."""

    seconds: float = 0.0
    processor: float = 0.0
    encodes: int = 0
    strings: dict[str, np.ndarray] = field(default_factory=dict)
    coded: dict[str, np.ndarray] = field(default_factory=dict)


def processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Clock:
    """Adds the time of a block to a way."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def __enter__(self) -> None:
        self._wall, self._processor = time.perf_counter(), processor_seconds()

    def __exit__(self, *rest: object) -> None:
        self._way.seconds += time.perf_counter() - self._wall
        self._way.processor += processor_seconds() - self._processor


def naive(way: Way, pictures: dict[str, Path], encoder: Encoder, detector_spec: str, qps: tuple[int, ...]) -> None:
    detector = load_detector(detector_spec, jobs=1)
    task = DetectionTask()
    with Clock(way):
        for name, path in pictures.items():
            frame = Frame(0, read_picture(path), name)
            source = detector.detect([frame])[0]
            coder = SegmentCoder(encoder, frame)
            seen = []
            for qp in qps:
                (coded,) = coder.uniform([qp])
                seen.append(detector.detect([coder.decode_still(coded)[0]])[0])
            way.strings[name] = matched(source, seen, task).found
            way.coded[name] = np.array(qps)
            way.encodes += len(qps)


def ours(way: Way, images: Path, names: list[str], options: DatasetBuildOptions) -> None:
    out = Path(options.out)
    with Clock(way):
        build(options)
    store = Store.open(out)
    for name in names:
        record = store.record(name)
        way.strings[name], way.coded[name] = record.found, record.qps
        way.encodes += len(record.qps)
    shutil.rmtree(out)


def print_results(ways: dict[str, Way], qps: tuple[int, ...], cores: int) -> None:
    for name, way in ways.items():
        busy = 100 * way.processor / way.seconds / cores
        print(f"{name:24} {way.seconds:7.1f} s  {way.encodes:6d} encodes  {busy:5.1f} % of {cores} cores busy")
    full = ways["build"]
    for name, requested in (
        ("naive, one thread", f"1.8 requested, {cores} the limit"),
        ("naive, VVenC's threads", "1.25 requested"),
    ):
        if name in ways:
            same = all(np.array_equal(ways[name].strings[each], full.strings[each]) for each in full.strings)
            strings = "identical" if same else "OTHER"
            ratio = ways[name].seconds / full.seconds
            print(f"build against {name}: {ratio:.2f} times faster ({requested}); {strings} strings")
    if "search" in ways:
        print_search(full, ways["search"], qps)


def print_search(full: Way, search: Way, qps: tuple[int, ...]) -> None:
    print(f"search against build:                  {full.seconds / search.seconds:.2f} times faster (3.5 requested)")
    with_objects = [name for name, found in full.strings.items() if len(found)]
    encodes = np.mean([len(search.coded[name]) for name in with_objects])
    print(
        f"search: {encodes:.1f} encodes per picture with objects ({len(with_objects)} of {len(full.strings)}; "
        "16 requested)"
    )
    for rule in RULES:
        try:
            errors = [
                np.abs(label(full.strings[name], np.array(qps), rule)[0] - label(filled, np.array(qps), rule)[0])
                for name in with_objects
                for filled in [fill(search.strings[name], search.coded[name], np.array(qps))]
            ]
        except Exception as error:  # a rule may need all 64 QPs
            print(f"search, rule {rule}: {error}")
            continue
        print(
            f"search, rule {rule}: labels differ by {np.concatenate(errors).mean():.2f} QP on average (1.0 requested)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--qps", default="0:63")
    parser.add_argument("--ways", default=",".join(WAYS), help="which of them: build, and others, comma-separated")
    parser.add_argument("--rounds", type=int, default=2, help="turns that the ways take")
    arguments = parser.parse_args()
    qps = parse_range(arguments.qps, low=0, high=63, what="--qps")
    encoder = load_encoder("vvenc")
    if not isinstance(encoder, FfmpegVvenc):
        raise SystemExit("the comparison is about VVenC in FFmpeg: unset VCMPIPE_VVENC")
    pictures = find_pictures(arguments.images, limit=arguments.limit)
    names = list(pictures)
    ways = {WAYS[name]: Way() for name in ["build", *arguments.ways.split(",")]}
    cores = len(os.sched_getaffinity(0))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {cores} cores, {len(names)} pictures, {len(qps)} QPs")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            part = {name: pictures[name] for name in names[number :: arguments.rounds]}
            images = Path(folder, f"images{number}")
            for name, path in part.items():
                (images / name).parent.mkdir(parents=True, exist_ok=True)
                (images / name).symlink_to(path.resolve())
            for name, threads in (("naive, one thread", 1), ("naive, VVenC's threads", None)):
                if name in ways:
                    naive(ways[name], part, replace(encoder, threads=threads), arguments.detector, qps)
            for name in ways.keys() & {"build", "search"}:
                options = DatasetBuildOptions(
                    images=str(images),
                    out=str(Path(folder, "store")),
                    detector=arguments.detector,
                    qps=arguments.qps,
                    search=name == "search",
                )
                ours(ways[name], images, list(part), options)
    print_results(ways, qps, cores)


if __name__ == "__main__":
    main()
