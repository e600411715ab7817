"""VVC, HEVC and AV1 streams back to pictures: FFmpeg's decoders in process, through PyAV, access unit by access unit.

Sizes, colours and chroma formats may change from one coded video sequence to the next. A stream that is damaged, cut,
or gives another number of pictures than it holds is an error: nothing is concealed. Only FFmpeg's HEVC decoder goes on
in a slice that is damaged or cut, and dav1d (AV1) in much that is damaged: there it shows where the stream has picture
hashes, else by the sidecar's SHA-256.

FFmpeg's VVC decoder (in PyAV 18.1 and the FFmpeg 9.0.2 command) has a race: with two threads or more its samples differ
from run to run, and from the stream's picture hash, where a picture is one CTU wide. So every decoder here has one
thread, and what runs side by side are coded video sequences, each in a decoder of its own.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream import CODECS, AccessUnit, CodecSpec, codec_of
from vcmpipe.config.limits import MAX_SAMPLES, MAX_SIDE
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.colour import ColourSpec, to_ten_bits, yuv_to_rgb
from vcmpipe.frames.samples import even, plane_array, to_420
from vcmpipe.frames.yuv import Yuv
from vcmpipe.process import one_line
from vcmpipe.process.reading import LARGEST_STREAM, read_file
from vcmpipe.process.text import count

if TYPE_CHECKING:
    import av

_SHORT = 8
_WAY_OUT = "the stream is damaged or truncated; encode or copy it again"


_Picture = tuple[Yuv, tuple[int, int], ColourSpec]


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """One picture of a stream, in output order.

    Attributes:
        index: position in output order, from 0.
        yuv: the picture inside the conformance window as 10-bit 4:2:0; an odd side (4:2:2, 4:4:4 and 4:0:0 streams have
            them) is made even by repeating the last column or row.
        size: (width, height) inside the conformance window.
        spec: what the samples mean, from the stream's VUI; see ``bitstream.vui.colour_of`` for what it leaves open, and
            ``decode_stream`` for a stream without.
    """

    index: int
    yuv: Yuv
    size: tuple[int, int]
    spec: ColourSpec

    def rgb(self) -> NDArray[np.uint8]:
        """The picture as (height, width, 3) uint8 RGB, of exactly ``size``."""
        return yuv_to_rgb(self.yuv, self.spec, self.size)


def decode_stream(
    data: bytes | Path, *, threads: int | None = None, unstated: ColourSpec | None = None
) -> Iterator[DecodedPicture]:
    """Decodes a stream, picture by picture: memory does not grow with their number.

    Chroma of 4:2:2 and 4:4:4 is brought to 4:2:0, a grey picture gets neutral chroma, 8 and 12 bits become 10.

    Args:
        data: a stream of VVC or HEVC (Annex B) or of AV1 (low-overhead format), or a file that holds one (read at once;
            it is an error here if that fails).
        threads: how many short sequences (all-intra streams consist of them) are decoded side by side; None takes 4,
            or as many as there are cores if fewer. The result does not depend on it.
        unstated: what samples mean where the stream has no colour description; None: BT.709, limited, left.

    Yields:
        The pictures in output order.

    Raises:
        InputError: the file cannot be read.
        BitstreamError: no such stream, damaged, cut, absurdly large, of a kind that is not decoded, or with
            another number of pictures than its access units announce.
    """
    name = "the stream"
    if not isinstance(data, bytes | bytearray | memoryview):
        name, data = one_line(str(data)), read_file(Path(data), LARGEST_STREAM)
    if not data:
        raise BitstreamError(f"{name} is empty (0 bytes): encode it again")
    spec = CODECS[codec_of(bytes(data[:64]))]
    try:
        units = spec.split(bytes(data))
    except BitstreamError as error:
        raise BitstreamError(f"{name}: {error}" if name != "the stream" else str(error)) from error
    for number, unit in enumerate(units):
        _check_size(unit, f"{name}, picture {number}")
    return _decode(units, name, threads or min(4, os.cpu_count() or 1), spec, unstated or ColourSpec())


def shown_pictures(data: bytes) -> int:
    """How many pictures ``decode_stream`` gives of a sound stream, by its headers.

    Raises:
        BitstreamError: no VVC or HEVC stream, or its headers are damaged.
    """
    units = CODECS[codec_of(data)].split(data)
    return len(units) - _skipped(units)


@dataclass(frozen=True)
class _Sequence:
    """Access units that a decoder can begin with: from one IDR picture to the next.

    Attributes:
        first: number of its first unit in the stream.
        units: the access units.
        sets: the parameter sets in force in front of it, as a byte stream.
        spec: what samples mean in it, unless an SPS of its own says otherwise.
        codec: what it is coded with.
        unstated: what samples mean where an SPS has no colour description.
    """

    first: int
    units: list[AccessUnit]
    sets: bytes
    spec: ColourSpec
    codec: CodecSpec
    unstated: ColourSpec


def _decode(
    units: Sequence[AccessUnit], name: str, threads: int, codec: CodecSpec, unstated: ColourSpec
) -> Iterator[DecodedPicture]:
    sequences = _sequences(units, codec, unstated)
    shown = 0
    for yuv, size, spec in _side_by_side(sequences, name, threads):
        yield DecodedPicture(shown, yuv, size, spec)
        shown += 1
    expected = len(units) - _skipped(units)
    if shown != expected:
        raise BitstreamError(f"{name} holds {count(expected, 'picture')}, but {shown} could be decoded: {_WAY_OUT}")


def _side_by_side(sequences: list[_Sequence], name: str, threads: int) -> Iterator[_Picture]:
    if threads < 2 or len(sequences) < 2:
        for sequence in sequences:
            yield from _decode_sequence(sequence, name)
        return
    waiting: deque[_Sequence | Future[list[_Picture]]] = deque()
    todo = iter(sequences)
    with ThreadPoolExecutor(threads, thread_name_prefix="vcmpipe-decode") as pool:
        try:
            while True:
                for sequence in islice(todo, threads + 1 - len(waiting)):
                    # A long sequence is decoded when its turn comes, so that its pictures do not pile up.
                    short = len(sequence.units) <= _SHORT
                    waiting.append(
                        pool.submit(lambda each: list(_decode_sequence(each, name)), sequence) if short else sequence
                    )
                if not waiting:
                    return
                head = waiting.popleft()
                yield from _decode_sequence(head, name) if isinstance(head, _Sequence) else head.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode_sequence(sequence: _Sequence, name: str) -> Iterator[_Picture]:
    import av

    context: Any = av.CodecContext.create(sequence.codec.decoder, "r")
    context.thread_count = 1
    # Without it FFmpeg rounds a conformance window's left offset to its memory alignment and shows more columns.
    context.flags |= av.codec.context.Flags.unaligned
    context.options = {"max_pixels": str(MAX_SAMPLES), **sequence.codec.decoder_options}
    units = sequence.units
    specs: list[ColourSpec] = []
    # One step more than there are units: None flushes the pictures that wait for their turn.
    for number in range(len(units) + 1):
        packet = None
        if number < len(units):
            specs.append(_colour(units[number], specs[-1] if specs else sequence.spec, sequence.unstated))
            packet = av.Packet(units[number].data if number else sequence.sets + units[0].data)
            packet.pts = number  # comes back with the picture, which may leave later and in another order
        try:
            pictures = context.decode(packet)
        except (av.FFmpegError, ValueError, MemoryError) as error:
            where = f"picture {sequence.first + number} (in coding order)" if packet else "a sequence's last picture"
            reason = one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)
            raise BitstreamError(f"{name}: {where} cannot be decoded ({reason}): {_WAY_OUT}") from error
        for picture in pictures:
            unit = picture.pts if picture.pts is not None and 0 <= picture.pts < len(specs) else len(specs) - 1
            size = (picture.width, picture.height)
            where = f"picture {sequence.first + unit} (in coding order)"
            if picture.is_corrupt:
                raise BitstreamError(f"{name}: {where} is incomplete: {_WAY_OUT}")
            stated = units[unit].picture_size
            if stated not in (None, size):
                raise BitstreamError(f"{name}: {where} was decoded as {size}, but its headers say {stated}: {_WAY_OUT}")
            yield _to_yuv(picture, specs[unit], name), size, specs[unit]


def _sequences(units: Sequence[AccessUnit], codec: CodecSpec, unstated: ColourSpec) -> list[_Sequence]:
    """The stream cut at its IDR pictures."""
    sequences: list[_Sequence] = []
    in_force: dict[tuple[int, int], bytes] = {}
    spec = unstated
    for number, unit in enumerate(units):
        if unit.is_a("idr") or not sequences:
            sequences.append(_Sequence(number, [], b"".join(in_force.values()), spec, codec, unstated))
        sequences[-1].units.append(unit)
        spec = _colour(unit, spec, unstated)
        for place, data in unit.parameter_sets:
            in_force.pop(place, None)  # what is sent again moves to the end: a PPS stays behind its SPS
            in_force[place] = data
    return sequences


def _colour(unit: AccessUnit, before: ColourSpec, unstated: ColourSpec) -> ColourSpec:
    """What samples mean from an access unit on."""
    return unstated if unit.unstated else unit.colour or before


def _check_size(unit: AccessUnit, where: str) -> None:
    width, height = unit.picture_size or (0, 0)
    if max(width, height) > MAX_SIDE or width * height > MAX_SAMPLES:
        raise BitstreamError(
            f"{where} states {width}x{height} samples: more than {MAX_SIDE} on a side is not decoded; "
            "the stream is damaged or not meant for this"
        )


def _skipped(units: Sequence[AccessUnit]) -> int:
    """Pictures that no decoder shows: RASL pictures of the CRA picture that a stream begins with (clause 8.1.1)."""
    leading = takewhile(lambda unit: not unit.is_a("irap"), units[1:])
    return sum(unit.is_a("rasl") for unit in leading) if units[0].is_a("cra") else 0


def _to_yuv(picture: av.VideoFrame, spec: ColourSpec, name: str) -> Yuv:
    form = picture.format
    grey = form.name.startswith("gray")
    if form.is_rgb or not (grey or form.name.startswith(("yuv4", "yuvj4"))):
        raise BitstreamError(
            f"{name} is coded as {form.name}, which is not taken: encode YUV 4:2:0, 4:2:2, 4:4:4 or grey"
        )
    depth = form.components[0].bits
    planes = [
        to_ten_bits(plane_array(plane, depth), depth, spec, chroma=number > 0)
        for number, plane in enumerate(picture.planes)
    ]
    luma, u, v = to_420(planes, spec.siting, 10)
    return Yuv(even(luma), u, v)
