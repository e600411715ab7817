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
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.pipeline import EncodedSegment
from vcmpipe.coding.stream_files import check_ending, check_place, stream_file
from vcmpipe.commands.detections_out import check_detections_places, detections_file
from vcmpipe.commands.encode_run import FOR_FILES, EncodeRun
from vcmpipe.commands.encode_worker import RemoteCoding
from vcmpipe.commands.kept_work import kept_work
from vcmpipe.commands.map_files import write_maps
from vcmpipe.commands.recorded import check_belongs, detector_of, without_looking
from vcmpipe.commands.targets import Memories, Passes, check_rate
from vcmpipe.config import EncodeOptions, flag_of
from vcmpipe.detection import resolve_detector_spec
from vcmpipe.detection.recorded import recorded_path
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, FrameSource, LiveRules, LiveSource, VideoSource, open_inputs
from vcmpipe.frames.headers import check_headers
from vcmpipe.frames.sources import refuse_inputs
from vcmpipe.process import interrupt
from vcmpipe.process.cluster import cluster_at
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.folders import publish_folder, same_file
from vcmpipe.process.progress import Progress, Warn, warn_of
from vcmpipe.process.stopwatch import Stopwatch
from vcmpipe.process.work_folder import WorkFolder
from vcmpipe.sidecar import Sidecar, check_sidecar_place, sidecar_path

if TYPE_CHECKING:
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
    on_written: Callable[[str, int], None] = lambda noun, size: None,
    verify_with: Sequence[Detector] | None = None,
    watch: Stopwatch | None = None,
    only_pictures: bool = False,
    **parts: Any,
) -> Sidecar:
    """Code pictures or video into one stream with its sidecar; with ``options.verify`` each picture after a search.

    A source without end (a camera, a pipe) ends with the first interrupt: what was coded until then is published.

    Args:
        options: What to code and how.
        progress: Called after every segment with the frames done and their total, where it is known.
        warn: Called with what the user should know.
        on_trial: With ``options.verify``, called with the number of encodes tried so far, from the threads that try.
        on_written: Called after every segment with what is counted, ``picture`` or ``frame``, and the bytes of the
            stream so far.
        verify_with: Further detectors that must keep what they find, instead of those that the options name.
        watch: Counts what each part of the work takes.
        only_pictures: Whether videos in a folder that is searched with all below it are passed over.
        **parts: ``detector``, ``predictor``, ``encoder`` objects to use instead of those that the options name.

    Returns:
        The sidecar that was written; of a stream on standard output it is not.

    Raises:
        VcmError: Input, a tool, or the output fails, or ``--strict`` is not met; nothing is left behind.
    """
    if options.dry_run:
        raise InputError("dry_run codes nothing: call vcmpipe.commands.dry_run.dry_run, or leave it out")
    with _with_demo(options, warn) as (given, names):
        sought = partial(open_inputs, names, only_pictures=only_pictures)
        return _encode(given, sought, progress, warn, on_trial, on_written, verify_with, watch or Stopwatch(), parts)


@contextmanager
def _with_demo(options: EncodeOptions, warn: Warn) -> Iterator[tuple[EncodeOptions, str | tuple[str, ...]]]:
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
    opened: Callable[..., FrameSource],
    progress: Progress,
    warn: Warn,
    on_trial: Callable[[int], None],
    on_written: Callable[[str, int], None],
    verify_with: Sequence[Detector] | None,
    watch: Stopwatch,
    parts: dict[str, Any],
) -> Sidecar:
    out = None if options.out == STANDARD else Path(options.out)
    if out is not None and out == sidecar_path(out):
        raise InputError(
            f"--out {out}: the sidecar is NAME.json, so give the stream another ending, such as .bin or .266"
        )
    if out is not None and (out.is_dir() or options.out.endswith("/")):
        raise InputError(f"--out {out} is a folder, for a stream of each input: name a file, or call encode_each")
    once = "--target takes several passes, and {} can be read only once: save it to a file"
    if options.target is not None and options.input == STANDARD:
        raise InputError(once.format(STANDARD))
    source = opened(
        recursive=options.recursive,
        limit=options.limit,
        start=options.start,
        stride=options.stride,
        fps=options.fps,
        rules=LiveRules(options.reconnect, options.stall, drop=True),
    )
    if options.target is not None and isinstance(source, LiveSource):
        raise InputError(once.format(source.name))
    _check_places(options, out, source)
    if options.on_error == "stop":
        check_headers(source)
    named = [*parts, *(["verify_with"] if verify_with is not None else [])]
    if parts.get("detector") is None and (recorded := detector_of(options)) is not None:
        parts["detector"] = recorded
    options = without_looking(options, parts.get("detector"), warn)
    check_belongs(parts.get("detector"), source)
    given: Encoder | None = parts.get("encoder")
    encoder = given or load_encoder(options.encoder)
    if out is not None:
        check_ending(out, encoder.capabilities.codec)
    if options.cache:
        cache = parts["cache"] = ContentCache(Path(options.cache), warn, options.cache_limit)
        encoder = given or CachedEncoder(encoder, cache)
    if options.cluster is not None and named:
        raise InputError(f"cluster: workers load what options name, and cannot be handed a {named[0]}: name it there")
    parts["encoder"] = encoder
    with ExitStack() as outputs:
        # Opened first: that they cannot be written is better known before hours of encoding.
        sidecar_file, part, work = _begin(options, out, source, outputs, warn)
        maps = outputs.enter_context(publish_folder(Path(options.map_out))) if options.map_out else None
        audio = _sound(options, source)
        logs = [outputs.enter_context(detections_file(name)) for name in (options.detections_out, options.found_out)]

        def run_of(options: EncodeOptions, warn: Warn = warn, **known: Any) -> EncodeRun:
            return EncodeRun(options, warn, on_trial, verify_with, watch, parts, **known)

        if options.target is None:
            run = run_of(options, remote=_remote(options, outputs))
        else:
            run, work = _targeted(options, source, run_of, parts, outputs, progress, work), None
        run.log_into(*logs)
        cutting = run.cutting_of(source)
        aspect = cutting.sample_aspect
        file = stream_file(part, out or Path("stream.bin"), run.codec, audio=audio, sample_aspect=aspect)
        notes: list[str] = []
        with file as stream, _readable(source, warn) as frames:
            for segment in run.segments(frames, progress, source.count, cutting, stream, work):
                on_written("picture" if cutting.structure == "intra" else "frame", stream.size)
                if maps:
                    notes += write_maps(segment, maps)
            sidecar = run.sidecar("" if out is None else out.name, stream)
        if sidecar_file is not None:
            sidecar_file.write_text(sidecar.to_json())
    warn_of(warn, f"ROI files in {options.map_out}", notes)
    warn_of(warn, str(out), stream.notes)
    run.warn_of_segments()
    return sidecar


def _remote(options: EncodeOptions, held: ExitStack) -> RemoteCoding | None:
    """The cluster that is to code, while ``held`` lasts."""
    if options.cluster is None:
        return None
    return RemoteCoding(held.enter_context(cluster_at(options.cluster)), options)


def _targeted(
    options: EncodeOptions,
    frames: FrameSource | Sequence[Frame],
    run_of: Callable[..., EncodeRun],
    parts: dict[str, Any],
    passes: ExitStack,
    progress: Progress,
    work: WorkFolder | None = None,
) -> EncodeRun:
    """The run that reaches ``--target``, after the passes that it takes; what they code is kept for it.

    It is kept in ``work``, so that a run that was stopped codes none of it again; without, for this run alone.
    """
    source = frames if isinstance(frames, FrameSource) else None
    encoder = parts.get("encoder") or load_encoder(options.encoder)
    if not isinstance(encoder, CachedEncoder):
        if work is not None:
            cache = work.cache()
        else:
            cache = ContentCache(passes.enter_context(process.temporary_folder("passes")))
        parts["encoder"] = CachedEncoder(encoder, cache)
    total = source.count if source is not None else len(frames)  # type: ignore[arg-type]

    def counted(coded: Iterable[EncodedSegment]) -> Iterator[EncodedSegment]:
        done = 0
        for each in coded:
            yield each
            done += len(each.source)
            progress(done, total)

    def segments(turned: EncodeOptions, memories: Memories | None) -> tuple[EncodeRun, Iterable[EncodedSegment]]:
        # What there is to warn of is said once, of the run that writes the stream.
        run = run_of(turned, lambda message: None, memories=memories)
        parts.setdefault("detector", run.pipeline.detector)
        cutting = run.cutting_of(source)
        check_rate(options, cutting.rate)
        return run, counted(run.coded(frames, cutting))

    reached = Passes(options, segments).reach()
    return run_of(reached.options, memories=reached.memories, target=reached.record)


def _sound(options: EncodeOptions, source: FrameSource) -> Path | None:
    """The video whose sound is to be copied; InputError where it cannot be."""
    if options.audio == "drop":
        return None
    if not isinstance(source, VideoSource):
        raise InputError(
            f"--audio copy: {source.path} is not a video file, so it has no sound to copy: leave --audio out"
        )
    if options.fps is not None:
        raise InputError("--audio copy with --fps: sound keeps the video's own times; leave one of the two out")
    return source.path


def _begin(
    options: EncodeOptions, out: Path | None, source: FrameSource, outputs: ExitStack, warn: Warn
) -> tuple[Path | None, Path | BinaryIO, WorkFolder | None]:
    """Where the sidecar and the stream are to be written, and what keeps the work on them.

    They take their places when ``outputs`` ends. Of what can be read only once nothing is kept.
    """
    if out is None:
        return None, sys.stdout.buffer, None
    beside = sidecar_path(out)
    outputs.enter_context(process.only_writer(out, beside))
    _check_places(options, out, source)
    may_skip = options.on_error == "stop" and not options.strict and options.target is None
    keeping = nullcontext() if source.live else kept_work(out, warn, fresh=options.fresh, may_skip=may_skip)
    work = outputs.enter_context(keeping)
    # The sidecar first: should the run be killed between the two, its digest shows that the stream is an older one.
    sidecar_file, part = outputs.enter_context(process.publish_together(beside, out))
    return sidecar_file, part, work


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
    for name in FOR_FILES:
        if name in options:
            raise InputError(f"encode_frames takes no {name!r}, which is for files: use encode(EncodeOptions(...))")
    given = {"detector": detector, "predictor": predictor, "encoder": encoder}
    parts = {name: value for name, value in given.items() if value is not None and not isinstance(value, str)}
    names: dict[str, Any] = {name: getattr(value, "name", value) for name, value in given.items()}
    settings = EncodeOptions(input=STANDARD, out=STANDARD, **names, **options)
    looking = None if detector is None or isinstance(detector, str) else detector
    if looking is None and (recorded := detector_of(settings)) is not None:
        looking = parts["detector"] = recorded
    settings = without_looking(settings, looking, warn)
    made: Iterable[Frame] = (
        each if isinstance(each, Frame) else Frame(n, each, f"frame_{n:06d}") for n, each in enumerate(frames)
    )

    def run_of(options: EncodeOptions, warn: Warn = warn, **known: Any) -> EncodeRun:
        return EncodeRun(options, warn, lambda trials: None, verify_with, Stopwatch(), parts, **known)

    with ExitStack() as passes:
        if settings.target is None:
            run = run_of(settings)
        else:
            made = list(made)
            run = _targeted(settings, made, run_of, parts, passes, progress)
        buffer = io.BytesIO()
        with stream_file(buffer, Path("stream.bin"), run.codec) as stream:
            for _ in run.segments(made, progress, None, run.cutting_of(None), stream):
                pass
            sidecar = run.sidecar("", stream)
    run.warn_of_segments()
    return Encoded(buffer.getvalue(), sidecar)


def _check_places(options: EncodeOptions, out: Path | None, source: FrameSource) -> None:
    """Refuse outputs that would take the place of an input, or of a file that is nothing of ours."""
    if options.map_out and same_file(Path(options.map_out), source.path):
        raise InputError(f"--map-out {options.map_out} holds the inputs: name another folder")
    written = {flag_of(name): getattr(options, name) for name in ("detections_out", "found_out")}
    others = {"--out": None if out is None else options.out, "--map-out": options.map_out, "--classes": options.classes}
    recorded = recorded_path(resolve_detector_spec(options.detector))
    others |= {
        "the sidecar": None if out is None else str(sidecar_path(out)),
        "--detector": None if recorded is None else str(recorded),
    }
    check_detections_places(written, others, source.path)
    if out is None:
        return
    refuse_inputs(out, source)
    check_place(out)
    for name, value in vars(options).items() if out.is_file() else ():
        # Weights stand behind a kind, a name or another file: onnx:PATH, torchvision:NAME@PATH, PATH,PATH.
        parts = [value, value.partition(":")[2], *re.split("[:@,]", value)] if isinstance(value, str) else []
        if name != "out" and any(same_file(Path(part), out) for part in parts):
            raise InputError(f"--out {out} is the file that {flag_of(name)} names: name another file")
    check_sidecar_place(out, written=True)
