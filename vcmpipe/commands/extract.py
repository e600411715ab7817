"""Parts of a stream, without coding anything again: one object's sub-picture, or a span of time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import CODECS, codec_of, extract_subpicture, inspect_stream
from vcmpipe.coding.excerpt import Excerpt, Span, cut, cut_sidecar
from vcmpipe.coding.stored_streams import StoredStream, read_stream
from vcmpipe.coding.stream_files import check_ending, check_place, stream_file
from vcmpipe.commands.decode import naming
from vcmpipe.config import ExtractOptions
from vcmpipe.decoding.sandbox import decode_isolated
from vcmpipe.errors import InputError
from vcmpipe.frames import refuse_frame_endings
from vcmpipe.process.folders import same_file
from vcmpipe.sidecar import Sidecar, check_sidecar_place, find_sidecar, mismatch, sidecar_path


@dataclass(frozen=True)
class ExtractReport:
    """What was cut out: where it went, and what it is.

    Attributes:
        out: The file.
        region: The region; None: the whole picture.
        width: Samples in a row of its first picture.
        height: Rows of it.
        pictures: How many pictures.
        bytes: Size of its stream.
        span: From when to when it is shown in the whole stream, in seconds; None where it was not cut in time.
    """

    out: str
    region: int | None
    width: int
    height: int
    pictures: int
    bytes: int
    span: tuple[float, float] | None = None


def extract(options: ExtractOptions) -> ExtractReport:
    """Cut a sub-picture, or the segments of a span of time, out and publish the stream; the latter with its sidecar.

    Raises:
        BitstreamError: The stream is damaged, or has no such sub-picture.
        InputError: The sidecar beside the stream is damaged or of another stream; the output is the input, has a name
            that no such stream has, would lie beside another stream's sidecar, or is being written by another run;
            nothing is shown in the span, or nobody knows when pictures are shown.
        OutputError: The output cannot be written.
    """
    stream, out = Path(options.input), Path(options.out)
    span = None if options.time is None else Span.parse(options.time)
    if same_file(stream, out):
        raise InputError(f"--out {out} is the stream itself: name another file")
    if span is None or options.region is not None:
        refuse_frame_endings(out, ".bin, .266 or .vvc")
    elif out.is_dir():
        raise InputError(f"--out {out}: it is a folder; name a file")
    stored = read_stream(stream)
    if (span is None or options.region is not None) and out.suffix:
        with naming(stream):
            check_ending(out, codec_of(stored.data))
    path, sidecar = find_sidecar(stream, None)
    reason = mismatch(stored.data, sidecar, path) if sidecar is not None else None
    if span is None:
        return _extract_region(options, stored.data, reason)
    with naming(stream):
        if reason is not None:
            raise InputError(f"{reason}, or move it away to extract without")
        excerpt = cut(stored, sidecar, span)
    shown = (round(float(excerpt.start), 6), round(float(excerpt.end), 6))
    if options.region is not None:
        return _extract_region(options, excerpt.data, None, shown)
    return _write_excerpt(options, stored, excerpt, sidecar, shown)


def _extract_region(
    options: ExtractOptions, whole: bytes, reason: str | None, span: tuple[float, float] | None = None
) -> ExtractReport:
    stream, out, region = Path(options.input), Path(options.out), options.region or 0
    # With the sidecar's place: no encode puts one there meanwhile.
    with process.only_writer(out, sidecar_path(out)), process.publish(out) as temporary:
        check_sidecar_place(out, written=False)
        with naming(stream):
            if not CODECS[codec := codec_of(whole)].mergeable:
                raise InputError(f"{stream}: regions are cut out of VVC streams only, this is {codec.upper()}")
            data = extract_subpicture(whole, region, picture=options.picture)
            if reason is not None:
                raise InputError(f"{reason}, or move it away to extract without")
            info = inspect_stream(data)
            _decode(data)
        temporary.write_bytes(data)
    first = info.pictures[0]
    return ExtractReport(options.out, region, first.width, first.height, len(info.pictures), len(data), span)


def _write_excerpt(
    options: ExtractOptions, stored: StoredStream, excerpt: Excerpt, sidecar: Sidecar | None, span: tuple[float, float]
) -> ExtractReport:
    stream, out = Path(options.input), Path(options.out)
    check_ending(out, excerpt.codec)
    check_place(out)
    beside = sidecar_path(out)
    with ExitStack() as outputs:
        outputs.enter_context(process.only_writer(out, beside))
        check_sidecar_place(out, written=sidecar is not None)
        if sidecar is None:
            part, beside_part = outputs.enter_context(process.publish(out)), None
            with naming(stream):
                _decode(excerpt.data)  # else the digest has shown that it is sound
        else:
            beside_part, part = outputs.enter_context(process.publish_together(beside, out))
        with stream_file(part, out, excerpt.codec) as file:
            for piece, times in zip(excerpt.pieces, excerpt.times, strict=True):
                file.add(piece, times, stored.rate)
        if sidecar is not None and beside_part is not None:
            note = {"stream": sidecar.stream, "sha256": sidecar.sha256, "span": span}
            own = cut_sidecar(sidecar, excerpt, out.name, sha256=file.sha256, size=file.size, provenance=note)
            beside_part.write_text(own.to_json())
    first = inspect_stream(excerpt.data).pictures[0]
    pictures = sum(len(each) for each in excerpt.times)
    return ExtractReport(options.out, None, first.display_width, first.display_height, pictures, file.size, span)


def _decode(data: bytes) -> None:
    """Raise BitstreamError where a slice is cut or damaged behind its sound header: only decoding shows it."""
    for _ in decode_isolated(data):
        pass
