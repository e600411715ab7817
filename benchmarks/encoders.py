"""Four encoders by the same maps, and by thresholds of their own: bytes, retention and what coding costs.

    python benchmarks/encoders.py PICTURES... --detector yolox_nano.onnx [--programs FOLDER] [--side 256 --step 4]

Each picture's objects get thresholds by ``measured`` with VVenC; from them comes one map (QPs up to 51, CTUs of 64),
which every encoder is given, bent to what it can say, by ``--realise auto``. Then each encoder measures thresholds of
its own and codes by the map that they give. ``plain`` is the encoder at QP 32 everywhere. Retention is that of objects
found again; time is the processor time of the encoder's processes for the same map (its ways to realise it all
together), over VVenC's. ``--side`` scales pictures down to that longer side first, for reference encoders.

Programs are ``uvg266``, ``kvazaar`` and ``EncoderAppStatic`` (VTM) in ``--programs``; what is not there is left out,
but for kvazaar, which FFmpeg has.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast

import numpy as np

from vcmpipe import Frame, InputError, Pipeline, QpMap, SegmentCoder, load_detector, load_encoder, open_source
from vcmpipe.coding.segment_coder import Realisation
from vcmpipe.config import PipelineOptions
from vcmpipe.encoders import Encoder, Job
from vcmpipe.encoders.command import identify
from vcmpipe.encoders.description import read_description
from vcmpipe.encoders.discovery import _DESCRIPTIONS
from vcmpipe.frames import scale_rgb, scaled_size
from vcmpipe.measurement.measured import MeasuredPredictor
from vcmpipe.process.replaced import Replaced
from vcmpipe.tasks import Reference

MOST, CTU, PLAIN = 51, 64, 32


class Clock:
    """Processor time in seconds that the processes of an encoder have taken."""

    def __init__(self, encoder: Encoder) -> None:
        self.seconds = 0.0

        def encode(jobs: Sequence[Job]) -> list[bytes]:
            before = _children()
            try:
                return encoder.encode(jobs)
            finally:
                self.seconds += _children() - before

        self.encoder = cast("Encoder", Replaced(encoder, encode=encode))


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Coded:
    """One picture coded in one way."""

    bytes: int
    kept: int
    seconds: float
    how: str


def encoders(folder: Path | None) -> list[Encoder]:
    """VVenC, and of the others what there is."""
    found = [load_encoder("vvenc")]
    for name in ("uvg266", "kvazaar", "vtm"):
        description = read_description(_DESCRIPTIONS / f"{name}.toml")
        path = folder / description.program if folder else None
        if path is not None and path.is_file():
            encoder, reason = identify(description, path)
            if encoder is None:
                raise InputError(f"{path} {reason}")
            found.append(encoder)
        elif name == "kvazaar":
            found.append(load_encoder(name))
    return found


def pictures(paths: Sequence[str], side: int | None) -> list[Frame]:
    """The pictures, scaled down to a longer side where one is given."""
    frames = [frame for path in paths for frame in open_source(path)]
    if side is None:
        return frames
    small = []
    for frame in frames:
        size = scaled_size(frame.width, frame.height, min(1.0, side / max(frame.width, frame.height)))
        small.append(Frame(frame.index, scale_rgb(frame.rgb, size), frame.source))
    return small


def code(
    clock: Clock, frame: Frame, requested: QpMap, way: Realisation, reference: Reference, pipeline: Pipeline
) -> Coded:
    """Code a picture by a map, and look at it."""
    coder, before = SegmentCoder(clock.encoder, frame, ctu=CTU), clock.seconds
    coded = coder.by_map(requested, way)
    seconds = clock.seconds - before
    again = pipeline.detector.detect([coder.decode_still(coded).frame])
    kept = np.count_nonzero(pipeline.task.compare(reference, again).kept)
    return Coded(len(coded.data), int(kept), seconds, coded.realisation)


def main() -> None:
    """Code all pictures and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--programs", type=Path)
    parser.add_argument("--side", type=int)
    parser.add_argument("--step", type=int, default=2)
    options = parser.parse_args()
    detector = load_detector(options.detector)
    predictor = MeasuredPredictor(f"18:50:{options.step}", detector=detector)
    settings = PipelineOptions(ctu=CTU, jobs=1)
    every = [Clock(encoder) for encoder in encoders(options.programs)]
    pipelines = [
        Pipeline(settings, scale="1", detector=detector, predictor=predictor, encoder=each.encoder) for each in every
    ]
    rows: dict[tuple[str, str], list[Coded]] = defaultdict(list)
    objects = 0
    for frame in pictures(options.pictures, options.side):
        detections = detector.detect([frame])
        reference = pipelines[0].task.reference(detections)
        objects += len(reference)
        shared: QpMap | None = None
        for each, pipeline in zip(every, pipelines, strict=True) if len(reference) else ():
            _, map_ = pipeline.requested(pipeline.coder(frame), detections)
            own = QpMap(np.minimum(map_.qp, MOST), map_.ctu, map_.width, map_.height)
            shared = shared or own
            plain = QpMap.uniform(PLAIN, own.width, own.height, CTU)
            ways: dict[str, tuple[QpMap, Realisation]] = {
                "same": (shared, "auto"),
                "own": (own, "auto"),
                "plain": (plain, "uniform"),
            }
            for name, (requested, way) in ways.items():
                rows[each.encoder.name, name].append(code(each, frame, requested, way, reference, pipeline))
            print(
                Path(frame.source).name,
                each.encoder.name,
                rows[each.encoder.name, "same"][-1],
                file=sys.stderr,
                flush=True,
            )
    print_table([each.encoder for each in every], rows, objects)


def print_table(every: Sequence[Encoder], rows: dict[tuple[str, str], list[Coded]], objects: int) -> None:
    """The table as Markdown."""

    def result(name: str, way: str) -> list[str]:
        coded = rows[name, way]
        size = statistics.fmean(one.bytes for one in coded)
        return [f"{size:,.0f}", f"{sum(one.kept for one in coded) / objects:.3f}"]

    print(f"{len(rows['vvenc', 'same'])} pictures, {objects} objects; {platform.machine()}, {date.today()}\n")
    print("| encoder | its way | same map: bytes | kept | time | own thresholds: bytes | kept | QP 32: bytes | kept |")
    print("|---|---|---|---|---|---|---|---|---|")
    base = sum(one.seconds for one in rows["vvenc", "same"])
    for each in every:
        ways = Counter(one.how for one in rows[each.name, "same"]).most_common()
        time = sum(one.seconds for one in rows[each.name, "same"]) / base
        cells = [each.build, ", ".join(f"{way} {number}" for way, number in ways), *result(each.name, "same")]
        cells += [f"{time:.2g}", *result(each.name, "own"), *result(each.name, "plain")]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
