"""Whether a stream carries the map that was requested: read from its headers, or measured on its samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream import inspect_stream
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.qpmap import QpMap
from vcmpipe.sidecar import Conformance, Verdict

# dB by which the two pictures must differ in an area, so that it can be said which of them the map's picture is like.
_TELLING_DB = 0.5


def prove(coder: SegmentCoder, coded: CodedSegment, requested: QpMap) -> Conformance:
    """Compare a coded picture with its map.

    One QP and regions stand in the slice headers. A native map does not: no decoder here gives the QPs of an HEVC
    picture's blocks away, so the samples are measured instead (see ``measured``).

    Returns:
        ``yes (uniform)``, ``yes (regions)`` or ``yes (native)``, ``no: REASON``, or ``cannot tell: REASON``.
    """
    if coded.realisation == "native":
        return measured(coder, coded)
    picture = inspect_stream(coded.data).pictures[0]
    if picture.cu_qp_delta_possible:
        return Conformance(Verdict.NO, "blocks may depart from their region's QP")
    # Below and to the right of what is shown there may be canvas of which no map speaks.
    width, height = coded.layout.width, coded.layout.height
    signalled = [(region.rect.within(width, height), region.qp) for region in picture.regions]
    if [rect for rect, _ in signalled] != list(coded.layout.regions()):
        return Conformance(Verdict.NO, "the stream has other regions than those requested")
    low, high = coder.encoder.capabilities.qp_range
    for number, (rect, qp) in enumerate(signalled):
        wanted = min(max(requested.at(rect), low), high)
        if qp > wanted:
            return Conformance(Verdict.NO, f"region {number} has QP {qp} where {wanted} was requested")
        if qp != coded.qps[number]:
            return Conformance(
                Verdict.NO, f"region {number} has QP {qp} where the encoder was given {coded.qps[number]}"
            )
    return Conformance(Verdict.YES, coded.realisation)


def measured(coder: SegmentCoder, coded: CodedSegment) -> Conformance:
    """Judge a native map by its picture between two others: one all at its smallest QP, one all at its largest.

    Where the map has its smallest QP the quality must be nearer to the first, where it has its largest nearer to the
    second, and the bits must lie between.
    """
    assert coded.native is not None
    qps = coded.native
    low, high = qps.minimum(), int(qps.qp.max())
    if low == high:
        return Conformance(Verdict.UNKNOWN, "the map has one QP")
    fine, coarse = coder.uniform([low, high])
    if not coarse.bits < coded.bits < fine.bits:
        return Conformance(
            Verdict.NO,
            f"{coded.bits} bits, where QP {low} everywhere takes {fine.bits} and QP {high} everywhere {coarse.bits}",
        )
    source = coder.source[0].y
    full = qps.qp.repeat(qps.ctu, axis=0).repeat(qps.ctu, axis=1)[: source.shape[0], : source.shape[1]]
    pictures = [next(coder.samples(one)).y for one in (fine, coded, coarse)]
    for name, value, nearer in (("smallest", low, 0), ("largest", high, 2)):
        area = full == value
        quality = [_psnr(picture[area], source[area]) for picture in pictures]
        if quality[0] - quality[2] < _TELLING_DB:
            return Conformance(Verdict.UNKNOWN, f"QP {low} and QP {high} look alike where the map has its {name} QP")
        if abs(quality[1] - quality[nearer]) > abs(quality[1] - quality[2 - nearer]):
            return Conformance(
                Verdict.NO,
                f"{quality[1]:.1f} dB where the map has its {name} QP {value}, which alone gives "
                f"{quality[nearer]:.1f} dB",
            )
    return Conformance(Verdict.YES, "native")


def _psnr(decoded: NDArray[np.uint16], source: NDArray[np.uint16]) -> float:
    """PSNR of 10-bit samples in dB, at most 100."""
    mse = float(np.mean((decoded.astype(np.float64) - source) ** 2))
    return min(100.0, 10 * float(np.log10(1023**2 / mse))) if mse else 100.0
