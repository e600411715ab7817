"""A run of ``encode``: frames to segments to a stream, and the records of what is in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from vcmpipe import process
from vcmpipe.bitstream import Codec, StreamJoiner
from vcmpipe.coding.cutting import Cutting, choose_structure
from vcmpipe.coding.detected import detected
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.finished import FinishedSegment
from vcmpipe.coding.journal import Journal
from vcmpipe.coding.pipeline import EncodedSegment, Pipeline, encode_segment, watched
from vcmpipe.coding.records import joined
from vcmpipe.coding.search.answers import Answers, Choice, Turn
from vcmpipe.coding.search.closed_loop import ClosedLoop, load_further
from vcmpipe.coding.search.rdo import Memory
from vcmpipe.coding.segment import Segment, cut
from vcmpipe.coding.stream_files import StreamFile
from vcmpipe.coding.weighed import encode_weighed
from vcmpipe.commands.detections_out import DetectionLog
from vcmpipe.commands.left_out import Faults
from vcmpipe.commands.recorded import detector_of
from vcmpipe.commands.remarks import warn_of_segments
from vcmpipe.config import EncodeOptions, parse_scales
from vcmpipe.detection.recorded import RecordedDetector
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import ColourSpec, Frame, FrameSource, LiveSource, PictureSource
from vcmpipe.frames.times import parse_rate
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.stopwatch import Stopwatch
from vcmpipe.process.work_folder import WorkFolder
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.sidecar import SegmentRecord, Sidecar, TargetRecord, provenance

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector

R = TypeVar("R")
_Coded = tuple[EncodedSegment, Choice | None]

# Options that say where things are, how many of them, and what becomes of the run: for files, not frames in memory.
FOR_FILES = (
    "input",
    "recursive",
    "out",
    "limit",
    "start",
    "stride",
    "reconnect",
    "stall",
    "map_out",
    "detections_out",
    "found_out",
    "audio",
    "cache",
    "cache_size",
    "fresh",
    "cluster",
    "fail_under",
    "dry_run",
)
# Those that decide nothing of what becomes of a frame.
_NO_MATTER = frozenset([*FOR_FILES, "json", "jobs", "on_error"])


def _coding(
    options: EncodeOptions,
    pipeline: Pipeline,
    further: Sequence[Detector],
    on_trial: Callable[[int], None],
    memories: dict[int, Memory] | None,
) -> Callable[[Segment, Sequence[sv.Detections], Choice | None], _Coded]:
    """How a segment is coded, with the detections of its frames and what an earlier one chose."""
    if options.closed:
        return ClosedLoop(pipeline, options, further, on_trial, memories).code
    if options.factor is not None:
        scales = parse_scales(options.scales, "--scales")
        code = partial(encode_weighed, pipeline, factor=options.factor, scales=scales, check=options.check)
    else:
        code = partial(encode_segment, pipeline, check=options.check)
    return lambda segment, found, start: (code(segment, found), None)


class Remote(Protocol):
    """Codes segments elsewhere: see ``commands.encode_worker``.

    Attributes:
        threads: Segments that are coded side by side there.
    """

    threads: int

    def code(
        self, identity: Mapping[str, Any], segment: Segment, found: Sequence[sv.Detections], start: Choice | None
    ) -> FinishedSegment:
        """Code a segment by the tools that ``EncodeRun.identity`` names; its search begins with a start."""

    def stop(self) -> None:
        """End all waiting for what is coded there."""


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
        remote: Where segments are coded; None: here.

    Attributes:
        code: Codes a segment here, with the detections of its frames and the choice that its search begins with; gives
            what a later search may begin with, too.
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
        remote: Remote | None = None,
    ) -> None:
        # A search needs no thresholds, and so no remark that there are none.
        remark = (lambda message: None) if options.closed else warn
        self._options, self._warn, self._target = options, warn, target
        self.watch = watch
        if parts.get("detector") is None and (recorded := detector_of(options)) is not None:
            parts = parts | {"detector": recorded}
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
        self._further: Sequence[Detector] = ()
        if options.closed:
            self._further = load_further(options, pipeline) if verify_with is None else verify_with
        self._remote = remote
        self.code = _coding(options, pipeline, self._further, on_trial, memories)
        self._answers, self._faults = Answers(), Faults(skip=options.on_error == "skip")
        self._records: list[SegmentRecord] = []
        self._source: dict[str, Any] = {}
        self._live: LiveSource | None = None
        self._source_log: DetectionLog | None = None
        self._found_log: DetectionLog | None = None
        self._remarks: list[str] = []
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
            self._live = source
        rate = info.rate if info else parse_rate(options.fps) if options.fps else None
        aspect = None if info is None or isinstance(source, PictureSource) else info.sample_aspect
        spec = self.pipeline.spec
        return Cutting(structure, options.segment, rate, options.scene_cuts, options.seek_every, spec, aspect)

    def segments(
        self,
        frames: Iterable[Frame],
        progress: Progress,
        total: int | None,
        cutting: Cutting,
        out: StreamFile,
        work: WorkFolder | None = None,
    ) -> Iterator[FinishedSegment]:
        """Code the frames: each segment once it is in the stream.

        Args:
            frames: The frames.
            progress: Called after every segment with the frames done.
            total: How many frames there are, where that is known.
            cutting: How they become segments.
            out: The stream.
            work: Keeps what is finished, and may hold what an earlier run finished; None: nothing is kept.
        """
        journal, self._identity = None, self.identity()
        if work is not None:
            journal = Journal(work, self._identity, "picture" if cutting.structure == "intra" else "segment")
            if greeting := journal.greeting():
                self._warn(greeting)
        frames_done, joiner = 0, StreamJoiner(self.codec)
        for segment, found, done in self._worked(frames, cutting, partial(self._finished, journal), journal):
            self._log(segment, found, done)
            self._colour = self._colour or segment.colour
            with self.watch.part("write"):
                times = [frame.timestamp for frame in segment.frames]
                grown = out.add(joiner.add(done.data), times, segment.rate)
            saved = done.bits - 8 * grown
            self._records.append(joined(done.record, done.first, len(self._records), saved))
            yield done
            frames_done += len(segment)
            progress(frames_done + self._faults.frames, total)

    def log_into(self, source: DetectionLog | None, found: DetectionLog | None) -> None:
        """Note down what is found in the source's frames, and in decoded ones, from now on."""
        self._source_log, self._found_log = source, found
        for log in (source, found):
            if log is not None:
                log.classes = self.pipeline.detector.classes

    def _log(self, segment: Segment, found: Sequence[sv.Detections], done: FinishedSegment) -> None:
        task = self.pipeline.task
        if self._source_log is not None:
            self._source_log.add(segment.frames, found, task)
        if self._found_log is not None and done.found is not None:
            self._found_log.add(segment.frames, done.found, task)

    def coded(self, frames: Iterable[Frame], cutting: Cutting) -> Iterator[EncodedSegment]:
        """Code the frames, at least one: segment after segment, in their order."""
        return self._worked(frames, cutting, self._coded)

    def _worked(
        self,
        frames: Iterable[Frame],
        cutting: Cutting,
        work: Callable[[Segment, Sequence[sv.Detections]], R],
        journal: Journal | None = None,
    ) -> Iterator[R]:
        """What becomes of the segments of the frames, at least one, in their order."""
        empty = True
        pipeline, watch, faults = self.pipeline, self.watch, self._faults
        detector = pipeline.detector
        # A file of detections counts the frames of each run.
        if journal is not None and not isinstance(detector, RecordedDetector):
            detector = journal.detecting(detector)
        readable = watch.each("read", faults.readable(frames))
        found = detected(detector, readable, watch, faults.not_looked_at)
        if cutting.structure == "intra":
            items = cut(found, rate=cutting.rate, sample_aspect=cutting.sample_aspect)
            workers, ahead = pipeline.jobs, 2 * pipeline.jobs
        else:
            # The encoder has threads of its own; while it works, the segment before is checked and the next one read.
            workers = min(pipeline.jobs, max(2, pipeline.jobs // 4))
            least = self._options.split_empty if self._options.closed else 0.0
            items, ahead = cutting.segments(found, self.pipeline.holds_nothing, least), workers + 1
        stop: Callable[[], object] = process.stop_all
        if self._remote is not None:
            # Twice as many as are coded: what waits is there when a worker has nothing to do.
            workers = ahead = 2 * self._remote.threads
            stop = self._remote.stop

        def attempt(item: tuple[Segment, Sequence[sv.Detections]]) -> R | None:
            segment = item[0]
            try:
                return work(*item)
            except VcmError as error:
                faults.leave_out(segment.frames[0].index, segment.frames[0].source, len(segment), error)
                return None

        with worker_pool(workers, stop) as pool:
            for result in in_order(pool, attempt, watch.each("cut", items), ahead=ahead):
                if result is not None:
                    empty = False
                    yield result
        faults.check()
        if isinstance(pipeline.detector, RecordedDetector):
            self._remarks = pipeline.detector.remarks()
        if empty:
            if left_out := faults.records:
                raise VcmError(f"nothing could be coded: {left_out[0].reason}")
            raise InputError("there is no frame to code: give at least one")

    def _coded(self, segment: Segment, found: Sequence[sv.Detections]) -> EncodedSegment:
        """A segment, coded now."""
        with self._turn(segment) as turn, blamed_on(self.pipeline.encoder, segment.source):
            coded, turn.answer = self.code(segment, found, turn.start)
        return coded

    def _finished(
        self, journal: Journal | None, segment: Segment, found: Sequence[sv.Detections]
    ) -> tuple[Segment, Sequence[sv.Detections], FinishedSegment]:
        """A segment, coded now or out of the journal."""
        with self._turn(segment) as turn:
            done = None if journal is None else journal.get(segment, turn.start)
            if done is None:
                if self._remote is not None:
                    done = self._remote.code(self._identity, segment, found, turn.start)
                else:
                    with blamed_on(self.pipeline.encoder, segment.source):
                        done = self.finish(segment, found, turn.start)
                if journal is not None:
                    journal.put(segment, turn.start, done)
            turn.answer = done.choice
        return segment, found, done

    def finish(self, segment: Segment, found: Sequence[sv.Detections], start: Choice | None) -> FinishedSegment:
        """Code a segment here, and keep of it what the options want."""
        return FinishedSegment.of(*self.code(segment, found, start), found=self._options.found_out is not None)

    def _turn(self, segment: Segment) -> AbstractContextManager[Turn]:
        """Where a segment's search begins with what an earlier one chose, its turn."""
        searched = self._options.closed and segment.is_sequence
        return self._answers.turn(segment.index) if searched else nullcontext(Turn())

    def identity(self) -> dict[str, Any]:
        """All that decides what becomes of frames."""
        pipeline = self.pipeline
        options = {name: value for name, value in dataclasses.asdict(self._options).items() if name not in _NO_MATTER}
        return {
            "options": options | self._decided,
            "found": self._options.found_out is not None,
            "encoder": [pipeline.encoder.name, pipeline.encoder.build],
            "detectors": [[each.name, each.digest] for each in (pipeline.detector, *self._further)],
            "predictor": [pipeline.predictor.name, getattr(pipeline.predictor, "digest", "")],
            "human": pipeline.human_name,
            "point": dataclasses.asdict(pipeline.point),
            "versions": provenance.versions(),
            "commit": provenance.commit(),
        }

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
            source=self._source | (self._live.facts if self._live is not None else {}),
            target=self._target,
            left_out=self._faults.records,
        )

    def warn_of_segments(self) -> None:
        """Say what the user should know of what was coded."""
        for remark in self._remarks:
            self._warn(remark)
        warn_of_segments(self._warn, self.pipeline, self._records, closed=self._options.closed)
