"""vcmpipe's own share of the time that an encode takes, and its memory on a long folder.

    python benchmarks/overhead.py --images DIR --detector D [--limit 100]

Codes the pictures one after another, so that times add up, with a clock around every call of the encoder and the
detector; what is left is vcmpipe's own (reading, colour, planning, merging, decoding, writing). With --memory N a
separate process codes a folder of N pictures (the same ones over and over), and its peak memory is printed.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vcmpipe import EncodeOptions, load_detector, load_encoder, open_source
from vcmpipe.coding.pipeline import Pipeline, encode_segment
from vcmpipe.coding.segment import Segment


class Timed:
    """Anything, with the time spent in one of its methods added up."""

    def __init__(self, inner: object, method: str) -> None:
        self._inner, self._method, self.seconds = inner, method, 0.0

    def __getattr__(self, name: str) -> object:
        value = getattr(self._inner, name)
        if name != self._method:
            return value

        def call(*args: object) -> object:
            start = time.perf_counter()
            try:
                return value(*args)
            finally:
                self.seconds += time.perf_counter() - start

        return call


def own_share(options: EncodeOptions, profile: bool) -> None:
    encoder = Timed(load_encoder(options.encoder), "encode")
    detector = Timed(load_detector(options.detector or "demo", jobs=1), "detect")
    pipeline = Pipeline(options, encoder=encoder, detector=detector)  # type: ignore[arg-type]
    profiler = cProfile.Profile()
    start = time.perf_counter()
    if profile:
        profiler.enable()
    count = 0
    for frame in open_source(options.input, limit=options.limit):
        encode_segment(pipeline, Segment.still(frame), detector.detect([frame]), check=True)  # type: ignore[operator]
        count += 1
    profiler.disable()
    total = time.perf_counter() - start
    own = total - encoder.seconds - detector.seconds
    print(
        f"{count} pictures in {total:.1f} s: encoder {encoder.seconds:.1f} s, detector {detector.seconds:.1f} s, "
        f"vcmpipe {own:.1f} s = {100 * own / total:.1f} % (at most 15 % is requested)"
    )
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def memory(options: EncodeOptions, count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "frames"
        folder.mkdir()
        sources = sorted(Path(options.input).glob("*.jpg"))
        for i in range(count):
            source = sources[i % len(sources)]
            (folder / f"{i:05d}{source.suffix}").symlink_to(source.resolve())
        argv = [sys.executable, "-m", "vcmpipe", "encode", "--input", str(folder), "--out", f"{name}/out.bin"]
        start = time.perf_counter()
        subprocess.run([*argv, "--detector", str(options.detector), "--predictor", "constant:44"], check=True)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{count} pictures in one folder: peak {peak:.0f} MiB of the largest process in {seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--predictor", default="constant")
    parser.add_argument("--memory", type=int, default=0, help="also code a folder of that many pictures")
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    options = EncodeOptions(
        input=args.images, out="unused", detector=args.detector, predictor=args.predictor, limit=args.limit, jobs=1
    )
    own_share(options, args.profile)
    if args.memory:
        memory(options, args.memory)


if __name__ == "__main__":
    main()
