"""Pictures coded whole at scales x QPs, and what detectors and their views find in each version.

The table that the studies of losses (``loss_forms.py``), of searches (``loss_surface.py``) and of panels (``panel.py``)
count in: one file per picture, made once and gone on with where it stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import supervision as sv
from numpy.typing import NDArray

from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection import Detector, load_detector
from vcmpipe.detection.views import VIEWS, viewed
from vcmpipe.encoders import Encoder, load_encoder
from vcmpipe.errors import VcmError
from vcmpipe.frames import Frame, find_pictures, open_source, scaled_size
from vcmpipe.process import publish

SCALES = (1.0, 0.8, 0.65, 0.5, 0.35)
QPS = tuple(range(18, 55, 3))
BENCH_SET = 40
"""The pictures with the smallest names: nothing is fitted to them."""


@dataclass(frozen=True, eq=False)
class Table:
    """One picture, V versions, and D detectors.

    Attributes:
        name: File name.
        scale: (V,) the scale of each; the sources, uncoded, come first, one per scale, with QP -1 and no bits.
        qp: (V,) its QP.
        bits: (V,) what it took.
        found: By detector and version what is found, boxes in source pixels.
    """

    name: str
    scale: NDArray[np.float64]
    qp: NDArray[np.int64]
    bits: NDArray[np.int64]
    found: dict[str, list[sv.Detections]]

    @property
    def source(self) -> dict[str, sv.Detections]:
        """By detector what it finds in the source."""
        place = int(np.flatnonzero((self.qp < 0) & (self.scale == 1.0))[0])
        return {name: own[place] for name, own in self.found.items()}

    @property
    def coded(self) -> NDArray[np.int64]:
        """Places of the versions that were coded."""
        return np.flatnonzero(self.qp >= 0)


def detectors_of(paths: Sequence[Path], views: Sequence[str]) -> dict[str, Detector]:
    """The detectors by their files' names, the views of the first one by theirs, of another one by both."""
    plain = {path.stem: load_detector(str(path), jobs=1) for path in paths}
    (_, first), *others = plain.items()
    seen = {name: viewed(first, name) for name in views}
    return plain | seen | {f"{stem}-{name}": viewed(own, name) for stem, own in others for name in views}


def make(path: Path, encoder: Encoder, detectors: dict[str, Detector], ladder: Sequence[int] = QPS) -> Table:
    """Code a picture at every scale and QP, and detect in all of it."""
    (frame,) = open_source(str(path))
    scales, qps, bits = [], [], []
    found: dict[str, list[sv.Detections]] = {name: [] for name in detectors}

    def look(shown: Frame) -> None:
        for name, detector in detectors.items():
            found[name] += detector.detect([shown])

    versions = []
    for scale in SCALES:
        size = scaled_size(frame.width, frame.height, scale)
        coder = SegmentCoder(encoder, Segment.still(frame), coded_size=size)
        scales.append(scale), qps.append(-1), bits.append(0)
        look(frame if scale == 1.0 else coder.uncoded())
        try:
            versions.append((scale, coder, coder.uniform(ladder)))
        except VcmError as error:
            print(f"{path.name} at {scale}: {error}")
    for scale, coder, coded in versions:
        for each in coded:
            scales.append(scale), qps.append(each.qps[0]), bits.append(each.bits)
            look(coder.decode_still(each).frame)
    return Table(path.name, np.array(scales), np.array(qps), np.array(bits), found)


def save(file: Path, table: Table) -> None:
    """Publish a table whole, or not at all."""
    arrays: dict[str, NDArray] = {"scale": table.scale, "qp": table.qp, "bits": table.bits}
    for name, own in table.found.items():
        arrays[f"{name}.count"] = np.array([len(each) for each in own])
        arrays[f"{name}.xyxy"] = np.concatenate([each.xyxy for each in own])
        arrays[f"{name}.score"] = np.concatenate([each.confidence for each in own])
        arrays[f"{name}.class"] = np.concatenate([each.class_id for each in own])
    with publish(file) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load(file: Path) -> Table:
    """A picture's table."""
    with np.load(file) as stored:
        found = {}
        for key in stored.files:
            name, _, kind = key.rpartition(".")
            if kind != "count":
                continue
            ends = np.cumsum(stored[key])[:-1]
            parts = [np.split(stored[f"{name}.{kind}"], ends) for kind in ("xyxy", "score", "class")]
            found[name] = [
                sv.Detections(box.reshape(-1, 4), confidence=score, class_id=number.astype(int))
                for box, score, number in zip(*parts, strict=True)
            ]
        return Table(file.name.removesuffix(".npz"), stored["scale"], stored["qp"], stored["bits"], found)


def tables(folder: Path, pictures: Sequence[str] | None = None) -> list[Table]:
    """All tables of a folder, or those of some pictures."""
    files = sorted(folder.glob("*.npz"))
    return [load(file) for file in files if pictures is None or file.name.removesuffix(".npz") in pictures]


def collect(
    paths: Sequence[Path], folder: Path, detectors: dict[str, Detector], jobs: int, ladder: Sequence[int] = QPS
) -> Iterator[str]:
    """Make the tables that a folder does not have yet."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = load_encoder("vvenc")

    def one(path: Path) -> str:
        save(folder / f"{path.name}.npz", make(path, encoder, detectors, ladder))
        return path.name

    missing = [path for path in paths if not (folder / f"{path.name}.npz").is_file()]
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, missing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--detectors", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder for the tables")
    parser.add_argument("--views", nargs="*", default=["flip", "shrink"], choices=list(VIEWS))
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--bench-set", action="store_true", help="the bench set alone; default: all but it")
    part.add_argument("--all", action="store_true", help="every picture: the folder has none of the bench set")
    parser.add_argument("--every", type=int, default=1, help="take only every so many QPs: for tables to learn from")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    found = find_pictures(args.images)
    names = sorted(found)
    if not args.all:
        names = names[:BENCH_SET] if args.bench_set else names[BENCH_SET:]
    paths = [found[name] for name in names[: args.limit]]
    done = len(paths) - sum(not (args.out / f"{path.name}.npz").is_file() for path in paths)
    for name in collect(paths, args.out, detectors_of(args.detectors, args.views), args.jobs, QPS[:: args.every]):
        done += 1
        print(f"{done}/{len(paths)} {name}", flush=True)


if __name__ == "__main__":
    main()
