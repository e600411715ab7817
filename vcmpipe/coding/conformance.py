"""Whether a stream carries the maps that were requested: read from its headers, or measured on its samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.bitstream import PictureInfo, StreamInfo, inspect_stream, presentation_order
from vcmpipe.encoders.base import KEY_OFFSET
from vcmpipe.errors import InputError
from vcmpipe.process.text import count
from vcmpipe.qpmap import QpMap
from vcmpipe.qpmap.qp_map import QP_MAX, shifted
from vcmpipe.sidecar import Conformance, SegmentRecord, Sidecar, Verdict

if TYPE_CHECKING:
    from vcmpipe.coding.segment import CodedSegment
    from vcmpipe.coding.segment_coder import SegmentCoder

# dB by which two pictures must differ in an area, so that it can be said which of them the map's picture is like.
_TELLING_DB = 0.5
# The structure in which every frame has the QPs of the map. In the others intra pictures have at most those, and what
# refers to them an offset to them by its place in the hierarchy, which encoders take from tables or formulas in QP.
_ABSOLUTE = "intra"
# The largest offset seen is 9 (VVenC, the highest layer of a group of 16) in H.26x, and 15 in AV1.
_LARGEST_OFFSET = 15
# By how much the offsets of two regions of one frame may differ: formulas in QP do not round them alike.
_OFFSET_SPREAD = 3


@dataclass(frozen=True)
class MapFault:
    """One place where a stream departs from its map, or where nobody can tell.

    Attributes:
        picture: Index of the picture in decoding order.
        region: Index of the region in the picture, or None where the whole picture is meant.
        reason: What is wrong there.
    """

    picture: int
    region: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.region is None else f"region {self.region} has {self.reason}"


@dataclass(frozen=True)
class MapCheck:
    """The answer for a whole stream: what was compared, every fault found, and what could not be told."""

    pictures: int
    regions: int
    ctus: int
    faults: list[MapFault]
    unknown: list[MapFault] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Whether every CTU has at most the QP requested."""
        return Verdict.NO if self.faults else Verdict.UNKNOWN if self.unknown else Verdict.YES


def unit_faults(picture: PictureInfo, requested: QpMap, structure: str = _ABSOLUTE) -> Iterator[MapFault]:
    """What in one access unit breaks a map.

    At every CTU each region that touches it must have at most the QP requested there, the regions must cover the
    picture, and no CU-level QP delta may be enabled. What is coded beyond the map is canvas of which it does not speak.
    In random access and low delay a frame that is no intra picture may have an offset to it, about the same in all of
    its regions.
    """
    allowed = 0 if structure == _ABSOLUTE or set(picture.slice_types) == {"I"} else _LARGEST_OFFSET
    offsets = []
    if picture.cu_qp_delta_possible:
        yield MapFault(picture.index, None, "CU-level QP deltas are enabled: the slice QP does not bind")
    covered = 0
    for region in picture.regions:
        rect = region.rect.within(requested.width, requested.height)
        covered += rect.width * rect.height
        if not (rect.width and rect.height):
            continue
        offset = region.qp - (wanted := requested.at(rect))
        if offset > allowed:
            more = f" and {allowed} more are allowed" if allowed else ""
            yield MapFault(picture.index, region.index, f"QP {region.qp} where {wanted} was requested{more}")
        if region.qp < QP_MAX:  # where the offset ends
            offsets.append(offset)
    if allowed and offsets and max(offsets) - min(offsets) > _OFFSET_SPREAD:
        yield MapFault(picture.index, None, f"regions whose QPs are {min(offsets)} to {max(offsets)} above the map's")
    if covered != requested.width * requested.height:
        yield MapFault(picture.index, None, "the regions do not cover the picture")


def check_segment(coder: SegmentCoder, coded: CodedSegment, requested: QpMap) -> Conformance:
    """Compare a coded segment with its map, in each of its access units.

    One QP per frame and regions stand in the slice headers. A native map does not: no decoder here gives the QPs of a
    picture's blocks away, so the samples are measured instead.
    """
    can, own = coder.encoder.capabilities, coded.frame_maps
    if coded.realisation == "native" and not can.frame_qps:
        return _measured(coder, coded)
    within = shifted(requested, 0, can.qp_range)
    pictures = inspect_stream(coded.data).pictures
    for picture, place in zip(pictures, presentation_order(pictures), strict=True):
        wanted, qps = (own[place], (own[place].minimum(),)) if own else (within, coded.qps)
        if reason := _fault(picture, coded, wanted, qps, coder.segment.structure):
            where = f"picture {picture.index}: " if len(pictures) > 1 else ""
            return Conformance(Verdict.NO, where + reason)
    return Conformance(Verdict.YES, coded.realisation)


def _fault(
    picture: PictureInfo, coded: CodedSegment, requested: QpMap, qps: Sequence[int], structure: str
) -> str | None:
    """What is wrong with a fresh picture first: its map is broken, or it has not the QPs that the encoder was given."""
    for fault in unit_faults(picture, requested, structure):
        return str(fault)
    layout = coded.layout
    if [region.rect.within(layout.width, layout.height) for region in picture.regions] != list(layout.regions()):
        return "the stream has other regions than those requested"
    finer = 0 if structure == _ABSOLUTE else KEY_OFFSET
    for region, qp in zip(picture.regions, qps, strict=True):
        if region.qp < qp - finer or (not finer and region.qp != qp):
            return f"region {region.index} has QP {region.qp} where the encoder was given {qp}"
    return None


def _measured(coder: SegmentCoder, coded: CodedSegment) -> Conformance:
    """Judge a native map by its frames between those of two others: all at its smallest QP, all at its largest.

    Where the map has its smallest QP the quality must be nearer to the first, where it has its largest nearer to the
    second, and the bits must lie between.
    """
    assert coded.native is not None
    maps = coded.frame_maps or (coded.native,) * len(coder.segment)
    low, high = min(each.minimum() for each in maps), max(int(each.qp.max()) for each in maps)
    if low == high:
        return Conformance(Verdict.UNKNOWN, "the map has one QP")
    fine, coarse = coder.uniform([low, high])
    if not coarse.bits < coded.bits < fine.bits:
        return Conformance(
            Verdict.NO,
            f"{coded.bits} bits, where QP {low} everywhere takes {fine.bits} and QP {high} everywhere {coarse.bits}",
        )
    # Squared errors of the three at the smallest and at the largest QP, and the samples there.
    errors, samples = np.zeros((2, 3)), np.zeros((2, 1))
    for qps, source, *decoded in zip(maps, coder.source, *map(coder.samples, (fine, coded, coarse)), strict=True):
        by_sample = qps.qp.repeat(qps.ctu, axis=0).repeat(qps.ctu, axis=1)
        for place, value in enumerate((low, high)):
            area = by_sample[: source.height, : source.width] == value
            samples[place] += np.count_nonzero(area)
            errors[place] += [np.sum((one.y[area].astype(np.float64) - source.y[area]) ** 2) for one in decoded]
    psnr = np.minimum(100.0, 10 * np.log10(1023**2 / np.maximum(errors / samples, 1e-9)))
    for name, value, nearer, quality in (("smallest", low, 0, psnr[0]), ("largest", high, 2, psnr[1])):
        if quality[0] - quality[2] < _TELLING_DB:
            return Conformance(Verdict.UNKNOWN, f"QP {low} and QP {high} look alike where the map has its {name} QP")
        if abs(quality[1] - quality[nearer]) > abs(quality[1] - quality[2 - nearer]):
            return Conformance(
                Verdict.NO,
                f"{quality[1]:.1f} dB where the map has its {name} QP {value}, which alone gives "
                f"{quality[nearer]:.1f} dB",
            )
    return Conformance(Verdict.YES, "native")


def check_stream(info: StreamInfo, sidecar: Sidecar) -> MapCheck:
    """Compare the QPs in a stream with the maps in its sidecar. An encoder's own map cannot be read back.

    Raises:
        InputError: The stream and the sidecar are not about the same pictures.
    """
    faults: list[MapFault] = []
    unknown: list[MapFault] = []
    regions = ctus = 0
    for picture, segment in paired(info, sidecar):
        requested = _map_of(picture, segment)
        if segment.realisation == "native":
            # Each block has a QP of its own, inside the coded data: only decoding it would show.
            doubt = f"an encoder's own map is not in the headers; when it was coded: {segment.conformance}"
            unknown.append(MapFault(picture.index, None, doubt))
            continue
        faults += unit_faults(picture, requested, segment.structure)
        regions += len(picture.regions)
        ctus += requested.rows * requested.cols
    return MapCheck(len(info.pictures), regions, ctus, faults, unknown)


def paired(info: StreamInfo, sidecar: Sidecar) -> Iterator[tuple[PictureInfo, SegmentRecord]]:
    """The pictures of a stream in decoding order, each with the record of its segment.

    Raises:
        InputError: The stream and the sidecar are not about the same pictures.
    """
    recorded = len(sidecar.frames)
    if len(info.pictures) != recorded:
        raise InputError(
            f"the stream holds {count(len(info.pictures), 'picture')} and the sidecar {recorded}: they do not belong "
            "together"
        )
    first = 0
    for segment in sidecar.segments:
        pictures = info.pictures[first : first + len(segment.frames)]
        first += len(pictures)
        for picture, place in zip(pictures, presentation_order(pictures), strict=True):
            frame = segment.frames[place]
            if None not in (frame.poc, picture.poc) and frame.poc != picture.poc:
                raise InputError(
                    f"picture {picture.index} has picture order count {picture.poc}, the sidecar says {frame.poc}: "
                    "they do not belong together"
                )
            yield picture, segment


def _map_of(picture: PictureInfo, segment: SegmentRecord) -> QpMap:
    """The map requested of a picture, at the shown size rounded up to blocks of 8."""
    width, height = -(-picture.display_width // 8) * 8, -(-picture.display_height // 8) * 8
    try:
        return QpMap.of(segment.qp_map.requested, segment.qp_map.ctu, width, height)
    except (InputError, ValueError) as error:  # the rows of a map from outside need not have one length
        raise InputError(
            f"picture {picture.index}: the sidecar's map does not fit {width}x{height} samples: "
            "they do not belong together"
        ) from error
