"""Access units: the NAL units of one picture each (ITU-T H.266 clause 7.4.2.4.3)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.nal import NalAccessUnit, NalUnit, attach_tail, join_nal_units
from vcmpipe.bitstream.vui import colour_of
from vcmpipe.bitstream.vvc.nal import NalType, set_place, split_nal_units
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.picture_header import read_picture_header
from vcmpipe.bitstream.vvc.slice_header import read_slice_header
from vcmpipe.bitstream.vvc.sps import chroma_units, cropped_size
from vcmpipe.bitstream.vvc.vui import vui_of
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.colour import ColourSpec

# What may stand before a picture's first slice only: behind a slice it begins the next access unit.
LEADING_TYPES = frozenset(
    {*range(NalType.OPI, NalType.SUFFIX_APS), NalType.PH, NalType.AUD, NalType.PREFIX_SEI, 26, 28, 29}
)


def group_access_units(data: bytes) -> list[list[NalUnit]]:
    """The NAL units of a stream by access unit; what stands behind the last picture belongs to it."""
    groups: list[list[NalUnit]] = []
    seen_slice = seen_header = False
    layer = 0
    for unit in split_nal_units(data):
        starts = False
        if unit.is_slice:
            # The first bit of a slice is sh_picture_header_in_slice_header_flag: such a picture has one slice only.
            header_inside = len(unit.data) > 2 and bool(unit.data[2] & 0x80)
            starts = seen_slice and (header_inside or not seen_header) and unit.layer_id <= layer
        elif unit.type in LEADING_TYPES:
            starts = seen_slice and unit.layer_id <= layer
        if starts or not groups:
            groups.append([])
            seen_slice = seen_header = False
        seen_slice |= unit.is_slice
        seen_header |= unit.type == NalType.PH
        if unit.is_slice:
            layer = unit.layer_id
        groups[-1].append(unit)
    return attach_tail(groups)


def split_access_units(data: bytes) -> list[NalAccessUnit]:
    """The access units of an Annex-B VVC stream in decoding order; BitstreamError where there are none."""
    sets = ParameterSets()
    found = []
    for group in group_access_units(data):
        size: tuple[int, int] | None = None
        colour: ColourSpec | None = None
        unstated = False
        header: Fields | None = None
        for unit in group:
            if unit.layer_id:
                continue
            try:
                if unit.type == NalType.SPS:
                    colour = ColourSpec()
                fields = sets.read(unit)
                if unit.type == NalType.SPS and fields is not None:
                    vui = vui_of(fields)
                    colour, unstated = colour_of(vui), vui is None
                elif unit.type == NalType.PH:
                    header = read_picture_header(unit.payload(), sets)
                    size = display_size(header, sets)
                elif unit.is_slice and size is None:
                    size = display_size(read_slice_header(unit, sets, header).picture_header, sets)
            except BitstreamError:
                # A decoder may know more than this parser: the size stays unknown, inspect_stream says why.
                continue
        if any(unit.is_slice for unit in group):
            places = ((set_place(unit), join_nal_units([unit])) for unit in group)
            sent = tuple((place, data) for place, data in places if place is not None)
            found.append(NalAccessUnit(tuple(group), size, colour, sent, unstated))
    if not found:
        raise BitstreamError("the stream holds no coded picture (truncated after its headers, or not a VVC stream)")
    return found


def display_size(picture_header: Fields, sets: ParameterSets) -> tuple[int, int]:
    """The size of a picture after its conformance window."""
    pps, sps = sets.active(picture_header["ph_pic_parameter_set_id"])
    width, height = pps["pps_pic_width_in_luma_samples"], pps["pps_pic_height_in_luma_samples"]
    same = (sps["sps_pic_width_max_in_luma_samples"], sps["sps_pic_height_max_in_luma_samples"]) == (width, height)
    holder, prefix = (sps, "sps") if same and not pps["pps_conformance_window_flag"] else (pps, "pps")
    return cropped_size(holder, prefix, width, height, chroma_units(sps))
