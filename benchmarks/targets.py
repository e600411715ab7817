"""Whether ``encode --target`` reaches what it was asked for: every kind, in the open and the closed loop.

python benchmarks/targets.py --images DIR --count 20 --video clip.mp4 --detector yolox_nano.onnx
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from vcmpipe import EncodeOptions, encode

CLOSED = {"loop": "closed", "objective": "accuracy"}
CASES = [
    ("retention=0.95", CLOSED),
    ("accuracy=0.9", CLOSED),
    ("bytes=4000", CLOSED),
    ("retention=0.95", {"loop": "closed"}),
    ("bytes=4000", {"objective": "accuracy"}),
    ("accuracy=0.8", {"objective": "accuracy"}),
    ("retention=0.95", {}),
    ("bytes=6000", {}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--video")
    parser.add_argument("--frames", type=int, default=66)
    parser.add_argument("--detector", required=True)
    args = parser.parse_args()
    print("| input | loop, objective | target | reached | dial | passes | seconds |\n|---|---|---|---:|---|---:|---:|")
    cases = [(args.images, args.count, *case) for case in CASES]
    if args.video:
        cases += [(args.video, args.frames, target, {}) for target in ("bitrate=60", "retention=0.9")]
    with tempfile.TemporaryDirectory() as folder:
        for source, limit, target, more in cases:
            started = time.monotonic()
            options = EncodeOptions(
                input=source,
                out=str(Path(folder) / "x.bin"),
                detector=args.detector,
                limit=limit,
                target=target,
                **more,
            )
            found = encode(options).target
            assert found is not None
            way = f"{more.get('loop', 'open')}, {more.get('objective', 'objects')}"
            reached = f"{found.reached:.3f}" if found.value <= 1 else f"{found.reached:,.0f}"
            missed = "" if found.met else " (missed)"
            print(
                f"| {Path(source).name} | {way} | {target} | {reached}{missed} | {found.dial} {found.at:,.0f} | "
                f"{found.passes} | {time.monotonic() - started:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
