"""``vcmpipe encode``: pictures to one stream and its sidecar, which appear together or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcmpipe import process
from vcmpipe.bitstream import StreamJoiner
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.pipeline import EncodedSegment, Pipeline, SegmentCoding, detected, encode_segment, write_maps
from vcmpipe.coding.records import joined
from vcmpipe.coding.search.verifier import Verifier, load_further
from vcmpipe.coding.segment import Segment, cut
from vcmpipe.config import EncodeOptions
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import FrameSource, open_source, refuse_as_output
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.folders import publish_folder, same_file
from vcmpipe.process.progress import Progress, Warn, tell
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.sidecar import SegmentRecord, Sidecar, Verdict, check_sidecar_place, provenance, sidecar_path

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


def encode(
    options: EncodeOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    on_trial: Callable[[int], None] = lambda trials: None,
    verify_with: Sequence[Detector] | None = None,
    **parts: Any,
) -> Sidecar:
    """Code pictures into one stream with its sidecar; with ``options.verify`` each picture after a search.

    Args:
        options: What to code and how.
        progress: Called after every picture with the number done and the total, where it is known.
        warn: Called with what the user should know.
        on_trial: With ``options.verify``, called with the number of encodes tried so far, from the threads that try.
        verify_with: Further detectors that must keep what they see, instead of those that the options name.
        **parts: ``detector``, ``predictor``, ``encoder`` objects to use instead of those that the options name.

    Returns:
        The sidecar that was written.

    Raises:
        VcmError: Input, a tool, or the output fails, or ``--strict`` is not met; nothing is left behind.
    """
    out = Path(options.out)
    beside = sidecar_path(out)
    if out == beside:
        raise InputError(
            f"--out {out}: the sidecar is NAME.json, so give the stream another ending, such as .bin or .266"
        )
    source = open_source(options.input, limit=options.limit)
    _check_places(options, out, source)
    if options.cache:
        cache = parts["cache"] = ContentCache(Path(options.cache), warn)
        parts.setdefault("encoder", CachedEncoder(load_encoder(options.encoder), cache))
    # A search needs no thresholds, and so no remark that there are none.
    quiet = lambda message: None  # noqa: E731
    told = quiet if options.verify else warn
    pipeline = Pipeline(
        options, scale=options.scale, margin=options.margin, classes=options.keep_classes, warn=told, **parts
    )
    code: SegmentCoding = partial(encode_segment, pipeline, check=options.check)
    if options.verify:
        further = load_further(options, pipeline) if verify_with is None else verify_with
        code = Verifier(pipeline, options, further, on_trial).segment

    def work(item: tuple[Segment, tuple[sv.Detections, ...]]) -> EncodedSegment:
        with blamed_on(pipeline.encoder, item[0].source):
            return code(*item)

    records: list[SegmentRecord] = []
    notes: list[str] = []
    done = 0
    digest = hashlib.sha256()
    with ExitStack() as outputs:
        outputs.enter_context(process.only_writer(out, beside))
        _check_places(options, out, source)
        # The sidecar first: should the run be killed between the two, its digest tells that the stream is an older one.
        sidecar_file, stream_file = outputs.enter_context(process.publish_together(beside, out))
        maps = outputs.enter_context(publish_folder(Path(options.map_out))) if options.map_out else None
        stream = outputs.enter_context(stream_file.open("wb"))
        pool = outputs.enter_context(worker_pool(pipeline.jobs))
        writer = StreamJoiner(pipeline.encoder.capabilities.codec)
        segments = cut(detected(pipeline.detector, source))
        for coded in in_order(pool, work, segments, ahead=2 * pipeline.jobs):
            data = writer.add(coded.coded.data)
            stream.write(data)
            digest.update(data)
            records.append(joined(coded.record, len(records), coded.coded.bits - 8 * len(data)))
            if maps:
                notes += write_maps(coded, maps)
            done += len(coded.record.frames)
            progress(done, source.count)
        stream.flush()
        checked = [
            obj.kept for record in records for frame in record.frames for obj in frame.objects if obj.kept is not None
        ]
        sidecar = Sidecar(
            stream=out.name,
            sha256=digest.hexdigest(),
            bytes=stream.tell(),
            kept=sum(checked) if options.check else None,
            lost=len(checked) - sum(checked) if options.check else None,
            colour=dataclasses.asdict(pipeline.spec),
            # What was decided by default is written down as decided: the run can be repeated elsewhere.
            configuration=dataclasses.asdict(options) | {"detector": pipeline.detector_spec, "margin": pipeline.margin},
            provenance=provenance.collect(
                pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.human_name
            ),
            segments=records,
            codec=pipeline.encoder.capabilities.codec,
        )
        sidecar_file.write_text(sidecar.to_json())
    tell(warn, f"ROI files in {options.map_out}", notes)
    tell(warn, f"encoder {pipeline.encoder.name}", [f"{r.name}: {note}" for r in records for note in r.notes])
    doubts = [f"{r.name}: {r.conformance}" for r in records if r.conformance.verdict == Verdict.NO]
    tell(warn, "maps that were not honoured", doubts)
    return sidecar


def _check_places(options: EncodeOptions, out: Path, source: FrameSource) -> None:
    """Refuse outputs that would take the place of an input, or of a file that is nothing of ours."""
    refuse_as_output(out, source, ".bin, .266 or .vvc (.hevc or .265 for HEVC)")
    check_sidecar_place(out, written=True)
    if options.map_out and same_file(Path(options.map_out), source.path):
        raise InputError(f"--map-out {options.map_out} holds the inputs: name another folder")
