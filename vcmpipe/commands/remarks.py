"""What ``encode`` says of segments once they are coded."""

from __future__ import annotations

from collections.abc import Sequence

from vcmpipe.bitstream import CODECS
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.process.progress import Warn, warn_of
from vcmpipe.process.text import count
from vcmpipe.sidecar import SegmentRecord, Verdict


def warn_of_segments(warn: Warn, pipeline: Pipeline, records: Sequence[SegmentRecord], *, closed: bool) -> None:
    """Say that there was nothing to keep, what the encoder could not be given, and where a stream lacks its map.

    ``closed``: whether versions were tried and looked at.
    """
    for note in (nothing_found(pipeline, records), foreign_scale(pipeline, closed=closed)):
        if note:
            warn(note)
    notes = [f"{record.name}: {note}" for record in records for note in record.notes]
    warn_of(warn, f"encoder {pipeline.encoder.name}", notes)
    doubts = [f"{r.name}: {r.conformance}" for r in records if r.conformance.verdict == Verdict.NO]
    warn_of(warn, "maps that the stream does not carry", doubts)


def foreign_scale(pipeline: Pipeline, *, closed: bool) -> str:
    """What to say where thresholds that are QPs of VVC were taken for those of an encoder on another scale."""
    encoder, options = pipeline.encoder, pipeline.options
    # Whoever names QPs names the encoder's, and what is measured or searched was coded by it.
    own = pipeline.qp is not None or closed or options.predictor.partition(":")[0] in ("constant", "measured")
    if CODECS[encoder.capabilities.codec].vvc_scale or own or options.viewer == "human":
        return ""
    return (
        f"thresholds are QPs of VVC and were taken for {encoder.name}'s, which stand for other steps of the quantizer: "
        "look at what is kept; --verify, or --predictor measured, go by this encoder's own"
    )


def nothing_found(pipeline: Pipeline, records: Sequence[SegmentRecord]) -> str:
    """What to say, and to do, where no frame had an object to be kept: all of it is background then. Empty: nothing."""
    frames = [frame for record in records for frame in record.frames]
    options = pipeline.options
    # Whoever names one QP, looks for nothing, or says what becomes of empty pictures, has decided.
    decided = pipeline.qp is not None or options.detector == "none" or options.empty is not None
    if decided or options.viewer == "human" or any(frame.objects for frame in frames):
        return ""
    of_classes = f" of the classes {', '.join(sorted(pipeline.classes))}" if pipeline.classes else ""
    qps = sorted({region.qp for record in records for region in record.regions})
    at = f", coded at QP {qps[0]}" + (f" to {qps[-1]}" if len(qps) > 1 else "") if qps else ""
    return (
        f"{pipeline.detector.name} found no object{of_classes} with a confidence of {options.score:g} or more in "
        f"{count(len(frames), 'frame')}: all is background{at}; name the detector that will be used (--detector), "
        "lower --score, or set the QP: --empty QP, --qp QP"
    )
