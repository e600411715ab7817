"""``--map-out``: a segment's QP map in the forms that people and other encoders read."""

from __future__ import annotations

from pathlib import Path

from vcmpipe.coding.finished import FinishedSegment
from vcmpipe.process.folders import safe_stem
from vcmpipe.qpmap import KVAZAAR_SPAN, ROI_QP_RANGE, write_csv, write_png, write_roi


def write_maps(segment: FinishedSegment, folder: Path) -> tuple[str, ...]:
    """Write a segment's map as CSV, as a picture, and as the ROI file of uvg266 and kvazaar (deltas on its minimum).

    Returns:
        What the ROI file could not say as it was requested.
    """
    first = segment.record.frames[0]
    stem = folder / f"{first.index:06d}_{safe_stem(Path(first.source).stem, 'picture')}"
    write_csv(f"{stem}.csv", [segment.requested])
    write_png(f"{stem}.png", segment.requested)
    base = min(segment.requested.minimum(), ROI_QP_RANGE[1])
    return write_roi(f"{stem}.roi.txt", [segment.requested], base, span=KVAZAAR_SPAN).notes
