"""Access units of HEVC: the NAL units of one picture each (ITU-T H.265 clause 7.4.2.4.4)."""

from __future__ import annotations

from vcmpipe.bitstream.hevc.nal import AUD, PPS, PREFIX_SEI, SPS, VPS, begins_picture, split_nal_units
from vcmpipe.bitstream.hevc.parameter_sets import ParameterSets, display_size, set_place
from vcmpipe.bitstream.hevc.slice_header import slice_pps_id
from vcmpipe.bitstream.hevc.vui import vui_of
from vcmpipe.bitstream.nal import NalAccessUnit, NalUnit, attach_tail, join_nal_units
from vcmpipe.bitstream.vui import colour_of
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.colour import ColourSpec

# Before a picture's first slice only: behind a slice they begin the next access unit.
_LEADING = frozenset({VPS, SPS, PPS, AUD, PREFIX_SEI, *range(41, 45), *range(48, 56)})


def group_access_units(data: bytes) -> list[list[NalUnit]]:
    """The NAL units of a stream by access unit; what stands behind the last picture belongs to it."""
    groups: list[list[NalUnit]] = []
    seen = False
    for unit in split_nal_units(data):
        if not groups or (seen and not unit.layer_id and (begins_picture(unit) or unit.type in _LEADING)):
            groups.append([])
            seen = False
        seen |= unit.is_slice
        groups[-1].append(unit)
    return attach_tail(groups)


def split_access_units(data: bytes) -> list[NalAccessUnit]:
    """The access units of an Annex-B HEVC stream in decoding order; BitstreamError where there are none."""
    sets = ParameterSets()
    found = []
    for group in group_access_units(data):
        size: tuple[int, int] | None = None
        colour: ColourSpec | None = None
        unstated = False
        sent: list[tuple[tuple[int, int], bytes]] = []
        for unit in group:
            try:
                if unit.type == SPS and not unit.layer_id:
                    colour = ColourSpec()
                fields = sets.read(unit)
                if unit.type == SPS and fields is not None:
                    vui = vui_of(fields)
                    colour, unstated = colour_of(vui), vui is None
                elif begins_picture(unit) and size is None:
                    size = display_size(sets.active(slice_pps_id(unit))[1])
            except BitstreamError:
                pass  # a decoder may know more than this reader: the size stays unknown
            place = set_place(unit)
            if place is not None:
                sent.append((place, join_nal_units([unit])))
        if any(unit.is_slice for unit in group):
            found.append(NalAccessUnit(tuple(group), size, colour, tuple(sent), unstated))
    if not found:
        raise BitstreamError("the stream holds no coded picture (truncated after its headers, or not an HEVC stream)")
    return found
