"""Whole clips coded in many ways, and what detectors find in each: the table that the figures on video are counted in.

A way is how a clip is cut, a scale, a QP and a preset. One file per clip and way, made once, and gone on with where it
stopped:

    python benchmarks/video_trials.py CLIPS --detectors yolox_nano.onnx fastestdet.onnx --out FOLDER \
        --ways ra32@27:47:5 10s@30:50:4 10s*0.5@30:50:4

``raN`` codes a clip in one go with an intra picture every N frames, ``default`` with the encoder as it comes, ``Ns`` in
segments of N seconds, ``scene`` in one per scene, ``intra`` in intra pictures; ``*`` and a scale, ``/`` and a preset
may follow; ``@`` and the QPs end it. The first detector also looks at the mirrored picture (``flip``).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from time import monotonic, process_time
from typing import NamedTuple

import numpy as np
import supervision as sv
from numpy.typing import NDArray

from vcmpipe.coding.cutting import Cutting
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import parse_range
from vcmpipe.detection import Detector, load_detector
from vcmpipe.detection.views import viewed
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import Frame, open_source, scaled_size
from vcmpipe.process import publish

_WAY = re.compile(r"(?P<cut>ra\d+|\d+s|scene|default|intra)(\*(?P<scale>[\d.]+))?(/(?P<preset>\w+))?@(?P<qps>[\d:,]+)")
_BATCH = 16
# Long enough for any scene.
_ENDLESS = 1e6


class Way(NamedTuple):
    """How a clip is coded."""

    cut: str
    scale: float
    preset: str
    qp: int

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.cut}_{self.scale:g}_{self.preset}_{self.qp}"


@dataclass(frozen=True, eq=False)
class Version:
    """A clip in one way, or as it is.

    Attributes:
        bits: (F,) what each frame's access unit took.
        starts: The first frame of each segment.
        seconds: What coding took, wall time.
        found: By detector and frame what is found.
    """

    bits: NDArray[np.int64]
    starts: NDArray[np.int64]
    seconds: float
    found: dict[str, list[sv.Detections]]

    @cached_property
    def bytes(self) -> int:
        """What all of it took."""
        return int(self.bits.sum()) // 8


def ways_of(texts: Sequence[str]) -> Iterator[Way]:
    """The ways that some texts name, in their order."""
    for text in texts:
        match = _WAY.fullmatch(text)
        if match is None:
            raise SystemExit(f"{text}: write CUT[*SCALE][/PRESET]@QPS, such as 10s*0.5@30:50:4")
        qps = parse_range(match["qps"], low=0, high=63, what=text)
        for qp in qps:
            yield Way(match["cut"], float(match["scale"] or 1), match["preset"] or "faster", qp)


def segments_of(frames: Sequence[Frame], rate: Fraction, cut: str) -> list[Segment]:
    """The clip's segments in a way."""
    if cut == "intra":
        return [Segment(0, frames, "intra", rate)]
    if cut.startswith("ra") or cut == "default":
        return [Segment(0, frames, "random-access", rate, int(cut[2:]) if cut != "default" else None)]
    seconds = _ENDLESS if cut == "scene" else float(cut[:-1])
    cutting = Cutting("random-access", seconds, rate)
    return [segment for segment, _ in cutting.segments((frame, None) for frame in frames)]


def look(detectors: dict[str, Detector], frames: Iterator[Frame]) -> dict[str, list[sv.Detections]]:
    """What every detector finds in every frame."""
    found: dict[str, list[sv.Detections]] = {name: [] for name in detectors}
    batch: list[Frame] = []

    def flush() -> None:
        for name, detector in detectors.items():
            found[name] += detector.detect(batch)
        batch.clear()

    for frame in frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            flush()
    if batch:
        flush()
    return found


def make(frames: Sequence[Frame], rate: Fraction, way: Way, detectors: dict[str, Detector]) -> Version:
    """Code a clip in one way, and look at it."""
    encoder = load_encoder("vvenc")
    bits, starts, shown, seconds = [], [], [], 0.0
    for segment in segments_of(frames, rate, way.cut):
        size = scaled_size(segment.width, segment.height, way.scale)
        plain = way.cut != "default"
        coder = SegmentCoder(encoder, segment, coded_size=size, preset=way.preset, constant_qp=plain)
        started = monotonic()
        (coded,) = coder.uniform([way.qp])
        seconds += monotonic() - started
        starts.append(sum(map(len, bits)))
        units = sorted(coded.units, key=lambda unit: unit.presentation)
        bits.append([unit.bits for unit in units])
        shown.append((coder, coded))
    decoded = (each.frame for coder, coded in shown for each in coder.decode(coded))
    found = look(detectors, decoded)
    return Version(np.concatenate(bits), np.array(starts), seconds, found)


def save(path: Path, version: Version) -> None:
    """Write a version."""
    arrays = {"bits": version.bits, "starts": version.starts, "seconds": np.array(version.seconds)}
    for name, found in version.found.items():
        arrays[f"{name}.frame"] = np.repeat(np.arange(len(found)), [len(own) for own in found])
        arrays[f"{name}.xyxy"] = np.concatenate([own.xyxy for own in found]).astype(np.float32)
        arrays[f"{name}.score"] = np.concatenate([own.confidence for own in found]).astype(np.float32)
        arrays[f"{name}.class"] = np.concatenate([own.class_id for own in found]).astype(np.int16)
    with publish(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: Path) -> Version:
    """Read a version back."""
    with np.load(path) as values:
        frames = len(values["bits"])
        names = [key.removesuffix(".frame") for key in values.files if key.endswith(".frame")]
        found = {}
        for name in names:
            every = sv.Detections(
                values[f"{name}.xyxy"],
                confidence=values[f"{name}.score"],
                class_id=values[f"{name}.class"].astype(np.int64),
            )
            edges = np.searchsorted(values[f"{name}.frame"], np.arange(frames + 1))
            found[name] = [every[a:b] for a, b in pairwise(edges)]
        return Version(values["bits"], values["starts"], float(values["seconds"]), found)


def main() -> None:
    """Make the table of each clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--detectors", nargs="+", required=True)
    parser.add_argument("--ways", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    first, *others = [load_detector(spec, jobs=1) for spec in args.detectors]
    detectors = {Path(args.detectors[0]).stem: first, "flip": viewed(first, "flip")}
    detectors |= {Path(spec).stem: other for spec, other in zip(args.detectors[1:], others, strict=True)}
    ways = list(ways_of(args.ways))
    for clip in args.clips:
        source = open_source(str(clip), limit=args.limit)
        rate = source.info.rate
        frames = list(source)
        folder = args.out / clip.stem
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / "source.npz"
        if not own.exists():
            found = look(detectors, iter(frames))
            save(own, Version(np.zeros(len(frames), np.int64), np.zeros(1, np.int64), float(rate), found))
        for way in ways:
            path = folder / f"{way.name}.npz"
            if path.exists():
                continue
            started, spent = monotonic(), process_time()
            version = make(frames, rate, way, detectors)
            save(path, version)
            took = monotonic() - started
            print(
                f"{clip.stem} {way.name}: {version.bytes:,} B, coded in {version.seconds:.1f} s, all {took:.1f} s "
                f"({process_time() - spent:.1f} s CPU)",
                flush=True,
            )


if __name__ == "__main__":
    main()
