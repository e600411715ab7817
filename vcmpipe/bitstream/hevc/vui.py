"""The VUI of an HEVC SPS with its HRD parameters (ITU-T H.265 clauses E.2.1 to E.2.3)."""

from __future__ import annotations

from fractions import Fraction

from vcmpipe.bitstream.bits import Bits, Fields, flags
from vcmpipe.bitstream.presentation import aspect_code, aspect_of, rate_of, ticks
from vcmpipe.bitstream.vui import Vui

_UNSPECIFIED_FORMAT = 5
_FLAGS = (
    "aspect_ratio_info_present_flag",
    "overscan_info_present_flag",
    "video_signal_type_present_flag",
    "chroma_loc_info_present_flag",
    "neutral_chroma_indication_flag",
    "field_seq_flag",
    "frame_field_info_present_flag",
    "default_display_window_flag",
    "vui_timing_info_present_flag",
    "bitstream_restriction_flag",
)


def sps_vui(bits: Bits, max_sub_layers_minus1: int) -> None:
    """The VUI of an SPS, from vui_parameters_present_flag on."""
    if not bits.u("vui_parameters_present_flag", 1):
        return
    if bits.u("aspect_ratio_info_present_flag", 1) and bits.u("aspect_ratio_idc", 8) == 255:
        bits.u("sar_width", 16)
        bits.u("sar_height", 16)
    if bits.u("overscan_info_present_flag", 1):
        bits.u("overscan_appropriate_flag", 1)
    if bits.u("video_signal_type_present_flag", 1):
        bits.u("video_format", 3)
        bits.u("video_full_range_flag", 1)
        if bits.u("colour_description_present_flag", 1):
            for name in ("colour_primaries", "transfer_characteristics", "matrix_coeffs"):
                bits.u(name, 8)
    if bits.u("chroma_loc_info_present_flag", 1):
        bits.ue("chroma_sample_loc_type_top_field", 5)
        bits.ue("chroma_sample_loc_type_bottom_field", 5)
    flags(bits, ("neutral_chroma_indication_flag", "field_seq_flag", "frame_field_info_present_flag"))
    if bits.u("default_display_window_flag", 1):
        for side in ("left", "right", "top", "bottom"):
            bits.ue(f"def_disp_win_{side}_offset", 1 << 16)
    if bits.u("vui_timing_info_present_flag", 1):
        bits.u("vui_num_units_in_tick", 32)
        bits.u("vui_time_scale", 32)
        if bits.u("vui_poc_proportional_to_timing_flag", 1):
            bits.ue("vui_num_ticks_poc_diff_one_minus1")
        if bits.u("vui_hrd_parameters_present_flag", 1):
            _hrd_parameters(bits, max_sub_layers_minus1)
    if bits.u("bitstream_restriction_flag", 1):
        names = ("tiles_fixed_structure", "motion_vectors_over_pic_boundaries", "restricted_ref_pic_lists")
        flags(bits, [f"{name}_flag" for name in names])
        bits.ue("min_spatial_segmentation_idc", 4095)
        for name in ("max_bytes_per_pic_denom", "max_bits_per_min_cu_denom"):
            bits.ue(name, 16)
        for direction in ("horizontal", "vertical"):
            bits.ue(f"log2_max_mv_length_{direction}", 16)


def _hrd_parameters(bits: Bits, max_sub_layers_minus1: int) -> None:
    kinds = [kind for kind in ("nal", "vcl") if bits.u(f"{kind}_hrd_parameters_present_flag", 1)]
    units = 0
    if kinds:
        units = bits.u("sub_pic_hrd_params_present_flag", 1)
        if units:
            bits.u("tick_divisor_minus2", 8)
            bits.u("du_cpb_removal_delay_increment_length_minus1", 5)
            bits.u("sub_pic_cpb_params_in_pic_timing_sei_flag", 1)
            bits.u("dpb_output_delay_du_length_minus1", 5)
        bits.u("bit_rate_scale", 4)
        bits.u("cpb_size_scale", 4)
        if units:
            bits.u("cpb_size_du_scale", 4)
        for name in ("initial_cpb_removal_delay", "au_cpb_removal_delay", "dpb_output_delay"):
            bits.u(f"{name}_length_minus1", 5)
    for i in range(max_sub_layers_minus1 + 1):
        low_delay = 0
        if bits.u(f"fixed_pic_rate_general_flag[{i}]", 1) or bits.u(f"fixed_pic_rate_within_cvs_flag[{i}]", 1):
            bits.ue(f"elemental_duration_in_tc_minus1[{i}]", 2047)
        else:
            low_delay = bits.u(f"low_delay_hrd_flag[{i}]", 1)
        count = 1 if low_delay else bits.ue(f"cpb_cnt_minus1[{i}]", 31) + 1
        for kind in kinds:
            for j in range(count):
                key = f"[{kind}][{i}][{j}]"
                bits.ue(f"bit_rate_value_minus1{key}")
                bits.ue(f"cpb_size_value_minus1{key}")
                if units:
                    bits.ue(f"cpb_size_du_value_minus1{key}")
                    bits.ue(f"bit_rate_du_value_minus1{key}")
                bits.u(f"cbr_flag{key}", 1)


def vui_of(sps: Fields) -> Vui | None:
    """The colour that an SPS states, or None."""
    if "video_full_range_flag" not in sps and "chroma_sample_loc_type_top_field" not in sps:
        return None
    return Vui(
        colour_primaries=sps.get("colour_primaries", 2),
        transfer=sps.get("transfer_characteristics", 2),
        matrix=sps.get("matrix_coeffs", 2),
        full_range=bool(sps.get("video_full_range_flag", 0)),
        chroma_siting=sps.get("chroma_sample_loc_type_top_field"),
    )


def sample_aspect_of(sps: Fields) -> Fraction | None:
    """The sample aspect ratio that an SPS states, or None."""
    return aspect_of(sps.get("aspect_ratio_idc", 0), sps.get("sar_width", 0), sps.get("sar_height", 0))


def picture_rate(sps: Fields) -> Fraction | None:
    """Pictures per second as an SPS states them."""
    return rate_of(sps.get("vui_num_units_in_tick", 0), sps.get("vui_time_scale", 0), _duration(sps))


def _duration(sps: Fields) -> int:
    """Ticks per picture."""
    return sps.get(f"elemental_duration_in_tc_minus1[{sps['sps_max_sub_layers_minus1']}]", 0) + 1


def with_vui(sps: Fields) -> Fields:
    """An SPS that has a VUI, its own or one that states nothing."""
    if sps["vui_parameters_present_flag"]:
        return sps
    return sps | dict.fromkeys(_FLAGS, 0) | {"vui_parameters_present_flag": 1}


def coloured(sps: Fields, vui: Vui) -> Fields:
    """An SPS with that colour in its VUI."""
    fields = sps | {
        "video_signal_type_present_flag": 1,
        "video_format": sps.get("video_format", _UNSPECIFIED_FORMAT),
        "video_full_range_flag": int(vui.full_range),
        "colour_description_present_flag": 1,
        "colour_primaries": vui.colour_primaries,
        "transfer_characteristics": vui.transfer,
        "matrix_coeffs": vui.matrix,
        "chroma_loc_info_present_flag": int(vui.chroma_siting is not None),
    }
    if vui.chroma_siting is not None:
        fields |= {f"chroma_sample_loc_type_{field}_field": vui.chroma_siting for field in ("top", "bottom")}
    return fields


def shaped(sps: Fields, sample_aspect: Fraction) -> Fields:
    """An SPS with that sample aspect ratio in its VUI."""
    code, width, height = aspect_code(sample_aspect)
    own = {"aspect_ratio_info_present_flag": 1, "aspect_ratio_idc": code, "sar_width": width, "sar_height": height}
    return sps | own


def timed(sps: Fields, rate: Fraction) -> Fields:
    """An SPS with that rate in its VUI; picture order counts are no longer said to be times where it was another."""
    if picture_rate(sps) == rate:
        return sps
    units, scale = ticks(rate * _duration(sps))
    return sps | {
        "vui_timing_info_present_flag": 1,
        "vui_num_units_in_tick": units,
        "vui_time_scale": scale,
        "vui_poc_proportional_to_timing_flag": 0,
        "vui_hrd_parameters_present_flag": sps.get("vui_hrd_parameters_present_flag", 0),
    }
