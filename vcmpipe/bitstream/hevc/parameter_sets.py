"""HEVC parameter sets, as far as sizes, colours and slice headers need them (ITU-T H.265 clauses 7.3.2, E.2.1)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import BitReader, Fields, flags
from vcmpipe.bitstream.hevc.nal import PPS, SPS, VPS
from vcmpipe.bitstream.hevc.vui import sps_vui
from vcmpipe.bitstream.nal import NalUnit
from vcmpipe.errors import BitstreamError


def display_size(sps: Fields) -> tuple[int, int]:
    """Width and height of a picture after the conformance window."""
    wide, high = {1: (2, 2), 2: (2, 1)}.get(sps["chroma_format_idc"], (1, 1))
    cut = [sps.get(f"conf_win_{side}_offset", 0) for side in ("left", "right", "top", "bottom")]
    width = sps["pic_width_in_luma_samples"] - wide * (cut[0] + cut[1])
    height = sps["pic_height_in_luma_samples"] - high * (cut[2] + cut[3])
    if width < 1 or height < 1:
        raise BitstreamError("the conformance window leaves nothing of the picture")
    return width, height


def ctb_size(sps: Fields) -> int:
    """CtbSizeY, the CTU size in luma samples."""
    return 8 << (sps["log2_min_luma_coding_block_size_minus3"] + sps["log2_diff_max_min_luma_coding_block_size"])


def read_sps(payload: bytes) -> Fields:
    """An SPS up to the end of its VUI (clauses 7.3.2.2, E.2.1); elements have the standard's names."""
    bits = BitReader(payload, "SPS")
    sps_in_front_of_vui(bits)
    sps_vui(bits, bits.fields["sps_max_sub_layers_minus1"])
    return bits.fields


def sps_in_front_of_vui(bits: BitReader) -> None:
    """An SPS up to vui_parameters_present_flag (clause 7.3.2.2)."""
    bits.u("sps_video_parameter_set_id", 4)
    layers = bits.u("sps_max_sub_layers_minus1", 3, 6)
    bits.u("sps_temporal_id_nesting_flag", 1)
    _profile_tier_level(bits, layers)
    bits.ue("sps_seq_parameter_set_id", 15)
    if bits.ue("chroma_format_idc", 3) == 3:
        bits.u("separate_colour_plane_flag", 1)
    bits.ue("pic_width_in_luma_samples", 1 << 16)
    bits.ue("pic_height_in_luma_samples", 1 << 16)
    if bits.u("conformance_window_flag", 1):
        for side in ("left", "right", "top", "bottom"):
            bits.ue(f"conf_win_{side}_offset", 1 << 16)
    bits.ue("bit_depth_luma_minus8", 8)
    bits.ue("bit_depth_chroma_minus8", 8)
    poc_bits = bits.ue("log2_max_pic_order_cnt_lsb_minus4", 12) + 4
    every = bits.u("sps_sub_layer_ordering_info_present_flag", 1)
    for layer in range(0 if every else layers, layers + 1):
        for name in ("max_dec_pic_buffering_minus1", "max_num_reorder_pics", "max_latency_increase_plus1"):
            bits.ue(f"sps_{name}[{layer}]")
    bits.ue("log2_min_luma_coding_block_size_minus3", 3)
    bits.ue("log2_diff_max_min_luma_coding_block_size", 3)
    for name in ("log2_min_luma_transform_block_size_minus2", "log2_diff_max_min_luma_transform_block_size"):
        bits.ue(name, 3)
    bits.ue("max_transform_hierarchy_depth_inter", 4)
    bits.ue("max_transform_hierarchy_depth_intra", 4)
    if bits.u("scaling_list_enabled_flag", 1) and bits.u("sps_scaling_list_data_present_flag", 1):
        _scaling_lists(bits)
    flags(bits, ("amp_enabled_flag", "sample_adaptive_offset_enabled_flag"))
    if bits.u("pcm_enabled_flag", 1):
        bits.u("pcm_bit_depths", 8)
        bits.ue("log2_min_pcm_luma_coding_block_size_minus3", 2)
        bits.ue("log2_diff_max_min_pcm_luma_coding_block_size", 2)
        bits.u("pcm_loop_filter_disabled_flag", 1)
    count = bits.ue("num_short_term_ref_pic_sets", 64)
    for index in range(count):
        st_ref_pic_set(bits, index, count, bits.fields)
    if bits.u("long_term_ref_pics_present_flag", 1):
        for number in range(bits.ue("num_long_term_ref_pics_sps", 32)):
            bits.u(f"lt_ref_pic_poc_lsb_sps[{number}]", poc_bits)
            bits.u(f"used_by_curr_pic_lt_sps_flag[{number}]", 1)
    flags(bits, ("sps_temporal_mvp_enabled_flag", "strong_intra_smoothing_enabled_flag"))


def _profile_tier_level(bits: BitReader, layers: int) -> None:
    bits.u("general_profile_space_and_tier", 3)
    bits.u("general_profile_idc", 5)
    bits.u("general_profile_compatibility_flags", 32)
    bits.u("general_constraint_flags", 48)
    bits.u("general_level_idc", 8)
    present = []
    for layer in range(layers):
        present.append((bits.u(f"sub_layer_profile_present_flag[{layer}]", 1), bits.u(f"level_flag[{layer}]", 1)))
    if layers:
        bits.u("reserved_zero_2bits", 2 * (8 - layers))
    for layer, (profile, level) in enumerate(present):
        if profile:
            bits.u(f"sub_layer_profile[{layer}]", 40)
            bits.u(f"sub_layer_constraints[{layer}]", 48)
        if level:
            bits.u(f"sub_layer_level_idc[{layer}]", 8)


def _scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for matrix in range(0, 6, 3 if size == 3 else 1):
            if not bits.u("scaling_list_pred_mode_flag", 1):
                bits.ue("scaling_list_pred_matrix_id_delta", matrix)
                continue
            if size > 1:
                bits.se("scaling_list_dc_coef_minus8", -7, 247)
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                bits.se("scaling_list_delta_coef", -128, 127)


def st_ref_pic_set(bits: BitReader, index: int, count: int, known: Fields) -> None:
    """Reference picture set ``index`` of an SPS that has ``count``, or a slice header's own, ``count``.

    What it comes to is noted under the names of clause 7.4.8; ``known`` holds the sets before it.
    """
    entries: list[tuple[int, int]] = []
    if index and bits.u("inter_ref_pic_set_prediction_flag", 1):
        source = index - 1 - (bits.ue("delta_idx_minus1", index - 1) if index == count else 0)
        sign = 1 - 2 * bits.u("delta_rps_sign", 1)
        step = sign * (bits.ue("abs_delta_rps_minus1", (1 << 15) - 1) + 1)
        for delta, _ in [*reference_set(known, source), (0, 0)]:
            used = bits.u("used_by_curr_pic_flag", 1)
            if (used or bits.u("use_delta_flag", 1)) and delta + step:
                entries.append((delta + step, used))
        entries.sort(key=lambda entry: (entry[0] > 0, abs(entry[0])))
    else:
        sizes = bits.ue("num_negative_pics", 16), bits.ue("num_positive_pics", 16)
        for sign, size in zip((-1, 1), sizes, strict=True):
            delta = 0
            for _ in range(size):
                delta += sign * (bits.ue("delta_poc_minus1", (1 << 15) - 1) + 1)
                entries.append((delta, bits.u("used_by_curr_pic_flag", 1)))
    bits.fields[f"NumDeltaPocs[{index}]"] = len(entries)
    for j, (delta, used) in enumerate(entries):
        bits.fields[f"DeltaPoc[{index}][{j}]"], bits.fields[f"UsedByCurrPic[{index}][{j}]"] = delta, used


def reference_set(fields: Fields, index: int) -> list[tuple[int, int]]:
    """DeltaPoc and UsedByCurrPic of the pictures in a reference picture set; BitstreamError where there is none."""
    if f"NumDeltaPocs[{index}]" not in fields:
        raise BitstreamError(f"short_term_ref_pic_set_idx = {index}: the SPS has no such set (damaged stream)")
    count = fields[f"NumDeltaPocs[{index}]"]
    return [(fields[f"DeltaPoc[{index}][{j}]"], fields[f"UsedByCurrPic[{index}][{j}]"]) for j in range(count)]


def read_pps(payload: bytes) -> Fields:
    """A PPS up to what slice headers need (clause 7.3.2.3)."""
    bits = BitReader(payload, "PPS")
    bits.ue("pps_pic_parameter_set_id", 63)
    bits.ue("pps_seq_parameter_set_id", 15)
    flags(bits, ("dependent_slice_segments_enabled_flag", "output_flag_present_flag"))
    bits.u("num_extra_slice_header_bits", 3)
    flags(bits, ("sign_data_hiding_enabled_flag", "cabac_init_present_flag"))
    bits.ue("num_ref_idx_l0_default_active_minus1", 14)
    bits.ue("num_ref_idx_l1_default_active_minus1", 14)
    bits.se("init_qp_minus26", -74, 25)
    flags(bits, ("constrained_intra_pred_flag", "transform_skip_enabled_flag"))
    if bits.u("cu_qp_delta_enabled_flag", 1):
        bits.ue("diff_cu_qp_delta_depth", 3)
    bits.se("pps_cb_qp_offset", -12, 12)
    bits.se("pps_cr_qp_offset", -12, 12)
    flags(bits, ("pps_slice_chroma_qp_offsets_present_flag", "weighted_pred_flag", "weighted_bipred_flag"))
    bits.u("transquant_bypass_enabled_flag", 1)
    tiles = bits.u("tiles_enabled_flag", 1)
    bits.u("entropy_coding_sync_enabled_flag", 1)
    if tiles:
        columns, rows = bits.ue("num_tile_columns_minus1", 19), bits.ue("num_tile_rows_minus1", 21)
        if not bits.u("uniform_spacing_flag", 1):
            for name, number in (("column_width", columns), ("row_height", rows)):
                for i in range(number):
                    bits.ue(f"{name}_minus1[{i}]", 1 << 16)
        bits.u("loop_filter_across_tiles_enabled_flag", 1)
    bits.u("pps_loop_filter_across_slices_enabled_flag", 1)
    if bits.u("deblocking_filter_control_present_flag", 1):
        bits.u("deblocking_filter_override_enabled_flag", 1)
        if not bits.u("pps_deblocking_filter_disabled_flag", 1):
            bits.se("pps_beta_offset_div2", -6, 6)
            bits.se("pps_tc_offset_div2", -6, 6)
    if bits.u("pps_scaling_list_data_present_flag", 1):
        _scaling_lists(bits)
    bits.u("lists_modification_present_flag", 1)
    return bits.fields


class ParameterSets:
    """The SPS and PPS that are in force."""

    def __init__(self) -> None:
        self._sps: dict[int, Fields] = {}
        self._pps: dict[int, Fields] = {}

    def read(self, unit: NalUnit) -> Fields | None:
        """Put an SPS or PPS of the base layer in force and return its elements; None for anything else."""
        if unit.layer_id or unit.type not in (SPS, PPS):
            return None
        if unit.type == SPS:
            fields = read_sps(unit.payload())
            self._sps[fields["sps_seq_parameter_set_id"]] = fields
        else:
            fields = read_pps(unit.payload())
            self._pps[fields["pps_pic_parameter_set_id"]] = fields
        return fields

    def active(self, pps_id: int) -> tuple[Fields, Fields]:
        """The PPS of that id and its SPS; BitstreamError where one of them was not sent."""
        try:
            pps = self._pps[pps_id]
            return pps, self._sps[pps["pps_seq_parameter_set_id"]]
        except KeyError:
            raise BitstreamError(f"a slice needs parameter set {pps_id}, which the stream did not send") from None


def set_place(unit: NalUnit) -> tuple[int, int] | None:
    """Kind and id of a parameter set of the base layer, which a later one of the same place replaces.

    None for other NAL units, and where the id cannot be read.
    """
    number = _set_id(unit)
    return None if number is None else (unit.type, number)


def _set_id(unit: NalUnit) -> int | None:
    if unit.layer_id or unit.type not in (VPS, SPS, PPS) or len(unit.data) < 3:
        return None
    try:
        if unit.type == VPS:
            return unit.data[2] >> 4
        if unit.type == SPS:
            return read_sps(unit.payload())["sps_seq_parameter_set_id"]
        return BitReader(unit.payload(16), "PPS").ue("pps_pic_parameter_set_id", 63)
    except BitstreamError:
        return None
