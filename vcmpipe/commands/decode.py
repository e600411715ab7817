"""From a stream back to pictures: decoded, cropped, scaled to the source's size, written as PNG files or y4m."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream import count_pictures
from vcmpipe.config import DecodeOptions
from vcmpipe.decoding.decoder import DecodedPicture
from vcmpipe.decoding.sandbox import decode_isolated
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.frames import Y4mWriter, Yuv, is_decoded, rgb_to_yuv, scale_rgb, write_png, yuv_to_rgb
from vcmpipe.frames.pictures import SUFFIXES
from vcmpipe.frames.sources import VIDEO_SUFFIXES
from vcmpipe.process import only_writer
from vcmpipe.process.folders import publish_folder, safe_stem, same_file
from vcmpipe.sidecar import FrameRecord, SegmentRecord, Sidecar, find_sidecar, mismatch


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


def read_stream(path: Path) -> bytes:
    """The bytes of a stream file.

    Raises:
        InputError: It cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "no regular file"
            raise InputError(f"{path} is {kind}: name a file that holds a VVC stream")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: check the path") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name a VVC stream that you may read") from error


@contextlib.contextmanager
def naming(stream: Path) -> Iterator[None]:
    """Put the file's name in front of what is wrong with its bytes."""
    try:
        yield
    except BitstreamError as error:
        raise BitstreamError(f"{stream}: {error}") from error


@dataclass(frozen=True)
class Restored:
    """A decoded picture together with what the sidecar knows of it.

    Attributes:
        picture: The picture as the stream has it.
        size: Width and height without the padding that the stream cannot crop (an odd size).
        target: Width and height to scale to: the source's, or ``size``.
        source: The source's name, or a made-up one.
    """

    picture: DecodedPicture
    size: tuple[int, int]
    target: tuple[int, int]
    source: str

    def rgb(self) -> NDArray[np.uint8]:
        """The picture, cropped and scaled, (height, width, 3)."""
        rgb = yuv_to_rgb(self.picture.yuv, self.picture.spec, self.size)
        return rgb if self.target == self.size else scale_rgb(rgb, self.target)

    def yuv(self) -> Yuv:
        """The picture as YUV; the decoder's own samples where nothing is scaled."""
        return self.picture.yuv if self.target == self.size else rgb_to_yuv(self.rgb(), self.picture.spec)


def restored(data: bytes, sidecar: Sidecar | None, *, restore: bool = True) -> Iterator[Restored]:
    """The pictures of a stream in presentation order, by the sidecar cropped to their exact size and scaled back.

    Raises:
        InputError: Stream and sidecar do not belong together.
        BitstreamError: The stream is damaged.
    """
    records = list(sidecar.placed()) if sidecar else None
    count = 0
    for picture in decode_isolated(data):
        if records is None:
            yield Restored(picture, picture.size, picture.size, f"picture_{count:06d}")
        elif count < len(records):
            yield _restored(picture, *records[count], restore=restore)
        count += 1
    if records is not None and count != len(records):
        raise InputError(f"the stream holds {count} pictures, the sidecar {len(records)}: they do not belong together")


def _restored(picture: DecodedPicture, segment: SegmentRecord, frame: FrameRecord, *, restore: bool) -> Restored:
    width, height = segment.coded_size
    # The conformance window counts in chroma samples: an odd size is decoded one sample too large.
    if picture.size != (width + width % 2, height + height % 2):
        raise InputError(
            f"picture {picture.index} decodes to {picture.size[0]}x{picture.size[1]}, the sidecar says "
            f"{width}x{height}: they do not belong together"
        )
    return Restored(picture, (width, height), segment.source_size if restore else (width, height), frame.source)


def decode(
    options: DecodeOptions, *, progress: Callable[[int, int | None], None] = lambda done, total: None
) -> DecodeReport:
    """Decode a stream into PNG files or a y4m video; on an error nothing of it is left.

    Raises:
        InputError: The stream or the sidecar cannot be used, or a file of another's making is in the way.
        OutputError: The output cannot be written.
    """
    stream, out = Path(options.input), Path(options.out)
    data = read_stream(stream)
    path, sidecar = find_sidecar(stream, options.sidecar)
    _refuse_overwriting(out, stream, sidecar)
    with naming(stream):
        total = count_pictures(data)
        if sidecar is not None and (reason := mismatch(data, sidecar, path)):
            raise InputError(f"{reason}, name the right one with --sidecar, or move it away to decode without")
        pictures = restored(data, sidecar, restore=options.restore)
        own = (lambda paths: None) if options.overwrite else _refuse_replacing
        if out.suffix.lower() == ".y4m" and not out.is_dir():
            own([out])
            count = _write_y4m(pictures, out, _rate(sidecar), lambda done: progress(done, total), own)
        else:
            sources = [frame.source for frame in sidecar.frames] if sidecar else [""] * total
            count = _write_folder(pictures, out, _file_names(sources), lambda done: progress(done, total), own)
    segments = sidecar.segments if sidecar and options.restore else []
    scaled = sum(len(segment.frames) for segment in segments if segment.source_size != segment.coded_size)
    return DecodeReport(count, str(out), str(path) if path else None, scaled)


def _refuse_overwriting(out: Path, stream: Path, sidecar: Sidecar | None) -> None:
    if same_file(out, stream):
        raise InputError(f"--out {out} is the stream itself: name another file, or a folder")
    source = sidecar.configuration.get("input") if sidecar else None
    if isinstance(source, str) and same_file(out, Path(source)):
        raise InputError(f"--out {out} holds the source pictures, which have the same names: name another folder")


def _refuse_replacing(paths: Sequence[Path]) -> None:
    """Refuse to take the place of files that ``decode`` did not write itself."""
    others = []
    for path in paths:
        try:
            if path.is_file() and not is_decoded(path):
                others.append(path)
        except OSError:
            others.append(path)
    if others:
        more = f" (and {len(others) - 1} more)" if others[1:] else ""
        raise InputError(
            f"{others[0]}{more} is there and was not written by decode, or was changed since: name another --out, or "
            "replace it by --overwrite"
        )


Own = Callable[[Sequence[Path]], None]


def _write_folder(
    pictures: Iterator[Restored], out: Path, names: list[str], progress: Callable[[int], None], own: Own
) -> int:
    """Write pictures as PNG files that all appear when the last one is there."""
    if not out.is_dir() and (out.exists() or out.suffix.lower() in SUFFIXES | VIDEO_SUFFIXES):
        what = "is a file" if out.exists() else f"would be a folder, though its name ends in {out.suffix}"
        raise InputError(f"--out {out} {what}: name a folder for PNG files, or a file ending in .y4m")
    paths = [out / name for name in names]
    own(paths)
    with publish_folder(out, names) as folder:
        for done, (name, picture) in enumerate(zip(names, pictures, strict=True), 1):
            write_png(folder / name, picture.rgb(), decoded=True)
            progress(done)
        own(paths)  # decoding may have taken hours
    return len(names)


def _file_names(sources: Sequence[str]) -> list[str]:
    """``dog.png`` for dog.jpg, ``clip_000012.png`` for frame 12 of clip.mp4; never a path, never one twice."""
    names: dict[str, None] = {}
    for index, source in enumerate(sources):
        video, mark, number = source.rpartition("#")
        # The sidecar is a file from outside: what it calls a name must not lead out of the folder.
        is_video = mark and number.isdecimal() and len(number) < 20
        stem = f"{Path(video).stem}_{int(number):06d}" if is_video else Path(source).stem
        name = stem = safe_stem(stem, f"picture_{index:06d}")
        again = 0
        while f"{name}.png" in names:
            name = f"{stem}_{index:06d}" if not again else f"{stem}_{index:06d}_{again}"
            again += 1
        names[f"{name}.png"] = None
    return list(names)


def _rate(sidecar: Sidecar | None) -> Fraction:
    """Pictures per second, from the timestamps of a video's pictures; 25 where there are none."""
    stamps = [frame.timestamp for frame in sidecar.frames if frame.timestamp is not None] if sidecar else []
    if len(stamps) < 2 or not 0 < stamps[-1] - stamps[0] < float("inf"):
        return Fraction(25)
    # 1001 covers the broadcast rates such as 30000/1001.
    rate = Fraction((len(stamps) - 1) / (stamps[-1] - stamps[0])).limit_denominator(1001)
    return rate if rate > 0 else Fraction(25)


def _write_y4m(
    pictures: Iterator[Restored], out: Path, rate: Fraction, progress: Callable[[int], None], own: Own
) -> int:
    first = next(pictures)
    with only_writer(out), Y4mWriter(out, first.target, rate, spec=first.picture.spec, decoded=True) as writer:
        writer.write(first.yuv())
        for picture in pictures:
            if picture.target != first.target:
                raise InputError(
                    f"picture {picture.picture.index} has {picture.target[0]}x{picture.target[1]} pixels, the first "
                    f"one {first.target[0]}x{first.target[1]}: y4m holds one size, so name a folder for PNG files"
                )
            writer.write(picture.yuv())
            progress(writer.count)
        own([out])
    return writer.count
