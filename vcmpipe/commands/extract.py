"""One object's stream, cut out of a picture coded as sub-pictures, without coding anything again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vcmpipe import process
from vcmpipe.bitstream import extract_subpicture, inspect_stream
from vcmpipe.commands.decode import naming, read_stream
from vcmpipe.config import ExtractOptions
from vcmpipe.decoding.sandbox import decode_isolated
from vcmpipe.errors import InputError
from vcmpipe.frames import refuse_frame_endings
from vcmpipe.process.folders import same_file
from vcmpipe.sidecar import check_sidecar_place, find_sidecar, mismatch, sidecar_path


@dataclass(frozen=True)
class ExtractReport:
    """What was cut out: where it went, and what it is."""

    out: str
    region: int
    width: int
    height: int
    pictures: int
    bytes: int


def extract(options: ExtractOptions) -> ExtractReport:
    """Cut a sub-picture out and publish its stream.

    Raises:
        BitstreamError: The stream is damaged, or has no such sub-picture.
        InputError: The sidecar beside the stream is damaged or of another stream; the output is the input, has a
            picture's name, would lie beside another stream's sidecar, or is being written by another run.
        OutputError: The output cannot be written.
    """
    stream, out = Path(options.input), Path(options.out)
    if same_file(stream, out):
        raise InputError(f"--out {out} is the stream itself: name another file")
    refuse_frame_endings(out, ".bin, .266 or .vvc")
    whole = read_stream(stream)
    path, sidecar = find_sidecar(stream, None)
    # With the sidecar's place: no encode puts one there meanwhile.
    with process.only_writer(out, sidecar_path(out)), process.publish(out) as temporary:
        check_sidecar_place(out, written=False)
        with naming(stream):
            data = extract_subpicture(whole, options.region, picture=options.picture)
            if sidecar is not None and (reason := mismatch(whole, sidecar, path)):
                raise InputError(f"{reason}, or move it away to extract without")
            info = inspect_stream(data)
            # A cut or damaged slice has sound headers: only decoding shows it.
            for _ in decode_isolated(data):
                pass
        temporary.write_bytes(data)
    first = info.pictures[0]
    return ExtractReport(options.out, options.region, first.width, first.height, len(info.pictures), len(data))
