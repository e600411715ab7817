"""``vcmpipe encode``: frames to one stream and its sidecar, in files that appear together, or in memory."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from vcmpipe.frames import Frame, FrameSource, open_source, refuse_as_output
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.folders import publish_folder, same_file
from vcmpipe.process.progress import Progress, Warn, warn_of
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.sidecar import SegmentRecord, Sidecar, Verdict, check_sidecar_place, provenance, sidecar_path

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder
    from vcmpipe.thresholds import ThresholdPredictor


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
    **parts: Any,
) -> Sidecar:
    """Code pictures into one stream with its sidecar; with ``options.verify`` each segment after a search.

    Args:
        options: What to code and how.
        progress: Called after every segment with the frames done and their total, where it is known.
        warn: Called with what the user should know.
        on_trial: With ``options.verify``, called with the number of encodes tried so far, from the threads that try.
        verify_with: Further detectors that must keep what they find, instead of those that the options name.
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
    run = _Run(options, warn, on_trial, verify_with, parts)
    notes: list[str] = []
    with ExitStack() as outputs:
        outputs.enter_context(process.only_writer(out, beside))
        _check_places(options, out, source)
        # The sidecar first: should the run be killed between the two, its digest shows that the stream is an older one.
        sidecar_file, stream_file = outputs.enter_context(process.publish_together(beside, out))
        maps = outputs.enter_context(publish_folder(Path(options.map_out))) if options.map_out else None
        stream = outputs.enter_context(stream_file.open("wb"))
        for data, segment in run.segments(source, progress, source.count):
            stream.write(data)
            if maps:
                notes += write_maps(segment, maps)
        stream.flush()
        sidecar = run.sidecar(out.name)
        sidecar_file.write_text(sidecar.to_json())
    warn_of(warn, f"ROI files in {options.map_out}", notes)
    run.warn_of_segments()
    return sidecar


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
    for name in ("input", "out", "limit", "map_out", "cache"):
        if name in options:
            raise InputError(f"encode_frames takes no {name!r}, which is about files: use encode(EncodeOptions(...))")
    given = {"detector": detector, "predictor": predictor, "encoder": encoder}
    parts = {name: value for name, value in given.items() if value is not None and not isinstance(value, str)}
    names: dict[str, Any] = {name: getattr(value, "name", value) for name, value in given.items()}
    run = _Run(EncodeOptions(input="-", out="-", **names, **options), warn, lambda trials: None, verify_with, parts)
    made = (each if isinstance(each, Frame) else Frame(n, each, f"frame_{n:06d}") for n, each in enumerate(frames))
    data = b"".join(part for part, _ in run.segments(made, progress, None))
    run.warn_of_segments()
    return Encoded(data, run.sidecar(""))


class _Run:
    """Segments on their way into one stream, and the records of those that are in it."""

    def __init__(
        self,
        options: EncodeOptions,
        warn: Warn,
        on_trial: Callable[[int], None],
        verify_with: Sequence[Detector] | None,
        parts: dict[str, Any],
    ) -> None:
        # A search needs no thresholds, and so no remark that there are none.
        remark = (lambda message: None) if options.verify else warn
        self._options, self._warn = options, warn
        self._pipeline = pipeline = Pipeline(
            options, scale=options.scale, margin=options.margin, classes=options.keep_classes, warn=remark, **parts
        )
        self._code: SegmentCoding = partial(encode_segment, pipeline, check=options.check)
        if options.verify:
            further = load_further(options, pipeline) if verify_with is None else verify_with
            self._code = Verifier(pipeline, options, further, on_trial).segment
        self._records: list[SegmentRecord] = []
        self._digest = hashlib.sha256()
        self._bytes = 0

    def segments(
        self, frames: Iterable[Frame], progress: Progress, total: int | None
    ) -> Iterator[tuple[bytes, EncodedSegment]]:
        """Code the frames: each segment with the bytes by which it continues the stream."""
        done, writer = 0, StreamJoiner(self._pipeline.encoder.capabilities.codec)
        items = cut(detected(self._pipeline.detector, frames))
        with worker_pool(self._pipeline.jobs) as pool:
            for segment in in_order(pool, self._coded, items, ahead=2 * self._pipeline.jobs):
                data = writer.add(segment.coded.data)
                self._digest.update(data)
                self._bytes += len(data)
                saved = segment.coded.bits - 8 * len(data)
                self._records.append(joined(segment.record, segment.coded, len(self._records), saved))
                yield data, segment
                done += len(segment.record.frames)
                progress(done, total)
        if not done:
            raise InputError("there is no frame to code: give at least one")

    def _coded(self, item: tuple[Segment, tuple[sv.Detections, ...]]) -> EncodedSegment:
        with blamed_on(self._pipeline.encoder, item[0].source):
            return self._code(*item)

    def sidecar(self, stream: str) -> Sidecar:
        """The sidecar of the stream so far.

        Args:
            stream: The stream's file name.
        """
        pipeline, options = self._pipeline, self._options
        objects = [thing for record in self._records for frame in record.frames for thing in frame.objects]
        kept = sum(bool(thing.kept) for thing in objects)
        return Sidecar(
            stream=stream,
            sha256=self._digest.hexdigest(),
            bytes=self._bytes,
            kept=kept if options.check else None,
            lost=sum(thing.kept is not None for thing in objects) - kept if options.check else None,
            colour=dataclasses.asdict(pipeline.spec),
            # What was decided by default is written down as decided: the run can be repeated elsewhere.
            configuration=dataclasses.asdict(options) | {"detector": pipeline.detector_spec, "margin": pipeline.margin},
            provenance=provenance.collect(
                pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.human_name
            ),
            segments=self._records,
            codec=pipeline.encoder.capabilities.codec,
        )

    def warn_of_segments(self) -> None:
        """Say what the encoder could not be given, and where the stream does not carry its map."""
        notes = [f"{record.name}: {note}" for record in self._records for note in record.notes]
        warn_of(self._warn, f"encoder {self._pipeline.encoder.name}", notes)
        doubts = [f"{r.name}: {r.conformance}" for r in self._records if r.conformance.verdict == Verdict.NO]
        warn_of(self._warn, "maps that the stream does not carry", doubts)


def _check_places(options: EncodeOptions, out: Path, source: FrameSource) -> None:
    """Refuse outputs that would take the place of an input, or of a file that is nothing of ours."""
    refuse_as_output(out, source, ".bin, .266 or .vvc (.hevc or .265 for HEVC)")
    for name, value in vars(options).items() if out.is_file() else ():
        # Weights stand behind a kind, a name or another file: onnx:PATH, torchvision:NAME@PATH, PATH,PATH.
        parts = [value, value.partition(":")[2], *re.split("[:@,]", value)] if isinstance(value, str) else []
        if name != "out" and any(same_file(Path(part), out) for part in parts):
            raise InputError(f"--out {out} is the file that --{name.replace('_', '-')} names: name another file")
    check_sidecar_place(out, written=True)
    if options.map_out and same_file(Path(options.map_out), source.path):
        raise InputError(f"--map-out {options.map_out} holds the inputs: name another folder")
