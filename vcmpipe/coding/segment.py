"""The unit of coding: consecutive frames that become one stream, and that stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from vcmpipe.bitstream import (
    NalType,
    RegionLayout,
    inspect_stream,
    presentation_order,
    split_nal_units,
)
from vcmpipe.encoders.base import Structure
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame
from vcmpipe.frames.spool import Spool
from vcmpipe.qpmap import QpMap

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive frames of one source and one size, coded by themselves; a still picture is a segment of one frame.

    Attributes:
        index: Its place in the stream, from 0.
        frames: 1..N frames in presentation order.
        structure: How frames may refer to each other.
        rate: Frames per second; None where frames are not moments of a video.
        intra_period: See ``Job.intra_period``.
        sample_aspect: Width of a sample by its height; None: unknown, as of pictures.

    Raises:
        InputError: There is no frame, or the frames differ in size.
    """

    index: int
    frames: Sequence[Frame]
    structure: Structure = "intra"
    rate: Fraction | None = None
    intra_period: int | None = None
    sample_aspect: Fraction | None = None

    def __post_init__(self) -> None:
        if not self.frames:
            raise InputError(f"segment {self.index} holds no frame: give at least one")
        if isinstance(self.frames, Spool):
            return  # which takes frames of one kind only
        size = (self.width, self.height)
        for frame in self.frames:
            if (frame.width, frame.height) != size:
                raise InputError(
                    f"{frame.source} has {frame.width}x{frame.height} pixels, the segment's first frame "
                    f"{size[0]}x{size[1]}: begin a segment where the size changes"
                )

    @classmethod
    def still(cls, frame: Frame) -> Segment:
        """One picture as a segment of its own."""
        return cls(frame.index, (frame,))

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def is_sequence(self) -> bool:
        """Whether its frames may refer to each other, as those of a video do, even if it is one frame alone."""
        return self.structure != "intra"

    @cached_property
    def source(self) -> str:
        """What messages call it: its first frame's source, and its last one's number where there are several."""
        first, last = self.frames[0], self.frames[-1]
        return first.source if first is last else f"{first.source}..{last.index}"

    @cached_property
    def name(self) -> str:
        """The source without folders."""
        return Path(self.frames[0].source).name

    @cached_property
    def colour(self) -> ColourSpec | None:
        """What the samples mean, where the frames have planes of their own."""
        planes = self.frames[0].planes
        return None if planes is None else planes.colour

    @cached_property
    def width(self) -> int:
        """Pixels in a row."""
        return self.frames[0].width

    @cached_property
    def height(self) -> int:
        """Rows."""
        return self.frames[0].height


def cut(
    frames: Iterable[tuple[Frame, T]],
    length: int = 1,
    structure: Structure = "intra",
    *,
    rate: Fraction | None = None,
    sample_aspect: Fraction | None = None,
) -> Iterator[tuple[Segment, tuple[T, ...]]]:
    """Frames, each with what belongs to it, in segments of at most ``length``; one begins where the size changes."""
    held: list[tuple[Frame, T]] = []
    index = 0

    def segment() -> tuple[Segment, tuple[T, ...]]:
        own = tuple(frame for frame, _ in held)
        segment = Segment(index, own, structure, rate, sample_aspect=sample_aspect)
        return segment, tuple(each for _, each in held)

    for frame, own in frames:
        if held and (len(held) == length or (frame.width, frame.height) != (held[0][0].width, held[0][0].height)):
            yield segment()
            held, index = [], index + 1
        held.append((frame, own))
    if held:
        yield segment()


@dataclass(frozen=True)
class CodedUnit:
    """One access unit: a coded frame.

    Attributes:
        presentation: The frame's place in its segment, from 0.
        poc: Picture order count; None where the headers do not tell.
        slice_type: ``I``, ``P``, ``B`` or a mixture of them.
        temporal_layer: TemporalId.
        qp: The smallest slice QP; None where the headers do not tell.
        bits: Bits with parameter sets; those of all units sum to the stream's.
        region_bits: Bits of each region's slice, in the layout's order.
    """

    presentation: int
    poc: int | None
    slice_type: str
    temporal_layer: int
    qp: int | None
    bits: int
    region_bits: tuple[int, ...]


@dataclass(frozen=True)
class CodedSegment:
    """One segment as a stream of its own, what was requested of it, and what is in it.

    Attributes:
        data: The stream with its parameter sets.
        layout: The regions' places, the same in every frame.
        qps: The QP requested of each region, in ``layout.regions()`` order.
        units: The access units in decoding order.
        realisation: How the QPs reached the stream.
        native: The map that the encoder was given, where it reads maps itself; of one for each frame the smallest QPs.
        frame_maps: Those of the frames, in presentation order, where they had maps of their own.
        notes: What the encoder could not be given as it was requested, a line each.
        requested: The map that was requested, where there was one.
    """

    data: bytes
    layout: RegionLayout
    qps: tuple[int, ...]
    units: tuple[CodedUnit, ...]
    realisation: Literal["uniform", "regions", "native"]
    native: QpMap | None = None
    notes: tuple[str, ...] = ()
    requested: QpMap | None = None
    frame_maps: tuple[QpMap, ...] = ()

    @property
    def bits(self) -> int:
        """All bits of the stream, headers included."""
        return 8 * len(self.data)

    @property
    def region_bits(self) -> tuple[int, ...]:
        """Bits of each region's slices in all frames."""
        return tuple(map(sum, zip(*(unit.region_bits for unit in self.units), strict=True)))

    @property
    def content_bits(self) -> int:
        """Bits of a VVC stream's slices and filters, without parameter sets: what the rate model is calibrated to."""
        units = split_nal_units(self.data)
        return 8 * sum(len(unit.data) + 4 for unit in units if unit.is_slice or unit.type == NalType.PREFIX_APS)

    def actual(self, requested: QpMap) -> QpMap:
        """The QP that each CTU of the map got: the largest of those that it touches."""
        if self.native is not None:
            return self.native.resampled(requested.ctu, "maximum")
        return requested.actual(self.layout.regions(), self.qps)


def read_units(data: bytes) -> tuple[CodedUnit, ...]:
    """The access units of a segment's stream, in decoding order.

    Raises:
        BitstreamError: The stream cannot be read.
    """
    pictures = inspect_stream(data).pictures
    places = presentation_order(pictures)
    return tuple(
        CodedUnit(
            presentation=place,
            poc=picture.poc,
            slice_type=picture.slice_types,
            temporal_layer=picture.temporal_id,
            qp=min((region.qp for region in picture.regions), default=None),
            bits=picture.bits,
            region_bits=tuple(region.bits for region in picture.regions),
        )
        for place, picture in zip(places, pictures, strict=True)
    )
