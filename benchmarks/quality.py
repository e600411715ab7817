"""What ``encode --quality`` keeps and costs: bytes, objects, AP, a second detector, encodes and seconds per picture.

python benchmarks/quality.py --images DIR --first 40 --count 12 --detector yolox_nano.onnx --second fastestdet.onnx
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import supervision as sv

from vcmpipe import DecodeOptions, EncodeOptions, decode, encode, load_detector, load_encoder, open_source, retention
from vcmpipe.config.quality import QUALITIES, Quality
from vcmpipe.detection import Detector
from vcmpipe.evaluation import coco_accuracy, pseudo_truth
from vcmpipe.frames import find_pictures


class Counting:
    """An encoder that counts the pictures it codes."""

    def __init__(self, encoder: Any) -> None:
        self._encoder, self.count = encoder, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, jobs: Sequence[Any], **more: Any) -> Any:
        """As the encoder does."""
        self.count += len(jobs)
        return self._encoder.encode(jobs, **more)


def detected(detector: Detector, folder: Path) -> list[sv.Detections]:
    """What a detector finds in the pictures of a folder, in their order."""
    return [detector.detect([frame])[0] for frame in open_source(folder)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--first", type=int, default=40, help="pictures left out; the first 40 are the bench set")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--second", required=True)
    args = parser.parse_args()
    first, second = load_detector(args.detector, min_score=0.01), load_detector(args.second, min_score=0.01)
    print("| quality | bytes per picture | kept | AP | kept, second detector | encodes | seconds |", flush=True)
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source").mkdir()
        for path in list(find_pictures(args.images).values())[args.first :][: args.count]:
            shutil.copy(path, folder / "source")
        source, other = detected(first, folder / "source"), detected(second, folder / "source")
        truth = pseudo_truth({str(n): each for n, each in enumerate(source)}, first.classes)
        qualities: list[Quality] = list(QUALITIES)
        for quality in qualities:
            encoder, began = Counting(load_encoder("vvenc")), time.monotonic()
            options = EncodeOptions(
                input=str(folder / "source"), out=str(folder / "x.bin"), detector=args.detector, quality=quality
            )
            sidecar = encode(options, encoder=encoder)
            seconds = time.monotonic() - began
            decode(DecodeOptions(input=str(folder / "x.bin"), out=str(folder / quality)))
            found, others = detected(first, folder / quality), detected(second, folder / quality)
            accuracy = coco_accuracy(truth, {str(n): each for n, each in enumerate(found)}, first.classes)
            kept, under = retention(zip(source, found, strict=True)), retention(zip(other, others, strict=True))
            costs = f"{encoder.count / len(source):.1f} | {seconds / len(source):.1f}"
            keeps = f"{kept.kept} of {kept.total} | {accuracy.ap:.3f} | {under.kept} of {under.total}"
            print(f"| `{quality}` | {sidecar.bytes / len(source):,.0f} | {keeps} | {costs} |", flush=True)


if __name__ == "__main__":
    main()
