"""Maps for machines, for people, and for both: what each keeps, how it looks, and what it costs.

    python benchmarks/viewers.py --images DIR --detector D --human resjnd:WEIGHTS [--human constant:32] [--cache DIR]

The first ``--skip`` pictures by name are left out: in the selection that the benchmarks use they are the bench set, on
which nothing is tuned. ``plain`` is one QP for all pictures, to compare with. XPSNR and VMAF are means over pictures;
``worst`` is the picture with the lowest VMAF.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vcmpipe import EncodeOptions
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.detected import detected
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import PictureSource, open_source
from vcmpipe.jnd.visual_quality import human_quality
from vcmpipe.process.content_cache import ContentCache


@dataclass
class Row:
    """One way of coding, over the pictures."""

    bits: int = 0
    kept: int = 0
    objects: int = 0
    xpsnr: list[float] = field(default_factory=list)
    vmaf: list[float] = field(default_factory=list)


def pipelines(args: argparse.Namespace, cache: ContentCache | None) -> dict[str, Pipeline]:
    """A pipeline per viewer, with one detector, predictor and encoder for all."""
    encoder = load_encoder(args.encoder)
    shared = {"encoder": CachedEncoder(encoder, cache) if cache else encoder, "cache": cache}
    made = {}
    wanted = [("machine", None), *((viewer, human) for human in args.human for viewer in ("human", "both"))]
    for viewer, human in wanted:
        options = EncodeOptions(
            input=args.images,
            out="unused",
            detector=args.detector,
            encoder=args.encoder,
            predictor=args.predictor,
            viewer=viewer,
            human=human,
        )
        made[f"{viewer}{f', {short(human)}' if human else ''}"] = one = Pipeline(options, **shared)
        shared |= {"detector": one.detector, "predictor": one.predictor}
    return made


def short(human: str) -> str:
    """A specification without folders."""
    name, mark, rest = human.partition(":")
    return f"{name}{mark}{Path(rest).name}" if name == "resjnd" else name if name == "maps" else human


def ways(made: dict[str, Pipeline], qps: list[int]) -> Iterator[tuple[str, Callable[..., tuple]]]:
    """Every way of coding a picture with its detections, by name."""
    first = made["machine"]

    def plain(qp: int, frame: object, found: object) -> tuple[SegmentCoder, CodedSegment]:
        coder = first.coder(frame)
        return coder, coder.uniform([qp])[0]

    def mapped(pipeline: Pipeline, frame: object, found: object) -> tuple[SegmentCoder, CodedSegment]:
        coder = pipeline.coder(frame)
        return coder, coder.by_map(pipeline.requested(coder, [found])[1], pipeline.options.realise)

    for qp in qps:
        yield f"plain, QP {qp}", partial(plain, qp)
    for name, pipeline in made.items():
        yield name, partial(mapped, pipeline)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--human", action="append", required=True)
    parser.add_argument("--predictor", default="measured")
    parser.add_argument("--encoder", default="vvenc")
    parser.add_argument("--skip", type=int, default=40)
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--cache")
    args = parser.parse_args()
    source = open_source(args.images)
    assert isinstance(source, PictureSource)
    frames = [source[place] for place in range(args.skip, min(args.skip + args.limit, len(source)))]
    made = pipelines(args, ContentCache(Path(args.cache)) if args.cache else None)
    first = made["machine"]
    rows: dict[str, Row] = {}
    for frame, found in detected(first.detector, frames):
        names, versions = [], []
        for name, code in ways(made, [22, 27, 32, 37]):
            coder, coded = code(frame, found)
            decoded = coder.decode_still(coded)[0]
            row = rows.setdefault(name, Row())
            again = first.task.compare(first.task.reference([found]), first.detector.detect([decoded])).kept
            row.bits, row.kept, row.objects = (
                row.bits + coded.bits,
                row.kept + int(again.sum()),
                row.objects + again.size,
            )
            names.append(name)
            versions.append(decoded.rgb)
        for name, quality in zip(names, human_quality(frame.rgb, versions), strict=True):
            rows[name].xpsnr.append(quality.xpsnr)
            rows[name].vmaf.append(quality.vmaf)
    print(f"{len(frames)} pictures, {rows['machine'].objects} objects; encoder {first.encoder.name}\n")
    print("| map for | bytes per picture | retention | XPSNR | VMAF | worst VMAF |\n|---|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        share = f"{row.kept / row.objects:.3f}" if row.objects else "-"
        look = f"{sum(row.xpsnr) / len(row.xpsnr):.2f} | {sum(row.vmaf) / len(row.vmaf):.1f} | {min(row.vmaf):.1f}"
        print(f"| {name} | {row.bits / 8 / len(frames):,.0f} | {share} | {look} |")


if __name__ == "__main__":
    main()
