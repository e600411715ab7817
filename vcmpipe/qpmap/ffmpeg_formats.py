"""QP maps as filters of FFmpeg: regions of interest, which the encoders that it carries may read."""

from __future__ import annotations

from pathlib import Path

from vcmpipe.qpmap.fitting import rectangles
from vcmpipe.qpmap.formats import write_maps
from vcmpipe.qpmap.qp_map import QpMap


def write_addroi(path: str | Path, qp_map: QpMap, *, depth: int = 8) -> int:
    """Write a map as a chain of ``addroi`` filters, one for each rectangle of a QP other than its smallest.

    FFmpeg reads it by ``-/filter:v FILE``; all frames get the same. A filter's ``qoffset`` counts in the whole range of
    QPs, which is 51 + 6 * (depth - 8) for x264 and x265.

    Args:
        path: The file to write.
        qp_map: The map.
        depth: Bits per sample of what is coded.

    Returns:
        The QP that the encoder must run at: the map's smallest.

    Raises:
        OutputError: The file cannot be written.
    """
    base, scale = qp_map.minimum(), 51 + 6 * (depth - 8)
    filters = []
    # What has the smallest QP is the background here: among negatives it is the largest.
    for rect, negative in rectangles(-qp_map.deltas(base)):
        x, y = rect.x * qp_map.ctu, rect.y * qp_map.ctu
        width = min(rect.width * qp_map.ctu, qp_map.width - x)
        height = min(rect.height * qp_map.ctu, qp_map.height - y)
        filters.append(f"addroi=x={x}:y={y}:w={width}:h={height}:qoffset={-negative}/{scale}")
    write_maps(path, [",\n".join(filters or ["null"]).encode("ascii") + b"\n"])
    return base
