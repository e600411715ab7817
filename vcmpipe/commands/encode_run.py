"""A run of ``encode``: frames to segments to a stream, and the records of what is in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from vcmpipe.bitstream import Codec, StreamJoiner
from vcmpipe.coding.cutting import Cutting, choose_structure
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.pipeline import EncodedSegment, Pipeline, SegmentCoding, detected, encode_segment, watched
from vcmpipe.coding.records import joined
from vcmpipe.coding.search.closed_loop import ClosedLoop, load_further
from vcmpipe.coding.search.rdo import Memory
from vcmpipe.coding.segment import Segment, cut
from vcmpipe.coding.stream_files import StreamFile
from vcmpipe.coding.weighed import encode_weighed
from vcmpipe.commands.remarks import warn_of_segments
from vcmpipe.config import EncodeOptions, parse_scales
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame, FrameSource, LiveSource, PictureSource
from vcmpipe.frames.times import parse_rate
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.stopwatch import Stopwatch
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.sidecar import SegmentRecord, Sidecar, TargetRecord, provenance

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


class EncodeRun:
    """Segments on their way into one stream, and the records of those that are in it.

    Args:
        options: What to code and how.
        warn: Called with what the user should know.
        on_trial: Called with the number of encodes tried so far, from the threads that try.
        verify_with: Further detectors that judge, instead of those that the options name.
        watch: Counts what each part of the work takes.
        parts: ``detector``, ``predictor``, ``encoder`` objects to use instead of those that the options name.
        memories: What searches found out in earlier passes, by segment; None: nothing is kept.
        target: What earlier passes reached.
    """

    def __init__(
        self,
        options: EncodeOptions,
        warn: Warn,
        on_trial: Callable[[int], None],
        verify_with: Sequence[Detector] | None,
        watch: Stopwatch,
        parts: dict[str, Any],
        *,
        memories: dict[int, Memory] | None = None,
        target: TargetRecord | None = None,
    ) -> None:
        # A search needs no thresholds, and so no remark that there are none.
        remark = (lambda message: None) if options.closed else warn
        self._options, self._warn, self._target = options, warn, target
        self.watch = watch
        parts = parts | {"encoder": watched(parts.get("encoder") or load_encoder(options.encoder), self.watch)}
        self.pipeline = pipeline = Pipeline(
            options,
            scale=options.scale,
            margin=options.margin,
            classes=options.keep_classes,
            qp=options.qp,
            watch=self.watch,
            warn=remark,
            **parts,
        )
        self._code: SegmentCoding = partial(encode_segment, pipeline, check=options.check)
        if options.closed:
            further = load_further(options, pipeline) if verify_with is None else verify_with
            self._code = ClosedLoop(pipeline, options, further, on_trial, memories).segment
        elif options.factor is not None:
            scales = parse_scales(options.scales, "--scales")
            self._code = partial(encode_weighed, pipeline, factor=options.factor, scales=scales, check=options.check)
        self._records: list[SegmentRecord] = []
        self._source: dict[str, Any] = {}
        self._colour: ColourSpec | None = None
        # What was decided by default is written down as decided: the run can be repeated elsewhere.
        self._decided: dict[str, Any] = {"detector": pipeline.detector_spec}
        if options.weighed:
            self._decided["lambda_"] = options.factor

    @property
    def codec(self) -> Codec:
        """What the stream is coded with."""
        return self.pipeline.encoder.capabilities.codec

    def cutting_of(self, source: FrameSource | None) -> Cutting:
        """How the frames of a source, or those in memory, become segments."""
        options = self._options
        structure, reason = choose_structure(
            options.structure,
            source,
            self.pipeline.encoder,
            # The open loop of rate and accuracy, and human viewers, work on pictures.
            stills=(options.weighed and not options.closed) or options.viewer != "machine",
        )
        if reason:
            self._warn(reason)
        self.pipeline.settle(stills=structure == "intra")
        info = source.info if source is not None else None
        if info is not None and not isinstance(source, PictureSource):
            self._source = info.as_json()
        if isinstance(source, LiveSource):
            # An address may hold a password, which its name does not.
            self._decided["input"] = source.name
        rate = info.rate if info else parse_rate(options.fps) if options.fps else None
        aspect = None if info is None or isinstance(source, PictureSource) else info.sample_aspect
        spec = self.pipeline.spec
        return Cutting(structure, options.segment, rate, options.scene_cuts, options.seek_every, spec, aspect)

    def segments(
        self, frames: Iterable[Frame], progress: Progress, total: int | None, cutting: Cutting, out: StreamFile
    ) -> Iterator[EncodedSegment]:
        """Code the frames: each segment once it is in the stream."""
        done, joiner = 0, StreamJoiner(self.codec)
        for segment in self.coded(frames, cutting):
            self._colour = self._colour or segment.source.colour
            with self.watch.part("write"):
                times = [frame.timestamp for frame in segment.source.frames]
                grown = out.add(joiner.add(segment.coded.data), times, segment.source.rate)
            saved = segment.coded.bits - 8 * grown
            self._records.append(joined(segment.record, segment.coded, len(self._records), saved))
            yield segment
            done += len(segment.record.frames)
            progress(done, total)

    def coded(self, frames: Iterable[Frame], cutting: Cutting) -> Iterator[EncodedSegment]:
        """Code the frames, at least one: segment after segment, in their order."""
        empty = True
        pipeline, watch = self.pipeline, self.watch
        found = detected(pipeline.detector, watch.each("read", frames), watch)
        if cutting.structure == "intra":
            items = cut(found, rate=cutting.rate, sample_aspect=cutting.sample_aspect)
            workers, ahead = pipeline.jobs, 2 * pipeline.jobs
        else:
            # The encoder has threads of its own; while it works, the segment before is checked and the next one read.
            workers = min(pipeline.jobs, max(2, pipeline.jobs // 4))
            least = self._options.split_empty if self._options.closed else 0.0
            items, ahead = cutting.segments(found, self.pipeline.holds_nothing, least), workers + 1
        with worker_pool(workers) as pool:
            for segment in in_order(pool, self._coded, watch.each("cut", items), ahead=ahead):
                empty = False
                yield segment
        if empty:
            raise InputError("there is no frame to code: give at least one")

    def _coded(self, item: tuple[Segment, tuple[sv.Detections, ...]]) -> EncodedSegment:
        with blamed_on(self.pipeline.encoder, item[0].source):
            return self._code(*item)

    def sidecar(self, name: str, stream: StreamFile) -> Sidecar:
        """The sidecar of the stream so far, which has a file name."""
        pipeline, options, point = self.pipeline, self._options, self.pipeline.point
        objects = [thing for record in self._records for frame in record.frames for thing in frame.objects]
        kept = sum(bool(thing.kept) for thing in objects)
        return Sidecar(
            stream=name,
            sha256=stream.sha256,
            bytes=stream.size,
            kept=kept if options.check else None,
            lost=sum(thing.kept is not None for thing in objects) - kept if options.check else None,
            colour=dataclasses.asdict(self._colour or pipeline.spec),
            configuration=dataclasses.asdict(options) | self._decided | {"margin": point.margin, "scale": point.scale},
            provenance=provenance.collect(
                pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.human_name
            )
            | ({"expected": {"retention": point.retention, "basis": point.basis}} if point.basis else {}),
            segments=self._records,
            codec=self.codec,
            source=self._source,
            target=self._target,
        )

    def warn_of_segments(self) -> None:
        """Say what the user should know of what was coded."""
        warn_of_segments(self._warn, self.pipeline, self._records, closed=self._options.closed)
