"""Whether the blocks of a coded stream have the QPs of the maps that were requested, by decoders that give them away.

    python benchmarks/coded_qps.py CLIP --programs FOLDER [--frames 17] [--width 384]

No decoder that comes by a package gives the QPs of blocks away: vcmpipe reads slice headers, and measures the samples
where an encoder has a map of its own. This is the proof behind that. Frames of a clip are coded by random maps, one for
each frame, as stills and in random access and low delay, and decoded by the programs

    DecoderAppStatic   of VTM, built with tracing (-DSET_ENABLE_TRACING=ON -DENABLE_TRACING=ON)
    hevc_qps           any that prints an HEVC stream's blocks as VTM's trace does: a line
                       ``BlockStat: POC 0 @(0,0) [8x8] QP=30``, and likewise ``RootCbf=1`` where the block has a
                       residual; a few lines around libde265 do

in the folder, where the encoders are looked for, too. Only blocks with a residual are counted: any other has no QP of
its own. In sequences the map's deltas are expected on top of the frame's own QP, which stands in its slice header.
VVenC's regions are left out: their QPs stand in slice headers, which switch deltas off (and VTM's trace stops at blocks
that are copied from the same picture).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from encoders import encoders

from vcmpipe import Frame, QpMap, Segment, SegmentCoder, inspect_stream, open_source, process
from vcmpipe.bitstream import presentation_order
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.encoders import Encoder
from vcmpipe.encoders.base import Structure
from vcmpipe.frames import scale_rgb, scaled_size
from vcmpipe.qpmap import fit_maps

CTU = 64
_LINE = re.compile(r"BlockStat: POC (\d+) @\( *(\d+), *(\d+)\) \[ *\d+x *\d+\] (QP|Cbf_Y|RootCbf)=(-?\d+)")
_TRACED = ("--TraceFile=trace.txt", "--TraceRule=D_BLOCK_STATISTICS_ALL:poc>=0")


@dataclass(frozen=True)
class Block:
    """A block with a residual: its picture order count, place in samples, and QP."""

    poc: int
    x: int
    y: int
    qp: int


def blocks(data: bytes, programs: Path, codec: str) -> list[Block]:
    """The blocks with a residual in a stream."""
    with process.temporary_folder("qps") as folder:
        (folder / "in.bin").write_bytes(data)
        if codec == "vvc":
            argv = [programs / "DecoderAppStatic", "-b", "in.bin", *_TRACED]
            process.run(argv, timeout=600, cwd=folder)
            text = (folder / "trace.txt").read_text()
        else:
            text = process.run([programs / "hevc_qps", "in.bin"], timeout=600, cwd=folder).stdout.decode()
    qps: dict[tuple[int, int, int], int] = {}
    coded: set[tuple[int, int, int]] = set()
    for poc, x, y, name, value in _LINE.findall(text):
        place = int(poc), int(x), int(y)
        if name == "QP":
            qps[place] = int(value)
        elif int(value):
            coded.add(place)
    return [Block(*place, qp) for place, qp in qps.items() if place in coded]


def expected(coded: CodedSegment, maps: Sequence[QpMap]) -> dict[int, QpMap]:
    """The QP of every CTU by picture order count: the map's deltas on top of the slice's QP, or that alone."""
    pictures = inspect_stream(coded.data).pictures
    found = {}
    for picture, place in zip(pictures, presentation_order(pictures), strict=True):
        own = maps[place]
        if coded.realisation == "native":
            base = min(each.minimum() for each in maps)
            values = own.qp.astype(int) - base + picture.regions[0].qp
        else:
            values = np.empty(own.qp.shape, int)
            for region in picture.regions:
                values[region.rect.ctus(own.ctu)] = region.qp
        found[picture.poc or 0] = QpMap(np.clip(values, 0, 63), own.ctu, own.width, own.height)
    return found


def random_maps(number: int, size: tuple[int, int], seed: int) -> list[QpMap]:
    """Maps of QPs 24 to 44."""
    rng = np.random.default_rng(seed)
    shape = -(-size[1] // CTU), -(-size[0] // CTU)
    return [QpMap(rng.integers(24, 45, shape), CTU, *size) for _ in range(number)]


def ways(encoder: Encoder, frames: Sequence[Frame]) -> Iterator[tuple[str, CodedSegment, Sequence[QpMap]]]:
    """The frames coded in every way in which the encoder takes maps."""
    can = encoder.capabilities
    for number, frame in enumerate(frames[:4]):
        coder = SegmentCoder(encoder, frame, ctu=CTU)
        (wanted,) = random_maps(1, coder.padded_size, number)
        if can.native_map:
            coded = coder.native(wanted)
            yield "stills", coded, [coded.native or wanted]
    structures: tuple[Structure, ...] = ("random-access", "low-delay")
    for structure in structures if can.native_map or can.frame_qps else ():
        coder = SegmentCoder(encoder, Segment(0, tuple(frames), structure), ctu=CTU)
        fitted, _ = fit_maps(random_maps(len(frames), coder.padded_size, 9), can.map_limits)
        smallest = QpMap.uniform(min(each.minimum() for each in fitted), *coder.padded_size, CTU)
        coded = coder.native(smallest, fitted)
        if can.frame_qps:  # they stand in the slice headers, which the blocks are held to
            fitted = tuple(QpMap.uniform(smallest.minimum(), *coder.padded_size, CTU) for _ in fitted)
        yield structure, coded, fitted


def main() -> None:
    """Print a row per encoder and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=17)
    parser.add_argument("--width", type=int, default=384)
    options = parser.parse_args()
    frames = []
    for frame in islice(open_source(options.clip), options.frames):
        size = scaled_size(frame.width, frame.height, min(1.0, options.width / frame.width))
        frames.append(Frame(frame.index, scale_rgb(frame.rgb, size), frame.source))
    print("| encoder | structure | blocks with a residual | with the QP requested |\n|---|---|---|---|")
    for encoder in encoders(options.programs)[1:]:
        counts: dict[str, list[int]] = {}
        for name, coded, maps in ways(encoder, frames):
            wanted = expected(coded, maps)
            found = blocks(coded.data, options.programs, encoder.capabilities.codec)
            right = sum(wanted[one.poc].qp[one.y // CTU, one.x // CTU] == one.qp for one in found)
            total = counts.setdefault(name, [0, 0])
            total[0], total[1] = total[0] + len(found), total[1] + int(right)
        for name, (total, right) in counts.items():
            print(f"| {encoder.build} | {name} | {total:,} | {right / max(total, 1):.4f} |", flush=True)


if __name__ == "__main__":
    main()
