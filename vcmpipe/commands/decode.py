"""From a stream back to pictures: decoded, cropped, scaled to the source's size, and written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from vcmpipe.bitstream import inspect_stream
from vcmpipe.coding.stored_streams import StoredStream, read_stream
from vcmpipe.commands.decode_outputs import Shown, refuse_replacing, write_pictures
from vcmpipe.commands.detections_out import DetectionLog, check_detections_places, detections_file
from vcmpipe.commands.restoring import Restored, restored
from vcmpipe.config import DecodeOptions
from vcmpipe.decoding.decoder import shown_pictures
from vcmpipe.detection import Detector, load_detector, resolve_detector_spec
from vcmpipe.detection.naming import detect_named
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.frames import Frame, schedule
from vcmpipe.process.folders import same_file
from vcmpipe.process.progress import Warn
from vcmpipe.sidecar import FrameRecord, Sidecar, find_sidecar, mismatch


@dataclass(frozen=True)
class DecodeReport:
    """What was written.

    Attributes:
        pictures: How many pictures.
        out: The folder or file.
        sidecar: The sidecar that told sizes and names, or None.
        restored: How many pictures were scaled back to the source's size.
    """

    pictures: int
    out: str
    sidecar: str | None
    restored: int


@contextlib.contextmanager
def naming(stream: Path) -> Iterator[None]:
    """Put the file's name in front of what is wrong with its bytes."""
    try:
        yield
    except BitstreamError as error:
        raise BitstreamError(f"{stream}: {error}") from error


def decode(
    options: DecodeOptions,
    *,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    warn: Warn = lambda line: None,
) -> DecodeReport:
    """Decode a stream into PNG files, a y4m video or a preview; on an error nothing of it is left.

    Args:
        options: What to decode, and into what.
        progress: Called with the number of pictures done and of all.
        warn: Called with what the output cannot hold of the source.

    Raises:
        InputError: The stream or the sidecar cannot be used, or a file of another's making is in the way.
        OutputError: The output cannot be written.
    """
    stream, out = Path(options.input), Path(options.out)
    stored = read_stream(stream)
    data = stored.data
    path, sidecar = find_sidecar(stream, options.sidecar)
    _refuse_overwriting(out, stream, sidecar)
    if options.overlay and sidecar is None:
        raise InputError(f"--overlay draws what the sidecar says, and {stream} has none: name it with --sidecar")
    given = {"--found-out": options.found_out}
    check_detections_places(given, {"--out": options.out, "the sidecar": str(path) if path else None}, stream)
    # Loaded first: that it cannot be is better known before the work.
    detector = None
    if options.found_out is not None:
        detector = load_detector(resolve_detector_spec(options.detector), device=options.device)
    with naming(stream), detections_file(options.found_out) as log:
        total = shown_pictures(data)
        if sidecar is not None and (reason := mismatch(data, sidecar, path)):
            raise InputError(f"{reason}, name the right one with --sidecar, or move it away to decode without")
        frames = sidecar.frames if sidecar else []
        pictures = restored(data, sidecar, restore=options.restore, overlay=options.overlay)
        if log is not None and detector is not None:
            pictures = _looked_at(pictures, frames, detector, log)
        count = write_pictures(
            pictures,
            out,
            [frame.source for frame in frames] if sidecar else [""] * total,
            _shown(stored, sidecar, total),
            progress=lambda done: progress(done, total),
            own=(lambda paths: None) if options.overwrite else refuse_replacing,
            warn=warn,
        )
    segments = sidecar.segments if sidecar and options.restore else []
    scaled = sum(len(segment.frames) for segment in segments if segment.source_size != segment.coded_size)
    return DecodeReport(count, str(out), str(path) if path else None, scaled)


def _looked_at(
    pictures: Iterator[Restored], records: Sequence[FrameRecord], detector: Detector, log: DetectionLog
) -> Iterator[Restored]:
    """The same pictures, and what a detector finds in them noted down."""
    log.classes = detector.classes
    for place, picture in enumerate(pictures):
        record = records[place] if records else None
        # Without a sidecar by the names that are written.
        source = record.source if record else f"{picture.source}.png"
        frame = Frame(record.index if record else place, replace(picture, boxes=None).rgb(), source)
        log.add([frame], detect_named(detector, [frame]))
        yield picture


def _shown(stored: StoredStream, sidecar: Sidecar | None, total: int) -> Shown:
    """How the pictures are shown: as the sidecar says, else the container, else the parameter sets."""
    info = inspect_stream(stored.data)
    times: Sequence[Fraction | float | None] = sorted(stored.times or ())
    if sidecar is not None and not times:
        times = [frame.timestamp for frame in sidecar.frames]
    rate = stored.rate or info.rate
    depth = 8 if sidecar is not None and sidecar.source.get("depth") == 8 else 10
    return Shown(schedule(total, times, rate), info.sample_aspect or Fraction(1), depth)  # type: ignore[arg-type]


def _refuse_overwriting(out: Path, stream: Path, sidecar: Sidecar | None) -> None:
    if same_file(out, stream):
        raise InputError(f"--out {out} is the stream itself: name another file, or a folder")
    source = sidecar.configuration.get("input") if sidecar else None
    for each in source if isinstance(source, list) else [source]:
        if isinstance(each, str) and same_file(out, Path(each)):
            what = "holds the source pictures, which have the same names: name another folder"
            raise InputError(f"--out {out} {what if out.is_dir() else 'is the source itself: name another file'}")
