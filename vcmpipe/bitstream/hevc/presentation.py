"""Frame rate, sample aspect ratio, colour, level and profile of an HEVC stream, stated anew in its SPS.

In front of the VUI an SPS is copied bit by bit, but for the bytes of profile and level, which stand at fixed places.
"""

from __future__ import annotations

from vcmpipe.bitstream.bits import BitReader, BitWriter, Fields
from vcmpipe.bitstream.hevc.nal import SPS, begins_picture, split_nal_units
from vcmpipe.bitstream.hevc.parameter_sets import sps_in_front_of_vui
from vcmpipe.bitstream.hevc.vui import coloured, picture_rate, shaped, sps_vui, timed, with_vui
from vcmpipe.bitstream.levels import UNLIMITED, least_level
from vcmpipe.bitstream.nal import NalUnit, escape, rewritten
from vcmpipe.bitstream.presentation import Presentation

# profile_tier_level() behind the SPS's first byte (clause 7.3.3).
_PROFILE, _COMPATIBILITY, _CONSTRAINTS, _LEVEL = 1, slice(2, 6), slice(6, 12), 12
_MAIN, _STILL = 1, 3
_ONE_PICTURE_ONLY = 1 << 36  # general_one_picture_only_constraint_flag in the 48 bits of constraints; reserved in Main


def presented(data: bytes, how: Presentation) -> bytes:
    """A stream whose every SPS states ``how`` it is shown; see ``bitstream.with_presentation``."""
    units = split_nal_units(data)
    video = how.video or how.rate is not None or sum(map(begins_picture, units)) > 1

    def change(unit: NalUnit) -> bytes:
        if unit.type != SPS or unit.layer_id:
            return unit.data
        return unit.data[:2] + escape(_restated(unit.payload(), how, video))

    return rewritten(data, units, change)


def _restated(payload: bytes, how: Presentation, video: bool) -> bytes:
    """An SPS with what ``how`` brings; ``video``: of more than one picture."""
    reader = BitReader(payload, "SPS")
    sps_in_front_of_vui(reader)
    place, layers = reader.position, reader.fields["sps_max_sub_layers_minus1"]
    sps_vui(reader, layers)
    # sps_extension_present_flag and what follows it.
    reader.rest("sps_extension")
    reader.end()
    fields = _shown(reader.fields, how)
    front = bytearray(payload)
    level = front[_LEVEL]
    if video:
        level = _as_video(front)
    sizes = fields["pic_width_in_luma_samples"], fields["pic_height_in_luma_samples"]
    front[_LEVEL] = least_level(sizes, picture_rate(fields), level, 30)
    BitReader(bytes(front), "SPS", fields).payload_tail("sps_front", place)
    writer = BitWriter("SPS", fields)
    writer.payload_tail("sps_front", place)
    sps_vui(writer, layers)
    writer.rest("sps_extension")
    writer.trailing("rbsp_trailing_bits")
    return writer.data()


def _shown(sps: Fields, how: Presentation) -> Fields:
    fields = dict(sps)
    if (how.rate, how.sample_aspect, how.vui) != (None, None, None):
        fields = with_vui(fields)
    if how.vui is not None:
        fields = coloured(fields, how.vui)
    if how.sample_aspect is not None:
        fields = shaped(fields, how.sample_aspect)
    return fields if how.rate is None else timed(fields, how.rate)


def _as_video(front: bytearray) -> int:
    """Make the profile one of several pictures (clause A.3); returns the level as it may then be stated."""
    constraints = int.from_bytes(front[_CONSTRAINTS], "big")
    still = front[_PROFILE] & 31 == _STILL
    if not still and not constraints & _ONE_PICTURE_ONLY:
        return front[_LEVEL]
    front[_CONSTRAINTS] = (constraints & ~_ONE_PICTURE_ONLY).to_bytes(6, "big")
    if still:
        front[_PROFILE] = front[_PROFILE] & ~31 | _MAIN
        # Main Still Picture is Main of one picture, and that Main 10.
        kept = int.from_bytes(front[_COMPATIBILITY], "big") & ~(1 << (31 - _STILL))
        front[_COMPATIBILITY] = (kept | 1 << 30 | 1 << 29).to_bytes(4, "big")
    return 0 if front[_LEVEL] == UNLIMITED else front[_LEVEL]
