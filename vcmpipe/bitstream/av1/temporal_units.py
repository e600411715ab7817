"""Temporal units of AV1: all that belongs to one shown frame (clause 7.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from vcmpipe.bitstream.access_unit import PictureKind
from vcmpipe.bitstream.av1.frame_header import KEY, FrameReader
from vcmpipe.bitstream.av1.obu import SEQUENCE_HEADER, Obu, group_temporal_units
from vcmpipe.bitstream.av1.sequence_header import states_colour, vui_of
from vcmpipe.bitstream.vui import colour_of
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.colour import ColourSpec

_PLACE = (0, 0)


@dataclass(frozen=True, slots=True)
class TemporalUnit:
    """The OBUs of a shown frame, and of those before it that are not shown; see ``access_unit.AccessUnit``."""

    obus: tuple[Obu, ...] = field(repr=False)
    picture_size: tuple[int, int] | None
    colour: ColourSpec | None
    parameter_sets: tuple[tuple[tuple[int, int], bytes], ...] = field(repr=False)
    random_access: bool
    unstated: bool = False

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return b"".join(unit.data for unit in self.obus)

    def is_a(self, kind: PictureKind) -> bool:
        """Whether decoding can begin here; there is no other kind.

        Decoding begins with a sequence header and a key frame that is shown (clause 7.6.2).
        """
        return self.random_access and kind in ("idr", "irap")


def split_temporal_units(data: bytes) -> list[TemporalUnit]:
    """The temporal units of an AV1 stream in the low-overhead format; BitstreamError where there are none."""
    reader = FrameReader()
    found = [unit for group in group_temporal_units(data) if (unit := _unit(group, reader)) is not None]
    if not found:
        raise BitstreamError("the stream holds no coded picture (truncated after its headers, or not an AV1 stream)")
    return found


def _unit(group: list[Obu], reader: FrameReader) -> TemporalUnit | None:
    size: tuple[int, int] | None = None
    colour: ColourSpec | None = None
    unstated = key = False
    for unit in group:
        if unit.type == SEQUENCE_HEADER:
            colour = ColourSpec()
        try:
            frame = reader.read(unit)
        except BitstreamError:
            continue  # a decoder may know more than this reader: the size stays unknown
        if unit.type == SEQUENCE_HEADER and reader.sequence is not None:
            colour, unstated = colour_of(vui_of(reader.sequence)), not states_colour(reader.sequence)
        if frame is not None and frame.shown:
            size = frame.width, frame.height
            key = frame.type == KEY and not frame.existing
    if not any(unit.is_slice for unit in group):
        return None
    sets = tuple((_PLACE, unit.data) for unit in group if unit.type == SEQUENCE_HEADER)
    return TemporalUnit(tuple(group), size, colour, sets, key and bool(sets), unstated)
