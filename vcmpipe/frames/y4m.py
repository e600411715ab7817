"""YUV4MPEG2, the format of pipes: a line of text, then frames of raw samples, read one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from vcmpipe.errors import InputError
from vcmpipe.frames.chroma import Siting
from vcmpipe.frames.colour import ColourSpec, to_ten_bits
from vcmpipe.frames.info import INTERLACED_NOTE, VideoInfo, aspect_note, rate_note, sane_aspect
from vcmpipe.frames.limits import check_size
from vcmpipe.frames.planes import Planes, Samples
from vcmpipe.frames.samples import to_420
from vcmpipe.frames.selection import Selection, Shot
from vcmpipe.frames.times import FALLBACK_RATE, usable_rate
from vcmpipe.process import one_line
from vcmpipe.process.text import count

_MAGIC = b"YUV4MPEG2"
_LINE = 1024
_KIND = re.compile(r"(420|422|444|mono)(jpeg|mpeg2|paldv|p?(?:8|9|10|12|14|16))?")
_SITINGS: dict[str | None, Siting] = {"jpeg": "centre", "paldv": "topleft", None: "centre"}


class Reader(Protocol):
    """What bytes are read from: an unbuffered file, a pipe."""

    def read(self, size: int, /) -> bytes | None:
        """At most ``size`` bytes, none at the end."""


@dataclass(frozen=True)
class Y4mHeader:
    """A y4m's first line.

    Attributes:
        width: pixels in a row.
        height: rows.
        chroma: ``420``, ``422``, ``444`` or ``mono``.
        depth: bits per sample.
        colour: what the samples mean.
        stated_rate: frames per second as stated, None for an unknown one.
        aspect: width of a pixel : its height.
        interlaced: whether frames consist of two fields.
    """

    width: int
    height: int
    chroma: str
    depth: int
    colour: ColourSpec
    stated_rate: Fraction | None
    aspect: Fraction
    interlaced: bool

    def info(self, selection: Selection) -> VideoInfo:
        """The same in the words that every source has."""
        rate = usable_rate(self.stated_rate)
        notes = [INTERLACED_NOTE] if self.interlaced else []
        if rate is None and selection.fps is None:
            notes.append(rate_note(self.stated_rate))
        if self.aspect != 1:
            notes.append(aspect_note(self.aspect))
        depth = 8 if self.depth == 8 else 10
        return VideoInfo(selection.rate(rate), self.aspect, self.interlaced, 0, depth, self.colour, False, tuple(notes))

    def shapes(self) -> list[tuple[int, int]]:
        """(rows, columns) of each plane."""
        rows = -(-self.height // 2) if self.chroma == "420" else self.height
        columns = self.width if self.chroma == "444" else -(-self.width // 2)
        return [(self.height, self.width)] + ([] if self.chroma == "mono" else [(rows, columns)] * 2)


def parse_header(line: bytes, name: str) -> Y4mHeader:
    """Read the first line; ``name`` is the source's, for messages.

    The colours are those that ``Y4mWriter`` noted; else what the tags say, BT.709 from 720 lines up and BT.601 below.

    Raises:
        InputError: it is no y4m, states absurd sizes, or samples that are not read.
    """
    if not line.startswith(_MAGIC + b" ") or not line.endswith(b"\n"):
        raise InputError(
            f"{one_line(name)} is not a YUV4MPEG2 stream (.y4m): write one, such as with ffmpeg -f yuv4mpegpipe -"
        )
    words = line.decode("latin-1").split()[1:]
    tags = {word[0]: word[1:] for word in words if word[0] != "X"}
    notes = dict(word[1:].partition("=")[::2] for word in words if word[0] == "X")
    size = [int(tags[key]) if re.fullmatch(r"\d{1,9}", tags.get(key, ""), re.ASCII) else 0 for key in "WH"]
    check_size(size[0], size[1], name)
    kind = _KIND.fullmatch(tags.get("C", "420jpeg"))
    if kind is None:
        raise InputError(
            f"{one_line(name)} has samples of the kind {one_line(tags['C'][:40])}, which are not read: "
            "write 4:2:0, 4:2:2, 4:4:4 or mono"
        )
    depth = int(found[0]) if (found := re.search(r"\d+$", kind[2] or "")) and kind[2] != "mpeg2" else 8
    siting = _SITINGS.get(kind[2], "left") if kind[1] == "420" else "left"
    full = notes.get("COLORRANGE", "FULL" if kind[1] == "mono" else "").upper() == "FULL"
    colour = _own_colour(notes.get("VCMPIPE")) or ColourSpec(
        "bt709" if size[1] >= 720 else "bt601", "full" if full else "limited", siting
    )
    return Y4mHeader(
        size[0],
        size[1],
        kind[1],
        depth,
        colour,
        _ratio(tags.get("F")),
        sane_aspect(_ratio(tags.get("A"))),
        tags.get("I", "p")[:1] in ("t", "b", "m"),
    )


def read_header(file: Reader, name: str) -> Y4mHeader:
    """Take the first line off a stream; raises what ``parse_header`` does."""
    return parse_header(_line(file), name)


def read_y4m(file: Reader, header: Y4mHeader, name: str) -> Iterator[Shot]:
    """Yields the frames after the header; nothing is read ahead.

    Raises:
        InputError: a frame is cut or does not begin as one; the message says how many came before it.
    """
    rate = usable_rate(header.stated_rate) or FALLBACK_RATE
    kind = np.dtype(np.uint8 if header.depth == 8 else "<u2")
    sizes = [rows * columns * kind.itemsize for rows, columns in header.shapes()]
    index = 0
    while line := _line(file):
        if not line.startswith(b"FRAME") or line[5:6] not in (b" ", b"\n") or not line.endswith(b"\n"):
            raise InputError(f"{one_line(name)} is truncated or damaged after {count(index, 'frame')}: write it again")
        data = _exactly(file, sum(sizes))
        if data is None:
            raise InputError(f"{one_line(name)} ends in the middle of a frame, after {count(index, 'frame')}")
        yield Shot(index, index / rate, lambda data=data: _planes(data, header, kind))  # type: ignore[misc]
        index += 1


def _planes(data: bytearray, header: Y4mHeader, kind: np.dtype) -> Planes:  # type: ignore[type-arg]
    arrays: list[Samples] = []
    place = 0
    for rows, columns in header.shapes():
        arrays.append(np.frombuffer(data, kind, rows * columns, place).reshape(rows, columns))
        place += rows * columns * kind.itemsize
    if header.depth > 8:
        top = np.uint16((1 << header.depth) - 1)  # what is above it has no meaning
        arrays = [
            to_ten_bits(np.minimum(array, top), header.depth, header.colour, chroma=number > 0)
            for number, array in enumerate(arrays)
        ]
    return Planes(*to_420(arrays, header.colour.siting, 8 if header.depth == 8 else 10), header.colour)


def _line(file: Reader) -> bytes:
    """Up to a line's end, or what there was of it; byte by byte, since nothing behind it may be taken."""
    line = bytearray()
    while len(line) < _LINE and (byte := file.read(1)):
        line += byte
        if byte == b"\n":
            break
    return bytes(line)


def _exactly(file: Reader, size: int) -> bytearray | None:
    """That many bytes; None where the stream ends before. Memory grows with what came, not with what was announced."""
    data = bytearray()
    while len(data) < size:
        part = file.read(min(size - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return data


def _ratio(text: str | None) -> Fraction | None:
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text or "", re.ASCII)
    return Fraction(int(found[1]), int(found[2])) if found and int(found[2]) else None


def _own_colour(text: str | None) -> ColourSpec | None:
    """What ``Y4mWriter`` noted; None for every other text."""
    try:
        return ColourSpec(*text.split("/")) if text and text.count("/") == 2 else None  # type: ignore[arg-type]
    except InputError:
        return None
