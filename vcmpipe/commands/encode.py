"""``vcmpipe encode``: frames to one stream and its sidecar, in files that appear together, or in memory."""

from __future__ import annotations

import dataclasses
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcmpipe import process
from vcmpipe.bitstream import Codec, StreamJoiner
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.cutting import Cutting, choose_structure
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.pipeline import (
    EncodedSegment,
    Pipeline,
    SegmentCoding,
    detected,
    encode_segment,
    watched,
    write_maps,
)
from vcmpipe.coding.records import joined
from vcmpipe.coding.search.verifier import Verifier, load_further
from vcmpipe.coding.segment import Segment, cut
from vcmpipe.coding.stream_files import StreamFile, check_ending, check_place, stream_file
from vcmpipe.config import EncodeOptions
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, FrameSource, LiveSource, PictureSource, VideoSource, open_source
from vcmpipe.frames.sources import refuse_inputs
from vcmpipe.frames.times import parse_rate
from vcmpipe.process import interrupt
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.folders import publish_folder, same_file
from vcmpipe.process.progress import Progress, Warn, warn_of
from vcmpipe.process.stopwatch import Stopwatch
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.sidecar import SegmentRecord, Sidecar, Verdict, check_sidecar_place, provenance, sidecar_path

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder
    from vcmpipe.thresholds import ThresholdPredictor


STANDARD = "-"
"""Stands for standard input, and as an output for standard output."""
DEMO = "demo"
"""Stands for the built-in drawn video, and for its detector."""


class Encoded(NamedTuple):
    """A stream and its sidecar in memory."""

    data: bytes
    sidecar: Sidecar


def encode(
    options: EncodeOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    on_trial: Callable[[int], None] = lambda trials: None,
    verify_with: Sequence[Detector] | None = None,
    watch: Stopwatch | None = None,
    **parts: Any,
) -> Sidecar:
    """Code pictures or video into one stream with its sidecar; with ``options.verify`` each picture after a search.

    A source without end (a camera, a pipe) ends with the first interrupt: what was coded until then is published.

    Args:
        options: What to code and how.
        progress: Called after every segment with the frames done and their total, where it is known.
        warn: Called with what the user should know.
        on_trial: With ``options.verify``, called with the number of encodes tried so far, from the threads that try.
        verify_with: Further detectors that must keep what they find, instead of those that the options name.
        watch: Counts what each part of the work takes.
        **parts: ``detector``, ``predictor``, ``encoder`` objects to use instead of those that the options name.

    Returns:
        The sidecar that was written; of a stream on standard output it is not.

    Raises:
        VcmError: Input, a tool, or the output fails, or ``--strict`` is not met; nothing is left behind.
    """
    with _with_demo(options, warn) as (given, path):
        return _encode(given, path, progress, warn, on_trial, verify_with, watch or Stopwatch(), parts)


@contextmanager
def _with_demo(options: EncodeOptions, warn: Warn) -> Iterator[tuple[EncodeOptions, str]]:
    """The options and what to read: the built-in drawn video for ``demo``, if nothing here is called so."""
    if options.input != DEMO or Path(DEMO).exists():
        yield options, options.input
        return
    from vcmpipe.datasets.drawn_video import write_drawn_video

    with process.temporary_folder(DEMO) as folder:
        warn("the built-in drawn video; its detector is demo")
        video = write_drawn_video(folder / f"{DEMO}.y4m")
        detector = options.detector or (DEMO if options.qp is None else None)
        yield dataclasses.replace(options, detector=detector), str(video)


def _encode(
    options: EncodeOptions,
    path: str,
    progress: Progress,
    warn: Warn,
    on_trial: Callable[[int], None],
    verify_with: Sequence[Detector] | None,
    watch: Stopwatch,
    parts: dict[str, Any],
) -> Sidecar:
    out = None if options.out == STANDARD else Path(options.out)
    if out is not None and out == sidecar_path(out):
        raise InputError(
            f"--out {out}: the sidecar is NAME.json, so give the stream another ending, such as .bin or .266"
        )
    source = open_source(path, limit=options.limit, start=options.start, stride=options.stride, fps=options.fps)
    _check_places(options, out, source)
    given: Encoder | None = parts.get("encoder")
    encoder = given or load_encoder(options.encoder)
    if out is not None:
        check_ending(out, encoder.capabilities.codec)
    if options.cache:
        cache = parts["cache"] = ContentCache(Path(options.cache), warn)
        encoder = given or CachedEncoder(encoder, cache)
    parts["encoder"] = encoder
    run = _Run(options, warn, on_trial, verify_with, watch, parts)
    cutting = run.cutting_of(source)
    with ExitStack() as outputs:
        sidecar_file, part = _begin(options, out, source, outputs)
        maps = outputs.enter_context(publish_folder(Path(options.map_out))) if options.map_out else None
        audio, aspect = _sound(options, source), cutting.sample_aspect
        file = stream_file(part, out or Path("stream.bin"), run.codec, audio=audio, sample_aspect=aspect)
        notes: list[str] = []
        with file as stream, _readable(source, warn) as frames:
            for segment in run.segments(frames, progress, source.count, cutting, stream):
                if maps:
                    notes += write_maps(segment, maps)
            sidecar = run.sidecar("" if out is None else out.name, stream)
        if sidecar_file is not None:
            sidecar_file.write_text(sidecar.to_json())
    warn_of(warn, f"ROI files in {options.map_out}", notes)
    warn_of(warn, str(out), stream.notes)
    run.warn_of_segments()
    return sidecar


def _sound(options: EncodeOptions, source: FrameSource) -> Path | None:
    """The video whose sound is to be copied; InputError where it cannot be."""
    if options.audio == "drop":
        return None
    if not isinstance(source, VideoSource):
        raise InputError(f"--audio copy: {source.path} is no video file, whose sound could be copied; leave it out")
    if options.fps is not None:
        raise InputError("--audio copy with --fps: sound keeps the video's own times; leave one of the two out")
    return source.path


def _begin(
    options: EncodeOptions, out: Path | None, source: FrameSource, outputs: ExitStack
) -> tuple[Path | None, Path | BinaryIO]:
    """Where the sidecar and the stream are to be written; they take their places when ``outputs`` ends."""
    if out is None:
        return None, sys.stdout.buffer
    beside = sidecar_path(out)
    outputs.enter_context(process.only_writer(out, beside))
    _check_places(options, out, source)
    # The sidecar first: should the run be killed between the two, its digest shows that the stream is an older one.
    sidecar_file, part = outputs.enter_context(process.publish_together(beside, out))
    return sidecar_file, part


@contextmanager
def _readable(source: FrameSource, warn: Warn) -> Iterator[Iterable[Frame]]:
    """The frames of a source, one without end until the first interrupt; warns of what is odd about it."""
    name = source.name if isinstance(source, LiveSource) else str(source.path)
    for note in source.info.notes if source.info else ():
        warn(f"{name}: {note}")
    with interrupt.ends_reading(source.stop) if isinstance(source, LiveSource) else nullcontext():
        yield source
    if isinstance(source, LiveSource) and source.ended_by is not None:
        warn(f"{name}: {source.ended_by}; what came before is coded")
    for note in source.notes:
        warn(f"{name}: {note}")


def encode_frames(
    frames: Iterable[Frame | NDArray[np.uint8]],
    *,
    detector: str | Detector | None = None,
    predictor: str | ThresholdPredictor = "auto",
    encoder: str | Encoder = "vvenc",
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    verify_with: Sequence[Detector] | None = None,
    **options: Any,
) -> Encoded:
    """Code frames in memory; nothing is read from, or written to, files of the user's.

    Args:
        frames: Pictures, (height, width, 3) uint8 RGB, or ``Frame`` objects.
        detector: A detector, or what ``--detector`` takes.
        predictor: A predictor, or what ``--predictor`` takes.
        encoder: An encoder, or what ``--encoder`` takes.
        progress: Called after every segment with the frames done.
        warn: Called with what the user should know.
        verify_with: With ``verify=True``: further detectors that must keep what they find.
        **options: Further options of ``vcmpipe encode``, by their names in ``EncodeOptions``.

    Returns:
        The stream and its sidecar.

    Raises:
        VcmError: A frame, an option or a tool fails.
    """
    for name in ("input", "out", "limit", "start", "stride", "map_out", "audio", "cache"):
        if name in options:
            raise InputError(f"encode_frames takes no {name!r}, which is about files: use encode(EncodeOptions(...))")
    given = {"detector": detector, "predictor": predictor, "encoder": encoder}
    parts = {name: value for name, value in given.items() if value is not None and not isinstance(value, str)}
    names: dict[str, Any] = {name: getattr(value, "name", value) for name, value in given.items()}
    settings = EncodeOptions(input=STANDARD, out=STANDARD, **names, **options)
    run = _Run(settings, warn, lambda trials: None, verify_with, Stopwatch(), parts)
    made = (each if isinstance(each, Frame) else Frame(n, each, f"frame_{n:06d}") for n, each in enumerate(frames))
    buffer = io.BytesIO()
    with stream_file(buffer, Path("stream.bin"), run.codec) as stream:
        for _ in run.segments(made, progress, None, run.cutting_of(None), stream):
            pass
        sidecar = run.sidecar("", stream)
    run.warn_of_segments()
    return Encoded(buffer.getvalue(), sidecar)


class _Run:
    """Segments on their way into one stream, and the records of those that are in it."""

    def __init__(
        self,
        options: EncodeOptions,
        warn: Warn,
        on_trial: Callable[[int], None],
        verify_with: Sequence[Detector] | None,
        watch: Stopwatch,
        parts: dict[str, Any],
    ) -> None:
        # A search needs no thresholds, and so no remark that there are none.
        remark = (lambda message: None) if options.verify else warn
        self._options, self._warn = options, warn
        self.watch = watch
        parts["encoder"] = watched(parts.get("encoder") or load_encoder(options.encoder), self.watch)
        self._pipeline = pipeline = Pipeline(
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
        if options.verify:
            further = load_further(options, pipeline) if verify_with is None else verify_with
            self._code = Verifier(pipeline, options, further, on_trial).segment
        self._records: list[SegmentRecord] = []
        self._source: dict[str, Any] = {}
        # What was decided by default is written down as decided: the run can be repeated elsewhere.
        self._decided: dict[str, Any] = {"detector": pipeline.detector_spec, "margin": pipeline.margin}

    @property
    def codec(self) -> Codec:
        """What the stream is coded with."""
        return self._pipeline.encoder.capabilities.codec

    def cutting_of(self, source: FrameSource | None) -> Cutting:
        """How the frames of a source, or those in memory, become segments."""
        options = self._options
        structure, reason = choose_structure(
            options.structure, source, self._pipeline.encoder, stills=options.verify or options.viewer != "machine"
        )
        if reason:
            self._warn(reason)
        info = source.info if source is not None else None
        if info is not None and not isinstance(source, PictureSource):
            self._source = info.as_json()
        if isinstance(source, LiveSource):
            # An address may hold a password, which its name does not.
            self._decided["input"] = source.name
        rate = info.rate if info else parse_rate(options.fps) if options.fps else None
        aspect = None if info is None or isinstance(source, PictureSource) else info.sample_aspect
        spec = self._pipeline.spec
        return Cutting(structure, options.segment, rate, options.scene_cuts, options.seek_every, spec, aspect)

    def segments(
        self, frames: Iterable[Frame], progress: Progress, total: int | None, cutting: Cutting, out: StreamFile
    ) -> Iterator[EncodedSegment]:
        """Code the frames: each segment once it is in the stream."""
        done, joiner = 0, StreamJoiner(self.codec)
        pipeline, watch = self._pipeline, self.watch
        found = detected(pipeline.detector, watch.each("read", frames), watch)
        if cutting.structure == "intra":
            items = cut(found, rate=cutting.rate, sample_aspect=cutting.sample_aspect)
            workers, ahead = pipeline.jobs, 2 * pipeline.jobs
        else:
            # The encoder has threads of its own; while it works, the segment before is checked and the next one read.
            workers = min(pipeline.jobs, max(2, pipeline.jobs // 4))
            items, ahead = cutting.segments(found), workers + 1
        with worker_pool(workers) as pool:
            for segment in in_order(pool, self._coded, watch.each("cut", items), ahead=ahead):
                with watch.part("write"):
                    times = [frame.timestamp for frame in segment.source.frames]
                    grown = out.add(joiner.add(segment.coded.data), times, segment.source.rate)
                saved = segment.coded.bits - 8 * grown
                self._records.append(joined(segment.record, segment.coded, len(self._records), saved))
                yield segment
                done += len(segment.record.frames)
                progress(done, total)
        if not done:
            raise InputError("there is no frame to code: give at least one")

    def _coded(self, item: tuple[Segment, tuple[sv.Detections, ...]]) -> EncodedSegment:
        with blamed_on(self._pipeline.encoder, item[0].source):
            return self._code(*item)

    def sidecar(self, name: str, stream: StreamFile) -> Sidecar:
        """The sidecar of the stream so far, which has a file name."""
        pipeline, options = self._pipeline, self._options
        objects = [thing for record in self._records for frame in record.frames for thing in frame.objects]
        kept = sum(bool(thing.kept) for thing in objects)
        return Sidecar(
            stream=name,
            sha256=stream.sha256,
            bytes=stream.size,
            kept=kept if options.check else None,
            lost=sum(thing.kept is not None for thing in objects) - kept if options.check else None,
            colour=dataclasses.asdict(pipeline.spec),
            configuration=dataclasses.asdict(options) | self._decided,
            provenance=provenance.collect(
                pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.human_name
            ),
            segments=self._records,
            codec=self.codec,
            source=self._source,
        )

    def warn_of_segments(self) -> None:
        """Say what the encoder could not be given, and where the stream does not carry its map."""
        notes = [f"{record.name}: {note}" for record in self._records for note in record.notes]
        warn_of(self._warn, f"encoder {self._pipeline.encoder.name}", notes)
        doubts = [f"{r.name}: {r.conformance}" for r in self._records if r.conformance.verdict == Verdict.NO]
        warn_of(self._warn, "maps that the stream does not carry", doubts)


def _check_places(options: EncodeOptions, out: Path | None, source: FrameSource) -> None:
    """Refuse outputs that would take the place of an input, or of a file that is nothing of ours."""
    if options.map_out and same_file(Path(options.map_out), source.path):
        raise InputError(f"--map-out {options.map_out} holds the inputs: name another folder")
    if out is None:
        return
    refuse_inputs(out, source)
    check_place(out)
    for name, value in vars(options).items() if out.is_file() else ():
        # Weights stand behind a kind, a name or another file: onnx:PATH, torchvision:NAME@PATH, PATH,PATH.
        parts = [value, value.partition(":")[2], *re.split("[:@,]", value)] if isinstance(value, str) else []
        if name != "out" and any(same_file(Path(part), out) for part in parts):
            raise InputError(f"--out {out} is the file that --{name.replace('_', '-')} names: name another file")
    check_sidecar_place(out, written=True)
