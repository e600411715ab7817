"""Frame rate, sample aspect ratio, colour, level and profile of a VVC stream, stated anew in its SPS."""

from __future__ import annotations

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.levels import UNLIMITED, least_level
from vcmpipe.bitstream.nal import NalUnit, rewritten
from vcmpipe.bitstream.presentation import Presentation
from vcmpipe.bitstream.vvc.nal import NalType, make_nal, split_nal_units
from vcmpipe.bitstream.vvc.sps import read_sps, write_sps
from vcmpipe.bitstream.vvc.timing import picture_rate, timed
from vcmpipe.bitstream.vvc.vui import is_vui_element, restated_vui
from vcmpipe.errors import BitstreamError

# Profiles of one picture only, and those of several pictures that differ in nothing else (H.266 clause A.3).
_STILL_PROFILES = {65: 1, 97: 33}


def presented(data: bytes, how: Presentation) -> bytes:
    """A stream whose every SPS states ``how`` it is shown; see ``bitstream.with_presentation``."""
    units = split_nal_units(data)
    video = how.video or how.rate is not None or sum(map(_begins_picture, units)) > 1

    def change(unit: NalUnit) -> bytes:
        if unit.type != NalType.SPS or unit.layer_id:
            return unit.data
        sps = _restated(read_sps(unit.payload()), how, video)
        return make_nal(NalType.SPS, write_sps(sps), unit.temporal_id).data

    return rewritten(data, units, change)


def _begins_picture(unit: NalUnit) -> bool:
    """Whether a NAL unit holds a picture header of the base layer, by itself or in front of a slice."""
    inside = unit.is_slice and len(unit.data) > 2 and unit.data[2] & 0x80
    return not unit.layer_id and (unit.type == NalType.PH or bool(inside))


def _restated(sps: Fields, how: Presentation, video: bool) -> Fields:
    """An SPS with what ``how`` brings; ``video``: of more than one picture."""
    if "general_level_idc" not in sps:
        raise BitstreamError(
            "SPS: sps_ptl_dpb_hrd_params_present_flag = 0: profile, level and frame rate cannot be stated here"
        )
    fields = {name: value for name, value in sps.items() if not is_vui_element(name)}
    fields |= restated_vui(sps, how.vui, how.sample_aspect)
    if how.rate is not None:
        fields = timed(fields, how.rate)
    stated = sps["general_level_idc"]
    if video and sps["general_profile_idc"] in _STILL_PROFILES:
        fields["general_profile_idc"] = _STILL_PROFILES[sps["general_profile_idc"]]
        stated = 0 if stated == UNLIMITED else stated
    sizes = sps["sps_pic_width_max_in_luma_samples"], sps["sps_pic_height_max_in_luma_samples"]
    fields["general_level_idc"] = least_level(sizes, picture_rate(fields), stated, 16)
    if fields["general_level_idc"] != sps["general_level_idc"]:
        # What sublayers state is as low as the level was: without it the general level holds for them.
        fields |= {name: 0 for name in sps if name.startswith("ptl_sublayer_level_present_flag")}
    return fields
